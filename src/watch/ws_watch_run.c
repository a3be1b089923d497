
/*
 * Streams in a worker: when each is served, pinged, checked and ended.
 *
 * All that is sent is sent from one place, a queue of streams that have
 * something to do, worked off after the events of a turn of the event loop,
 * so many at a time.  So a stream may die while it is served, and take others
 * of its connection with it (HTTP/2), without anybody being in the middle of
 * a list; and an event to ten thousand streams lets others have their turn.
 *
 * Pings come from a wheel: every tick turns it by one of its slots and serves
 * the streams in it.  A stream is put into the slot that was served last, and
 * thus pinged when the wheel is round again.  One timer for all, and none
 * without streams; it is not cancelable, so a worker that quits is there to
 * say goodbye.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>
#include "ws_watch.h"
#include "ws_watcher.h"
#include "ws_sse.h"


#define WS_WATCH_BATCH   256        /* streams served in a turn */

/* a client is to come back after this time, and up to so much more, ms */
#define WS_WATCH_RETRY         500
#define WS_WATCH_RETRY_SPREAD  1000

/* what is left of streams after a goodbye is cut off, ms */
#define WS_WATCH_PATIENCE  3000


static void ws_watch_serve_next(ws_watch_t *watch);
static void ws_watch_serve(ws_watcher_t *w);
static ngx_int_t ws_watch_ping(ws_watcher_t *w);
static void ws_watch_refuse(ws_watcher_t *w);
static void ws_watch_goodbye(ws_watcher_t *w);
static void ws_watch_check(ws_watcher_t *w);
static void ws_watch_check_handler(void *data);
static void ws_watch_turn(ws_watch_t *watch);
static void ws_watch_cut(ws_watch_t *watch);


void
ws_watch_wake(ws_watcher_t *w)
{
    ws_watch_t  *watch;

    watch = w->watch;

    if (w->queued) {
        return;
    }

    w->queued = 1;
    ngx_queue_insert_tail(&watch->queue, &w->run);

    if (!watch->run.posted) {
        ngx_post_event(&watch->run, &ngx_posted_events);
    }
}


void
ws_watch_run_handler(ngx_event_t *ev)
{
    ngx_uint_t   n;
    ws_watch_t  *watch;

    watch = ev->data;

    for (n = 0; n < WS_WATCH_BATCH; n++) {

        if (ngx_queue_empty(&watch->queue)) {
            return;
        }

        ws_watch_serve_next(watch);
    }

    if (!ngx_queue_empty(&watch->queue)) {

        /* in the next turn, after what has happened meanwhile */

        if (ev->posted) {
            ngx_delete_posted_event(ev);
        }

        ngx_post_event(ev, &ngx_posted_next_events);
    }
}


void
ws_watch_flush(void *data)
{
    ws_watch_t *watch = data;

    while (!ngx_queue_empty(&watch->queue)) {
        ws_watch_serve_next(watch);
    }
}


static void
ws_watch_serve_next(ws_watch_t *watch)
{
    ngx_queue_t   *q;
    ws_watcher_t  *w;

    q = ngx_queue_head(&watch->queue);
    ngx_queue_remove(q);

    w = ngx_queue_data(q, ws_watcher_t, run);
    w->queued = 0;

    ws_watch_serve(w);
}


/* the stream may be freed when this returns */

static void
ws_watch_serve(ws_watcher_t *w)
{
    ngx_int_t    rc;
    ngx_uint_t   last;
    ws_event_t  *event;

    if (w->end == WS_WATCH_QUIT) {
        ws_watch_goodbye(w);
        return;
    }

    if (w->ping && ws_watch_ping(w) == NGX_ERROR) {
        ws_stream_close(&w->stream);
        return;
    }

    if (w->stream.busy) {
        return;
    }

    if (w->end == WS_WATCH_REFUSED) {
        ws_watch_refuse(w);
        return;
    }

    last = 0;

    event = w->source->take(w, &last);

    if (last) {
        ws_stream_finish(&w->stream, event);
        ws_event_unref(event);
        return;
    }

    if (event == NULL) {
        return;
    }

    rc = ws_stream_send(&w->stream, event, w->bare);

    ws_event_unref(event);

    if (rc == NGX_ERROR) {
        ws_stream_close(&w->stream);
    }
}


static ngx_int_t
ws_watch_ping(ws_watcher_t *w)
{
    static ngx_str_t  ping = ngx_string(WS_SSE_PING);

    w->ping = 0;

    ws_watch_check(w);

    /* a client that does not read has no use for it */

    if (w->end || w->stream.busy) {
        return NGX_OK;
    }

    ws_stream_watch_client(&w->stream);

    return ws_stream_send_text(&w->stream, &ping);
}


static void
ws_watch_refuse(ws_watcher_t *w)
{
    ws_event_t  *event;

    event = ws_event_error("You may not watch this workspace any more.",
                           w->watch->store->log);

    if (event == NULL) {
        ws_stream_close(&w->stream);
        return;
    }

    ws_stream_finish(&w->stream, event);

    ws_event_unref(event);
}


static void
ws_watch_goodbye(ws_watcher_t *w)
{
    ws_json_t  json;
    ngx_str_t  text;

    ws_json_init(&json, w->stream.request->pool, WS_SSE_ROOM);

    ws_sse_retry(&json, WS_WATCH_RETRY
                        + ngx_random() % (WS_WATCH_RETRY_SPREAD + 1));

    if (ws_json_str(&json, &text) != NGX_OK) {
        ws_stream_close(&w->stream);
        return;
    }

    ws_stream_quit(&w->stream, &text);
}


/*
 * The right to watch is looked up again with each ping: roles change, tokens
 * are revoked.  When Redis does not answer it stays as it was.
 */

static void
ws_watch_check(ws_watcher_t *w)
{
    ngx_int_t          rc;
    const ws_uuid_t   *owner, *org;

    if (w->permit == NULL) {
        w->permit = ngx_calloc(sizeof(ws_permit_t), w->watch->store->log);
        if (w->permit == NULL) {
            return;
        }

        w->permit->handler = ws_watch_check_handler;
        w->permit->data = w;
        w->permit->action = w->source->action;
    }

    w->source->subject(w, &owner, &org);

    rc = ws_permit_ask(w->permit, w->watch->store, &w->who, owner, org);

    if (rc == NGX_AGAIN) {
        return;
    }

    ws_watch_check_end(w);

    if (rc == NGX_DECLINED && w->end == WS_WATCH_GOES_ON) {
        w->end = WS_WATCH_REFUSED;
    }
}


static void
ws_watch_check_handler(void *data)
{
    ws_watcher_t *w = data;

    ws_watch_check(w);

    if (w->end) {
        ws_watch_wake(w);
    }
}


void
ws_watch_check_end(ws_watcher_t *w)
{
    if (w->permit) {
        ws_permit_release(w->permit);
        ngx_free(w->permit);
        w->permit = NULL;
    }
}


void
ws_watch_tick_handler(ngx_event_t *ev)
{
    ngx_msec_int_t  delay;
    ws_watch_t     *watch;

    watch = ev->data;

    /* in case that nobody else has told */

    if ((ngx_quit || ngx_exiting || ngx_terminate) && !watch->quit) {
        ws_watch_quit(watch);
    }

    if (watch->quit
        && ngx_current_msec - watch->quit_time >= WS_WATCH_PATIENCE)
    {
        ws_watch_cut(watch);

        if (watch->streams == 0 && ngx_queue_empty(&watch->closing)) {
            return;
        }
    }

    /* a tick that comes late does the work of those it missed */

    for ( ;; ) {
        delay = (ngx_msec_int_t) (watch->due - ngx_current_msec);

        if (delay > 0) {
            break;
        }

        watch->due += WS_WATCH_TICK;
        ws_watch_turn(watch);
    }

    ngx_add_timer(ev, delay);
}


static void
ws_watch_turn(ws_watch_t *watch)
{
    ngx_queue_t   *q, *slot;
    ws_watcher_t  *w;

    watch->slot = (watch->slot + 1) % WS_WATCH_SLOTS;
    slot = &watch->slots[watch->slot];

    for (q = ngx_queue_head(slot);
         q != ngx_queue_sentinel(slot);
         q = ngx_queue_next(q))
    {
        w = ngx_queue_data(q, ws_watcher_t, slot);

        w->ping = 1;
        ws_watch_wake(w);
    }
}


void
ws_watch_quit(void *data)
{
    ws_watch_t *watch = data;

    ngx_uint_t     i;
    ngx_queue_t   *q;
    ws_watcher_t  *w;

    if (watch->quit) {
        return;
    }

    watch->quit = 1;
    watch->quit_time = ngx_current_msec;

    for (i = 0; i < WS_WATCH_SLOTS; i++) {

        for (q = ngx_queue_head(&watch->slots[i]);
             q != ngx_queue_sentinel(&watch->slots[i]);
             q = ngx_queue_next(q))
        {
            w = ngx_queue_data(q, ws_watcher_t, slot);

            w->end = WS_WATCH_QUIT;
            ws_watch_wake(w);
        }
    }
}


/*
 * A frame of HTTP/2 that was sent in part holds its stream, and a client that
 * takes nothing holds the frame.  A connection that has been ended is held by
 * a client that does not close it, for lingering_timeout.
 */

static void
ws_watch_cut(ws_watch_t *watch)
{
    ngx_queue_t   *q;
    ws_watcher_t  *w;

    for (q = ngx_queue_head(&watch->closing);
         q != ngx_queue_sentinel(&watch->closing);
         q = ngx_queue_next(q))
    {
        w = ngx_queue_data(q, ws_watcher_t, slot);

        ws_stream_cut(&w->stream);
    }

    if (!watch->cut) {
        watch->cut = 1;
        ngx_close_idle_connections((ngx_cycle_t *) ngx_cycle);
    }
}
