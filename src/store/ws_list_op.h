
/*
 * The inside of a listing, for the files that implement ws_list.h only:
 * ws_list.c (stages), ws_list_range.c (the term that is read),
 * ws_list_check.c (those that are asked), ws_list_op.c (commands under way).
 */


#ifndef _WS_LIST_OP_H_INCLUDED_
#define _WS_LIST_OP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_list.h"
#include "ws_list_merge.h"


#define WS_LIST_CHECKS  2               /* batches being checked at once */


/* members of the driver, being checked against the other terms */

typedef struct {
    ngx_uint_t            n;
    ngx_uint_t            pending;      /* commands */
    ngx_uint_t            sent;         /* and what came of it is not taken */
    ws_list_item_t        items[WS_LIST_BATCH];
    uint32_t              met[WS_LIST_BATCH];   /* terms, a bit each */
} ws_list_check_t;


/* a command under way */

typedef struct {
    ngx_queue_t           queue;
    ws_list_t            *list;
    ws_redis_cmd_t       *cmd;
    ws_list_set_t        *set;
    ws_list_range_t       range;        /* source is NULL: it reads none */
    ws_list_check_t      *check;
    ngx_uint_t            term;
} ws_list_op_t;


struct ws_list_s {
    ngx_pool_t           *pool;
    ngx_log_t            *log;
    ws_store_t           *store;
    ws_redis_t           *redis;
    ws_list_plan_t       *plan;
    ngx_uint_t            offset;
    ngx_uint_t            limit;        /* 0: none */

    void                (*handler)(void *data);
    void                 *data;

    ngx_queue_t           ops;
    ngx_queue_t           spare;
    ws_list_watch_t       watch;
    ngx_str_t            *argv;

    ws_list_term_t       *driver;
    ws_list_merge_t       merge;
    ngx_uint_t            counting;     /* commands */
    ngx_uint_t            flights;      /* batches at once of a source */
    ngx_uint_t            need;         /* ids of the first pass */
    ngx_uint_t            pass;
    int64_t               begun_ms;     /* this pass */
    int64_t               front;        /* the last score of later passes */

    ws_list_check_t      *checks[WS_LIST_CHECKS];
    ngx_uint_t            filling;

    ws_list_ids_t         found;        /* in this pass, unless early */
    ws_list_ids_t         ids;
    ngx_array_t           suspects;     /* ws_uuid_t * */
    ngx_uint_t            count;

    unsigned              single:1;     /* one term */
    unsigned              paged:1;      /* its ranks are the listing's */
    unsigned              direct:1;     /* it is read from the offset on */
    unsigned              early:1;      /* ids are told of as they are found */
    unsigned              told:1;
    unsigned              progress:1;   /* the handler is to be called */
    unsigned              started:1;
    unsigned              settled:1;    /* "redis" stays what it is */
    unsigned              scanned:1;    /* this pass has read all it needs */
    unsigned              stopped:1;    /* the first one before the end */
    unsigned              done:1;
    unsigned              failed:1;
};


/* goes on with what has come; takes an item that meets all terms */
void ws_list_advance(ws_list_t *list);
void ws_list_append(ws_list_t *list, ws_list_item_t *item);

/* asks for as much of the driver as may be under way */
void ws_list_ask(ws_list_t *list);

/* NGX_OK or NGX_ERROR (no memory) */
ngx_int_t ws_list_check_init(ws_list_t *list);

/* the batch that is being filled; full ones are sent; NULL: not now */
ws_list_check_t *ws_list_check_room(ws_list_t *list);

/* sends the batch that is being filled */
void ws_list_check(ws_list_t *list);

/*
 * Queues list->argv.  NULL: that failed, and so has the list.
 */
ws_list_op_t *ws_list_send(ws_list_t *list, ngx_uint_t argc,
    ws_redis_handler_pt handler);

/*
 * What every reply begins with.  It frees the op.  NULL: there is no reply,
 * the list has failed and has said so.
 */
ws_list_t *ws_list_reply(ws_list_op_t *op, ws_reply_t *reply);

/* what every reply ends with: the list may be gone afterwards */
void ws_list_report(ws_list_t *list);

/* ends the list without a result; nothing is under way any more */
void ws_list_fail(ws_list_t *list);

/* cancels the commands that read ranges; cancels all */
void ws_list_cancel_ranges(ws_list_t *list);
void ws_list_cancel(ws_list_t *list);


#endif /* _WS_LIST_OP_H_INCLUDED_ */
