
/*
 * Ranges of the driver's sets: what the merge wants to read is asked for, and
 * what comes back is fed to it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_list_op.h"


static void ws_list_ask_source(ws_list_t *list, ws_list_source_t *s);
static void ws_list_ask_range(ws_list_t *list, ws_list_range_t *range);
static void ws_list_answered(void *data, ws_reply_t *reply);


void
ws_list_ask(ws_list_t *list)
{
    ngx_uint_t  i;

    for (i = 0; i < list->merge.nsources; i++) {
        ws_list_ask_source(list, &list->merge.sources[i]);
    }
}


static void
ws_list_ask_source(ws_list_t *list, ws_list_source_t *s)
{
    ws_list_range_t  range;

    while (!list->failed
           && ws_list_source_ask(&list->merge, s, list->flights, &range)
              == NGX_OK)
    {
        ws_list_ask_range(list, &range);
    }
}


static void
ws_list_ask_range(ws_list_t *list, ws_list_range_t *range)
{
    u_char         text[3][NGX_INT64_LEN];
    ngx_str_t     *argv;
    ngx_uint_t     argc;
    ws_list_op_t  *op;

    argv = list->argv;
    argv[1] = range->source->set->key;

    argv[2].data = text[0];
    argv[3].data = text[1];

    if (list->pass && range->start == 0) {
        ngx_str_set(&argv[0], "ZRANGEBYSCORE");
        ngx_str_set(&argv[2], "-inf");
        argv[3].len = ngx_sprintf(text[1], "%L", list->front) - text[1];
        ngx_str_set(&argv[4], "WITHSCORES");
        ngx_str_set(&argv[5], "LIMIT");
        ngx_str_set(&argv[6], "0");
        argv[7].data = text[2];
        argv[7].len = ngx_sprintf(text[2], "%ui", range->n) - text[2];
        argc = 8;

    } else {
        ngx_str_set(&argv[0], "ZRANGE");
        argv[2].len = ngx_sprintf(text[0], "%ui", range->start) - text[0];
        argv[3].len = ngx_sprintf(text[1], "%ui",
                                  range->start + range->n - 1)
                      - text[1];
        ngx_str_set(&argv[4], "WITHSCORES");
        argc = 5;
    }

    op = ws_list_send(list, argc, ws_list_answered);

    if (op) {
        op->range = *range;
    }
}


static void
ws_list_answered(void *data, ws_reply_t *reply)
{
    ws_list_op_t *op = data;

    ws_list_t         *list;
    ws_list_range_t    range;
    ws_list_source_t  *s;

    range = op->range;
    s = range.source;

    list = ws_list_reply(op, reply);
    if (list == NULL) {
        return;
    }

    if (ws_list_source_feed(&list->merge, &range, reply) == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, list->log, 0,
                      "redis: not a reply to a range of \"%V\"",
                      &s->set->key);
        ws_list_fail(list);

    } else if (list->merge.starving == 0) {
        ws_list_advance(list);

    } else if (list->settled || s->head == s->tail) {

        /* it may have brought nothing that is a member, and not be the end */

        ws_list_ask_source(list, s);
    }

    ws_list_report(list);
}
