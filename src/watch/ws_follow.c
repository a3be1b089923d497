
/*
 * Followers of one build in a worker share a tail: its subscription.  When a
 * message has come, or the subscription is confirmed, each reads what is new.
 *
 * A reading is three commands in one go: whether the build is superseded, the
 * status of its workspace, the lines.  While a cluster's slot moves to another
 * node they may be carried out in any order, though they are answered in
 * this one; so when the job is found ended the lines are read once more: now
 * there are no more than those that come.  What was published since a reading
 * was issued asks for another one.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>
#include "ws_build.h"
#include "ws_follow.h"
#include "ws_log.h"
#include "ws_policy.h"
#include "ws_sse.h"
#include "ws_watcher.h"


#define WS_FOLLOW_READINGS  3

/* when Redis has not answered, ms */
#define WS_FOLLOW_RETRY     500


typedef struct {
    ngx_queue_t          queue;     /* of the watch */
    ngx_queue_t          followers;
    ngx_pool_t          *pool;
    ws_watch_t          *watch;
    ws_uuid_t            build;
    ws_redis_channel_t   channel;
    ngx_str_t            key;       /* of the build's hash */
    ngx_str_t            workspace; /* of its workspace's */
    ngx_event_t          retry;
} ws_tail_t;


typedef struct {
    ws_watcher_t         w;         /* must be first */
    ws_tail_t           *tail;
    ngx_queue_t          queue;     /* of the tail */
    ws_uuid_t            owner;
    ws_uuid_t            org;
    int64_t              sent;      /* lines that it has */
    ws_event_t          *event;     /* lines that have been read */
    int64_t              count;     /* that many */

    ws_redis_cmd_t      *cmds[WS_FOLLOW_READINGS];

    unsigned             wanted:1;  /* there may be something to read */
    unsigned             over:1;    /* the job has ended */
    unsigned             final:1;   /* that was known to the reading */
    unsigned             done:1;    /* there are no more lines */
    unsigned             failed:1;  /* a part of the reading has */
} ws_follower_t;


static ws_follower_t *ws_follow_create(ws_watch_t *watch,
    ngx_http_request_t *r, ws_follow_open_t *open);
static ngx_int_t ws_follow_join(ws_follower_t *f, ws_watch_t *watch,
    ws_follow_open_t *open);

static ws_event_t *ws_follow_take(ws_watcher_t *w, ngx_uint_t *last);
static void ws_follow_leave(ws_watcher_t *w);
static void ws_follow_subject(ws_watcher_t *w, const ws_uuid_t **owner,
    const ws_uuid_t **org);

static void ws_follow_read(ws_follower_t *f);
static ngx_int_t ws_follow_ask(ws_follower_t *f);
static ngx_int_t ws_follow_command(ws_follower_t *f, ngx_uint_t n,
    ngx_uint_t argc, ngx_str_t *argv, ws_redis_handler_pt handler);
static void ws_follow_superseded(void *data, ws_reply_t *reply);
static void ws_follow_status(void *data, ws_reply_t *reply);
static void ws_follow_lines(void *data, ws_reply_t *reply);
static ngx_int_t ws_follow_event(ws_follower_t *f, ws_reply_t *lines);
static void ws_follow_cancel(ws_follower_t *f);

static ws_tail_t *ws_tail_find(ws_watch_t *watch, const ws_uuid_t *build);
static ws_tail_t *ws_tail_create(ws_watch_t *watch, ws_follow_open_t *open);
static void ws_tail_destroy(ws_tail_t *tail);
static void ws_tail_ready(void *data);
static void ws_tail_message(void *data, ngx_str_t *payload);
static void ws_tail_wake(ws_tail_t *tail);
static void ws_tail_later(ws_tail_t *tail);
static void ws_tail_retry(ngx_event_t *ev);


static const ws_watch_source_t  ws_follow_source = {
    ws_follow_take,
    ws_follow_leave,
    ws_follow_subject,
    WS_ACTION_READ
};


ngx_int_t
ws_follow_open(ws_watch_t *watch, ngx_http_request_t *r,
    ws_follow_open_t *open)
{
    ws_follower_t  *f;

    f = ws_follow_create(watch, r, open);
    if (f == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    if (ws_follow_join(f, watch, open) != NGX_OK) {
        ws_watch_gone(&f->w.stream);
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    return ws_watch_begin(&f->w, r);
}


static ws_follower_t *
ws_follow_create(ws_watch_t *watch, ngx_http_request_t *r,
    ws_follow_open_t *open)
{
    ws_follower_t  *f;

    f = ngx_pcalloc(r->pool, sizeof(ws_follower_t));
    if (f == NULL) {
        return NULL;
    }

    f->owner = open->owner;
    f->org = open->org;
    f->sent = open->after;

    ws_watch_init(&f->w, watch, &ws_follow_source, &open->user, &open->token);

    return f;
}


static ngx_int_t
ws_follow_join(ws_follower_t *f, ws_watch_t *watch, ws_follow_open_t *open)
{
    ws_tail_t  *tail;

    tail = ws_tail_find(watch, &open->build);

    if (tail == NULL) {
        tail = ws_tail_create(watch, open);

        if (tail == NULL) {
            return NGX_ERROR;
        }
    }

    f->tail = tail;
    ngx_queue_insert_tail(&tail->followers, &f->queue);

    /* what is there; once more when the subscription is confirmed */

    f->wanted = 1;
    ws_watch_wake(&f->w);

    return NGX_OK;
}


static ws_event_t *
ws_follow_take(ws_watcher_t *w, ngx_uint_t *last)
{
    ws_follower_t *f = (ws_follower_t *) w;

    ws_event_t  *event;

    event = f->event;

    if (event) {
        f->event = NULL;
        f->sent += f->count;
    }

    if (f->done && !f->wanted) {
        *last = 1;

    } else if (f->wanted && event) {

        /* the next piece is read when this one has been taken */

        ws_watch_wake(w);

    } else if (f->wanted) {
        ws_follow_read(f);
    }

    return event;
}


static void
ws_follow_leave(ws_watcher_t *w)
{
    ws_follower_t *f = (ws_follower_t *) w;

    ws_follow_cancel(f);

    ws_event_unref(f->event);
    f->event = NULL;

    if (f->tail == NULL) {
        return;
    }

    ngx_queue_remove(&f->queue);

    if (ngx_queue_empty(&f->tail->followers)) {
        ws_tail_destroy(f->tail);
    }

    f->tail = NULL;
}


static void
ws_follow_subject(ws_watcher_t *w, const ws_uuid_t **owner,
    const ws_uuid_t **org)
{
    ws_follower_t *f = (ws_follower_t *) w;

    *owner = &f->owner;
    *org = &f->org;
}


static void
ws_follow_read(ws_follower_t *f)
{
    ngx_int_t   rc;
    u_char      first[NGX_INT64_LEN], last[NGX_INT64_LEN];
    ngx_str_t   argv[4];
    ws_tail_t  *tail;

    if (f->cmds[WS_FOLLOW_READINGS - 1]) {
        return;
    }

    tail = f->tail;

    f->wanted = 0;
    f->failed = 0;
    f->done = 0;
    f->final = f->over;

    rc = f->over ? NGX_OK : ws_follow_ask(f);

    ngx_str_set(&argv[0], "LRANGE");
    argv[1] = tail->channel.name;
    argv[2].data = first;
    argv[2].len = ngx_sprintf(first, "%L", f->sent) - first;
    argv[3].data = last;
    argv[3].len = ngx_sprintf(last, "%L", f->sent + WS_LOG_READ - 1)
                  - last;

    if (rc == NGX_OK) {
        rc = ws_follow_command(f, 2, 4, argv, ws_follow_lines);
    }

    if (rc != NGX_OK) {
        ws_follow_cancel(f);
        ws_tail_later(tail);
    }
}


/* asks whether the job has ended */

static ngx_int_t
ws_follow_ask(ws_follower_t *f)
{
    ngx_str_t  argv[3];

    ngx_str_set(&argv[0], "HEXISTS");
    argv[1] = f->tail->key;
    ngx_str_set(&argv[2], "d");

    if (ws_follow_command(f, 0, 3, argv, ws_follow_superseded) != NGX_OK) {
        return NGX_ERROR;
    }

    ngx_str_set(&argv[0], "HGET");
    argv[1] = f->tail->workspace;
    ngx_str_set(&argv[2], "m");

    return ws_follow_command(f, 1, 3, argv, ws_follow_status);
}


static ngx_int_t
ws_follow_command(ws_follower_t *f, ngx_uint_t n, ngx_uint_t argc,
    ngx_str_t *argv, ws_redis_handler_pt handler)
{
    f->cmds[n] = ws_redis_command(f->w.watch->store->redis, WS_REDIS_READ,
                                  argc, argv, handler, f);

    return f->cmds[n] ? NGX_OK : NGX_ERROR;
}


static void
ws_follow_superseded(void *data, ws_reply_t *reply)
{
    ws_follower_t *f = data;

    f->cmds[0] = NULL;

    if (reply == NULL || reply->type != WS_REPLY_INTEGER) {
        f->failed = 1;

    } else if (reply->integer) {
        f->over = 1;
    }
}


static void
ws_follow_status(void *data, ws_reply_t *reply)
{
    ws_follower_t *f = data;

    ws_meta_t  meta;

    f->cmds[1] = NULL;

    if (reply == NULL || reply->type == WS_REPLY_ERROR) {
        f->failed = 1;
        return;
    }

    if (reply->type != WS_REPLY_STRING
        || ws_meta_parse(&reply->str, &meta) != NGX_OK
        || !ws_build_status_active(&meta.status))
    {
        f->over = 1;
    }
}


static void
ws_follow_lines(void *data, ws_reply_t *reply)
{
    ws_follower_t *f = data;

    f->cmds[2] = NULL;

    if (reply == NULL || reply->type != WS_REPLY_ARRAY || f->failed
        || ws_follow_event(f, reply) != NGX_OK)
    {
        ws_tail_later(f->tail);
        return;
    }

    if (reply->n == WS_LOG_READ || (f->over && !f->final)) {
        f->wanted = 1;

    } else {
        f->done = f->over;
    }

    if (f->event || f->done || f->wanted) {
        ws_watch_wake(&f->w);
    }
}


static ngx_int_t
ws_follow_event(ws_follower_t *f, ws_reply_t *lines)
{
    size_t       size, start;
    ngx_str_t   *line;
    ws_json_t    w;
    ngx_uint_t   i;
    ws_event_t  *event;

    if (lines->n == 0) {
        return NGX_OK;
    }

    event = ws_event_create(f->w.watch->store->log);
    if (event == NULL) {
        return NGX_ERROR;
    }

    size = 0;

    for (i = 0; i < lines->n; i++) {
        size += WS_SSE_ROOM + lines->elts[i].str.len;
    }

    ws_json_init(&w, event->pool, size);

    for (i = 0; i < lines->n; i++) {
        line = &lines->elts[i].str;

        ws_sse_id(&w, f->sent + i + 1);
        ws_sse_begin(&w, "data");
        start = w.last - w.start;
        ws_json_raw(&w, line->data, line->len);

        if (!w.failed) {
            (void) ws_sse_one_line(w.start + start, w.last);
        }

        ws_sse_end(&w);
    }

    f->event = ws_event_finish(event, &w, 0);
    f->count = lines->n;

    return f->event ? NGX_OK : NGX_ERROR;
}


static void
ws_follow_cancel(ws_follower_t *f)
{
    ngx_uint_t  i;

    for (i = 0; i < WS_FOLLOW_READINGS; i++) {
        if (f->cmds[i]) {
            ws_redis_cancel(f->cmds[i]);
            f->cmds[i] = NULL;
        }
    }
}


/* looked for when a stream begins only; there are few */

static ws_tail_t *
ws_tail_find(ws_watch_t *watch, const ws_uuid_t *build)
{
    ws_tail_t    *tail;
    ngx_queue_t  *q;

    for (q = ngx_queue_head(&watch->tails);
         q != ngx_queue_sentinel(&watch->tails);
         q = ngx_queue_next(q))
    {
        tail = ngx_queue_data(q, ws_tail_t, queue);

        if (ws_uuid_eq(&tail->build, build)) {
            return tail;
        }
    }

    return NULL;
}


static ws_tail_t *
ws_tail_create(ws_watch_t *watch, ws_follow_open_t *open)
{
    ngx_str_t       id;
    ws_tail_t      *tail;
    ngx_uint_t      shard;
    ngx_pool_t     *pool;
    ws_keyspace_t  *ks;

    pool = ngx_create_pool(1024, watch->store->log);
    if (pool == NULL) {
        return NULL;
    }

    tail = ngx_pcalloc(pool, sizeof(ws_tail_t));
    id = ws_uuid_str(pool, &open->build);

    if (tail == NULL || id.data == NULL) {
        goto failed;
    }

    ks = watch->store->ks;
    shard = ws_uuid_shard(&open->build, ks->shards);

    tail->pool = pool;
    tail->watch = watch;
    tail->build = open->build;
    tail->key = ws_key(pool, ks, shard, "build", &id, NULL);
    tail->workspace = ws_key_workspace(pool, ks, &open->workspace);

    ngx_queue_init(&tail->followers);

    tail->channel.name = ws_key(pool, ks, shard, "logs", &id, NULL);
    tail->channel.ready = ws_tail_ready;
    tail->channel.message = ws_tail_message;
    tail->channel.data = tail;

    tail->retry.handler = ws_tail_retry;
    tail->retry.data = tail;
    tail->retry.log = watch->store->log;
    tail->retry.cancelable = 1;

    if (tail->key.data == NULL || tail->workspace.data == NULL
        || tail->channel.name.data == NULL
        || ws_redis_subscribe(watch->store->sub, &tail->channel) != NGX_OK)
    {
        goto failed;
    }

    ngx_queue_insert_tail(&watch->tails, &tail->queue);

    return tail;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


static void
ws_tail_destroy(ws_tail_t *tail)
{
    ws_redis_unsubscribe(tail->watch->store->sub, &tail->channel);

    if (tail->retry.timer_set) {
        ngx_del_timer(&tail->retry);
    }

    ngx_queue_remove(&tail->queue);

    ngx_destroy_pool(tail->pool);
}


static void
ws_tail_ready(void *data)
{
    ws_tail_wake(data);
}


static void
ws_tail_message(void *data, ngx_str_t *payload)
{
    ws_tail_wake(data);
}


static void
ws_tail_wake(ws_tail_t *tail)
{
    ngx_queue_t    *q;
    ws_follower_t  *f;

    for (q = ngx_queue_head(&tail->followers);
         q != ngx_queue_sentinel(&tail->followers);
         q = ngx_queue_next(q))
    {
        f = ngx_queue_data(q, ws_follower_t, queue);

        f->wanted = 1;
        ws_watch_wake(&f->w);
    }
}


static void
ws_tail_later(ws_tail_t *tail)
{
    if (!tail->retry.timer_set) {
        ngx_add_timer(&tail->retry, WS_FOLLOW_RETRY);
    }
}


static void
ws_tail_retry(ngx_event_t *ev)
{
    ws_tail_wake(ev->data);
}
