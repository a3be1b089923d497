
/*
 * Who it is that asks.  contract: Authentication; directive
 * workspace_identity.
 */


#ifndef _WS_AUTH_H_INCLUDED_
#define _WS_AUTH_H_INCLUDED_


#include "ws_request.h"


/*
 * Finds the user of the request's token without answering anything:
 * NGX_OK req->user, NGX_DECLINED nobody, NGX_AGAIN, NGX_ERROR Redis did not
 * answer.
 */
ngx_int_t ws_auth_token(ws_request_t *req);

/* A step: req->user afterwards, or 401. */
ngx_int_t ws_auth(ws_request_t *req);

/*
 * A step for requests of provisioners, whose tokens are those of no user:
 * req->provisioner afterwards, or 401.
 */
ngx_int_t ws_auth_provisioner(ws_request_t *req);

/* 401, the same for whoever is refused and whatever the reason */
ngx_int_t ws_auth_refuse(ws_request_t *req);


#endif /* _WS_AUTH_H_INCLUDED_ */
