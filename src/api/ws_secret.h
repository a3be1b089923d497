
/*
 * The session token in a request: where it is found, and how it is kept out
 * of the logs.  contract: Authentication
 */


#ifndef _WS_SECRET_H_INCLUDED_
#define _WS_SECRET_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


#define WS_SECRET_NAME  "coder_session_token"


/*
 * The token as the client sent it: cookie, query parameter, header, in this
 * order.  *token is a copy in the request's pool, or empty.
 * NGX_OK or NGX_ERROR (no memory).
 */
ngx_int_t ws_secret_find(ngx_http_request_t *r, ngx_str_t *token);

/*
 * Overwrites the values of the query parameter in what nginx logs of the
 * request, whatever has been read of it: $request, $request_uri, $args,
 * $http_referer.  Who passes the request on must not do that any more.
 */
void ws_secret_hide(ngx_http_request_t *r);

/*
 * From now on lines of the error log about the request are without the values
 * of the query parameter; what other locations pass on stays whole.
 */
void ws_secret_hide_errors(ngx_http_request_t *r);


#endif /* _WS_SECRET_H_INCLUDED_ */
