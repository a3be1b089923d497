
/*
 * Bodies are taken from nginx as they come, without a temporary file: a
 * worker must not wait for a disk.  nginx limits their size and time.
 *
 * Another module may have read the body before (mirror, proxy_pass with an
 * error_page); then it stays what it was, for those who come after, and may
 * be in a file.  A subrequest may have none.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_body.h"
#include "ws_respond.h"


static void ws_body_handler(ngx_http_request_t *r);
static void ws_body_event(ngx_http_request_t *r);
static void ws_body_collect(ws_request_t *req);
static ngx_int_t ws_body_append(ws_request_t *req);
static ngx_int_t ws_body_add(ws_request_t *req, ngx_buf_t *b);
static ngx_int_t ws_body_grow(ws_request_t *req, size_t size);
static void ws_body_fail(ws_request_t *req, ngx_int_t rc);
static ngx_int_t ws_body_parse(ws_request_t *req);


ngx_int_t
ws_body_read(ws_request_t *req)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    if (req->json) {
        return NGX_OK;
    }

    r = req->http;

    if (!req->body_started) {
        req->body_started = 1;

        r->request_body_no_buffering = 1;

        rc = ngx_http_read_client_request_body(r, ws_body_handler);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            ws_body_fail(req, rc);

        } else if (!req->body_handed) {

            /*
             * HTTP/2, and the client has sent all that it is going to: nginx
             * reads on in its own way, and ends the request itself when it
             * is not right; so only nginx holds it until then
             */

            req->body_away = 1;
            r->main->count--;
        }
    }

    if (req->rc) {
        /* set by ws_body_fail(); nginx closes after a timeout */

        return req->rc == NGX_HTTP_REQUEST_TIME_OUT
               ? NGX_DONE
               : ws_respond_error(req, req->rc, ws_status_message(req->rc),
                                  NULL);
    }

    return req->body_read ? ws_body_parse(req) : NGX_AGAIN;
}


ngx_int_t
ws_body_read_optional(ws_request_t *req)
{
    req->body_optional = 1;

    return ws_body_read(req);
}


static void
ws_body_handler(ngx_http_request_t *r)
{
    ws_request_t  *req;

    req = ngx_http_get_module_ctx(r, ngx_http_workspace_module);

    req->body_handed = 1;

    /* the request already holds a count of its own */

    if (req->body_away) {
        req->body_away = 0;

    } else {
        r->main->count--;
    }

    ws_body_collect(req);
}


static void
ws_body_event(ngx_http_request_t *r)
{
    ngx_int_t      rc;
    ws_request_t  *req;

    req = ngx_http_get_module_ctx(r, ngx_http_workspace_module);

    if (r->connection->read->timedout) {
        r->connection->timedout = 1;
        ws_body_fail(req, NGX_HTTP_REQUEST_TIME_OUT);
        ws_request_run(req);
        return;
    }

    rc = ngx_http_read_unbuffered_request_body(r);

    if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
        ws_body_fail(req, rc);
        ws_request_run(req);
        return;
    }

    ws_body_collect(req);
}


static void
ws_body_collect(ws_request_t *req)
{
    ngx_int_t            rc;
    ngx_http_request_t  *r;

    r = req->http;

    for ( ;; ) {
        if (ws_body_append(req) != NGX_OK) {
            ws_body_fail(req, NGX_HTTP_INTERNAL_SERVER_ERROR);
            break;
        }

        if (!r->reading_body) {
            req->body_read = 1;
            break;
        }

        rc = ngx_http_read_unbuffered_request_body(r);

        if (rc >= NGX_HTTP_SPECIAL_RESPONSE) {
            ws_body_fail(req, rc);
            break;
        }

        if (rc == NGX_AGAIN && r->request_body->bufs == NULL) {
            r->read_event_handler = ws_body_event;
            return;
        }
    }

    r->read_event_handler = ngx_http_block_reading;

    ws_request_run(req);
}


/* takes over what nginx has read so far */

static ngx_int_t
ws_body_append(ws_request_t *req)
{
    ngx_buf_t           *b;
    ngx_chain_t         *cl;
    ngx_http_request_t  *r;

    r = req->http;

    if (r->request_body == NULL) {
        return NGX_OK;
    }

    for (cl = r->request_body->bufs; cl; cl = cl->next) {
        b = cl->buf;

        if (!ngx_buf_special(b) && ws_body_add(req, b) != NGX_OK) {
            return NGX_ERROR;
        }

        if (r->request_body_no_buffering) {
            b->pos = b->last;
        }
    }

    if (r->request_body_no_buffering) {
        r->request_body->bufs = NULL;
    }

    return NGX_OK;
}


static ngx_int_t
ws_body_add(ws_request_t *req, ngx_buf_t *b)
{
    u_char   *p;
    ssize_t   size;

    size = ngx_buf_size(b);

    if (ws_body_grow(req, size) != NGX_OK) {
        return NGX_ERROR;
    }

    p = req->body.data + req->body.len;

    if (ngx_buf_in_memory(b)) {
        ngx_memcpy(p, b->pos, size);

    } else if (ngx_read_file(b->file, p, size, b->file_pos) != size) {
        return NGX_ERROR;
    }

    req->body.len += size;

    return NGX_OK;
}


static ngx_int_t
ws_body_grow(ws_request_t *req, size_t size)
{
    off_t    announced;
    size_t   want;
    u_char  *p;

    if (req->body.data && req->body_size - req->body.len >= size) {
        return NGX_OK;
    }

    want = ngx_max(req->body.len + size, req->body_size * 2);

    /* the length was checked against client_max_body_size */

    announced = req->http->headers_in.content_length_n;

    if (announced > 0 && (size_t) announced >= req->body.len + size) {
        want = ngx_min((size_t) announced, ngx_max(want, 64 * 1024));
    }

    p = ngx_pnalloc(ws_request_pool(req), want + 1);
    if (p == NULL) {
        return NGX_ERROR;
    }

    if (req->body.data) {
        ngx_memcpy(p, req->body.data, req->body.len);
        (void) ngx_pfree(ws_request_pool(req), req->body.data);
    }

    req->body.data = p;
    req->body_size = want;

    return NGX_OK;
}


static void
ws_body_fail(ws_request_t *req, ngx_int_t rc)
{
    req->http->read_event_handler = ngx_http_block_reading;
    req->http->keepalive = 0;
    req->rc = rc;
}


static ngx_int_t
ws_body_parse(ws_request_t *req)
{
    ngx_int_t  rc;
    ngx_str_t  detail;

    if (req->body.len == 0 && req->body_optional) {
        req->json = json_object();

        return req->json ? NGX_OK : NGX_ERROR;
    }

    rc = ws_json_parse_object(&req->body, &req->json, &detail);

    if (rc == NGX_DECLINED) {
        return ws_respond_error(req, NGX_HTTP_BAD_REQUEST,
                                "The request body must be a JSON object.",
                                (char *) detail.data);
    }

    return rc;
}


ngx_int_t
ws_body_string(ws_request_t *req, const char *field, ngx_str_t *value)
{
    json_t  *v;

    v = json_object_get(req->json, field);

    if (v == NULL || json_is_null(v)) {
        return NGX_DECLINED;
    }

    if (!json_is_string(v)) {
        return ws_body_invalid(req, field, "must be a string");
    }

    value->data = (u_char *) json_string_value(v);
    value->len = json_string_length(v);

    return NGX_OK;
}


ngx_int_t
ws_body_integer(ws_request_t *req, const char *field, int64_t *value)
{
    json_t  *v;

    v = json_object_get(req->json, field);

    if (v == NULL || json_is_null(v)) {
        return NGX_DECLINED;
    }

    if (!json_is_integer(v)) {
        return ws_body_invalid(req, field, "must be an integer");
    }

    *value = json_integer_value(v);

    return NGX_OK;
}


ngx_int_t
ws_body_boolean(ws_request_t *req, const char *field, ngx_uint_t *value)
{
    json_t  *v;

    v = json_object_get(req->json, field);

    if (v == NULL || json_is_null(v)) {
        return NGX_DECLINED;
    }

    if (!json_is_boolean(v)) {
        return ws_body_invalid(req, field, "must be a boolean");
    }

    *value = json_is_true(v);

    return NGX_OK;
}


ngx_int_t
ws_body_array(ws_request_t *req, const char *field, json_t **value)
{
    json_t  *v;

    v = json_object_get(req->json, field);

    if (v == NULL || json_is_null(v)) {
        return NGX_DECLINED;
    }

    if (!json_is_array(v)) {
        return ws_body_invalid(req, field, "must be a list");
    }

    *value = v;

    return NGX_OK;
}


ngx_int_t
ws_body_uuid(ws_request_t *req, const char *field, ws_uuid_t *value)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    rc = ws_body_string(req, field, &text);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ws_uuid_parse(&text, value) != NGX_OK) {
        return ws_body_invalid(req, field, "must be a UUID");
    }

    return NGX_OK;
}


ngx_int_t
ws_body_invalid(ws_request_t *req, const char *field, const char *detail)
{
    return ws_respond_invalid_c(req, NGX_HTTP_BAD_REQUEST,
                                "The request body is not valid.", field,
                                detail);
}
