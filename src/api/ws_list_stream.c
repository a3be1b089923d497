
/*
 * Two things move a stream: documents that have come, and a socket that takes
 * bytes again.  Each time all that has been written goes to the output
 * filters, and then the next documents are asked for, as many as the client's
 * pace allows.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_list_stream.h"
#include "ws_respond.h"


struct ws_list_stream_s {
    ws_request_t    *req;
    ws_list_docs_t  *docs;
    ngx_uint_t      *count;
    uint64_t         usec;              /* waited, as far as it is counted */
    unsigned         ended:1;
};


static void ws_list_stream_write(ngx_http_request_t *r);
static ngx_int_t ws_list_stream_step(ws_list_stream_t *s);
static ngx_int_t ws_list_stream_output(ws_list_stream_t *s,
    ngx_chain_t *out);
static ngx_chain_t *ws_list_stream_link(ws_list_stream_t *s, ngx_str_t *text);
static ngx_chain_t *ws_list_stream_end(ws_list_stream_t *s,
    ngx_uint_t left_out);
static ngx_int_t ws_list_stream_wait(ws_list_stream_t *s);


ws_list_stream_t *
ws_list_stream_start(ws_request_t *req, ws_list_docs_t *docs,
    ngx_uint_t *count)
{
    off_t                size;
    ngx_int_t            rc;
    ngx_str_t            text;
    ngx_chain_t         *out;
    ws_list_stream_t    *s;
    ngx_http_request_t  *r;

    r = req->http;

    req->rc = NGX_ERROR;

    s = ngx_pcalloc(r->pool, sizeof(ws_list_stream_t));
    if (s == NULL) {
        return NULL;
    }

    s->req = req;
    s->docs = docs;
    s->count = count;

    rc = ws_respond_header(req, NGX_HTTP_OK, -1);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        req->rc = rc;
        return NULL;
    }

    ngx_str_set(&text, "{\"workspaces\":[");

    out = ws_list_stream_link(s, &text);
    if (out == NULL) {
        return NULL;
    }

    out->next = ws_list_text_take(ws_list_docs_text(docs), &size);

    if (ws_list_stream_output(s, out) == NGX_ERROR
        || ws_list_docs_more(docs) != NGX_OK
        || ws_list_stream_wait(s) != NGX_OK)
    {
        return NULL;
    }

    r->write_event_handler = ws_list_stream_write;
    req->ctx = s;
    req->streaming = 1;

    return s;
}


static void
ws_list_stream_write(ngx_http_request_t *r)
{
    ngx_event_t               *wev;
    ws_request_t              *req;
    ngx_connection_t          *c;
    ngx_http_core_loc_conf_t  *clcf;

    c = r->connection;
    wev = c->write;
    req = ngx_http_get_module_ctx(r, ngx_http_workspace_module);

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    if (wev->delayed) {
        clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

        if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_ERROR);
        }

        return;
    }

    ws_list_stream_run(req->ctx);
}


void
ws_list_stream_run(ws_list_stream_t *s)
{
    ngx_int_t            rc;
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = s->req->http;
    c = r->connection;

    rc = ws_list_stream_step(s);

    /* what the filters still hold at the end, nginx sends */

    if (s->ended || rc == NGX_ERROR) {
        ngx_http_finalize_request(r, rc);
    }

    ngx_http_run_posted_requests(c);
}


static ngx_int_t
ws_list_stream_step(ws_list_stream_t *s)
{
    off_t                size;
    ngx_int_t            rc;
    ngx_uint_t           left_out;
    ngx_chain_t         *out, **last;

    s->req->redis_usec += ws_list_docs_usec(s->docs) - s->usec;
    s->usec = ws_list_docs_usec(s->docs);

    if (ws_list_docs_failed(s->docs)) {
        ngx_log_error(NGX_LOG_ERR, s->req->http->connection->log, 0,
                      "a listing ends early: redis does not answer");
        return NGX_ERROR;
    }

    out = ws_list_text_take(ws_list_docs_text(s->docs), &size);

    if (ws_list_docs_done(s->docs, &left_out)) {

        for (last = &out; *last; last = &(*last)->next) { /* void */ }

        *last = ws_list_stream_end(s, left_out);
        if (*last == NULL) {
            return NGX_ERROR;
        }

        s->ended = 1;
    }

    rc = ws_list_stream_output(s, out);

    if (rc == NGX_ERROR || s->ended) {
        return rc;
    }

    if (ws_list_docs_more(s->docs) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, s->req->http->connection->log, 0,
                      "a listing ends early: redis takes no commands");
        return NGX_ERROR;
    }

    return ws_list_stream_wait(s);
}


/* everything written goes out at once: the buffers wait to be used again */

static ngx_int_t
ws_list_stream_output(ws_list_stream_t *s, ngx_chain_t *out)
{
    ngx_int_t            rc;
    ngx_chain_t         *cl;
    ngx_http_request_t  *r;

    r = s->req->http;

    if (out == NULL && !r->buffered && !r->connection->buffered
        && r->postponed == NULL)
    {
        return NGX_OK;
    }

    for (cl = out; cl; cl = cl->next) {
        if (cl->next == NULL) {
            cl->buf->flush = 1;
        }
    }

    rc = ngx_http_output_filter(r, out);

    ws_list_text_sent(ws_list_docs_text(s->docs), out);

    return rc;
}


static ngx_chain_t *
ws_list_stream_link(ws_list_stream_t *s, ngx_str_t *text)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    b = ngx_calloc_buf(ws_request_pool(s->req));
    cl = ngx_alloc_chain_link(ws_request_pool(s->req));

    if (b == NULL || cl == NULL) {
        return NULL;
    }

    b->memory = 1;
    b->pos = text->data;
    b->last = text->data + text->len;

    cl->buf = b;
    cl->next = NULL;

    return cl;
}


static ngx_chain_t *
ws_list_stream_end(ws_list_stream_t *s, ngx_uint_t left_out)
{
    u_char       *p;
    ngx_str_t     text;
    ngx_chain_t  *cl;

    p = ngx_pnalloc(ws_request_pool(s->req),
                    sizeof("],\"count\":}") - 1 + NGX_INT_T_LEN);
    if (p == NULL) {
        return NULL;
    }

    text.data = p;
    text.len = ngx_sprintf(p, "],\"count\":%ui}", *s->count - left_out) - p;

    cl = ws_list_stream_link(s, &text);

    if (cl) {
        cl->buf->last_buf = (s->req->http == s->req->http->main);
        cl->buf->last_in_chain = 1;
    }

    return cl;
}


/* a client that takes nothing for send_timeout is given up */

static ngx_int_t
ws_list_stream_wait(ws_list_stream_t *s)
{
    ngx_event_t               *wev;
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = s->req->http;
    c = r->connection;
    wev = c->write;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!wev->delayed) {

        if (r->buffered || c->buffered) {
            ngx_add_timer(wev, clcf->send_timeout);

        } else if (wev->timer_set) {
            ngx_del_timer(wev);
        }
    }

    return ngx_handle_write_event(wev, clcf->send_lowat) == NGX_OK ? NGX_OK
                                                                   : NGX_ERROR;
}
