
/*
 * A header filter recognizes an error that this module has not sent, and
 * gives it the API's type and body; a body filter replaces the page.  What
 * error_page does comes first, being the operator's own word.
 *
 * nginx refuses some requests before it looks for their location (a path
 * with "%zz", a header that is too large): those are the API's when their
 * path begins as that of a location of the server does.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_error_filter.h"
#include "ws_http.h"
#include "ws_request.h"
#include "ws_respond.h"
#include "ws_secret.h"


static ngx_uint_t ws_error_is_ours(ngx_http_request_t *r,
    ws_loc_conf_t *wlcf, ngx_str_t *path);
static ngx_int_t ws_error_allow(ngx_http_request_t *r, ngx_str_t *path);
static ngx_int_t ws_error_header_filter(ngx_http_request_t *r);
static ngx_int_t ws_error_body_filter(ngx_http_request_t *r, ngx_chain_t *in);


static ngx_http_output_header_filter_pt  ws_error_next_header_filter;
static ngx_http_output_body_filter_pt    ws_error_next_body_filter;


void
ws_error_filter_init(void)
{
    ws_error_next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = ws_error_header_filter;

    ws_error_next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = ws_error_body_filter;
}


/* 1 or 0; *path is what follows the prefix, empty for most */

static ngx_uint_t
ws_error_is_ours(ngx_http_request_t *r, ws_loc_conf_t *wlcf, ngx_str_t *path)
{
    ngx_str_t       uri;
    ws_loc_conf_t  *api;

    ngx_str_null(path);

    if (wlcf->enabled) {
        return 1;
    }

    uri = r->uri;

    if (uri.len == 0 && r->uri_start) {

        /* as it was sent; without an end when the line was too long */

        uri.data = r->uri_start;
        uri.len = (r->uri_end ? r->uri_end : r->header_in->last)
                  - r->uri_start;
    }

    for (api = wlcf->apis; api; api = api->next) {

        if (uri.len > api->prefix.len
            && uri.data[api->prefix.len] == '/'
            && ngx_memcmp(uri.data, api->prefix.data, api->prefix.len) == 0)
        {
            path->data = uri.data + api->prefix.len;
            path->len = uri.len - api->prefix.len;
            return 1;
        }
    }

    return 0;
}


/* nginx itself refuses TRACE and CONNECT, everywhere */

static ngx_int_t
ws_error_allow(ngx_http_request_t *r, ngx_str_t *path)
{
    ws_route_t  route;

    return ws_route(path, 0, &route) == NGX_ABORT
           ? ws_http_add_header(r, "Allow", &route.allow) : NGX_OK;
}


static ngx_int_t
ws_error_header_filter(ngx_http_request_t *r)
{
    ngx_uint_t      status;
    ws_request_t   *req;
    ws_loc_conf_t  *wlcf;

    ngx_str_t  path, seconds = ngx_string("1");

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_workspace_module);
    req = ngx_http_get_module_ctx(r, ngx_http_workspace_module);

    status = r->headers_out.status;

    if (status < 400 || r != r->main || (req && req->answered)
        || !ws_error_is_ours(r, wlcf, &path))
    {
        return ws_error_next_header_filter(r);
    }

    if (req == NULL) {
        req = ws_request_create(r);
        if (req == NULL) {
            return NGX_ERROR;
        }

        /* refused before the rewrite phase could do it */

        ws_secret_hide(r);

        ngx_http_set_ctx(r, req, ngx_http_workspace_module);
    }

    if (ws_error_body(r->pool, ws_status_message(status), NULL, NULL, NULL,
                      &req->page)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (status == NGX_HTTP_SERVICE_UNAVAILABLE
        && ws_http_add_header(r, "Retry-After", &seconds) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (status == NGX_HTTP_NOT_ALLOWED && path.len
        && ws_error_allow(r, &path) != NGX_OK)
    {
        return NGX_ERROR;
    }

    req->answered = 1;

    ws_respond_type(r);

    ngx_http_clear_content_length(r);
    ngx_http_clear_accept_ranges(r);
    ngx_http_clear_last_modified(r);
    ngx_http_clear_etag(r);

    r->headers_out.content_length_n = req->page.len;

    return ws_error_next_header_filter(r);
}


static ngx_int_t
ws_error_body_filter(ngx_http_request_t *r, ngx_chain_t *in)
{
    ngx_buf_t     *b;
    ngx_chain_t    out, *cl;
    ws_request_t  *req;

    req = ngx_http_get_module_ctx(r, ngx_http_workspace_module);

    if (req == NULL || req->page.data == NULL || in == NULL) {
        return ws_error_next_body_filter(r, in);
    }

    for (cl = in; cl; cl = cl->next) {
        cl->buf->pos = cl->buf->last;
        cl->buf->file_pos = cl->buf->file_last;
    }

    if (req->page.len == 0) {
        return NGX_OK;
    }

    b = ngx_calloc_buf(r->pool);
    if (b == NULL) {
        return NGX_ERROR;
    }

    b->pos = req->page.data;
    b->last = b->pos + req->page.len;
    b->memory = 1;
    b->last_buf = 1;
    b->last_in_chain = 1;

    req->page.len = 0;

    out.buf = b;
    out.next = NULL;

    return ws_error_next_body_filter(r, &out);
}
