
/*
 * A stream lives as long as its request, and costs next to nothing while it
 * is idle: no timer, no memory per event.
 *
 * Two buffers are used in turn.  The chunked filter remembers a buffer until
 * the next output after the one that has sent it: were there one buffer only,
 * a client that makes every output wait would find it full again each time,
 * and the filter's list would grow.
 *
 * The bytes of events are shared and belong to nobody's pool.  They are given
 * back when all is sent, or when the request's pool is destroyed: until then
 * frames of HTTP/2 may point to them, even if the request has ended.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_stream.h"
#include "ws_sse.h"


static ngx_int_t ws_stream_begin(ws_stream_t *stream, ngx_str_t *first);
static ngx_int_t ws_stream_cleanups(ws_stream_t *stream);
static ngx_int_t ws_stream_prepare(ngx_http_request_t *r, ngx_uint_t json);
static void ws_stream_type(ngx_http_request_t *r, ngx_uint_t json);
static ngx_int_t ws_stream_add_header(ngx_http_request_t *r, ngx_str_t *name,
    ngx_str_t *value);
static ngx_buf_t *ws_stream_buf(ws_stream_t *stream, u_char *pos,
    u_char *last);
static ngx_int_t ws_stream_output(ws_stream_t *stream, ngx_buf_t *b);
static void ws_stream_write_handler(ngx_http_request_t *r);
static void ws_stream_finalize(ws_stream_t *stream, ngx_int_t rc);
static void ws_stream_release(ws_stream_t *stream);
static void ws_stream_ended(void *data);
static void ws_stream_freed(void *data);


ngx_int_t
ws_stream_open(ws_stream_t *stream, ngx_http_request_t *r, ngx_str_t *first)
{
    ngx_int_t  rc;

    stream->request = r;

    rc = ws_stream_begin(stream, first);

    if (rc != NGX_OK) {
        ws_stream_ended(stream);
    }

    return rc;
}


static ngx_int_t
ws_stream_begin(ws_stream_t *stream, ngx_str_t *first)
{
    ngx_int_t                  rc;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = stream->request;

    if (ngx_http_discard_request_body(r) != NGX_OK) {
        r->keepalive = 0;
    }

    if (ws_stream_cleanups(stream) != NGX_OK
        || ws_stream_prepare(r, stream->json) != NGX_OK)
    {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    rc = ngx_http_send_header(r);

    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc == NGX_OK ? NGX_ERROR : rc;
    }

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    /* HTTP/2 and 3 see to it themselves */

    if (clcf->tcp_nodelay && r->http_version < NGX_HTTP_VERSION_20
        && ngx_tcp_nodelay(r->connection) != NGX_OK)
    {
        return NGX_ERROR;
    }

    r->connection->log->action = "sending events to client";
    r->write_event_handler = ws_stream_write_handler;

    ws_stream_watch_client(stream);

    return ws_stream_send_text(stream, first) == NGX_ERROR ? NGX_ERROR
                                                           : NGX_OK;
}


static ngx_int_t
ws_stream_cleanups(ws_stream_t *stream)
{
    ngx_pool_cleanup_t  *freed;
    ngx_http_cleanup_t  *ended;

    freed = ngx_pool_cleanup_add(stream->request->pool, 0);
    ended = ngx_http_cleanup_add(stream->request, 0);

    if (freed == NULL || ended == NULL) {
        return NGX_ERROR;
    }

    freed->handler = ws_stream_freed;
    freed->data = stream;
    ended->handler = ws_stream_ended;
    ended->data = stream;

    return NGX_OK;
}


static ngx_int_t
ws_stream_prepare(ngx_http_request_t *r, ngx_uint_t json)
{
    static ngx_str_t  cache_control = ngx_string("Cache-Control");
    static ngx_str_t  no_cache = ngx_string("no-cache");
    static ngx_str_t  buffering = ngx_string("X-Accel-Buffering");
    static ngx_str_t  no = ngx_string("no");

    r->headers_out.status = NGX_HTTP_OK;
    r->headers_out.content_length_n = -1;
    r->headers_out.last_modified_time = -1;
    r->disable_not_modified = 1;

    ws_stream_type(r, json);

#if (NGX_HTTP_GZIP)
    /*
     * hundreds of kilobytes for each stream of events, to save few; and it
     * would not tell when a piece has been sent
     */

    r->gzip_tested = 1;
    r->gzip_ok = 0;
#endif

    if (json) {
        return NGX_OK;
    }

    if (ws_stream_add_header(r, &cache_control, &no_cache) != NGX_OK) {
        return NGX_ERROR;
    }

    return ws_stream_add_header(r, &buffering, &no);
}


static void
ws_stream_type(ngx_http_request_t *r, ngx_uint_t json)
{
    if (json) {
        ngx_str_set(&r->headers_out.content_type,
                    "application/json; charset=utf-8");
        r->headers_out.content_type_len = sizeof("application/json") - 1;

    } else {
        ngx_str_set(&r->headers_out.content_type, WS_SSE_TYPE);
        r->headers_out.content_type_len = r->headers_out.content_type.len;
    }

    r->headers_out.content_type_lowcase = NULL;
    ngx_str_null(&r->headers_out.charset);
}


static ngx_int_t
ws_stream_add_header(ngx_http_request_t *r, ngx_str_t *name, ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
    h->key = *name;
    h->value = *value;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif

    return NGX_OK;
}


void
ws_stream_watch_client(ws_stream_t *stream)
{
    ngx_event_t         *rev;
    ngx_http_request_t  *r;

    r = stream->request;

    /* a body that is still to be discarded has a handler of its own */

    if (r->discard_body || r->read_event_handler == ngx_http_test_reading) {
        return;
    }

    r->read_event_handler = ngx_http_test_reading;

    /* what was signalled until now is not signalled again */

    rev = r->connection->read;

    if (r->http_version < NGX_HTTP_VERSION_20
        && (rev->ready || rev->pending_eof))
    {
        ngx_post_event(rev, &ngx_posted_events);
    }
}


ngx_int_t
ws_stream_send(ws_stream_t *stream, ws_event_t *event, ngx_uint_t bare)
{
    ngx_buf_t  *b;

    b = ws_stream_buf(stream, bare ? event->bare : event->start, event->last);

    stream->events[b - stream->bufs] = ws_event_ref(event);

    return ws_stream_output(stream, b);
}


ngx_int_t
ws_stream_send_text(ws_stream_t *stream, ngx_str_t *text)
{
    return ws_stream_output(stream, ws_stream_buf(stream, text->data,
                                                  text->data + text->len));
}


static ngx_buf_t *
ws_stream_buf(ws_stream_t *stream, u_char *pos, u_char *last)
{
    ngx_buf_t  *b;

    b = &stream->bufs[stream->turn];
    stream->turn ^= 1;

    ngx_memzero(b, sizeof(ngx_buf_t));

    b->start = pos;
    b->pos = pos;
    b->last = last;
    b->end = last;
    b->memory = 1;
    b->flush = 1;

    return b;
}


/* sends a buffer, or what is left of the last one */

static ngx_int_t
ws_stream_output(ws_stream_t *stream, ngx_buf_t *b)
{
    ngx_chain_t                out;
    ngx_event_t               *wev;
    ngx_connection_t          *c;
    ngx_http_request_t        *r;
    ngx_http_core_loc_conf_t  *clcf;

    r = stream->request;
    c = r->connection;
    wev = c->write;

    out.buf = b;
    out.next = NULL;

    if (ngx_http_output_filter(r, b ? &out : NULL) == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (!r->buffered && !c->buffered) {

        if (wev->timer_set && !wev->delayed) {
            ngx_del_timer(wev);
        }

        stream->busy = 0;
        ws_stream_release(stream);

        return NGX_OK;
    }

    stream->busy = 1;

    clcf = ngx_http_get_module_loc_conf(r, ngx_http_core_module);

    if (!wev->delayed) {
        ngx_add_timer(wev, clcf->send_timeout);
    }

    if (ngx_handle_write_event(wev, clcf->send_lowat) != NGX_OK) {
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


static void
ws_stream_write_handler(ngx_http_request_t *r)
{
    ngx_int_t            rc;
    ngx_event_t         *wev;
    ws_stream_t         *stream;
    ngx_connection_t    *c;
    ngx_http_cleanup_t  *cln;

    c = r->connection;
    wev = c->write;

    if (wev->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT,
                      "client timed out");
        c->timedout = 1;

        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }

    for (cln = r->cleanup; cln; cln = cln->next) {
        if (cln->handler == ws_stream_ended) {
            break;
        }
    }

    if (cln == NULL) {
        return;
    }

    stream = cln->data;

    /* an event of a connection that has nothing to send */

    if (!stream->busy || wev->delayed) {
        return;
    }

    rc = ws_stream_output(stream, NULL);

    if (rc == NGX_ERROR) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }

    if (rc == NGX_OK) {
        stream->drained(stream);
    }
}


void
ws_stream_finish(ws_stream_t *stream, ws_event_t *event)
{
    ngx_buf_t  *b;
    ngx_int_t   rc;

    if (event) {
        b = ws_stream_buf(stream, event->start, event->last);
        stream->events[b - stream->bufs] = ws_event_ref(event);

    } else {
        b = ws_stream_buf(stream, NULL, NULL);
        b->memory = 0;
    }

    b->last_buf = 1;
    b->last_in_chain = 1;

    rc = ws_stream_output(stream, b);

    ws_stream_finalize(stream, rc == NGX_ERROR ? NGX_ERROR : NGX_OK);
}


void
ws_stream_quit(ws_stream_t *stream, ngx_str_t *text)
{
    ngx_buf_t         *b;
    ngx_connection_t  *c;

    c = stream->request->connection;

    b = ws_stream_buf(stream, text->data, text->data + text->len);
    b->last_buf = 1;
    b->last_in_chain = 1;

    if (ws_stream_output(stream, b) == NGX_AGAIN) {

        /* lets SSL close without a word, too */

        c->timedout = 1;
    }

    /* the way of an error: no lingering */

    ws_stream_finalize(stream, NGX_ERROR);
}


void
ws_stream_close(ws_stream_t *stream)
{
    ws_stream_finalize(stream, NGX_ERROR);
}


static void
ws_stream_finalize(ws_stream_t *stream, ngx_int_t rc)
{
    ngx_connection_t    *c;
    ngx_http_request_t  *r;

    r = stream->request;
    c = r->connection;

    ws_stream_ended(stream);

    if (rc != NGX_OK || !stream->json) {
        r->keepalive = 0;
    }

    ngx_http_finalize_request(r, rc);
    ngx_http_run_posted_requests(c);
}


void
ws_stream_cut(ws_stream_t *stream)
{
    ngx_http_request_t  *r;

    r = stream->request;

    if (r->http_version == NGX_HTTP_VERSION_20) {
        (void) ngx_shutdown_socket(r->connection->fd, SHUT_RDWR);
    }
}


static void
ws_stream_release(ws_stream_t *stream)
{
    ngx_uint_t  i;

    for (i = 0; i < 2; i++) {
        ws_event_unref(stream->events[i]);
        stream->events[i] = NULL;
    }
}


static void
ws_stream_ended(void *data)
{
    ws_stream_t  *stream = data;

    if (!stream->ended) {
        stream->ended = 1;
        stream->gone(stream);
    }
}


static void
ws_stream_freed(void *data)
{
    ws_stream_t  *stream = data;

    ws_stream_ended(stream);
    ws_stream_release(stream);

    stream->freed(stream);
}
