
/*
 * One job on its way to one waiter: read the workspace, acquire the job for
 * the provisioner, commit, hand over; and give it back when nobody is there
 * to take it.  For ws_dispatch.c only.
 */


#ifndef _WS_GRANT_H_INCLUDED_
#define _WS_GRANT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_dispatch.h"
#include "ws_queue.h"


typedef enum {
    WS_GRANT_DONE = 0,              /* acquired, or given back */
    WS_GRANT_LOST,                  /* others have it, or it waits no more */
    WS_GRANT_FAILED,                /* Redis did not answer; no memory */
    WS_GRANT_BROKEN,                /* something stored is not as it should */
    WS_GRANT_REFUSED                /* the waiter is gone, or may have none */
} ws_grant_end_e;


struct ws_grant_s {
    ngx_queue_t       queue;        /* the dispatch's */
    ws_store_t       *store;
    ws_waiter_t      *waiter;       /* NULL: gone */
    ngx_str_t         job;
    unsigned          unsure:1;     /* whether the commit was carried out */

    /*
     * The end, called once, never from inside of a function below; the waiter,
     * if it is still there, is free again.  The grant is gone afterwards.
     */
    void            (*end)(void *data, ws_grant_t *grant, ngx_uint_t how);
    void             *data;
};


/*
 * Starts.  The job is copied.  NULL without memory, or when Redis is known to
 * be away.
 */
ws_grant_t *ws_grant_start(ws_store_t *store, ws_waiter_t *waiter,
    ws_queued_t *job, void (*end)(void *data, ws_grant_t *grant,
    ngx_uint_t how), void *data);

/* for exit_process: stops whatever is under way, without the end's call */
void ws_grant_abandon(ws_grant_t *grant);


#endif /* _WS_GRANT_H_INCLUDED_ */
