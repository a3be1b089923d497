
/*
 * The API's endpoints: what each needs, and its handler.
 */


#ifndef _WS_API_H_INCLUDED_
#define _WS_API_H_INCLUDED_


#include "ws_request.h"


/* the first handler of a request: finds out what it wants, and from whom */
ngx_int_t ws_api_start(ws_request_t *req);


/* One for each endpoint.  ws_api_done_*: the answer after its commit. */

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


#endif /* _WS_API_H_INCLUDED_ */
