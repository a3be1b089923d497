
/*
 * Request bodies: one JSON object, read into memory (nginx' own limits apply:
 * client_max_body_size, client_body_timeout), and its fields.
 */


#ifndef _WS_BODY_H_INCLUDED_
#define _WS_BODY_H_INCLUDED_


#include "ws_request.h"


/* a step: req->json afterwards */
ngx_int_t ws_body_read(ws_request_t *req);

/* the same, but no body at all counts as an empty object */
ngx_int_t ws_body_read_optional(ws_request_t *req);

/*
 * Fields.  NGX_OK; NGX_DECLINED: absent, or null; NGX_DONE: of another type,
 * 400 has been sent; NGX_ERROR.
 * The string lives as long as the request; so does the array (borrowed).
 */
ngx_int_t ws_body_string(ws_request_t *req, const char *field,
    ngx_str_t *value);
ngx_int_t ws_body_integer(ws_request_t *req, const char *field,
    int64_t *value);
ngx_int_t ws_body_boolean(ws_request_t *req, const char *field,
    ngx_uint_t *value);
ngx_int_t ws_body_array(ws_request_t *req, const char *field,
    json_t **value);
ngx_int_t ws_body_uuid(ws_request_t *req, const char *field,
    ws_uuid_t *value);

/* 400, naming the field */
ngx_int_t ws_body_invalid(ws_request_t *req, const char *field,
    const char *detail);


#endif /* _WS_BODY_H_INCLUDED_ */
