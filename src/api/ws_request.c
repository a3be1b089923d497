
/*
 * Running a request: waiting, and the steps that most endpoints share.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_request.h"
#include "ws_param.h"
#include "ws_policy.h"
#include "ws_query.h"
#include "ws_respond.h"


/* a commit that keeps losing against others gives up */
#define WS_COMMIT_RETRIES  16


static void ws_request_cleanup(void *data);
static void ws_request_resume(void *data);
static void ws_request_finish(ws_request_t *req, ngx_int_t rc);
static ngx_int_t ws_request_keep(ws_request_t *req);
static void ws_request_reply(void *data, ws_reply_t *reply);
static ngx_int_t ws_request_cached(ws_request_t *req);
static ngx_int_t ws_request_load(ws_request_t *req);
static void ws_request_loaded(void *data, ws_reply_t *reply);
static void ws_request_committed(void *data, ws_reply_t *reply);


ws_request_t *
ws_request_create(ngx_http_request_t *r)
{
    ws_request_t        *req;
    ngx_pool_cleanup_t  *cln;

    req = ngx_pcalloc(r->pool, sizeof(ws_request_t));
    if (req == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(r->pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    cln->handler = ws_request_cleanup;
    cln->data = req;

    req->http = r;

    return req;
}


static void
ws_request_cleanup(void *data)
{
    ws_request_t  *req = data;

    ngx_uint_t  i;

    if (req->cmd) {
        ws_redis_cancel(req->cmd);
    }

    for (i = 0; i < WS_REF_COUNT; i++) {
        if (req->refs[i]) {
            ws_dir_unref(req->refs[i]);
        }
    }

    json_decref(req->json);
}


static void
ws_request_resume(void *data)
{
    ws_request_run(data);
}


void
ws_request_run(ws_request_t *req)
{
    ngx_connection_t  *c;

    if (req->running) {
        /* called from inside the handler, which goes on by itself */
        return;
    }

    c = req->http->connection;

    if (req->identifying) {
        req->identifying = 0;
        ngx_http_core_run_phases(req->http);

    } else {
        ws_request_start(req);
    }

    ngx_http_run_posted_requests(c);
}


void
ws_request_start(ws_request_t *req)
{
    ngx_int_t  rc;

    req->running = 1;

    rc = req->unavailable ? ws_respond_unavailable(req)
         : req->broken ? NGX_ERROR
         : req->handler(req);

    req->running = 0;

    if (rc == NGX_AGAIN && ws_request_keep(req) != NGX_OK) {
        rc = NGX_ERROR;
    }

    if (rc != NGX_AGAIN) {
        ws_request_finish(req, rc);
    }
}


static void
ws_request_finish(ws_request_t *req, ngx_int_t rc)
{
    if (rc == NGX_DONE && req->streaming) {
        return;
    }

    if (rc != NGX_DONE) {

        if (req->answered
            || ws_respond_error(req, NGX_HTTP_INTERNAL_SERVER_ERROR,
                                ws_status_message(500), NULL)
               != NGX_DONE)
        {
            req->rc = NGX_ERROR;
        }
    }

    ngx_http_finalize_request(req->http, req->rc);
}


/* what was read lies in a reply, or a buffer, that is about to go */

static ngx_int_t
ws_request_keep(ws_request_t *req)
{
    ngx_pool_t  *pool;

    if (!req->borrowed) {
        return NGX_OK;
    }

    pool = ws_request_pool(req);

    req->borrowed = 0;

    req->state.d.data = ngx_pstrdup(pool, &req->state.d);
    req->state.m.data = ngx_pstrdup(pool, &req->state.m);

    if (req->state.d.data == NULL || req->state.m.data == NULL) {
        return NGX_ERROR;
    }

    return ws_meta_parse(&req->state.m, &req->meta) == NGX_OK ? NGX_OK
                                                              : NGX_ERROR;
}


ngx_int_t
ws_request_read(ws_request_t *req, ngx_uint_t argc, ngx_str_t *argv,
    ws_redis_handler_pt handler)
{
    req->writing = 0;
    req->on_reply = handler;
    req->cmd = ws_redis_command(req->store->redis, WS_REDIS_READ, argc, argv,
                                ws_request_reply, req);

    return req->cmd ? NGX_AGAIN : ws_respond_unavailable(req);
}


ngx_int_t
ws_request_write(ws_request_t *req, ws_txn_t *txn,
    ws_redis_handler_pt handler)
{
    ngx_str_t   *argv;
    ngx_uint_t   argc;

    if (ws_txn_argv(txn, &argc, &argv) != NGX_OK) {
        return NGX_ERROR;
    }

    req->on_reply = handler;
    if (req->retries == 0) {
        req->wrote = ngx_current_msec;
    }

    req->writing = 1;
    req->cmd = ws_redis_commit(req->store->commit, &req->store->txn, argc,
                               argv, ws_request_reply, req);

    return req->cmd ? NGX_AGAIN : ws_respond_unavailable(req);
}


static void
ws_request_reply(void *data, ws_reply_t *reply)
{
    ws_request_t  *req = data;

    req->redis_usec += ws_redis_cmd_elapsed(req->cmd);

    if (reply == NULL && req->writing && ws_redis_cmd_sent(req->cmd)) {
        req->unsure = 1;
    }

    req->cmd = NULL;

    if (reply == NULL || reply->type == WS_REPLY_ERROR) {
        req->unavailable = 1;
        ws_request_run(req);
        return;
    }

    req->on_reply(req, reply);
}


/* a request needs few of those it could have, and a stream keeps them */

ngx_int_t
ws_request_find(ws_request_t *req, ngx_uint_t ref, ngx_uint_t kind,
    ngx_str_t *key)
{
    ws_dir_ref_t  *p;

    p = req->refs[ref];

    if (p == NULL) {
        p = ngx_pcalloc(ws_request_pool(req), sizeof(ws_dir_ref_t));
        if (p == NULL) {
            return NGX_ERROR;
        }

        p->handler = ws_request_resume;
        p->data = req;

        req->refs[ref] = p;
    }

    return ws_dir_get(req->store->dir, p, kind, key);
}


ngx_int_t
ws_request_dir(ws_request_t *req, ngx_uint_t ref, ngx_uint_t kind,
    ngx_str_t *key)
{
    ngx_int_t  rc;

    rc = ws_request_find(req, ref, kind, key);

    return rc == NGX_ERROR ? ws_respond_unavailable(req) : rc;
}


/* contract: Path values */

ngx_int_t
ws_request_target(ws_request_t *req)
{
    ngx_int_t   rc;
    ngx_str_t   key;
    ws_uuid_t   id;
    ngx_str_t  *name;

    name = &req->route.user;

    if (req->target) {
        return NGX_OK;
    }

    if (name->len == 2 && ngx_strncmp(name->data, "me", 2) == 0) {
        req->target = req->user;
        return NGX_OK;
    }

    if (ws_uuid_parse(name, &id) == NGX_OK) {
        key = ws_uuid_str(ws_request_pool(req), &id);

    } else {
        key = ws_lower_str(ws_request_pool(req), name);
        if (key.data == NULL) {
            return NGX_ERROR;
        }

        rc = ws_request_dir(req, WS_REF_TARGET_NAME, WS_DIR_USERNAME, &key);
        if (rc == NGX_DECLINED) {
            goto unknown;
        }

        if (rc != NGX_OK) {
            return rc;
        }

        key = ws_uuid_str(ws_request_pool(req),
                          ws_request_entry(req, WS_REF_TARGET_NAME)->ids);
    }

    if (key.data == NULL) {
        return NGX_ERROR;
    }

    rc = ws_request_dir(req, WS_REF_TARGET, WS_DIR_USER, &key);

    if (rc == NGX_OK) {
        req->target = &ws_request_entry(req, WS_REF_TARGET)->u.user;
    }

    if (rc != NGX_DECLINED) {
        return rc;
    }

unknown:

    return ws_respond_invalid_c(req, NGX_HTTP_BAD_REQUEST,
                                "There is no such user.", "user",
                                "must be a username, a UUID, or \"me\"");
}


ngx_int_t
ws_request_path_id(ws_request_t *req)
{
    if (req->have_id) {
        return NGX_OK;
    }

    if (ws_uuid_parse(&req->route.workspace, &req->id) == NGX_OK) {
        req->have_id = 1;
        return NGX_OK;
    }

    return ws_respond_invalid_c(req, NGX_HTTP_BAD_REQUEST,
                                "The workspace's ID is not valid.",
                                "workspace", "must be a UUID");
}


ngx_int_t
ws_request_build_id(ws_request_t *req)
{
    if (ws_uuid_parse(&req->route.build, &req->build) == NGX_OK) {
        return NGX_OK;
    }

    return ws_respond_invalid_c(req, NGX_HTTP_BAD_REQUEST,
                                "The build's ID is not valid.",
                                "workspacebuild", "must be a UUID");
}


ngx_int_t
ws_request_workspace(ws_request_t *req, ngx_uint_t action)
{
    ngx_int_t  rc;

    rc = ws_request_document(req);

    if (rc != NGX_OK && rc != NGX_DECLINED) {
        return rc;
    }

    if (rc == NGX_DECLINED
        || ws_policy_allows(&req->user->subject, action, &req->meta.owner,
                            &req->meta.org)
           != NGX_OK)
    {
        return ws_respond_not_found(req);
    }

    return NGX_OK;
}


ngx_int_t
ws_request_document(ws_request_t *req)
{
    if (!req->have_state && !req->absent) {

        if (req->cacheable && ws_request_cached(req) == NGX_OK) {
            return NGX_OK;
        }

        return ws_request_load(req);
    }

    return req->absent ? NGX_DECLINED : NGX_OK;
}


static ngx_int_t
ws_request_cached(ws_request_t *req)
{
    if (req->conf->cache == NULL) {
        return NGX_DECLINED;
    }

    switch (ws_cache_get(req->store->cache, &req->id, &req->state,
                         &req->meta, &req->cache_token))
    {
    case NGX_OK:
        req->cache_status = WS_CACHE_HIT;
        req->have_state = 1;
        req->borrowed = 1;
        return NGX_OK;

    case NGX_DECLINED:
        req->cache_status = WS_CACHE_MISS;
        return NGX_DECLINED;

    default: /* NGX_ABORT */
        req->cache_status = WS_CACHE_BYPASS;
        return NGX_DECLINED;
    }
}


static ngx_int_t
ws_request_load(ws_request_t *req)
{
    ngx_str_t  argv[8];

    ngx_str_set(&argv[0], "HMGET");
    argv[1] = ws_key_workspace(ws_request_pool(req), req->store->ks, &req->id);
    ngx_str_set(&argv[2], "v");
    ngx_str_set(&argv[3], "m");
    ngx_str_set(&argv[4], "d");
    ngx_str_set(&argv[5], "p");
    ngx_str_set(&argv[6], "l");
    ngx_str_set(&argv[7], "e");

    if (argv[1].data == NULL) {
        return NGX_ERROR;
    }

    return ws_request_read(req, req->for_change ? 8 : 5, argv,
                           ws_request_loaded);
}


static void
ws_request_loaded(void *data, ws_reply_t *reply)
{
    ws_request_t  *req = data;

    ngx_int_t  rc;

    rc = ws_state_from_reply(reply, &req->state);

    if (rc == NGX_OK
        && ws_meta_parse(&req->state.m, &req->meta) != NGX_OK)
    {
        rc = NGX_ERROR;
    }

    if (rc == NGX_OK && req->for_change) {
        rc = ws_workspace_load(ws_request_pool(req), &req->id, reply,
                               &req->workspace);
    }

    if (rc == NGX_OK) {
        req->have_state = 1;
        req->borrowed = 1;

        if (req->cache_token.valid) {
            ws_cache_put(req->store->cache, &req->id, &req->state,
                         &req->meta, &req->cache_token);
        }

    } else if (rc == NGX_DECLINED) {
        req->absent = 1;

    } else {
        ngx_log_error(NGX_LOG_ERR, req->http->connection->log, 0,
                      "the document of workspace \"%V\" is broken",
                      &req->route.workspace);
        req->broken = 1;
    }

    ws_request_run(req);
}


ngx_int_t
ws_request_template(ws_request_t *req, const ws_uuid_t *id)
{
    u_char     text[WS_UUID_LEN];
    ngx_int_t  rc;
    ngx_str_t  key;

    key.data = text;
    key.len = ws_uuid_format(text, id) - text;

    rc = ws_request_dir(req, WS_REF_TEMPLATE, WS_DIR_TEMPLATE, &key);

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_ERR, req->http->connection->log, 0,
                      "the template \"%V\" of a workspace is missing", &key);
        return NGX_ERROR;
    }

    return rc;
}


ngx_int_t
ws_request_parameters(ws_request_t *req, json_t *given, json_t *previous,
    json_t **values)
{
    json_t        *declared;
    ngx_int_t      rc;
    ngx_str_t      name, detail;
    ws_version_t  *version;

    version = &ws_request_entry(req, WS_REF_VERSION)->u.version;

    declared = json_loadb((char *) version->parameters.data,
                          version->parameters.len, 0, NULL);
    if (declared == NULL) {
        return NGX_ERROR;
    }

    rc = ws_param_resolve(ws_request_pool(req), declared, given, previous,
                          values, &name, &detail);

    json_decref(declared);

    if (rc == NGX_DECLINED) {
        return ws_respond_invalid(req, NGX_HTTP_BAD_REQUEST,
                                  "A parameter is not valid.", &name,
                                  &detail);
    }

    return rc;
}


ngx_int_t
ws_request_include_deleted(ws_request_t *req, ngx_uint_t *include)
{
    ngx_int_t  rc;
    ngx_str_t  value;

    *include = 0;

    rc = ws_query_arg(ws_request_pool(req), &req->http->args,
                      "include_deleted", &value);

    if (rc == NGX_DECLINED || (rc == NGX_OK && value.len == 0)) {
        return NGX_OK;
    }

    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_OK && ws_bool_parse(&value, include) == NGX_OK) {
        return NGX_OK;
    }

    return ws_respond_invalid_c(req, NGX_HTTP_BAD_REQUEST,
                                "A query parameter is not valid.",
                                "include_deleted", "must be a boolean");
}


ngx_int_t
ws_request_commit(ws_request_t *req)
{
    ws_txn_t  txn;

    if (ws_txn_init(&txn, ws_request_pool(req)) != NGX_OK
        || ws_workspace_commit(req->workspace, req->store->ks, &txn,
                               &req->state)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    req->borrowed = 0;

    return ws_request_write(req, &txn, ws_request_committed);
}


ngx_uint_t
ws_request_outdone(ws_request_t *req, ngx_uint_t tries)
{
    ws_redis_conf_t  *conf;

    if (++req->retries > tries) {
        return 1;
    }

    /* every try waits while replicas are waited for, for others' changes */

    conf = &req->store->conf->redis;

    return conf->wait_replicas
           && ngx_current_msec - req->wrote > 2 * conf->wait_timeout;
}


static void
ws_request_committed(void *data, ws_reply_t *reply)
{
    ws_request_t  *req = data;

    ngx_int_t   rc;
    ngx_uint_t  guard;

    ws_cache_forget(req->store->cache, &req->workspace->id);

    rc = ws_txn_result(reply, &guard);

    if (rc == NGX_OK) {
        req->handler = req->done;

        if (ws_meta_parse(&req->state.m, &req->meta) != NGX_OK) {
            req->broken = 1;
        }

    } else if (rc == NGX_ERROR) {
        req->broken = 1;

    } else if (guard == WS_GUARD_NAME) {
        req->name_taken = 1;

    } else if (ws_request_outdone(req, WS_COMMIT_RETRIES)) {
        req->unavailable = 1;

    } else {
        req->have_state = 0;
        req->workspace = NULL;
    }

    ws_request_run(req);
}
