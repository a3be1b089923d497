
/*
 * A walk takes the jobs in their order and looks for the first waiter of
 * each; it ends when the jobs or the waiters do.  Whatever may have changed
 * the outcome (a waiter came, a job was lost to another worker) makes for
 * another walk from the beginning: nothing about jobs is remembered from one
 * walk to the next, but for those that went wrong a moment ago.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ws_dispatcher.h"


/* how long a job that went wrong is left alone */
#define WS_DISPATCH_LOST_MS    1000
#define WS_DISPATCH_BROKEN_MS  5000


static void ws_dispatch_walked(ws_dispatch_t *d);
static ws_waiter_t *ws_dispatch_match(ws_dispatch_t *d, ws_need_t *need);
static ngx_int_t ws_dispatch_grant(ws_dispatch_t *d, ws_queued_t *job);
static void ws_dispatch_ended(void *data, ws_grant_t *grant, ngx_uint_t how);
static ngx_uint_t ws_dispatch_passed(ws_dispatch_t *d, ngx_str_t *job);
static ws_dispatch_shunned_t *ws_dispatch_find_shunned(ws_dispatch_t *d,
    ngx_str_t *job);
static void ws_dispatch_shun(ws_dispatch_t *d, ngx_str_t *job, ngx_msec_t ms);


void
ws_dispatch_schedule(ws_dispatch_t *d, ngx_msec_t delay)
{
    if (d->quit) {
        return;
    }

    if (d->wake.timer_set) {
        if ((ngx_msec_int_t) (d->wake.timer.key - ngx_current_msec)
            <= (ngx_msec_int_t) delay)
        {
            return;
        }

        ngx_del_timer(&d->wake);
    }

    ngx_add_timer(&d->wake, delay);
}


void
ws_dispatch_walk(ws_dispatch_t *d)
{
    ngx_uint_t    n;
    ngx_queue_t  *q;
    ws_waiter_t  *waiter;

    if (d->walking) {
        d->again = 1;
        return;
    }

    if (d->quit || !ws_queue_marked(d->queue)) {
        return;
    }

    n = 0;

    for (q = ngx_queue_head(&d->waiting);
         q != ngx_queue_sentinel(&d->waiting);
         q = ngx_queue_next(q))
    {
        waiter = ngx_queue_data(q, ws_waiter_t, queue);
        waiter->walked = 1;
        n++;
    }

    if (n == 0) {
        return;
    }

    d->walking = 1;
    d->full = 0;

    ws_queue_start(d->queue, n);

    ws_dispatch_step(d);
}


/* as far as what has been read allows */

void
ws_dispatch_step(void *data)
{
    ws_dispatch_t *d = data;

    ngx_int_t     rc;
    ws_queued_t  *job;

    while (!ngx_queue_empty(&d->waiting)) {

        if (d->ngrants == WS_DISPATCH_GRANTS) {
            d->full = 1;
            break;
        }

        rc = ws_queue_next(d->queue, &job);

        if (rc == NGX_AGAIN) {
            return;
        }

        if (rc == NGX_DONE) {
            ws_dispatch_walked(d);
            return;
        }

        if (rc == NGX_OK && !ws_dispatch_passed(d, &job->id)) {
            rc = ws_dispatch_grant(d, job);
        }

        if (rc == NGX_ERROR) {
            ws_queue_stop(d->queue);
            d->walking = 0;

            ws_queue_mark_all(d->queue);
            ws_dispatch_schedule(d, WS_DISPATCH_RETRY_MS);
            return;
        }
    }

    ws_queue_stop(d->queue);
    d->walking = 0;

    if (d->again) {
        d->again = 0;
        ws_dispatch_schedule(d, 0);
    }
}


/* to the end: who wanted to look only has done so */

static void
ws_dispatch_walked(ws_dispatch_t *d)
{
    ngx_queue_t  *q, *next, once;
    ws_waiter_t  *waiter;

    d->walking = 0;

    if (d->again) {
        d->again = 0;
        ws_dispatch_schedule(d, 0);
    }

    /* those who leave meanwhile leave this list as well */

    ngx_queue_init(&once);

    for (q = ngx_queue_head(&d->waiting);
         q != ngx_queue_sentinel(&d->waiting);
         q = next)
    {
        next = ngx_queue_next(q);
        waiter = ngx_queue_data(q, ws_waiter_t, queue);

        if (waiter->once && waiter->walked) {
            ngx_queue_remove(q);
            ngx_queue_insert_tail(&once, q);
        }
    }

    while (!ngx_queue_empty(&once)) {
        q = ngx_queue_head(&once);
        ws_dispatch_over(ngx_queue_data(q, ws_waiter_t, queue));
    }
}


static ws_waiter_t *
ws_dispatch_match(ws_dispatch_t *d, ws_need_t *need)
{
    ngx_queue_t          *q;
    ws_waiter_t          *waiter;
    ws_dispatch_unmet_t  *unmet;

    unmet = &d->unmet;

    if (unmet->len && unmet->len == need->tags.len
        && ngx_memcmp(unmet->tags, need->tags.data, unmet->len) == 0
        && ws_uuid_eq(&unmet->org, &need->org))
    {
        return NULL;
    }

    for (q = ngx_queue_head(&d->waiting);
         q != ngx_queue_sentinel(&d->waiting);
         q = ngx_queue_next(q))
    {
        waiter = ngx_queue_data(q, ws_waiter_t, queue);

        if (ws_need_met(need, &waiter->offer)) {
            return waiter;
        }
    }

    if (need->tags.len <= WS_DISPATCH_UNMET) {
        unmet->org = need->org;
        unmet->len = need->tags.len;
        ngx_memcpy(unmet->tags, need->tags.data, unmet->len);
    }

    return NULL;
}


/* NGX_OK, with or without a waiter for it, or NGX_ERROR */

static ngx_int_t
ws_dispatch_grant(ws_dispatch_t *d, ws_queued_t *job)
{
    ws_grant_t   *grant;
    ws_waiter_t  *waiter;

    waiter = ws_dispatch_match(d, &job->need);

    if (waiter == NULL) {
        ws_queue_remember(d->queue);
        return NGX_OK;
    }

    grant = ws_grant_start(d->store, waiter, job, ws_dispatch_ended, d);
    if (grant == NULL) {
        return NGX_ERROR;
    }

    ngx_queue_remove(&waiter->queue);
    waiter->grant = grant;

    ngx_queue_insert_tail(&d->grants, &grant->queue);
    d->ngrants++;

    return NGX_OK;
}


static void
ws_dispatch_ended(void *data, ws_grant_t *grant, ngx_uint_t how)
{
    ws_dispatch_t *d = data;

    ws_waiter_t  *waiter;

    ngx_queue_remove(&grant->queue);
    d->ngrants--;

    if (how == WS_GRANT_LOST) {
        ws_dispatch_shun(d, &grant->job, WS_DISPATCH_LOST_MS);

    } else if (how == WS_GRANT_BROKEN) {
        ws_dispatch_shun(d, &grant->job, WS_DISPATCH_BROKEN_MS);
    }

    waiter = grant->waiter;

    if (waiter) {
        grant->waiter = NULL;
        waiter->grant = NULL;

        ngx_queue_insert_head(&d->waiting, &waiter->queue);
        d->unmet.len = 0;

        if (d->quit || waiter->late || how == WS_GRANT_REFUSED) {
            ws_dispatch_over(waiter);
            waiter = NULL;
        }
    }

    /* a job that its waiter did not get is for those behind it */

    if (waiter || d->full || how == WS_GRANT_REFUSED
        || how == WS_GRANT_FAILED)
    {
        ws_queue_mark_all(d->queue);
        ws_dispatch_schedule(d, how == WS_GRANT_FAILED ? WS_DISPATCH_RETRY_MS
                                                       : ngx_random() % 4);
    }
}


/* a job is passed by while it is on its way, and when that went wrong */

static ngx_uint_t
ws_dispatch_passed(ws_dispatch_t *d, ngx_str_t *job)
{
    ws_grant_t   *grant;
    ngx_queue_t  *q;

    for (q = ngx_queue_head(&d->grants);
         q != ngx_queue_sentinel(&d->grants);
         q = ngx_queue_next(q))
    {
        grant = ngx_queue_data(q, ws_grant_t, queue);

        if (grant->job.len == job->len
            && ngx_memcmp(grant->job.data, job->data, job->len) == 0)
        {
            return 1;
        }
    }

    return ws_dispatch_find_shunned(d, job) != NULL;
}


void
ws_dispatch_forgive(ws_dispatch_t *d, ngx_str_t *job)
{
    ws_dispatch_shunned_t  *s;

    s = ws_dispatch_find_shunned(d, job);

    if (s) {
        s->set = 0;
    }
}


static ws_dispatch_shunned_t *
ws_dispatch_find_shunned(ws_dispatch_t *d, ngx_str_t *job)
{
    ngx_uint_t              i;
    ws_dispatch_shunned_t  *s;

    for (i = 0; i < WS_DISPATCH_SHUNNED; i++) {
        s = &d->shunned[i];

        if (s->set && (ngx_msec_int_t) (s->until - ngx_current_msec) <= 0) {
            s->set = 0;
        }

        if (s->set && job->len == WS_UUID_LEN
            && ngx_memcmp(s->job, job->data, WS_UUID_LEN) == 0)
        {
            return s;
        }
    }

    return NULL;
}


static void
ws_dispatch_shun(ws_dispatch_t *d, ngx_str_t *job, ngx_msec_t ms)
{
    ws_dispatch_shunned_t  *s;

    if (job->len != WS_UUID_LEN) {
        return;
    }

    s = &d->shunned[d->nshunned];
    d->nshunned = (d->nshunned + 1) % WS_DISPATCH_SHUNNED;

    ngx_memcpy(s->job, job->data, WS_UUID_LEN);
    s->until = ngx_current_msec + ms;
    s->set = 1;
}
