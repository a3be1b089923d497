
/*
 * A header filter recognizes an error that this module has not sent, and
 * gives it the API's type and body; a body filter replaces the page.  What
 * error_page does comes first, being the operator's own word.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_error_filter.h"
#include "ws_http.h"
#include "ws_request.h"
#include "ws_respond.h"
#include "ws_secret.h"


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


static ngx_int_t
ws_error_header_filter(ngx_http_request_t *r)
{
    ngx_uint_t      status;
    ws_request_t   *req;
    ws_loc_conf_t  *wlcf;

    ngx_str_t  seconds = ngx_string("1");

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_workspace_module);
    req = ngx_http_get_module_ctx(r, ngx_http_workspace_module);

    status = r->headers_out.status;

    if (!wlcf->enabled || r != r->main || status < 400
        || (req && req->answered))
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
