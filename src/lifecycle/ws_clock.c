
/* The timer, and the claiming of batches. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ws_clock.h"
#include "ws_clock_item.h"
#include "ws_layout.h"


struct ws_clock_s {
    ws_store_t      *store;
    ws_redis_cmd_t  *cmd;           /* claiming */
    ws_script_t      claim;
    ngx_event_t      timer;
    ngx_msec_t       phase;         /* in the node's round of workers */
    ngx_msec_t       period;        /* of that round */
    ngx_pool_t      *pool;          /* of one round */
    ngx_uint_t       shard;         /* being asked */
    ngx_uint_t       rest;          /* shards to be asked after it */
    ngx_uint_t       items;         /* under way */
    unsigned         more:1;        /* the last batch was full */
};


static void ws_clock_take_turns(ws_clock_t *clock);
static void ws_clock_timer(ngx_event_t *ev);
static void ws_clock_next(ws_clock_t *clock);
static ngx_int_t ws_clock_claim(ws_clock_t *clock);
static void ws_clock_claimed(void *data, ws_reply_t *reply);
static ngx_uint_t ws_clock_answered(ws_clock_t *clock, ws_reply_t *reply);
static void ws_clock_cleanup(void *data);
static void ws_clock_item_done(void *data);


static ngx_str_t  ws_clock_script = ngx_string(
    "local t = redis.call('TIME')\n"
    "local now = t[1] * 1000 + math.floor(t[2] / 1000)\n"
    "local due = redis.call('ZRANGE', KEYS[1], '-inf', now, 'BYSCORE',\n"
    "                       'LIMIT', 0, ARGV[1])\n"
    "for _, m in ipairs(due) do\n"
    "  redis.call('ZADD', KEYS[1], now + ARGV[2], m)\n"
    "end\n"
    "return {now, due}\n");


ws_clock_t *
ws_clock_create(ngx_pool_t *pool, ws_store_t *store)
{
    ws_clock_t          *clock;
    ngx_pool_cleanup_t  *cln;

    clock = ngx_pcalloc(pool, sizeof(ws_clock_t));
    cln = ngx_pool_cleanup_add(pool, 0);

    if (clock == NULL || cln == NULL) {
        return NULL;
    }

    clock->pool = ngx_create_pool(1024, store->log);
    if (clock->pool == NULL) {
        return NULL;
    }

    cln->handler = ws_clock_cleanup;
    cln->data = clock->pool;

    clock->store = store;

    ws_script_init(&clock->claim, &ws_clock_script);

    clock->timer.handler = ws_clock_timer;
    clock->timer.data = clock;
    clock->timer.log = store->log;
    clock->timer.cancelable = 1;

    ws_clock_take_turns(clock);

    ngx_add_timer(&clock->timer, 1 + ngx_random() % 50);

    return clock;
}


static void
ws_clock_cleanup(void *data)
{
    ngx_destroy_pool(data);
}


/* one worker a tick, by the monotonic clock that all of a node share */

static void
ws_clock_take_turns(ws_clock_t *clock)
{
    ngx_core_conf_t  *ccf;

    clock->phase = 0;
    clock->period = WS_CLOCK_TICK_MS;

    if (ngx_process == NGX_PROCESS_WORKER) {
        ccf = (ngx_core_conf_t *) ngx_get_conf(ngx_cycle->conf_ctx,
                                               ngx_core_module);
        clock->phase = ngx_worker * WS_CLOCK_TICK_MS;
        clock->period = ccf->worker_processes * WS_CLOCK_TICK_MS;
    }
}


static void
ws_clock_timer(ngx_event_t *ev)
{
    ngx_msec_t   turn;
    ws_clock_t  *clock;

    clock = ev->data;

    if (ngx_exiting || ngx_terminate) {
        return;
    }

    /* from the middle of this turn, so that an early one is not taken twice */

    turn = (ngx_current_msec + clock->period - clock->phase
            + WS_CLOCK_TICK_MS / 2)
           % clock->period;

    /* nodes are not to claim in step */

    ngx_add_timer(ev, clock->period - turn + WS_CLOCK_TICK_MS / 2
                      - 50 + ngx_random() % 100);

    if (clock->cmd || clock->items || !ws_layout_agrees(clock->store->layout))
    {
        return;
    }

    /* not all workers are to begin with the same one */

    clock->shard = ngx_random() % clock->store->ks->shards;
    clock->rest = clock->store->ks->shards;
    clock->more = 0;

    ws_clock_next(clock);
}


static ngx_int_t
ws_clock_claim(ws_clock_t *clock)
{
    ngx_str_t  argv[4];

    ngx_reset_pool(clock->pool);

    clock->more = 0;

    ngx_str_set(&argv[0], "1");
    argv[1] = ws_key(clock->pool, clock->store->ks, clock->shard, "due", NULL,
                     NULL);
    argv[2] = ws_int_str(clock->pool, WS_CLOCK_BATCH);
    argv[3] = ws_int_str(clock->pool, WS_CLOCK_HOLD_MS);

    if (argv[1].data == NULL || argv[2].data == NULL || argv[3].data == NULL) {
        return NGX_ERROR;
    }

    clock->cmd = ws_redis_script(clock->store->redis, &clock->claim, 4, argv,
                                 ws_clock_claimed, clock);

    return clock->cmd ? NGX_OK : NGX_ERROR;
}


static void
ws_clock_claimed(void *data, ws_reply_t *reply)
{
    ws_clock_t  *clock = data;

    int64_t      now_ms;
    ngx_uint_t   i;
    ws_reply_t  *due;

    if (!ws_clock_answered(clock, reply)) {
        clock->cmd = NULL;
        ws_clock_next(clock);
        return;
    }

    now_ms = reply->elts[0].integer;
    due = &reply->elts[1];

    /* of a cluster's clocks one is to be told from all nodes of nginx */

    if (clock->shard == 0) {
        ws_store_sync(clock->store, now_ms, ws_redis_cmd_elapsed(clock->cmd));
    }

    clock->cmd = NULL;

    /* what is not started is due again by itself */

    for (i = 0; i < due->n; i++) {
        if (ws_clock_item_start(clock->store, clock->shard, &due->elts[i].str,
                                now_ms, ws_clock_item_done, clock)
            == NGX_OK)
        {
            clock->items++;
        }
    }

    clock->more = (due->n == WS_CLOCK_BATCH && clock->items);

    if (clock->items == 0) {
        ws_clock_next(clock);
    }
}


static ngx_uint_t
ws_clock_answered(ws_clock_t *clock, ws_reply_t *reply)
{
    if (reply == NULL || reply->type != WS_REPLY_ARRAY || reply->n != 2
        || reply->elts[0].type != WS_REPLY_INTEGER
        || reply->elts[1].type != WS_REPLY_ARRAY)
    {
        return 0;
    }

    return 1;
}


static void
ws_clock_item_done(void *data)
{
    ws_clock_t  *clock = data;

    if (--clock->items == 0 && clock->cmd == NULL) {
        ws_clock_next(clock);
    }
}


/*
 * The rest of this shard, the next shard, or the end of the round.  One whose
 * node does not answer, in a cluster, does not stop the time of the others.
 */

static void
ws_clock_next(ws_clock_t *clock)
{
    while (!ngx_exiting && !ngx_terminate) {

        if (!clock->more) {
            if (clock->rest == 0) {
                return;
            }

            clock->rest--;
            clock->shard = (clock->shard + 1) % clock->store->ks->shards;
        }

        if (ws_clock_claim(clock) == NGX_OK) {
            return;
        }
    }
}
