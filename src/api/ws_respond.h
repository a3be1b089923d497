
/*
 * Answers.  Each function sends a complete answer and returns NGX_DONE; a
 * request gets exactly one.
 */


#ifndef _WS_RESPOND_H_INCLUDED_
#define _WS_RESPOND_H_INCLUDED_


#include "ws_request.h"


/* a JSON text of the request's pool */
ngx_int_t ws_respond_json(ws_request_t *req, ngx_uint_t status,
    ngx_str_t *json);

/* the workspace of req->state with its template */
ngx_int_t ws_respond_workspace(ws_request_t *req, ngx_uint_t status);

/* 204 */
ngx_int_t ws_respond_empty(ws_request_t *req);

/* {"message","detail"}; detail may be NULL */
ngx_int_t ws_respond_error(ws_request_t *req, ngx_uint_t status,
    const char *message, const char *detail);

/* with one entry in "validations"; the status is 400 or 409 */
ngx_int_t ws_respond_invalid(ws_request_t *req, ngx_uint_t status,
    const char *message, ngx_str_t *field, ngx_str_t *detail);
ngx_int_t ws_respond_invalid_c(ws_request_t *req, ngx_uint_t status,
    const char *message, const char *field, const char *detail);

/* what would be a stream is asked for as a part of another answer: 404 */
ngx_int_t ws_respond_part(ws_request_t *req);

/* absent or forbidden, which must look the same: 404, the same bytes */
ngx_int_t ws_respond_not_found(ws_request_t *req);

/* deleted and not asked for: 404, or 410 in the dialect "coder" */
ngx_int_t ws_respond_deleted(ws_request_t *req);

/* 409 naming "name" */
ngx_int_t ws_respond_name_taken(ws_request_t *req);

/* 405 with Allow */
ngx_int_t ws_respond_method(ws_request_t *req);

/* Redis did not answer: 503 with Retry-After */
ngx_int_t ws_respond_unavailable(ws_request_t *req);

/* the text of an error body, in the pool */
ngx_int_t ws_error_body(ngx_pool_t *pool, const char *message,
    const char *detail, ngx_str_t *field, ngx_str_t *field_detail,
    ngx_str_t *out);

/* the type of all answers with a body */
void ws_respond_type(ngx_http_request_t *r);

/* for statuses that nginx itself answers with; a constant */
const char *ws_status_message(ngx_uint_t status);

/*
 * Sets status, type and the other header fields every answer has;
 * length -1: not known.
 */
ngx_int_t ws_respond_header(ws_request_t *req, ngx_uint_t status,
    off_t length);


#endif /* _WS_RESPOND_H_INCLUDED_ */
