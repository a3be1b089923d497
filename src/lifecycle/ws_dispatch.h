
/*
 * The provisioners that wait for a job in this worker, and how jobs come to
 * them.
 *
 * While somebody waits the worker is subscribed to the channels on which new
 * jobs are announced.  An announcement, a new waiter, a subscription that
 * begins, and every WS_DISPATCH_NET_MS, make it walk through the jobs that
 * wait (ws_queue.h): the oldest first, each goes to the first waiter whose
 * offer meets its need, until nobody is left waiting.  What happens then is
 * in ws_grant.h.  Nothing is read from Redis for a waiter as time passes.
 *
 * All workers of all nodes do so at the same time; the guard on the version
 * of the workspace makes sure that one of them gets the job.
 */


#ifndef _WS_DISPATCH_H_INCLUDED_
#define _WS_DISPATCH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ws_need.h"
#include "ws_store.h"
#include "ws_token.h"
#include "ws_workspace.h"


#define WS_DISPATCH_NET_MS     5000     /* a look at the queue in any case */
#define WS_DISPATCH_JITTER_MS  20       /* of workers after an announcement */
#define WS_DISPATCH_RETRY_MS   500      /* when Redis did not answer */
#define WS_DISPATCH_LINGER_MS  30000    /* subscribed after the last waiter */
#define WS_DISPATCH_GRANTS     16       /* jobs at a time */


typedef struct ws_dispatch_s  ws_dispatch_t;
typedef struct ws_waiter_s    ws_waiter_t;
typedef struct ws_grant_s     ws_grant_t;


/* a job that was acquired, its lease begun; all is borrowed */

typedef struct {
    ws_workspace_t   *workspace;        /* as committed */
    ws_user_t        *owner;
    ws_template_t    *template;
    ngx_str_t         lease;
    int64_t           lease_ms;         /* when it ends */
    ngx_str_t         agent_token;      /* in plain text: this once */
    ngx_uint_t        lines;            /* of its log, from before */
} ws_granted_t;


/*
 * One who waits; in the waiter's memory.  Zero it, fill in the first part.
 *
 * granted  here is a job; NGX_OK when it was handed over to the provisioner,
 *          else the job is given back
 * over     no job: the time is over, the worker quits, or the provisioner
 *          is none any more
 *
 * One of them is called, once, unless ws_dispatch_leave() is; neither from
 * inside of a function below.  The waiter is free then and may be gone when
 * the callback returns.
 */

struct ws_waiter_s {
    ws_offer_t        offer;
    ws_uuid_t         provisioner;
    ngx_str_t         token;            /* its token's id */
    ngx_int_t       (*granted)(void *data, ws_granted_t *job);
    void            (*over)(void *data);
    void             *data;

    ngx_queue_t       queue;            /* private from here on */
    ngx_event_t       timer;
    ws_dispatch_t    *dispatch;         /* NULL: does not wait */
    ws_grant_t       *grant;            /* a job on its way */
    unsigned          late:1;           /* its time is over */
    unsigned          once:1;           /* it waits for one walk only */
    unsigned          walked:1;         /* was there when the walk began */
};


/* Called once in each worker.  NULL without memory. */
ws_dispatch_t *ws_dispatch_create(ngx_pool_t *pool, ws_store_t *store);

/*
 * Waits.  With wait_ms 0 only as long as it takes to look.
 * NGX_OK; NGX_DECLINED: the worker quits, nobody waits here any more.
 */
ngx_int_t ws_dispatch_wait(ws_dispatch_t *dispatch, ws_waiter_t *waiter,
    ngx_msec_t wait_ms);

/*
 * The waiter is gone: a job that was on its way to it is given back.  Legal
 * at any time, on a zeroed waiter too.
 */
void ws_dispatch_leave(ws_waiter_t *waiter);

/* for exit_process, before the store is closed; NULL is ignored */
void ws_dispatch_close(ws_dispatch_t *dispatch);


#endif /* _WS_DISPATCH_H_INCLUDED_ */
