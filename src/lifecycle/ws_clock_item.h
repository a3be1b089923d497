
/* One due item on its way: read the workspace, decide, commit or put off. */


#ifndef _WS_CLOCK_ITEM_H_INCLUDED_
#define _WS_CLOCK_ITEM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_store.h"


typedef void (*ws_clock_done_pt)(void *data);


/*
 * Starts it; member is copied, now_ms is when it was found due, by Redis'
 * clock.  "done" is called once when it has ended, but never from inside.
 * NGX_OK, or NGX_ERROR: not started, it stays due.
 */
ngx_int_t ws_clock_item_start(ws_store_t *store, ngx_uint_t shard,
    ngx_str_t *member, int64_t now_ms, ws_clock_done_pt done, void *data);


#endif /* _WS_CLOCK_ITEM_H_INCLUDED_ */
