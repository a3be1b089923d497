
/*
 * The first batch is written into the request's pool, later ones into events
 * (ws_event.h), whose memory goes when they have been sent.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>
#include "ws_array.h"
#include "ws_event.h"
#include "ws_respond.h"


/* bytes to begin with; a writer grows */
#define WS_ARRAY_BATCH  (16 * 1024)


static ngx_int_t ws_array_answer(ws_request_t *req);
static ngx_int_t ws_array_open(ws_array_t *a, ngx_str_t *first);
static void ws_array_send(ws_array_t *a);
static void ws_array_next(ws_array_t *a);
static void ws_array_run(ngx_event_t *ev);
static void ws_array_drained(ws_stream_t *stream);
static void ws_array_gone(ws_stream_t *stream);
static void ws_array_freed(ws_stream_t *stream);
static void ws_array_cleanup(void *data);


ngx_int_t
ws_array_start(ws_array_t *a)
{
    ngx_pool_cleanup_t  *cln;

    cln = ngx_pool_cleanup_add(ws_request_pool(a->req), 0);
    if (cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ws_array_cleanup;
    cln->data = a;

    a->stream.drained = ws_array_drained;
    a->stream.gone = ws_array_gone;
    a->stream.freed = ws_array_freed;
    a->stream.json = 1;

    a->run.handler = ws_array_run;
    a->run.data = a;
    a->run.log = a->req->store->log;

    a->req->ctx = a;
    a->req->handler = ws_array_answer;

    ws_json_init(&a->json, ws_request_pool(a->req), WS_ARRAY_BATCH);
    ws_json_lit(&a->json, "[");

    return a->more(a) == NGX_OK ? NGX_AGAIN : ws_respond_unavailable(a->req);
}


ws_json_t *
ws_array_item(ws_array_t *a)
{
    if (a->items++) {
        ws_json_lit(&a->json, ",");
    }

    return &a->json;
}


void
ws_array_batch(ws_array_t *a, ngx_uint_t last)
{
    a->last = last;

    if (last) {
        ws_json_lit(&a->json, "]");
    }

    if (a->open) {
        ws_array_send(a);

    } else {
        ws_request_run(a->req);
    }
}


void
ws_array_failed(ws_array_t *a, ngx_uint_t broken)
{
    if (a->open) {
        ngx_log_error(NGX_LOG_ERR, a->req->http->connection->log, 0,
                      "an answer ends early: %s",
                      broken ? "what is stored is broken"
                             : "redis does not answer");
        ws_stream_close(&a->stream);
        return;
    }

    a->failed = 1;
    a->broken = broken;

    ws_request_run(a->req);
}


/* the handler of the request once the first batch is there */

static ngx_int_t
ws_array_answer(ws_request_t *req)
{
    ngx_str_t    text;
    ws_array_t  *a;

    a = req->ctx;

    if (a->failed) {
        return a->broken ? NGX_ERROR : ws_respond_unavailable(req);
    }

    if (ws_json_str(&a->json, &text) != NGX_OK) {
        return NGX_ERROR;
    }

    if (a->last) {
        return ws_respond_json(req, NGX_HTTP_OK, &text);
    }

    if (req->http->method == NGX_HTTP_HEAD) {
        req->rc = ws_respond_header(req, NGX_HTTP_OK, -1);
        return NGX_DONE;
    }

    return ws_array_open(a, &text);
}


static ngx_int_t
ws_array_open(ws_array_t *a, ngx_str_t *first)
{
    ngx_int_t  rc;

    if (a->req->http != a->req->http->main) {
        return ws_respond_part(a->req);
    }

    a->req->answered = 1;

    rc = ws_stream_open(&a->stream, a->req->http, first);

    if (rc != NGX_OK) {
        a->req->rc = rc;
        return NGX_DONE;
    }

    a->open = 1;
    a->req->streaming = 1;

    if (!a->stream.busy) {
        ws_array_drained(&a->stream);
    }

    return NGX_DONE;
}


/* a batch has come, of a stream that has nothing to do */

static void
ws_array_send(ws_array_t *a)
{
    ngx_int_t    rc;
    ws_event_t  *event;

    event = a->event;
    a->event = NULL;

    if (ws_event_finish(event, &a->json, 0) == NULL) {
        ws_stream_close(&a->stream);
        return;
    }

    if (a->last) {
        ws_stream_finish(&a->stream, event);
        ws_event_unref(event);
        return;
    }

    rc = ws_stream_send(&a->stream, event, 0);

    ws_event_unref(event);

    if (rc == NGX_ERROR) {
        ws_stream_close(&a->stream);

    } else if (rc == NGX_OK) {
        ws_array_next(a);
    }
}


static void
ws_array_next(ws_array_t *a)
{
    a->event = ws_event_create(a->req->store->log);

    if (a->event == NULL) {
        ws_stream_close(&a->stream);
        return;
    }

    ws_json_init(&a->json, a->event->pool, WS_ARRAY_BATCH);

    if (a->more(a) != NGX_OK) {
        ws_array_failed(a, 0);
    }
}


static void
ws_array_run(ngx_event_t *ev)
{
    ws_array_next(ev->data);
}


/* in a handler of the request's own: nothing may end there */

static void
ws_array_drained(ws_stream_t *stream)
{
    ws_array_t *a = (ws_array_t *) stream;

    ngx_post_event(&a->run, &ngx_posted_events);
}


static void
ws_array_gone(ws_stream_t *stream)
{
    ws_array_cleanup(stream);
}


static void
ws_array_freed(ws_stream_t *stream)
{
    /* void */
}


static void
ws_array_cleanup(void *data)
{
    ws_array_t *a = data;

    if (a->run.posted) {
        ngx_delete_posted_event(&a->run);
    }

    a->stop(a);

    ws_event_unref(a->event);
    a->event = NULL;
}
