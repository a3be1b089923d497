
/*
 * The build that a path names, which is read in two steps: its own hash tells
 * whose it is, and holds it once it is superseded; until then it lies in its
 * workspace's document.
 */


#ifndef _WS_REQUEST_BUILD_H_INCLUDED_
#define _WS_REQUEST_BUILD_H_INCLUDED_


#include "ws_request.h"


/* borrowed: valid until the handler returns */

typedef struct {
    ngx_str_t    d;                 /* its JSON, braces included */
    ngx_str_t    p;                 /* its private JSON, once superseded */
    ngx_str_t    name;              /* of the workspace, now */
    unsigned     latest:1;
} ws_found_build_t;


/*
 * A step: the build with the id req->build, of whose workspace the rest is as
 * after ws_request_workspace(), which says who may; or 404, the same bytes
 * whether there is no such build or the user may not.
 */
ngx_int_t ws_request_build(ws_request_t *req, ngx_uint_t action,
    ws_found_build_t *build);

/*
 * The latest build of req->state.  NGX_OK, or NGX_ERROR: the document is
 * broken.
 */
ngx_int_t ws_request_latest(ws_request_t *req, ws_found_build_t *build);

/* 200 with the build */
ngx_int_t ws_respond_build(ws_request_t *req, ws_found_build_t *build);


#endif /* _WS_REQUEST_BUILD_H_INCLUDED_ */
