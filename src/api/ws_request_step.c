
/* The steps that most endpoints share: what the path names, the commit. */


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


static ngx_int_t ws_request_cached(ws_request_t *req);
static ngx_int_t ws_request_load(ws_request_t *req);
static void ws_request_loaded(void *data, ws_reply_t *reply);
static void ws_request_committed(void *data, ws_reply_t *reply);


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

    if (rc == NGX_OK
        && ws_policy_allows(&req->user->subject, action, &req->meta.owner,
                            &req->meta.org)
           == NGX_OK)
    {
        return NGX_OK;
    }

    req->forbidden = (rc == NGX_OK);

    if (req->cache_status == WS_CACHE_HIT) {

        /* what is absent never is in the cache: it would tell */

        req->cache_status = WS_CACHE_MISS;
        req->cacheable = 0;
        req->have_state = 0;
        req->borrowed = 0;

        return ws_request_load(req);
    }

    return ws_respond_not_found(req);
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
    ngx_str_t  argv[WS_WORKSPACE_ARGS];

    if (ws_workspace_query(ws_request_pool(req), req->store->ks, &req->id,
                           argv)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ws_request_read(req, req->for_change ? WS_WORKSPACE_ARGS
                                                : WS_STATE_ARGS,
                           argv, ws_request_loaded);
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
