
/*
 * The jobs that wait, over all shards, oldest first; read page by page as
 * they are asked for.
 */


#ifndef _WS_QUEUE_H_INCLUDED_
#define _WS_QUEUE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_need.h"
#include "ws_store.h"


#define WS_QUEUE_PAGE_MIN  4       /* jobs of a shard read at once, ... */
#define WS_QUEUE_PAGE_MAX  512     /* ... and after some such pages */


typedef struct ws_queue_s  ws_queue_t;


/* valid until the next call of any function below */

typedef struct {
    ngx_str_t    id;                /* of the job */
    ws_uuid_t    workspace;
    ws_need_t    need;
} ws_queued_t;


/*
 * Creates a reader in the pool, which must live as long as the worker.
 * "handler" is called when what ws_queue_next() waited for has come.
 * NULL without memory.
 */
ws_queue_t *ws_queue_create(ngx_pool_t *pool, ws_store_t *store,
    void (*handler)(void *data), void *data);

/* a shard is to be read by the walk that starts next */
void ws_queue_mark(ws_queue_t *queue, ngx_uint_t shard);
void ws_queue_mark_all(ws_queue_t *queue);

/* whether any shard is marked; 1 or 0 */
ngx_uint_t ws_queue_marked(ws_queue_t *queue);

/*
 * Begins at the oldest job of the marked shards, which are not marked any
 * more then; a walk under way is ended.  "want" is the number of jobs that
 * are going to be asked for at least.
 */
void ws_queue_start(ws_queue_t *queue, ngx_uint_t want);

/*
 * The next one.  A job may be gone from the queue by now.
 * NGX_OK; NGX_AGAIN: the handler will be called; NGX_DONE: there are no
 * more; NGX_ERROR: there are no more, but of some shards, which are marked
 * again, not all could be read: Redis did not answer, or no memory.
 */
ngx_int_t ws_queue_next(ws_queue_t *queue, ws_queued_t **job);

/*
 * Nobody wants the job that ws_queue_next() has just returned: what it needs
 * is remembered, and not read again by later walks.
 */
void ws_queue_remember(ws_queue_t *queue);

/* Forgets them all. */
void ws_queue_forget(ws_queue_t *queue);

/* Ends a walk: the handler will not be called.  Legal at any time. */
void ws_queue_stop(ws_queue_t *queue);


#endif /* _WS_QUEUE_H_INCLUDED_ */
