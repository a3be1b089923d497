
/*
 * A grant is acquired, in doubt, or being given back.
 *
 * In doubt is one whose commit got no answer: the workspace is read until it
 * is known whose lease it has.  Should the commit still be on its way then, a
 * second one with the same lease and the same guard can do no harm.
 *
 * Whatever happens, there is an end to it when the time of the waiter, and of
 * the lease that was committed last, is over.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ws_cache.h"
#include "ws_dir.h"
#include "ws_dispatcher.h"
#include "ws_job.h"
#include "ws_lease.h"
#include "ws_redis_error.h"


#define WS_GRANT_TRIES     8        /* of commits that others win */
#define WS_GRANT_RETRY_MS  500      /* when Redis does not answer */


typedef struct {
    ws_grant_t           pub;
    ngx_pool_t          *pool;
    ws_uuid_t            id;        /* of the workspace */
    ngx_uint_t           lines;
    ws_workspace_t      *w;
    ws_dir_ref_t         token;
    ws_dir_ref_t         provisioner;
    ws_dir_ref_t         owner;
    ws_dir_ref_t         template;
    ws_redis_cmd_t      *cmd;
    ws_redis_cmd_t      *count;     /* reads the number of lines */
    ws_txn_t             txn;
    ngx_event_t          timer;
    ngx_uint_t           tries;
    ws_lease_t           lease;     /* no id: not committed yet */
    int64_t              lease_ms;
    unsigned             returning:1;
} ws_grant_run_t;


static ngx_int_t ws_grant_count(ws_grant_run_t *g);
static void ws_grant_counted(void *data, ws_reply_t *reply);
static ngx_int_t ws_grant_load(ws_grant_run_t *g);
static void ws_grant_loaded(void *data, ws_reply_t *reply);
static void ws_grant_decide(void *data);
static ngx_int_t ws_grant_lookup(ws_grant_run_t *g);
static ngx_int_t ws_grant_find(ws_grant_run_t *g, ws_dir_ref_t *ref,
    ngx_uint_t kind, const ws_uuid_t *id);
static ngx_int_t ws_grant_acquire(ws_grant_run_t *g);
static ngx_int_t ws_grant_commit(ws_grant_run_t *g,
    ws_redis_handler_pt handler);
static void ws_grant_committed(void *data, ws_reply_t *reply);
static void ws_grant_hand_over(ws_grant_run_t *g);
static void ws_grant_give_back(ws_grant_run_t *g);
static void ws_grant_returned(void *data, ws_reply_t *reply);
static void ws_grant_retry(ws_grant_run_t *g);
static void ws_grant_timer(ngx_event_t *ev);
static void ws_grant_end(ws_grant_run_t *g, ngx_uint_t how);
static ngx_uint_t ws_grant_ours(ws_grant_run_t *g);


ws_grant_t *
ws_grant_start(ws_store_t *store, ws_waiter_t *waiter, ws_queued_t *job,
    void (*end)(void *data, ws_grant_t *grant, ngx_uint_t how), void *data)
{
    ngx_pool_t      *pool;
    ws_grant_run_t  *g;

    pool = ngx_create_pool(4096, store->log);
    if (pool == NULL) {
        return NULL;
    }

    g = ngx_pcalloc(pool, sizeof(ws_grant_run_t));

    if (g == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    g->pool = pool;
    g->id = job->workspace;

    g->pub.store = store;
    g->pub.waiter = waiter;
    g->pub.end = end;
    g->pub.data = data;
    g->pub.job.len = job->id.len;
    g->pub.job.data = ngx_pstrdup(pool, &job->id);

    g->token.handler = ws_grant_decide;
    g->token.data = g;
    g->provisioner.handler = ws_grant_decide;
    g->provisioner.data = g;
    g->owner.handler = ws_grant_decide;
    g->owner.data = g;
    g->template.handler = ws_grant_decide;
    g->template.data = g;

    g->timer.handler = ws_grant_timer;
    g->timer.data = g;
    g->timer.log = store->log;

    if (g->pub.job.data == NULL || ws_grant_count(g) != NGX_OK
        || ws_grant_load(g) != NGX_OK)
    {
        ws_grant_abandon(&g->pub);
        return NULL;
    }

    return &g->pub;
}


void
ws_grant_abandon(ws_grant_t *grant)
{
    ws_grant_run_t *g = (ws_grant_run_t *) grant;

    if (g->cmd) {
        ws_redis_cancel(g->cmd);
    }

    if (g->count) {
        ws_redis_cancel(g->count);
    }

    if (g->timer.timer_set) {
        ngx_del_timer(&g->timer);
    }

    ws_dir_unref(&g->token);
    ws_dir_unref(&g->provisioner);
    ws_dir_unref(&g->owner);
    ws_dir_unref(&g->template);

    ngx_destroy_pool(g->pool);
}


/* the answer comes before that to ws_grant_load(), which follows */

static ngx_int_t
ws_grant_count(ws_grant_run_t *g)
{
    ngx_uint_t  shard;
    ngx_str_t   argv[3];

    shard = ws_uuid_shard(&g->id, g->pub.store->ks->shards);

    ngx_str_set(&argv[0], "HGET");
    argv[1] = ws_key(g->pool, g->pub.store->ks, shard, "job", &g->pub.job,
                     NULL);
    ngx_str_set(&argv[2], "n");

    if (argv[1].data == NULL) {
        return NGX_ERROR;
    }

    g->count = ws_redis_command(g->pub.store->redis, WS_REDIS_READ, 3, argv,
                                ws_grant_counted, g);

    return g->count ? NGX_OK : NGX_ERROR;
}


static void
ws_grant_counted(void *data, ws_reply_t *reply)
{
    ws_grant_run_t *g = data;

    g->count = NULL;

    if (reply && reply->type == WS_REPLY_STRING) {
        g->lines = ngx_max(0, ngx_atoi(reply->str.data, reply->str.len));
    }
}


static ngx_int_t
ws_grant_load(ws_grant_run_t *g)
{
    ngx_str_t  argv[WS_WORKSPACE_ARGS];

    if (ws_workspace_query(g->pool, g->pub.store->ks, &g->id, argv)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    g->cmd = ws_redis_command(g->pub.store->redis, WS_REDIS_READ,
                              WS_WORKSPACE_ARGS, argv, ws_grant_loaded, g);

    return g->cmd ? NGX_OK : NGX_ERROR;
}


static void
ws_grant_loaded(void *data, ws_reply_t *reply)
{
    ws_grant_run_t *g = data;

    ngx_int_t  rc;

    g->cmd = NULL;

    if (reply == NULL || reply->type != WS_REPLY_ARRAY) {
        ws_grant_retry(g);
        return;
    }

    rc = ws_workspace_load(g->pool, &g->id, reply, &g->w);

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, g->pub.store->log, 0,
                      "the workspace of job \"%V\" is broken", &g->pub.job);
    }

    if (rc != NGX_OK) {
        ws_grant_end(g, WS_GRANT_BROKEN);
        return;
    }

    if (g->returning) {
        ws_grant_give_back(g);

    } else if (ws_grant_ours(g)) {
        ws_grant_hand_over(g);

    } else {
        ws_grant_decide(g);
    }
}


static void
ws_grant_decide(void *data)
{
    ws_grant_run_t *g = data;

    ngx_str_t  queued;

    g->pub.unsure = 0;

    queued = ws_workspace_queued(g->w);

    if (queued.len != g->pub.job.len
        || ngx_memcmp(queued.data, g->pub.job.data, queued.len) != 0)
    {
        ws_grant_end(g, WS_GRANT_LOST);
        return;
    }

    if (g->pub.waiter == NULL) {
        ws_grant_end(g, WS_GRANT_REFUSED);
        return;
    }

    switch (ws_grant_lookup(g)) {

    case NGX_OK:
        break;

    case NGX_AGAIN:
        return;

    case NGX_DECLINED:
        ws_grant_end(g, WS_GRANT_REFUSED);
        return;

    case NGX_ABORT:
        ngx_log_error(NGX_LOG_ERR, g->pub.store->log, 0,
                      "job \"%V\" has no owner or template", &g->pub.job);
        ws_grant_end(g, WS_GRANT_BROKEN);
        return;

    default:
        ws_grant_end(g, WS_GRANT_FAILED);
        return;
    }

    if (ws_grant_acquire(g) != NGX_OK
        || ws_grant_commit(g, ws_grant_committed) != NGX_OK)
    {
        ws_grant_end(g, WS_GRANT_FAILED);
    }
}


/*
 * All that the provisioner is told, and whether it still is one: its request
 * may have been waiting for a minute.  NGX_OK, NGX_AGAIN, NGX_ERROR,
 * NGX_DECLINED (it is none), NGX_ABORT (the job is not complete).
 */

static ngx_int_t
ws_grant_lookup(ws_grant_run_t *g)
{
    ngx_int_t     rc;
    ws_waiter_t  *waiter;

    waiter = g->pub.waiter;

    rc = ws_dir_get(g->pub.store->dir, &g->token, WS_DIR_TOKEN,
                    &waiter->token);

    if (rc == NGX_OK
        && !ws_uuid_eq(&g->token.entry->u.token.provisioner,
                       &waiter->provisioner))
    {
        rc = NGX_DECLINED;
    }

    if (rc == NGX_OK) {
        rc = ws_grant_find(g, &g->provisioner, WS_DIR_PROVISIONER,
                           &waiter->provisioner);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ws_grant_find(g, &g->owner, WS_DIR_USER, &g->w->meta.owner);

    if (rc == NGX_OK) {
        rc = ws_grant_find(g, &g->template, WS_DIR_TEMPLATE,
                           &g->w->meta.template);
    }

    return rc == NGX_DECLINED ? NGX_ABORT : rc;
}


static ngx_int_t
ws_grant_find(ws_grant_run_t *g, ws_dir_ref_t *ref, ngx_uint_t kind,
    const ws_uuid_t *id)
{
    u_char     text[WS_UUID_LEN];
    ngx_str_t  key;

    key.data = text;
    key.len = ws_uuid_format(text, id) - text;

    return ws_dir_get(g->pub.store->dir, ref, kind, &key);
}


static ngx_int_t
ws_grant_acquire(ws_grant_run_t *g)
{
    /* once: a second commit has the same */

    if (g->lease.id.len == 0
        && ws_lease_generate(g->pool, &g->id, &g->lease) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ws_job_acquire(g->w, &g->pub.waiter->provisioner, &g->lease.id,
                       &g->lease.agent_hash, ws_store_now_ms(g->pub.store))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    g->lease_ms = g->w->lease_ms;

    return NGX_OK;
}


static ngx_int_t
ws_grant_commit(ws_grant_run_t *g, ws_redis_handler_pt handler)
{
    ngx_str_t   *argv;
    ngx_uint_t   argc;
    ws_store_t  *store;

    store = g->pub.store;

    if (ws_txn_init(&g->txn, g->pool) != NGX_OK
        || ws_workspace_commit(g->w, store->ks, &g->txn, NULL) != NGX_OK
        || ws_txn_argv(&g->txn, &argc, &argv) != NGX_OK)
    {
        return NGX_ERROR;
    }

    g->cmd = ws_redis_script(store->redis, &store->txn, argc, argv, handler,
                             g);

    return g->cmd ? NGX_OK : NGX_ERROR;
}


static void
ws_grant_committed(void *data, ws_reply_t *reply)
{
    ws_grant_run_t *g = data;

    ngx_int_t   rc;
    ngx_uint_t  guard, sent;

    sent = ws_redis_cmd_sent(g->cmd);
    g->cmd = NULL;

    ws_cache_forget(g->pub.store->cache, &g->w->id);

    rc = ws_txn_result(reply, &guard);

    if (rc == NGX_OK) {
        ws_grant_hand_over(g);
        return;
    }

    if (rc == NGX_ERROR && reply) {

        /* Redis takes no changes now, or this one never */

        ws_grant_end(g, ws_redis_error(reply) ? WS_GRANT_FAILED
                                              : WS_GRANT_BROKEN);
        return;
    }

    if (rc == NGX_ERROR) {

        if (sent) {
            g->pub.unsure = 1;

            /* its timer is gone, and what is under way may be so for long */

            if (g->pub.waiter && g->pub.waiter->late) {
                ws_dispatch_over(g->pub.waiter);
            }

            ws_grant_retry(g);

        } else {
            ws_grant_end(g, WS_GRANT_FAILED);
        }

        return;
    }

    /* the workspace has changed: is the job still there to be had? */

    if (++g->tries == WS_GRANT_TRIES) {
        ws_grant_end(g, WS_GRANT_LOST);

    } else if (ws_grant_load(g) != NGX_OK) {
        ws_grant_end(g, WS_GRANT_FAILED);
    }
}


static void
ws_grant_hand_over(ws_grant_run_t *g)
{
    ngx_int_t      rc;
    ws_waiter_t   *waiter;
    ws_granted_t   granted;

    g->pub.unsure = 0;

    rc = NGX_DECLINED;
    waiter = g->pub.waiter;

    if (waiter) {
        granted.workspace = g->w;
        granted.owner = &g->owner.entry->u.user;
        granted.template = &g->template.entry->u.template;
        granted.lease = g->lease.id;
        granted.lease_ms = g->w->lease_ms;
        granted.agent_token = g->lease.agent_token;
        granted.lines = g->lines;

        ws_dispatch_leave(waiter);

        rc = waiter->granted(waiter->data, &granted);
    }

    if (rc == NGX_OK) {
        ws_grant_end(g, WS_GRANT_DONE);
        return;
    }

    ngx_log_error(NGX_LOG_INFO, g->pub.store->log, 0,
                  "job \"%V\" is given back: its provisioner is gone",
                  &g->pub.job);

    g->returning = 1;
    g->tries = 0;

    if (ws_grant_load(g) != NGX_OK) {
        ws_grant_retry(g);
    }
}


static void
ws_grant_give_back(ws_grant_run_t *g)
{
    if (!ws_grant_ours(g)
        || ws_job_give_back(g->w, ws_store_now_ms(g->pub.store)) != NGX_OK)
    {
        ws_grant_end(g, WS_GRANT_DONE);
        return;
    }

    if (ws_grant_commit(g, ws_grant_returned) != NGX_OK) {
        ws_grant_retry(g);
    }
}


static void
ws_grant_returned(void *data, ws_reply_t *reply)
{
    ws_grant_run_t *g = data;

    ngx_int_t   rc;
    ngx_uint_t  guard;

    g->cmd = NULL;

    rc = ws_txn_result(reply, &guard);

    if (rc == NGX_OK || (rc == NGX_DECLINED && ++g->tries == WS_GRANT_TRIES)) {
        ws_grant_end(g, WS_GRANT_DONE);

    } else if (rc == NGX_ERROR || ws_grant_load(g) != NGX_OK) {
        ws_grant_retry(g);
    }
}


/* Redis did not answer: nothing has been done, or it is to be found out */

static void
ws_grant_retry(ws_grant_run_t *g)
{
    if (g->returning || g->pub.unsure) {

        if (ws_store_now_ms(g->pub.store) < g->lease_ms) {
            ngx_add_timer(&g->timer, WS_GRANT_RETRY_MS);
            return;
        }

        /* the lease has run out, if it ever began */
    }

    ws_grant_end(g, WS_GRANT_FAILED);
}


static void
ws_grant_timer(ngx_event_t *ev)
{
    ws_grant_run_t  *g;

    g = ev->data;

    if (ws_grant_load(g) != NGX_OK) {
        ws_grant_retry(g);
    }
}


static void
ws_grant_end(ws_grant_run_t *g, ngx_uint_t how)
{
    g->pub.end(g->pub.data, &g->pub, how);

    ws_grant_abandon(&g->pub);
}


/* whether the workspace, as it was read, has the lease of this grant */

static ngx_uint_t
ws_grant_ours(ws_grant_run_t *g)
{
    ngx_str_t  *id;

    id = &g->lease.id;

    return id->len && g->w->lease.len == id->len
           && ngx_memcmp(g->w->lease.data, id->data, id->len) == 0;
}
