
/* Requests of nginx: header fields without a slot of their own, clients. */


#ifndef _WS_HTTP_H_INCLUDED_
#define _WS_HTTP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>


/*
 * The first header field of that name, which is given in lower case.
 * NGX_OK, *value borrowed from the request, or NGX_DECLINED, *value untouched.
 */
ngx_int_t ws_http_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);

/* Adds a field to the answer, kept by reference.  NGX_OK or NGX_ERROR. */
ngx_int_t ws_http_add_header(ngx_http_request_t *r, const char *name,
    ngx_str_t *value);

/*
 * From now on a client that closes its connection, or resets its stream,
 * ends the request (499), as long as nothing else reads from it.
 */
void ws_http_watch_client(ngx_http_request_t *r);


#endif /* _WS_HTTP_H_INCLUDED_ */
