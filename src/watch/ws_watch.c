
/*
 * Streams in a worker: how they begin, and how they are forgotten.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>
#include "ws_watch.h"
#include "ws_watcher.h"
#include "ws_dir.h"
#include "ws_policy.h"
#include "ws_sse.h"


/* one that watches a workspace */

typedef struct {
    ws_watcher_t        w;          /* must be first */
    ws_subscriber_t     subscriber;
} ws_topic_watcher_t;


static ws_topic_watcher_t *ws_watch_watcher(ws_watch_t *watch,
    ngx_http_request_t *r, ws_watch_open_t *open, ws_state_t *state);
static ws_event_t *ws_watch_take(ws_watcher_t *w, ngx_uint_t *last);
static void ws_watch_leave(ws_watcher_t *w);
static void ws_watch_subject(ws_watcher_t *w, const ws_uuid_t **owner,
    const ws_uuid_t **org);
static ngx_uint_t ws_watch_knows_ids(ngx_http_request_t *r);
static void ws_watch_start(ws_watcher_t *w);
static void ws_watch_stop(ws_watch_t *watch);

static void ws_watch_woken(ws_subscriber_t *subscriber);
static void ws_watch_drained(ws_stream_t *stream);
static void ws_watch_freed(ws_stream_t *stream);
static void ws_watch_changed(void *data, ngx_str_t *kind, ngx_str_t *id);


static const ws_watch_source_t  ws_watch_source = {
    ws_watch_take,
    ws_watch_leave,
    ws_watch_subject,
    WS_ACTION_WATCH
};


ws_watch_t *
ws_watch_create(ngx_pool_t *pool, ws_store_t *store)
{
    ngx_uint_t   i;
    ws_watch_t  *watch;

    watch = ngx_pcalloc(pool, sizeof(ws_watch_t));
    if (watch == NULL) {
        return NULL;
    }

    watch->store = store;

    watch->topics = ws_topics_create(pool, store, ws_watch_flush, watch);
    if (watch->topics == NULL) {
        return NULL;
    }

    for (i = 0; i < WS_WATCH_SLOTS; i++) {
        ngx_queue_init(&watch->slots[i]);
    }

    ngx_queue_init(&watch->tails);
    ngx_queue_init(&watch->queue);
    ngx_queue_init(&watch->closing);

    watch->tick.handler = ws_watch_tick_handler;
    watch->tick.data = watch;
    watch->tick.log = store->log;

    watch->run.handler = ws_watch_run_handler;
    watch->run.data = watch;
    watch->run.log = store->log;

    ws_dir_on_change(store->dir, ws_watch_changed, watch);

    if (ws_redis_sub_on_quit(store->sub, ws_watch_quit, watch) != NGX_OK) {
        return NULL;
    }

    return watch;
}


ngx_int_t
ws_watch_open(ws_watch_t *watch, ngx_http_request_t *r, ws_watch_open_t *open,
    ws_state_t *state)
{
    ws_topic_watcher_t  *w;

    w = ws_watch_watcher(watch, r, open, state);
    if (w == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ws_topic_join(watch->topics, &w->subscriber, &open->id, state)
        != NGX_OK)
    {
        ws_watch_gone(&w->w.stream);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ws_watch_begin(&w->w, r);
}


void
ws_watch_init(ws_watcher_t *w, ws_watch_t *watch,
    const ws_watch_source_t *source, const ws_uuid_t *user, ngx_str_t *token)
{
    w->watch = watch;
    w->source = source;

    w->stream.drained = ws_watch_drained;
    w->stream.gone = ws_watch_gone;
    w->stream.freed = ws_watch_freed;

    w->who.user = *user;

    if (token->len == WS_TOKEN_ID_LEN) {
        w->who.has_token = 1;
        ngx_memcpy(w->who.token, token->data, WS_TOKEN_ID_LEN);
    }

    ws_watch_start(w);
}


ngx_int_t
ws_watch_begin(ws_watcher_t *w, ngx_http_request_t *r)
{
    ngx_int_t  rc;

    static ngx_str_t  ping = ngx_string(WS_SSE_PING);

    rc = ws_stream_open(&w->stream, r, &ping);
    if (rc != NGX_OK) {
        return rc;
    }

    if (w->watch->quit) {
        w->end = WS_WATCH_QUIT;
        ws_watch_wake(w);
    }

    r->main->count++;

    return NGX_DONE;
}


static ws_topic_watcher_t *
ws_watch_watcher(ws_watch_t *watch, ngx_http_request_t *r,
    ws_watch_open_t *open, ws_state_t *state)
{
    ws_topic_watcher_t  *w;

    w = ngx_pcalloc(r->pool, sizeof(ws_topic_watcher_t));
    if (w == NULL) {
        return NULL;
    }

    w->subscriber.wake = ws_watch_woken;

    if (ws_sse_parse_id(&open->last_event_id, &w->subscriber.seen) != NGX_OK
        && !open->initial)
    {
        w->subscriber.known = 1;
        w->subscriber.seen = state->version;
    }

    w->w.bare = !open->initial && open->last_event_id.len == 0
              && !ws_watch_knows_ids(r);

    ws_watch_init(&w->w, watch, &ws_watch_source, &open->user, &open->token);

    return w;
}


static ws_event_t *
ws_watch_take(ws_watcher_t *w, ngx_uint_t *last)
{
    ws_subscriber_t  *subscriber;

    subscriber = &((ws_topic_watcher_t *) w)->subscriber;

    if (subscriber->lost) {
        *last = 1;
        return ws_event_error("This workspace is not there any more.",
                              w->watch->store->log);
    }

    return ws_topic_take(subscriber);
}


static void
ws_watch_leave(ws_watcher_t *w)
{
    ws_topic_leave(&((ws_topic_watcher_t *) w)->subscriber);
}


static void
ws_watch_subject(ws_watcher_t *w, const ws_uuid_t **owner,
    const ws_uuid_t **org)
{
    ws_topic_t  *topic;

    topic = ((ws_topic_watcher_t *) w)->subscriber.topic;

    *owner = ws_topic_owner(topic);
    *org = ws_topic_org(topic);
}


static ngx_uint_t
ws_watch_knows_ids(ngx_http_request_t *r)
{
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    for (part = &r->headers_in.headers.part; part; part = part->next) {
        h = part->elts;

        for (i = 0; i < part->nelts; i++) {

            if (h[i].key.len == sizeof("Accept") - 1
                && ngx_strncasecmp(h[i].key.data, (u_char *) "Accept",
                                   sizeof("Accept") - 1)
                   == 0
                && ws_sse_accepted(&h[i].value))
            {
                return 1;
            }
        }
    }

    return 0;
}


static void
ws_watch_start(ws_watcher_t *w)
{
    ws_watch_t  *watch;

    watch = w->watch;

    ngx_queue_insert_tail(&watch->slots[watch->slot], &w->slot);

    if (watch->streams++ == 0 && !watch->tick.timer_set) {
        watch->due = ngx_current_msec + WS_WATCH_TICK;
        ngx_add_timer(&watch->tick, WS_WATCH_TICK);
    }
}


static void
ws_watch_stop(ws_watch_t *watch)
{
    if (watch->streams || !ngx_queue_empty(&watch->closing)
        || !watch->tick.timer_set)
    {
        return;
    }

    /* for what is left of a connection, see ws_watch_cut(); holds no worker */

    if (watch->quit && !watch->cut) {
        watch->tick.cancelable = 1;
        return;
    }

    ngx_del_timer(&watch->tick);
}


static void
ws_watch_woken(ws_subscriber_t *subscriber)
{
    ws_watcher_t  *w;

    w = (ws_watcher_t *) ((u_char *) subscriber
                          - offsetof(ws_topic_watcher_t, subscriber));

    /* it is served when what is under way has been sent */

    if (!w->stream.busy) {
        ws_watch_wake(w);
    }
}


static void
ws_watch_drained(ws_stream_t *stream)
{
    ws_watch_wake((ws_watcher_t *) stream);
}


void
ws_watch_gone(ws_stream_t *stream)
{
    ws_watcher_t *w = (ws_watcher_t *) stream;

    ws_watch_t  *watch;

    watch = w->watch;

    w->source->leave(w);
    ws_watch_check_end(w);

    ngx_queue_remove(&w->slot);
    watch->streams--;

    if (w->queued) {
        w->queued = 0;
        ngx_queue_remove(&w->run);
    }

    if (w->end == WS_WATCH_QUIT) {
        w->closing = 1;
        ngx_queue_insert_tail(&watch->closing, &w->slot);
    }

    ws_watch_stop(watch);
}


static void
ws_watch_freed(ws_stream_t *stream)
{
    ws_watcher_t *w = (ws_watcher_t *) stream;

    if (w->closing) {
        ngx_queue_remove(&w->slot);
        ws_watch_stop(w->watch);
    }
}


static void
ws_watch_changed(void *data, ngx_str_t *kind, ngx_str_t *id)
{
    ws_watch_t *watch = data;

    if (kind->len == 0) {
        ws_topics_changed(watch->topics, NULL);

    } else if (kind->len == sizeof("template") - 1
               && ngx_strncmp(kind->data, "template", kind->len) == 0)
    {
        ws_topics_changed(watch->topics, id);
    }
}
