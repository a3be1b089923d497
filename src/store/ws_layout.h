
/*
 * How a deployment's data is laid out: the number of its shards, and how
 * changes are told of.  All that use it have to agree, else they would not see
 * each other's data.  So it is stored with the data:
 *
 *     P{dir}:layout    hash: "shards" (a number), "pubsub" (plain or sharded)
 *
 * wsctl writes it with the first organization or user.  A worker compares it
 * with its configuration when it starts and every few seconds, and serves
 * nothing as long as they differ.  A store without it has one shard and plain
 * channels.  While wsctl imports, "pubsub" says so, and nobody agrees.
 */


#ifndef _WS_LAYOUT_H_INCLUDED_
#define _WS_LAYOUT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_store.h"


/*
 * Begins to look, by the worker's first command, which also asks for Redis'
 * time.  The answer comes before those to anything that is read from the
 * directory later on.  NULL: out of memory.
 */
ws_layout_t *ws_layout_create(ngx_pool_t *pool, ws_store_t *store);

/*
 * 1 if the data is laid out as it is configured; 0 if it is not, which has
 * been logged, or not known yet.
 */
ngx_uint_t ws_layout_agrees(ws_layout_t *layout);

/* 1 if it is known not to be */
ngx_uint_t ws_layout_differs(ws_layout_t *layout);


#endif /* _WS_LAYOUT_H_INCLUDED_ */
