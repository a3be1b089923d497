
/*
 * Every path ends in one of three ways: a commit did what was due, and moved
 * the item by itself; the item was put off or dropped because it is not due;
 * or nothing was done, and it is due again when the claim's hold is over.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_agent.h"
#include "ws_clock_build.h"
#include "ws_clock_item.h"
#include "ws_due.h"
#include "ws_job.h"


#define WS_CLOCK_RETRIES  4


typedef struct {
    ngx_pool_t          *pool;
    ws_store_t          *store;
    ngx_uint_t           shard;
    ngx_str_t            member;
    ws_due_t             due;
    ws_clock_done_pt     done;
    void                *data;

    ws_redis_cmd_t      *cmd;
    ws_workspace_t      *w;
    int64_t              claim_ms;  /* when it was found due */
    ngx_str_t            alive;     /* the agent's last sign of life; empty */
    int64_t              lease_ms;  /* when the lease ends, as stored */
    ws_clock_build_t     build;
    ws_txn_t             txn;
    ngx_uint_t           retries;
    unsigned             failed:1;  /* Redis did not answer */
} ws_clock_item_t;


static ngx_int_t ws_clock_item_load(ws_clock_item_t *item);
static ngx_int_t ws_clock_item_load_alive(ws_clock_item_t *item);
static void ws_clock_item_alive(void *data, ws_reply_t *reply);
static void ws_clock_item_loaded(void *data, ws_reply_t *reply);
static void ws_clock_item_decide(void *data);
static ngx_int_t ws_clock_item_agent(ws_clock_item_t *item, int64_t *at_ms);
static int64_t ws_clock_item_now(ws_clock_item_t *item);
static void ws_clock_item_build(ws_clock_item_t *item);
static void ws_clock_item_commit(ws_clock_item_t *item);
static void ws_clock_item_guards(ws_clock_item_t *item);
static void ws_clock_item_committed(void *data, ws_reply_t *reply);
static void ws_clock_item_put_off(ws_clock_item_t *item, int64_t at_ms);
static void ws_clock_item_ended(void *data, ws_reply_t *reply);
static void ws_clock_item_end(ws_clock_item_t *item);
static int64_t ws_clock_item_entry(ws_clock_item_t *item);


ngx_int_t
ws_clock_item_start(ws_store_t *store, ngx_uint_t shard, ngx_str_t *member,
    int64_t now_ms, ws_clock_done_pt done, void *data)
{
    ngx_pool_t       *pool;
    ws_clock_item_t  *item;

    pool = ngx_create_pool(4096, store->log);
    if (pool == NULL) {
        return NGX_ERROR;
    }

    item = ngx_pcalloc(pool, sizeof(ws_clock_item_t));
    if (item == NULL) {
        goto failed;
    }

    item->pool = pool;
    item->store = store;
    item->shard = shard;
    item->claim_ms = now_ms;
    item->done = done;
    item->data = data;

    item->build.owner.handler = ws_clock_item_decide;
    item->build.owner.data = item;
    item->build.version.handler = ws_clock_item_decide;
    item->build.version.data = item;

    item->member.len = member->len;
    item->member.data = ngx_pstrdup(pool, member);

    if (item->member.data == NULL) {
        goto failed;
    }

    if (ws_due_parse(&item->member, &item->due) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, store->log, 0,
                      "unknown due item \"%V\"", &item->member);
        goto failed;
    }

    if (ws_clock_item_load(item) == NGX_OK) {
        return NGX_OK;
    }

failed:

    ngx_destroy_pool(pool);

    return NGX_ERROR;
}


static ngx_int_t
ws_clock_item_load(ws_clock_item_t *item)
{
    ngx_str_t        argv[WS_WORKSPACE_ARGS];
    ws_redis_cmd_t  *alive;

    item->failed = 0;
    alive = NULL;

    if (item->due.kind == WS_DUE_AGENT) {
        if (ws_clock_item_load_alive(item) != NGX_OK) {
            return NGX_ERROR;
        }

        alive = item->cmd;
    }

    item->cmd = NULL;

    if (ws_workspace_query(item->pool, item->store->ks, &item->due.workspace,
                           argv)
        == NGX_OK)
    {
        item->cmd = ws_redis_command(item->store->redis, WS_REDIS_READ,
                                     WS_WORKSPACE_ARGS, argv,
                                     ws_clock_item_loaded, item);
    }

    if (item->cmd == NULL && alive) {
        ws_redis_cancel(alive);
    }

    return item->cmd ? NGX_OK : NGX_ERROR;
}


/* the answer comes before that about the document */

static ngx_int_t
ws_clock_item_load_alive(ws_clock_item_t *item)
{
    ngx_str_t  argv[3], id;

    id = ws_uuid_str(item->pool, &item->due.workspace);
    if (id.data == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&argv[0], "HGET");
    argv[1] = ws_key(item->pool, item->store->ks, item->shard, "alive", &id,
                     NULL);
    argv[2] = ws_uuid_str(item->pool, &item->due.agent);

    if (argv[1].data == NULL || argv[2].data == NULL) {
        return NGX_ERROR;
    }

    item->cmd = ws_redis_command(item->store->redis, WS_REDIS_READ, 3, argv,
                                 ws_clock_item_alive, item);

    return item->cmd ? NGX_OK : NGX_ERROR;
}


static void
ws_clock_item_alive(void *data, ws_reply_t *reply)
{
    ws_clock_item_t  *item = data;

    ngx_str_null(&item->alive);

    if (reply && reply->type == WS_REPLY_STRING) {
        item->alive.len = reply->str.len;
        item->alive.data = ngx_pstrdup(item->pool, &reply->str);

        item->failed = (item->alive.data == NULL);

    } else {
        item->failed = (reply == NULL || reply->type != WS_REPLY_NIL);
    }
}


static void
ws_clock_item_loaded(void *data, ws_reply_t *reply)
{
    ws_clock_item_t  *item = data;

    ngx_int_t  rc;

    item->cmd = NULL;

    if (item->failed || reply == NULL || reply->type != WS_REPLY_ARRAY
        || reply->n != 6)
    {
        ws_clock_item_end(item);
        return;
    }

    rc = ws_workspace_load(item->pool, &item->due.workspace, reply, &item->w);

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, item->store->log, 0,
                      "the document of due item \"%V\" is broken",
                      &item->member);
        ws_clock_item_end(item);
        return;
    }

    if (rc == NGX_DECLINED) {
        ws_clock_item_put_off(item, 0);
        return;
    }

    item->lease_ms = item->w->lease_ms;

    ws_clock_item_decide(item);
}


static void
ws_clock_item_decide(void *data)
{
    ws_clock_item_t  *item = data;

    int64_t    now_ms, at_ms;
    ngx_int_t  rc;

    /* not in the document: it has changed since */

    at_ms = ws_clock_item_entry(item);

    if (at_ms == 0) {
        ws_clock_item_put_off(item, 0);
        return;
    }

    now_ms = ws_clock_item_now(item);

    switch (item->due.kind) {

    case WS_DUE_LEASE:
        rc = ws_job_expire(item->w, now_ms);
        at_ms = item->w->lease_ms;
        break;

    case WS_DUE_AGENT:
        rc = ws_clock_item_agent(item, &at_ms);
        break;

    default:
        rc = at_ms > now_ms ? NGX_DECLINED : NGX_AGAIN;
    }

    if (rc == NGX_OK) {
        ws_clock_item_commit(item);

    } else if (rc == NGX_DECLINED) {
        ws_clock_item_put_off(item, at_ms);

    } else if (rc == NGX_ERROR) {
        ws_clock_item_end(item);

    } else {
        ws_clock_item_build(item);
    }
}


static ngx_int_t
ws_clock_item_agent(ws_clock_item_t *item, int64_t *at_ms)
{
    ngx_int_t  alive_ms;

    alive_ms = 0;

    if (item->alive.len) {
        alive_ms = ngx_atoi(item->alive.data, item->alive.len);
    }

    return ws_agent_expire(item->w,
                           ws_agent_by_id(item->w, &item->due.agent),
                           ngx_max(0, alive_ms), ws_clock_item_now(item),
                           at_ms);
}


/* never before it was due, whatever is known of Redis' clock */

static int64_t
ws_clock_item_now(ws_clock_item_t *item)
{
    return ngx_max(item->claim_ms, ws_store_now_ms(item->store));
}


/* when the document says that it is due; 0: not at all */

static int64_t
ws_clock_item_entry(ws_clock_item_t *item)
{
    ngx_uint_t       i;
    ws_due_entry_t  *e;

    e = item->w->due->elts;

    for (i = 0; i < item->w->due->nelts; i++) {
        if (e[i].member.len == item->member.len
            && ngx_memcmp(e[i].member.data, item->member.data,
                          item->member.len)
               == 0)
        {
            return e[i].at_ms;
        }
    }

    return 0;
}


static void
ws_clock_item_build(ws_clock_item_t *item)
{
    int64_t  now_ms;

    now_ms = ws_clock_item_now(item);

    switch (ws_clock_build(item->store, item->w, &item->build,
                           item->due.kind, now_ms))
    {
    case NGX_OK:
        ws_clock_item_commit(item);
        break;

    case NGX_AGAIN:
        break;

    case NGX_DECLINED:
        ngx_log_error(NGX_LOG_WARN, item->store->log, 0,
                      "\"%V\" cannot be done now", &item->member);

        ws_clock_item_put_off(item, ws_clock_build_next(item->store, item->w,
                                                        item->due.kind,
                                                        now_ms));
        break;

    default:
        ws_clock_item_end(item);
    }
}


static void
ws_clock_item_commit(ws_clock_item_t *item)
{
    ngx_str_t   *argv;
    ngx_uint_t   argc;

    if (ws_txn_init(&item->txn, item->pool) != NGX_OK
        || ws_workspace_commit(item->w, item->store->ks, &item->txn, NULL)
           != NGX_OK)
    {
        ws_clock_item_end(item);
        return;
    }

    ws_clock_item_guards(item);

    if (ws_txn_argv(&item->txn, &argc, &argv) != NGX_OK) {
        ws_clock_item_end(item);
        return;
    }

    item->cmd = ws_redis_script(item->store->redis, &item->store->txn, argc,
                                argv, ws_clock_item_committed, item);

    if (item->cmd == NULL) {
        ws_clock_item_end(item);
    }
}


/* a heartbeat, which leaves the version alone, may just have come */

static void
ws_clock_item_guards(ws_clock_item_t *item)
{
    ngx_str_t  key, id, agent;

    if (item->due.kind == WS_DUE_LEASE) {
        key = ws_key_workspace(item->pool, item->store->ks,
                               &item->due.workspace);

        ws_txn_require(&item->txn, key, "e",
                       ws_int_str(item->pool, item->lease_ms));
    }

    if (item->due.kind == WS_DUE_AGENT) {
        id = ws_uuid_str(item->pool, &item->due.workspace);
        agent = ws_uuid_str(item->pool, &item->due.agent);
        key = ws_key(item->pool, item->store->ks, item->shard, "alive", &id,
                     NULL);

        if (item->alive.len) {
            ws_txn_require_field(&item->txn, key, agent, item->alive);

        } else {
            ws_txn_require_absent(&item->txn, key, agent);
        }
    }
}


static void
ws_clock_item_committed(void *data, ws_reply_t *reply)
{
    ws_clock_item_t  *item = data;

    ngx_uint_t  guard;

    item->cmd = NULL;

    /* somebody changed the workspace: decide again */

    if (ws_txn_result(reply, &guard) == NGX_DECLINED
        && item->retries++ < WS_CLOCK_RETRIES
        && ws_clock_item_load(item) == NGX_OK)
    {
        return;
    }

    ws_clock_item_end(item);
}


/*
 * Puts the item off, or drops it (at_ms 0).  A commit since the document was
 * read may have moved it: hence the guard.
 */

static void
ws_clock_item_put_off(ws_clock_item_t *item, int64_t at_ms)
{
    ngx_str_t     key, due, xx, at, v, *argv;
    ngx_uint_t    argc;
    ws_txn_t     *txn;

    txn = &item->txn;

    key = ws_key_workspace(item->pool, item->store->ks, &item->due.workspace);
    due = ws_key(item->pool, item->store->ks, item->shard, "due", NULL, NULL);

    if (ws_txn_init(txn, item->pool) != NGX_OK) {
        ws_clock_item_end(item);
        return;
    }

    if (item->w) {
        ws_txn_require(txn, key, "v", ws_int_str(item->pool,
                                                 item->w->version));
    } else {
        ngx_str_set(&v, "v");
        ws_txn_require_absent(txn, key, v);
    }

    if (at_ms > 0) {
        ngx_str_set(&xx, "XX");
        at = ws_int_str(item->pool, at_ms);
        ws_txn_command(txn, "ZADD", due, 3, &xx, &at, &item->member);

    } else {
        ws_txn_command(txn, "ZREM", due, 1, &item->member);
    }

    if (ws_txn_argv(txn, &argc, &argv) == NGX_OK) {
        item->cmd = ws_redis_script(item->store->redis, &item->store->txn,
                                    argc, argv, ws_clock_item_ended, item);
    }

    if (item->cmd == NULL) {
        ws_clock_item_end(item);
    }
}


static void
ws_clock_item_ended(void *data, ws_reply_t *reply)
{
    ws_clock_item_t  *item = data;

    item->cmd = NULL;

    ws_clock_item_end(item);
}


static void
ws_clock_item_end(ws_clock_item_t *item)
{
    void              *data;
    ws_clock_done_pt   done;

    done = item->done;
    data = item->data;

    ws_clock_build_release(&item->build);

    ngx_destroy_pool(item->pool);

    done(data);
}
