/*
 * Reading workspaces again: as many as there are, but so many at a time, and
 * until Redis has answered.
 */


#ifndef _WS_REREAD_H_INCLUDED_
#define _WS_REREAD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_store.h"
#include "ws_workspace.h"


typedef struct ws_rereads_s  ws_rereads_t;      /* all of a worker */


/*
 * What is to be read, in the memory of who wants it; zero it, set the first
 * part.  "key" is the name of the hash.
 *
 * The handler gets what was read (borrowed), or NULL: Redis has no such
 * workspace.  It may start the reading again, not cancel it.
 */

typedef struct {
    ngx_str_t        key;
    void           (*handler)(void *data, ws_state_t *state);
    void            *data;

    ws_rereads_t    *rereads;
    ws_redis_cmd_t  *cmd;           /* under way */
    ngx_queue_t      queue;
    unsigned         queued:1;
    unsigned         again:1;       /* started while it was under way */
} ws_reread_t;


/* NULL without memory */
ws_rereads_t *ws_rereads_create(ngx_pool_t *pool, ws_store_t *store);

/*
 * Reads, soon: what is given to the handler was in Redis at some time after
 * this call.  While it waits for its turn a second start changes nothing.
 */
void ws_reread_start(ws_rereads_t *rereads, ws_reread_t *reread);

/* the same after a while: for what failed and is to be tried again */
void ws_reread_later(ws_rereads_t *rereads, ws_reread_t *reread);

/* legal at any time, the handler is not called any more */
void ws_reread_cancel(ws_reread_t *reread);


#endif /* _WS_REREAD_H_INCLUDED_ */
