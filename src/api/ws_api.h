
/*
 * The API's endpoints: what each needs, and its handler.
 */


#ifndef _WS_API_H_INCLUDED_
#define _WS_API_H_INCLUDED_


#include "ws_request.h"


/* the first handler of a request: finds out what it wants, and from whom */
ngx_int_t ws_api_start(ws_request_t *req);


/* one for each endpoint */

ngx_int_t ws_api_create(ws_request_t *req);             /* ws_api_create.c */
ngx_int_t ws_api_by_name(ws_request_t *req);            /* ws_api_read.c */
ngx_int_t ws_api_read(ws_request_t *req);               /* ws_api_read.c */
ngx_int_t ws_api_list(ws_request_t *req);               /* ws_api_list.c */
ngx_int_t ws_api_rename(ws_request_t *req);             /* ws_api_change.c */
ngx_int_t ws_api_autostart(ws_request_t *req);          /* ws_api_change.c */
ngx_int_t ws_api_ttl(ws_request_t *req);                /* ws_api_change.c */
ngx_int_t ws_api_extend(ws_request_t *req);             /* ws_api_change.c */
ngx_int_t ws_api_watch(ws_request_t *req);              /* ws_api_watch.c */
ngx_int_t ws_api_build_create(ws_request_t *req);       /* ws_api_build.c */
ngx_int_t ws_api_build_list(ws_request_t *req);     /* ws_api_build_list.c */
ngx_int_t ws_api_build_by_number(ws_request_t *req);    /* ws_api_builds.c */
ngx_int_t ws_api_build_read(ws_request_t *req);         /* ws_api_builds.c */
ngx_int_t ws_api_build_resources(ws_request_t *req);    /* ws_api_builds.c */
ngx_int_t ws_api_build_parameters(ws_request_t *req);   /* ws_api_builds.c */
ngx_int_t ws_api_build_logs(ws_request_t *req);         /* ws_api_logs.c */
ngx_int_t ws_api_build_cancel(ws_request_t *req);       /* ws_api_cancel.c */
ngx_int_t ws_api_usage(ws_request_t *req);              /* ws_api_usage.c */

/* for provisioners and agents, who come with tokens of their own */

ngx_int_t ws_api_job_acquire(ws_request_t *req);        /* ws_api_acquire.c */
ngx_int_t ws_api_job_heartbeat(ws_request_t *req);      /* ws_api_job.c */
ngx_int_t ws_api_job_complete(ws_request_t *req);       /* ws_api_job.c */
ngx_int_t ws_api_job_fail(ws_request_t *req);           /* ws_api_job.c */
ngx_int_t ws_api_job_release(ws_request_t *req);        /* ws_api_job.c */
ngx_int_t ws_api_agent_heartbeat(ws_request_t *req);    /* ws_api_agent.c */
ngx_int_t ws_api_agent_state(ws_request_t *req);        /* ws_api_agent.c */
ngx_int_t ws_api_agent_disconnect(ws_request_t *req);   /* ws_api_agent.c */


#endif /* _WS_API_H_INCLUDED_ */
