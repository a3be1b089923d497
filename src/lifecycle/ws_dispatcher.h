
/*
 * What the waiters (ws_dispatch.c), the walk (ws_dispatch_walk.c) and the
 * grants (ws_grant.c) share; for nobody else.
 */


#ifndef _WS_DISPATCHER_H_INCLUDED_
#define _WS_DISPATCHER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ws_dispatch.h"
#include "ws_grant.h"
#include "ws_queue.h"


/* jobs that went wrong a moment ago */
#define WS_DISPATCH_SHUNNED  32

/* bytes of tags that are remembered as nobody's */
#define WS_DISPATCH_UNMET    256


typedef struct {
    ws_redis_channel_t   channel;
    ws_dispatch_t       *dispatch;
    ngx_uint_t           shard;
} ws_dispatch_channel_t;


typedef struct {
    u_char               job[WS_UUID_LEN];
    ngx_msec_t           until;
    unsigned             set:1;
} ws_dispatch_shunned_t;


/* a need that nobody who waits meets: many jobs in a row have the same */

typedef struct {
    ws_uuid_t            org;
    size_t               len;       /* of the tags; 0: none is remembered */
    u_char               tags[WS_DISPATCH_UNMET];
} ws_dispatch_unmet_t;


struct ws_dispatch_s {
    ws_store_t              *store;
    ws_queue_t              *queue;
    ngx_queue_t              waiting;   /* ws_waiter_t */
    ngx_queue_t              grants;    /* ws_grant_t */
    ngx_uint_t               ngrants;
    ws_dispatch_channel_t   *channels;  /* one for each shard */
    ngx_event_t              wake;      /* begins a walk */
    ngx_event_t              net;
    ngx_msec_t               used;      /* last time there was a waiter */
    ws_dispatch_shunned_t    shunned[WS_DISPATCH_SHUNNED];
    ngx_uint_t               nshunned;  /* the next one to be used */
    ws_dispatch_unmet_t      unmet;

    unsigned                 subscribed:1;
    unsigned                 walking:1;
    unsigned                 again:1;   /* another walk after this one */
    unsigned                 full:1;    /* ended for too many grants */
    unsigned                 quit:1;
};


/* the worker's time has come for another walk, after some milliseconds */
void ws_dispatch_schedule(ws_dispatch_t *d, ngx_msec_t delay);

/* begins one, if there is anybody for it; or another after this one */
void ws_dispatch_walk(ws_dispatch_t *d);

/* goes on; the handler of the queue */
void ws_dispatch_step(void *data);

/* a job that went wrong may be tried again at once */
void ws_dispatch_forgive(ws_dispatch_t *d, ngx_str_t *job);

/* the end for a waiter without a job */
void ws_dispatch_over(ws_waiter_t *waiter);


#endif /* _WS_DISPATCHER_H_INCLUDED_ */
