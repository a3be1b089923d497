
/*
 * Commands under way are in one queue; those that are over are kept for the
 * next ones.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_list_op.h"
#include "ws_time.h"


static void ws_list_op_free(ws_list_op_t *op);


ws_list_op_t *
ws_list_send(ws_list_t *list, ngx_uint_t argc, ws_redis_handler_pt handler)
{
    ngx_queue_t   *q;
    ws_list_op_t  *op;

    if (ngx_queue_empty(&list->spare)) {
        op = ngx_palloc(list->pool, sizeof(ws_list_op_t));
        if (op == NULL) {
            ws_list_fail(list);
            return NULL;
        }

    } else {
        q = ngx_queue_head(&list->spare);
        ngx_queue_remove(q);
        op = ngx_queue_data(q, ws_list_op_t, queue);
    }

    ngx_memzero(op, sizeof(ws_list_op_t));

    op->list = list;
    op->cmd = ws_redis_command(list->redis, WS_REDIS_READ, argc, list->argv,
                               handler, op);

    if (op->cmd == NULL) {
        ngx_queue_insert_tail(&list->spare, &op->queue);
        ws_list_fail(list);
        return NULL;
    }

    ngx_queue_insert_tail(&list->ops, &op->queue);
    ws_list_watch_start(&list->watch);

    return op;
}


ws_list_t *
ws_list_reply(ws_list_op_t *op, ws_reply_t *reply)
{
    ws_list_t  *list;

    list = op->list;

    ws_list_op_free(op);

    if (reply && reply->type != WS_REPLY_ERROR) {
        return list;
    }

    ws_list_fail(list);
    ws_list_report(list);

    return NULL;
}


static void
ws_list_op_free(ws_list_op_t *op)
{
    ws_list_t  *list;

    list = op->list;

    ngx_queue_remove(&op->queue);
    ngx_queue_insert_tail(&list->spare, &op->queue);

    ws_list_watch_stop(&list->watch);
}


void
ws_list_report(ws_list_t *list)
{
    if (list->done || list->progress) {
        list->progress = 0;
        list->handler(list->data);
    }
}


void
ws_list_fail(ws_list_t *list)
{
    ws_list_cancel(list);

    list->failed = 1;
    list->done = 1;
}


void
ws_list_cancel(ws_list_t *list)
{
    ngx_queue_t   *q;
    ws_list_op_t  *op;

    while (!ngx_queue_empty(&list->ops)) {
        q = ngx_queue_head(&list->ops);
        op = ngx_queue_data(q, ws_list_op_t, queue);

        ws_redis_cancel(op->cmd);
        ws_list_op_free(op);
    }
}


void
ws_list_cancel_ranges(ws_list_t *list)
{
    ngx_queue_t   *q, *next;
    ws_list_op_t  *op;

    for (q = ngx_queue_head(&list->ops);
         q != ngx_queue_sentinel(&list->ops);
         q = next)
    {
        next = ngx_queue_next(q);
        op = ngx_queue_data(q, ws_list_op_t, queue);

        if (op->range.source) {
            ws_redis_cancel(op->cmd);
            ws_list_op_free(op);
        }
    }
}


void
ws_list_watch_start(ws_list_watch_t *watch)
{
    if (watch->flying++ == 0) {
        watch->since = ws_time_monotonic_usec();
    }
}


void
ws_list_watch_stop(ws_list_watch_t *watch)
{
    if (--watch->flying == 0) {
        watch->usec += ws_time_monotonic_usec() - watch->since;
    }
}
