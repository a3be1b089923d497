
/*
 * What jobs need, remembered: of those that nobody here can run, which may be
 * many and wait for long, it is not read again by every walk through the
 * queue.  What a job needs never changes.
 */


#ifndef _WS_NEEDS_H_INCLUDED_
#define _WS_NEEDS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_need.h"
#include "ws_uuid.h"


#define WS_NEEDS_MAX  16384         /* jobs remembered */


/* of a worker; the members are private */

typedef struct {
    ngx_rbtree_t         tree;
    ngx_rbtree_node_t    sentinel;
    ngx_uint_t           n;
    ngx_msec_t           cleared;   /* the last time */
    ngx_log_t           *log;
} ws_needs_t;


void ws_needs_init(ws_needs_t *needs, ngx_log_t *log);

/*
 * What a job is known to need, and its workspace; *need is in the pool.
 * NGX_OK; NGX_DECLINED: it is not known; NGX_ERROR: no memory.
 */
ngx_int_t ws_needs_find(ws_needs_t *needs, ngx_str_t *job, ngx_pool_t *pool,
    ws_uuid_t *workspace, ws_need_t *need);

/*
 * Remembers it, if it can; everything is copied.  When there are too many all
 * are forgotten, but that not too often.
 */
void ws_needs_add(ws_needs_t *needs, ngx_str_t *job,
    const ws_uuid_t *workspace, ws_need_t *need);

/* forgets them all */
void ws_needs_clear(ws_needs_t *needs);


#endif /* _WS_NEEDS_H_INCLUDED_ */
