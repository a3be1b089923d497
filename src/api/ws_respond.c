
/*
 * Every answer leaves through here, so that type, length and the shape of
 * errors are the same everywhere.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_respond.h"
#include "ws_http.h"
#include "ws_json.h"


#define WS_TYPE  "application/json; charset=utf-8"


typedef struct {
    ngx_uint_t   status;
    const char  *message;
} ws_status_message_t;


static const ws_status_message_t  ws_status_messages[] = {
    { 400, "The request is not valid." },
    { 401, "You are not signed in." },
    { 403, "You are not allowed to do this." },
    { 404, "There is no such resource, or you may not see it." },
    { 405, "This method is not supported here." },
    { 408, "The request took too long." },
    { 410, "The workspace was deleted." },
    { 413, "The request body is too large." },
    { 414, "The request target is too long." },
    { 429, "There are too many requests." },
    { 431, "The request header is too large." },
    { 500, "An internal error occurred." },
    { 503, "The service is temporarily unavailable." },
    { 504, "The service did not answer in time." }
};


const char *
ws_status_message(ngx_uint_t status)
{
    ngx_uint_t  i, n;

    n = sizeof(ws_status_messages) / sizeof(ws_status_messages[0]);

    for (i = 0; i < n; i++) {
        if (ws_status_messages[i].status == status) {
            return ws_status_messages[i].message;
        }
    }

    return "The request failed.";
}


ngx_int_t
ws_respond_header(ws_request_t *req, ngx_uint_t status, off_t length)
{
    ngx_http_request_t  *r;

    r = req->http;
    req->answered = 1;

    /*
     * a body that nobody wanted must not be taken for the next request, and
     * a client that waits to be asked for it may send it, or not
     */

    if (!req->body_started) {

        if (r->headers_in.expect && !r->expect_tested) {
            r->expect_tested = 1;
            r->keepalive = 0;
        }

        if (ngx_http_discard_request_body(r) != NGX_OK) {
            r->keepalive = 0;
        }
    }

    r->headers_out.status = status;
    r->headers_out.content_length_n = length;

    /* what has been done must not be answered 304 or 412 */

    r->disable_not_modified = 1;

    if (status != NGX_HTTP_NO_CONTENT) {
        ws_respond_type(r);
    }

    return ngx_http_send_header(r);
}


void
ws_respond_type(ngx_http_request_t *r)
{
    ngx_str_set(&r->headers_out.content_type, WS_TYPE);

    /* without what follows it, as nginx compares it (gzip_types) */

    r->headers_out.content_type_len = sizeof("application/json") - 1;
    r->headers_out.content_type_lowcase = NULL;
    ngx_str_null(&r->headers_out.charset);
}


ngx_int_t
ws_respond_json(ws_request_t *req, ngx_uint_t status, ngx_str_t *json)
{
    ngx_buf_t           *b;
    ngx_chain_t          out;
    ngx_http_request_t  *r;

    r = req->http;

    req->rc = ws_respond_header(req, status, json->len);

    if (req->rc == NGX_ERROR || req->rc > NGX_OK || r->header_only) {
        return NGX_DONE;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        req->rc = NGX_ERROR;
        return NGX_DONE;
    }

    b->pos = json->data;
    b->last = json->data + json->len;
    b->memory = 1;
    b->last_buf = (r == r->main);
    b->last_in_chain = 1;

    out.buf = b;
    out.next = NULL;

    req->rc = ngx_http_output_filter(r, &out);

    return NGX_DONE;
}


ngx_int_t
ws_respond_workspace(ws_request_t *req, ngx_uint_t status)
{
    ws_json_t        w;
    ngx_str_t        json;
    ws_dir_entry_t  *template;

    template = ws_request_entry(req, WS_REF_TEMPLATE);

    ws_json_init(&w, ws_request_pool(req),
                 req->state.d.len + template->fragment.len + 32);

    ws_workspace_show(&w, &req->state, &req->meta, &template->fragment,
                      &template->u.template.active_version);

    if (ws_json_str(&w, &json) != NGX_OK) {
        return NGX_ERROR;
    }

    return ws_respond_json(req, status, &json);
}


ngx_int_t
ws_respond_empty(ws_request_t *req)
{
    req->http->header_only = 1;

    req->rc = ws_respond_header(req, NGX_HTTP_NO_CONTENT, -1);

    return NGX_DONE;
}


ngx_int_t
ws_error_body(ngx_pool_t *pool, const char *message, const char *detail,
    ngx_str_t *field, ngx_str_t *field_detail, ngx_str_t *out)
{
    ngx_str_t  s;
    ws_json_t  w;

    ws_json_init(&w, pool, 256);

    s.data = (u_char *) message;
    s.len = ngx_strlen(message);

    ws_json_lit(&w, "{\"message\":");
    ws_json_string(&w, &s);

    if (detail) {
        s.data = (u_char *) detail;
        s.len = ngx_strlen(detail);

        ws_json_lit(&w, ",\"detail\":");
        ws_json_string(&w, &s);
    }

    if (field) {
        ws_json_lit(&w, ",\"validations\":[{\"field\":");
        ws_json_string(&w, field);
        ws_json_lit(&w, ",\"detail\":");
        ws_json_string(&w, field_detail);
        ws_json_lit(&w, "}]");
    }

    ws_json_lit(&w, "}");

    return ws_json_str(&w, out);
}


ngx_int_t
ws_respond_error(ws_request_t *req, ngx_uint_t status, const char *message,
    const char *detail)
{
    ngx_str_t  json;

    if (ws_error_body(ws_request_pool(req), message, detail, NULL, NULL, &json)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ws_respond_json(req, status, &json);
}


ngx_int_t
ws_respond_invalid(ws_request_t *req, ngx_uint_t status, const char *message,
    ngx_str_t *field, ngx_str_t *detail)
{
    ngx_str_t  json;

    if (ws_error_body(ws_request_pool(req), message, NULL, field, detail,
                      &json)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ws_respond_json(req, status, &json);
}


ngx_int_t
ws_respond_invalid_c(ws_request_t *req, ngx_uint_t status,
    const char *message, const char *field, const char *detail)
{
    ngx_str_t  f, d;

    f.data = (u_char *) field;
    f.len = ngx_strlen(field);
    d.data = (u_char *) detail;
    d.len = ngx_strlen(detail);

    return ws_respond_invalid(req, status, message, &f, &d);
}


ngx_int_t
ws_respond_not_found(ws_request_t *req)
{
    return ws_respond_error(req, NGX_HTTP_NOT_FOUND,
                            ws_status_message(NGX_HTTP_NOT_FOUND), NULL);
}


ngx_int_t
ws_respond_part(ws_request_t *req)
{
    return ws_respond_error(req, NGX_HTTP_NOT_FOUND,
                            "A stream cannot be a part of another answer.",
                            NULL);
}


ngx_int_t
ws_respond_name_taken(ws_request_t *req)
{
    return ws_respond_invalid_c(req, NGX_HTTP_CONFLICT,
                                "The name is already in use.", "name",
                                "another workspace of this owner has it");
}


ngx_int_t
ws_respond_deleted(ws_request_t *req)
{
    if (req->conf->dialect == WS_DIALECT_CODER) {
        return ws_respond_error(req, 410, ws_status_message(410), NULL);
    }

    return ws_respond_not_found(req);
}


ngx_int_t
ws_respond_method(ws_request_t *req)
{
    if (ws_http_add_header(req->http, "Allow", &req->route.allow) != NGX_OK) {
        return NGX_ERROR;
    }

    return ws_respond_error(req, NGX_HTTP_NOT_ALLOWED,
                            ws_status_message(NGX_HTTP_NOT_ALLOWED), NULL);
}


ngx_int_t
ws_respond_unavailable(ws_request_t *req)
{
    ngx_str_t    seconds = ngx_string("1");
    const char  *detail;

    if (ws_http_add_header(req->http, "Retry-After", &seconds) != NGX_OK) {
        return NGX_ERROR;
    }

    detail = req->unsure ? "The change may be in effect." : NULL;

    return ws_respond_error(req, NGX_HTTP_SERVICE_UNAVAILABLE,
                            ws_status_message(503), detail);
}
