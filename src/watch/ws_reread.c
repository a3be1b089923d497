
/*
 * One queue for all, a bounded number of commands under way, and one timer for
 * all that has failed: ten thousand subscriptions that are restored at once
 * are ten thousand short steps, neither a burst nor a timer each.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ws_reread.h"


#define WS_REREAD_COMMANDS   128    /* under way */
#define WS_REREAD_DELAY_MIN  100    /* ms */
#define WS_REREAD_DELAY_MAX  2000


struct ws_rereads_s {
    ws_store_t     *store;
    ngx_queue_t     queue;          /* of ws_reread_t */
    ngx_uint_t      commands;
    ngx_msec_t      delay;          /* the last one; 0: Redis answers */
    ngx_event_t     retry;
};


static void ws_reread_next(ws_rereads_t *rereads);
static ngx_int_t ws_reread_send(ws_reread_t *reread);
static void ws_reread_handler(void *data, ws_reply_t *reply);
static void ws_reread_done(ws_reread_t *reread, ws_reply_t *reply);
static void ws_reread_pause(ws_rereads_t *rereads);
static void ws_reread_retry_handler(ngx_event_t *ev);


ws_rereads_t *
ws_rereads_create(ngx_pool_t *pool, ws_store_t *store)
{
    ws_rereads_t  *rereads;

    rereads = ngx_pcalloc(pool, sizeof(ws_rereads_t));
    if (rereads == NULL) {
        return NULL;
    }

    rereads->store = store;

    ngx_queue_init(&rereads->queue);

    /* it is for streams to hold a worker that quits, not for this */

    rereads->retry.handler = ws_reread_retry_handler;
    rereads->retry.data = rereads;
    rereads->retry.log = store->log;
    rereads->retry.cancelable = 1;

    return rereads;
}


void
ws_reread_start(ws_rereads_t *rereads, ws_reread_t *reread)
{
    reread->rereads = rereads;

    if (reread->queued) {
        return;
    }

    /* what is under way may have been read already */

    if (reread->cmd) {
        reread->again = 1;
        return;
    }

    reread->queued = 1;
    ngx_queue_insert_tail(&rereads->queue, &reread->queue);

    ws_reread_next(rereads);
}


void
ws_reread_later(ws_rereads_t *rereads, ws_reread_t *reread)
{
    ws_reread_pause(rereads);
    ws_reread_start(rereads, reread);
}


void
ws_reread_cancel(ws_reread_t *reread)
{
    if (reread->queued) {
        reread->queued = 0;
        ngx_queue_remove(&reread->queue);
    }

    reread->again = 0;

    if (reread->cmd) {
        ws_redis_cancel(reread->cmd);

        reread->cmd = NULL;
        reread->rereads->commands--;
        ws_reread_next(reread->rereads);
    }
}


static void
ws_reread_next(ws_rereads_t *rereads)
{
    ngx_queue_t  *q;
    ws_reread_t  *reread;

    while (!ngx_queue_empty(&rereads->queue)
           && rereads->commands < WS_REREAD_COMMANDS
           && !rereads->retry.timer_set)
    {
        q = ngx_queue_head(&rereads->queue);
        reread = ngx_queue_data(q, ws_reread_t, queue);

        if (ws_reread_send(reread) != NGX_OK) {
            ws_reread_pause(rereads);
            return;
        }

        ngx_queue_remove(q);
        reread->queued = 0;
        rereads->commands++;
    }
}


static ngx_int_t
ws_reread_send(ws_reread_t *reread)
{
    ngx_str_t  argv[5];

    ngx_str_set(&argv[0], "HMGET");
    argv[1] = reread->key;
    ngx_str_set(&argv[2], "v");
    ngx_str_set(&argv[3], "m");
    ngx_str_set(&argv[4], "d");

    reread->cmd = ws_redis_command(reread->rereads->store->redis,
                                   WS_REDIS_READ, 5, argv, ws_reread_handler,
                                   reread);

    return reread->cmd ? NGX_OK : NGX_ERROR;
}


static void
ws_reread_handler(void *data, ws_reply_t *reply)
{
    ws_reread_t  *reread = data;

    ws_rereads_t  *rereads;

    rereads = reread->rereads;
    rereads->commands--;
    reread->cmd = NULL;

    /* no answer, or one such as LOADING */

    if (reply == NULL || reply->type == WS_REPLY_ERROR) {
        reread->again = 0;
        ws_reread_later(rereads, reread);
        return;
    }

    rereads->delay = 0;

    if (reread->again) {
        reread->again = 0;
        ws_reread_start(rereads, reread);
    }

    ws_reread_done(reread, reply);
    ws_reread_next(rereads);
}


static void
ws_reread_done(ws_reread_t *reread, ws_reply_t *reply)
{
    ngx_int_t   rc;
    ws_state_t  state;

    rc = ws_state_from_reply(reply, &state);

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, reread->rereads->store->log, 0,
                      "\"%V\" is not a workspace", &reread->key);
        return;
    }

    reread->handler(reread->data, rc == NGX_OK ? &state : NULL);
}


static void
ws_reread_pause(ws_rereads_t *rereads)
{
    ngx_msec_t  delay;

    if (rereads->retry.timer_set) {
        return;
    }

    delay = ngx_min(rereads->delay * 2, WS_REREAD_DELAY_MAX);
    delay = ngx_max(delay, WS_REREAD_DELAY_MIN);

    rereads->delay = delay;

    /* workers and nodes are not to come back all at once */

    ngx_add_timer(&rereads->retry, delay / 2 + ngx_random() % (delay / 2 + 1));
}


static void
ws_reread_retry_handler(ngx_event_t *ev)
{
    ws_reread_next(ev->data);
}
