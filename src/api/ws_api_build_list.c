
/*
 * The builds of a workspace, newest first.  The set of builds gives the ids of
 * a batch, their hashes the builds: two readings a batch, the second of which
 * is one write to the socket.  Builds are numbered without gaps, so the next
 * batch begins below the last one whatever has been added on top.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_api.h"
#include "ws_arg.h"
#include "ws_array.h"
#include "ws_build.h"
#include "ws_json_scan.h"
#include "ws_policy.h"
#include "ws_request_build.h"
#include "ws_respond.h"
#include "ws_time.h"


#define WS_BUILDS_BATCH  64


typedef struct {
    ws_array_t         array;           /* must be first */
    ngx_str_t          key;             /* of the set */
    ngx_pool_t        *pool;            /* of a batch */

    int64_t            top;             /* the next build's number at most */
    int64_t            offset;          /* still to be left out */
    int64_t            limit;           /* still to be shown; -1: all */
    int64_t            since_ms;

    ws_uuid_t          after;
    unsigned           have_after:1;    /* its number is known */
    unsigned           no_after:1;      /* there is no such build */
    unsigned           end:1;           /* nothing older belongs to it */

    ngx_uint_t         n;               /* of the batch: all, ... */
    ngx_uint_t         done;            /* ... and those that have come */
    ws_redis_cmd_t    *cmds[WS_BUILDS_BATCH];
} ws_builds_t;


static ws_builds_t *ws_builds_create(ws_request_t *req);
static ngx_int_t ws_builds_args(ws_request_t *req, ws_builds_t *b);
static ngx_int_t ws_builds_after(ws_request_t *req, ws_builds_t *b);
static void ws_builds_after_have(void *data, ws_reply_t *reply);
static ngx_int_t ws_builds_begin(ws_request_t *req, ws_builds_t *b);
static ngx_int_t ws_builds_more(ws_array_t *array);
static void ws_builds_ids(void *data, ws_reply_t *reply);
static ngx_int_t ws_builds_read(ws_builds_t *b, ws_reply_t *ids);
static void ws_builds_one(void *data, ws_reply_t *reply);
static ngx_int_t ws_builds_show(ws_builds_t *b, ws_reply_t *reply);
static void ws_builds_stop(ws_array_t *array);
static void ws_builds_cleanup(void *data);


ngx_int_t
ws_api_build_list(ws_request_t *req)
{
    ngx_int_t     rc;
    ws_builds_t  *b;

    b = req->ctx;

    if (b == NULL) {
        b = ws_builds_create(req);
        if (b == NULL) {
            return NGX_ERROR;
        }

        rc = ws_builds_args(req, b);
        if (rc != NGX_OK) {
            return rc;
        }

        req->ctx = b;
    }

    rc = ws_request_workspace(req, WS_ACTION_READ);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!ws_uuid_is_nil(&b->after) && !b->have_after) {
        return ws_builds_after(req, b);
    }

    return ws_builds_begin(req, b);
}


static ws_builds_t *
ws_builds_create(ws_request_t *req)
{
    ws_builds_t  *b;

    b = ngx_pcalloc(ws_request_pool(req), sizeof(ws_builds_t));

    if (b) {
        b->array.req = req;
        b->array.more = ws_builds_more;
        b->array.stop = ws_builds_stop;
        b->limit = -1;
        b->since_ms = INT64_MIN;
    }

    return b;
}


static ngx_int_t
ws_builds_args(ws_request_t *req, ws_builds_t *b)
{
    ngx_int_t  rc;

    rc = ws_arg_number(req, "limit", &b->limit);

    if (b->limit == 0) {
        b->limit = -1;
    }

    if (rc == NGX_OK || rc == NGX_DECLINED) {
        rc = ws_arg_number(req, "offset", &b->offset);
    }

    if (rc == NGX_OK || rc == NGX_DECLINED) {
        rc = ws_arg_time(req, "since", &b->since_ms);
    }

    if (rc == NGX_OK || rc == NGX_DECLINED) {
        rc = ws_arg_uuid(req, "after_id", &b->after);
    }

    return rc == NGX_DECLINED ? NGX_OK : rc;
}


static ngx_int_t
ws_builds_after(ws_request_t *req, ws_builds_t *b)
{
    ngx_str_t       argv[4], id;
    ngx_pool_t     *pool;
    ws_keyspace_t  *ks;

    if (b->no_after) {
        return ws_arg_invalid(req, "after_id",
                              "the workspace has no such build");
    }

    pool = ws_request_pool(req);
    ks = req->store->ks;

    id = ws_uuid_str(pool, &b->after);
    if (id.data == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&argv[0], "HMGET");
    argv[1] = ws_key(pool, ks, ws_uuid_shard(&req->id, ks->shards), "build",
                     &id, NULL);
    ngx_str_set(&argv[2], "w");
    ngx_str_set(&argv[3], "n");

    if (argv[1].data == NULL) {
        return NGX_ERROR;
    }

    return ws_request_read(req, 4, argv, ws_builds_after_have);
}


static void
ws_builds_after_have(void *data, ws_reply_t *reply)
{
    ws_request_t  *req = data;

    ws_uuid_t     workspace;
    ws_reply_t   *elts;
    ws_builds_t  *b;

    b = req->ctx;
    elts = reply->elts;

    if (reply->type == WS_REPLY_ARRAY && reply->n == 2
        && elts[0].type == WS_REPLY_STRING && elts[1].type == WS_REPLY_STRING
        && ws_uuid_parse(&elts[0].str, &workspace) == NGX_OK
        && ws_uuid_eq(&workspace, &req->id))
    {
        b->have_after = 1;
        b->top = ngx_atoi(elts[1].str.data, elts[1].str.len) - 1;

    } else {
        b->no_after = 1;
    }

    ws_request_run(req);
}


static ngx_int_t
ws_builds_begin(ws_request_t *req, ws_builds_t *b)
{
    ngx_str_t            id, number;
    ngx_pool_t          *pool;
    ws_keyspace_t       *ks;
    ws_found_build_t     latest;
    ngx_pool_cleanup_t  *cln;

    pool = ws_request_pool(req);
    ks = req->store->ks;

    id = ws_uuid_str(pool, &req->id);
    cln = ngx_pool_cleanup_add(pool, 0);

    if (id.data == NULL || cln == NULL) {
        return NGX_ERROR;
    }

    cln->handler = ws_builds_cleanup;
    cln->data = b;

    b->key = ws_key(pool, ks, ws_uuid_shard(&req->id, ks->shards), "builds",
                    &id, NULL);
    b->pool = ngx_create_pool(1024, req->store->log);

    if (b->key.data == NULL || b->pool == NULL) {
        return NGX_ERROR;
    }

    if (!b->have_after) {
        if (ws_request_latest(req, &latest) != NGX_OK
            || ws_json_scan(&latest.d, "build_number", &number) != NGX_OK)
        {
            return NGX_ERROR;
        }

        b->top = ngx_atoi(number.data, number.len);
    }

    return ws_array_start(&b->array);
}


static ngx_int_t
ws_builds_more(ws_array_t *array)
{
    ws_builds_t *b = (ws_builds_t *) array;

    int64_t    count;
    ngx_str_t  argv[7];

    ngx_reset_pool(b->pool);

    count = WS_BUILDS_BATCH;

    if (b->limit >= 0 && b->limit < count) {
        count = b->limit;
    }

    ngx_str_set(&argv[0], "ZREVRANGEBYSCORE");
    argv[1] = b->key;
    argv[2] = ws_int_str(b->pool, b->top);
    ngx_str_set(&argv[3], "-inf");
    ngx_str_set(&argv[4], "LIMIT");
    argv[5] = ws_int_str(b->pool, b->offset);
    argv[6] = ws_int_str(b->pool, count);

    if (argv[2].data == NULL || argv[5].data == NULL || argv[6].data == NULL) {
        return NGX_ERROR;
    }

    b->n = 0;
    b->done = 0;

    b->cmds[0] = ws_redis_command(array->req->store->bulk, WS_REDIS_READ, 7,
                                  argv, ws_builds_ids, b);

    return b->cmds[0] ? NGX_OK : NGX_ERROR;
}


static void
ws_builds_ids(void *data, ws_reply_t *reply)
{
    ws_builds_t *b = data;

    b->array.req->redis_usec += ws_redis_cmd_elapsed(b->cmds[0]);
    b->cmds[0] = NULL;

    if (reply == NULL || reply->type != WS_REPLY_ARRAY) {
        ws_array_failed(&b->array, reply && reply->type != WS_REPLY_ERROR);
        return;
    }

    if (reply->n == 0) {
        ws_array_batch(&b->array, 1);
        return;
    }

    if (ws_builds_read(b, reply) != NGX_OK) {
        ws_builds_stop(&b->array);
        ws_array_failed(&b->array, 0);
    }
}


static ngx_int_t
ws_builds_read(ws_builds_t *b, ws_reply_t *ids)
{
    ngx_str_t       argv[3];
    ws_store_t     *store;
    ws_request_t   *req;

    req = b->array.req;
    store = req->store;

    /* without gaps */

    b->top -= b->offset + ids->n;
    b->offset = 0;

    if (b->limit >= 0) {
        b->limit -= ids->n;
    }

    ngx_str_set(&argv[0], "HGET");
    ngx_str_set(&argv[2], "d");

    for (b->n = 0; b->n < ids->n && b->n < WS_BUILDS_BATCH; b->n++) {

        argv[1] = ws_key(b->pool, store->ks,
                         ws_uuid_shard(&req->id, store->ks->shards), "build",
                         &ids->elts[b->n].str, NULL);
        if (argv[1].data == NULL) {
            return NGX_ERROR;
        }

        b->cmds[b->n] = ws_redis_command(store->bulk, WS_REDIS_READ, 3, argv,
                                         ws_builds_one, b);
        if (b->cmds[b->n] == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


/* replies come in the order of the commands */

static void
ws_builds_one(void *data, ws_reply_t *reply)
{
    ws_builds_t *b = data;

    ngx_uint_t  broken;

    if (b->done + 1 == b->n) {
        b->array.req->redis_usec += ws_redis_cmd_elapsed(b->cmds[b->done]);
    }

    b->cmds[b->done++] = NULL;

    if (reply == NULL || reply->type == WS_REPLY_ERROR
        || ws_builds_show(b, reply) != NGX_OK)
    {
        broken = (reply && reply->type != WS_REPLY_ERROR);

        ws_builds_stop(&b->array);
        ws_array_failed(&b->array, broken);
        return;
    }

    if (b->done == b->n) {
        ws_array_batch(&b->array, b->end || b->limit == 0 || b->top <= 0);
    }
}


static ngx_int_t
ws_builds_show(ws_builds_t *b, ws_reply_t *reply)
{
    int64_t            created_ms;
    ngx_str_t          d, text;
    ws_found_build_t   latest;

    if (b->end) {
        return NGX_OK;
    }

    if (ws_request_latest(b->array.req, &latest) != NGX_OK) {
        return NGX_ERROR;
    }

    /* what is not archived was the latest when the workspace was read */

    d = (reply->type == WS_REPLY_STRING) ? reply->str : latest.d;

    if (ws_json_scan_str(&d, "created_at", &text) != NGX_OK
        || ws_time_parse(&text, &created_ms) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (created_ms <= b->since_ms) {
        b->end = 1;
        return NGX_OK;
    }

    return ws_build_show(ws_array_item(&b->array), &d, &latest.name);
}


static void
ws_builds_cleanup(void *data)
{
    ws_builds_t *b = data;

    if (b->pool) {
        ngx_destroy_pool(b->pool);
    }
}


static void
ws_builds_stop(ws_array_t *array)
{
    ws_builds_t *b = (ws_builds_t *) array;

    ngx_uint_t  i;

    for (i = 0; i < WS_BUILDS_BATCH; i++) {
        if (b->cmds[i]) {
            ws_redis_cancel(b->cmds[i]);
            b->cmds[i] = NULL;
        }
    }
}
