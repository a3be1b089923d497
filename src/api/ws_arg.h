
/*
 * Parameters of the query string, with their types.
 *
 * NGX_OK; NGX_DECLINED: absent or empty, the value is untouched; NGX_DONE:
 * not such a value, 400 naming it has been sent; NGX_ERROR: no memory.
 */


#ifndef _WS_ARG_H_INCLUDED_
#define _WS_ARG_H_INCLUDED_


#include "ws_request.h"


ngx_int_t ws_arg_string(ws_request_t *req, const char *name,
    ngx_str_t *value);

/* 0 .. 9007199254740991 */
ngx_int_t ws_arg_number(ws_request_t *req, const char *name, int64_t *value);

/* contract: Booleans in a query; here "name" alone means true */
ngx_int_t ws_arg_flag(ws_request_t *req, const char *name,
    ngx_uint_t *value);

/* RFC 3339 */
ngx_int_t ws_arg_time(ws_request_t *req, const char *name, int64_t *ms);

ngx_int_t ws_arg_uuid(ws_request_t *req, const char *name, ws_uuid_t *id);

/* sends that 400; always returns NGX_DONE or NGX_ERROR */
ngx_int_t ws_arg_invalid(ws_request_t *req, const char *name,
    const char *detail);


#endif /* _WS_ARG_H_INCLUDED_ */
