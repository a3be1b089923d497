
/*
 * Waiters stand in the order in which they came, without those for whom a job
 * is on its way.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ws_dispatcher.h"


/* who does not want to wait gets an answer after this in any case */
#define WS_DISPATCH_ONCE_MS  5000


static ngx_int_t ws_dispatch_channels(ws_dispatch_t *d, ngx_pool_t *pool);
static void ws_dispatch_subscribe(ws_dispatch_t *d);
static void ws_dispatch_unsubscribe(ws_dispatch_t *d);
static void ws_dispatch_ready(void *data);
static void ws_dispatch_message(void *data, ngx_str_t *job);
static void ws_dispatch_timeout(ngx_event_t *ev);
static void ws_dispatch_wake(ngx_event_t *ev);
static void ws_dispatch_net(ngx_event_t *ev);
static void ws_dispatch_quit(void *data);


ws_dispatch_t *
ws_dispatch_create(ngx_pool_t *pool, ws_store_t *store)
{
    ws_dispatch_t  *d;

    d = ngx_pcalloc(pool, sizeof(ws_dispatch_t));
    if (d == NULL) {
        return NULL;
    }

    d->store = store;

    ngx_queue_init(&d->waiting);
    ngx_queue_init(&d->grants);

    d->queue = ws_queue_create(pool, store, ws_dispatch_step, d);

    if (d->queue == NULL || ws_dispatch_channels(d, pool) != NGX_OK) {
        return NULL;
    }

    d->wake.handler = ws_dispatch_wake;
    d->wake.data = d;
    d->wake.log = store->log;
    d->wake.cancelable = 1;

    d->net.handler = ws_dispatch_net;
    d->net.data = d;
    d->net.log = store->log;
    d->net.cancelable = 1;

    if (ws_redis_sub_on_quit(store->sub, ws_dispatch_quit, d) != NGX_OK) {
        return NULL;
    }

    return d;
}


static ngx_int_t
ws_dispatch_channels(ws_dispatch_t *d, ngx_pool_t *pool)
{
    ngx_uint_t              i, n;
    ws_dispatch_channel_t  *ch;

    n = d->store->ks->shards;

    d->channels = ngx_pcalloc(pool, n * sizeof(ws_dispatch_channel_t));
    if (d->channels == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < n; i++) {
        ch = &d->channels[i];

        ch->dispatch = d;
        ch->shard = i;
        ch->channel.name = ws_key(pool, d->store->ks, i, "queue", NULL, NULL);
        ch->channel.ready = ws_dispatch_ready;
        ch->channel.message = ws_dispatch_message;
        ch->channel.data = ch;

        if (ch->channel.name.data == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


ngx_int_t
ws_dispatch_wait(ws_dispatch_t *d, ws_waiter_t *waiter, ngx_msec_t wait_ms)
{
    if (d->quit) {
        return NGX_DECLINED;
    }

    waiter->dispatch = d;
    waiter->grant = NULL;
    waiter->late = 0;
    waiter->walked = 0;
    waiter->once = (wait_ms == 0);

    ngx_queue_insert_tail(&d->waiting, &waiter->queue);
    d->unmet.len = 0;

    waiter->timer.handler = ws_dispatch_timeout;
    waiter->timer.data = waiter;
    waiter->timer.log = d->store->log;

    ngx_add_timer(&waiter->timer, wait_ms ? wait_ms : WS_DISPATCH_ONCE_MS);

    d->used = ngx_current_msec;

    ws_dispatch_subscribe(d);

    if (!d->net.timer_set) {
        ngx_add_timer(&d->net, WS_DISPATCH_NET_MS);
    }

    ws_queue_mark_all(d->queue);
    ws_dispatch_walk(d);

    return NGX_OK;
}


void
ws_dispatch_leave(ws_waiter_t *waiter)
{
    if (waiter->dispatch == NULL) {
        return;
    }

    if (waiter->timer.timer_set) {
        ngx_del_timer(&waiter->timer);
    }

    if (waiter->grant) {
        waiter->grant->waiter = NULL;
        waiter->grant = NULL;

    } else {
        ngx_queue_remove(&waiter->queue);
    }

    waiter->dispatch->used = ngx_current_msec;
    waiter->dispatch = NULL;
}


void
ws_dispatch_close(ws_dispatch_t *d)
{
    ngx_queue_t  *q;
    ws_grant_t   *grant;

    if (d == NULL) {
        return;
    }

    d->quit = 1;

    ws_queue_stop(d->queue);
    ws_queue_forget(d->queue);

    while (!ngx_queue_empty(&d->grants)) {
        q = ngx_queue_head(&d->grants);
        ngx_queue_remove(q);

        grant = ngx_queue_data(q, ws_grant_t, queue);

        if (grant->waiter) {
            ws_dispatch_leave(grant->waiter);
        }

        ws_grant_abandon(grant);
    }
}


static void
ws_dispatch_subscribe(ws_dispatch_t *d)
{
    ngx_uint_t  i;

    if (d->subscribed) {
        return;
    }

    d->subscribed = 1;

    for (i = 0; i < d->store->ks->shards; i++) {

        /* without it a job is found by the net */

        if (ws_redis_subscribe(d->store->sub, &d->channels[i].channel)
            != NGX_OK)
        {
            ngx_log_error(NGX_LOG_ERR, d->store->log, 0,
                          "new jobs of shard %ui are not announced here", i);
        }
    }
}


static void
ws_dispatch_unsubscribe(ws_dispatch_t *d)
{
    ngx_uint_t  i;

    d->subscribed = 0;

    for (i = 0; i < d->store->ks->shards; i++) {
        ws_redis_unsubscribe(d->store->sub, &d->channels[i].channel);
    }
}


static void
ws_dispatch_ready(void *data)
{
    ws_dispatch_channel_t  *ch = data;

    ws_queue_mark(ch->dispatch->queue, ch->shard);

    ws_dispatch_schedule(ch->dispatch, 1 + ngx_random()
                                           % WS_DISPATCH_JITTER_MS);
}


/* an announcement is one for all workers: the jitter lets one be first */

static void
ws_dispatch_message(void *data, ngx_str_t *job)
{
    ws_dispatch_channel_t *ch = data;

    ws_dispatch_t  *d;

    d = ch->dispatch;

    ws_dispatch_forgive(d, job);

    if (ngx_queue_empty(&d->waiting)) {
        return;
    }

    ws_queue_mark(d->queue, ch->shard);

    ws_dispatch_schedule(d, 1 + ngx_random() % WS_DISPATCH_JITTER_MS);
}


static void
ws_dispatch_timeout(ngx_event_t *ev)
{
    ws_waiter_t  *waiter;

    waiter = ev->data;

    if (waiter->grant && !waiter->grant->unsure) {

        /* what is under way is known in a moment */

        waiter->late = 1;
        return;
    }

    ws_dispatch_over(waiter);
}


void
ws_dispatch_over(ws_waiter_t *waiter)
{
    ws_dispatch_leave(waiter);

    waiter->over(waiter->data);
}


static void
ws_dispatch_wake(ngx_event_t *ev)
{
    ws_dispatch_walk(ev->data);
}


static void
ws_dispatch_net(ngx_event_t *ev)
{
    ws_dispatch_t  *d;

    d = ev->data;

    if (d->quit || ngx_exiting || ngx_terminate) {
        return;
    }

    if (!ngx_queue_empty(&d->waiting) || d->ngrants) {
        d->used = ngx_current_msec;

        ws_queue_mark_all(d->queue);
        ws_dispatch_walk(d);

    } else if (ngx_current_msec - d->used > WS_DISPATCH_LINGER_MS) {
        ws_dispatch_unsubscribe(d);
        ws_queue_forget(d->queue);
        return;
    }

    /* workers drift apart */

    ngx_add_timer(ev, WS_DISPATCH_NET_MS - 500 + ngx_random() % 1000);
}


/* a waiter whose job is on its way still gets it */

static void
ws_dispatch_quit(void *data)
{
    ws_dispatch_t *d = data;

    ngx_queue_t  *q;

    d->quit = 1;
    d->walking = 0;

    ws_queue_stop(d->queue);

    if (d->wake.timer_set) {
        ngx_del_timer(&d->wake);
    }

    while (!ngx_queue_empty(&d->waiting)) {
        q = ngx_queue_head(&d->waiting);
        ws_dispatch_over(ngx_queue_data(q, ws_waiter_t, queue));
    }
}
