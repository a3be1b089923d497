
/* The timer, and the claiming of batches. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ws_clock.h"
#include "ws_clock_item.h"


/* an interval after which Redis' clock counts as different from ours */
#define WS_CLOCK_DRIFT_MS  20


struct ws_clock_s {
    ws_store_t      *store;
    ws_script_t      claim;
    ngx_event_t      timer;
    ngx_pool_t      *pool;          /* of one round */
    ngx_uint_t       shard;         /* being asked */
    ngx_uint_t       items;         /* under way */
    unsigned         asking:1;
    unsigned         more:1;        /* the last batch was full */
};


static void ws_clock_timer(ngx_event_t *ev);
static void ws_clock_next(ws_clock_t *clock);
static void ws_clock_claim(ws_clock_t *clock);
static void ws_clock_claimed(void *data, ws_reply_t *reply);
static void ws_clock_sync(ws_clock_t *clock, int64_t now_ms);
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
    ws_clock_t  *clock;

    clock = ngx_pcalloc(pool, sizeof(ws_clock_t));
    if (clock == NULL) {
        return NULL;
    }

    clock->pool = ngx_create_pool(1024, store->log);
    if (clock->pool == NULL) {
        return NULL;
    }

    clock->store = store;

    ws_script_init(&clock->claim, &ws_clock_script);

    clock->timer.handler = ws_clock_timer;
    clock->timer.data = clock;
    clock->timer.log = store->log;
    clock->timer.cancelable = 1;

    ngx_add_timer(&clock->timer, 1 + ngx_random() % 50);

    return clock;
}


static void
ws_clock_timer(ngx_event_t *ev)
{
    ws_clock_t  *clock;

    clock = ev->data;

    if (ngx_exiting || ngx_terminate) {
        return;
    }

    /* workers drift apart rather than claim in step */

    ngx_add_timer(ev, WS_CLOCK_TICK_MS - 50 + ngx_random() % 100);

    if (clock->asking || clock->items) {
        return;
    }

    clock->shard = 0;
    ws_clock_claim(clock);
}


static void
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
        return;
    }

    clock->asking = (ws_redis_script(clock->store->redis, &clock->claim, 4,
                                     argv, ws_clock_claimed, clock)
                     != NULL);
}


static void
ws_clock_claimed(void *data, ws_reply_t *reply)
{
    ws_clock_t  *clock = data;

    ngx_uint_t   i;
    ws_reply_t  *due;

    clock->asking = 0;

    if (reply && reply->type == WS_REPLY_ERROR) {
        ngx_log_error(NGX_LOG_ERR, clock->store->log, 0,
                      "redis refused to tell what is due: \"%V\"",
                      &reply->str);
        return;
    }

    if (reply == NULL || reply->type != WS_REPLY_ARRAY || reply->n != 2
        || reply->elts[0].type != WS_REPLY_INTEGER
        || reply->elts[1].type != WS_REPLY_ARRAY)
    {
        return;
    }

    ws_clock_sync(clock, reply->elts[0].integer);

    due = &reply->elts[1];

    /* what is not started is due again by itself */

    for (i = 0; i < due->n; i++) {
        if (ws_clock_item_start(clock->store, clock->shard, &due->elts[i].str,
                                ws_clock_item_done, clock)
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


static void
ws_clock_item_done(void *data)
{
    ws_clock_t  *clock = data;

    if (--clock->items == 0 && !clock->asking) {
        ws_clock_next(clock);
    }
}


/* the rest of this shard, the next shard, or the end of the round */

static void
ws_clock_next(ws_clock_t *clock)
{
    if (ngx_exiting || ngx_terminate) {
        return;
    }

    if (!clock->more) {
        if (clock->shard + 1 == clock->store->ks->shards) {
            return;
        }

        clock->shard++;
    }

    ws_clock_claim(clock);
}


static void
ws_clock_sync(ws_clock_t *clock, int64_t now_ms)
{
    int64_t  offset_ms;

    offset_ms = now_ms - (ws_store_now_ms(clock->store)
                          - clock->store->offset_ms);

    if (offset_ms > clock->store->offset_ms + WS_CLOCK_DRIFT_MS
        || offset_ms < clock->store->offset_ms - WS_CLOCK_DRIFT_MS)
    {
        clock->store->offset_ms = offset_ms;
    }
}
