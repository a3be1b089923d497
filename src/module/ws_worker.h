
/*
 * A worker: its stores and watches, and where requests enter.
 */


#ifndef _WS_WORKER_H_INCLUDED_
#define _WS_WORKER_H_INCLUDED_


#include "ws_request.h"


ngx_int_t ws_worker_init(ngx_cycle_t *cycle);
void ws_worker_exit(ngx_cycle_t *cycle);

/* registers the phase handlers */
ngx_int_t ws_worker_phases(ngx_conf_t *cf);

/* the content handler of locations with workspace_api */
ngx_int_t ws_worker_handler(ngx_http_request_t *r);


#endif /* _WS_WORKER_H_INCLUDED_ */
