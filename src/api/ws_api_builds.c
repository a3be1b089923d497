
/*
 * Reading one build: all of it, its resources, its parameters.  A list of
 * builds is in ws_api_build_list.c.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_api.h"
#include "ws_json_scan.h"
#include "ws_name.h"
#include "ws_policy.h"
#include "ws_query.h"
#include "ws_request_build.h"
#include "ws_respond.h"


static ngx_int_t ws_build_number(ws_request_t *req, int64_t *number);
static ngx_int_t ws_build_workspace(ws_request_t *req);
static void ws_build_workspace_have(void *data, ws_reply_t *reply);
static ngx_int_t ws_build_numbered(ws_request_t *req, int64_t number);
static void ws_build_numbered_have(void *data, ws_reply_t *reply);


ngx_int_t
ws_api_build_read(ws_request_t *req)
{
    ngx_int_t         rc;
    ws_found_build_t  build;

    rc = ws_request_build(req, WS_ACTION_READ, &build);
    if (rc != NGX_OK) {
        return rc;
    }

    return ws_respond_build(req, &build);
}


ngx_int_t
ws_api_build_resources(ws_request_t *req)
{
    ngx_int_t         rc;
    ngx_str_t         json;
    ws_found_build_t  build;

    rc = ws_request_build(req, WS_ACTION_READ, &build);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ws_json_scan(&build.d, "resources", &json) != NGX_OK) {
        return NGX_ERROR;
    }

    json.data = ngx_pstrdup(ws_request_pool(req), &json);

    return json.data ? ws_respond_json(req, NGX_HTTP_OK, &json) : NGX_ERROR;
}


ngx_int_t
ws_api_build_parameters(ws_request_t *req)
{
    json_t           *values;
    ngx_int_t         rc;
    ngx_str_t         json;
    ws_found_build_t  build;

    /* the private part of the latest build's is read as for a change */

    req->for_change = 1;

    rc = ws_request_build(req, WS_ACTION_READ, &build);
    if (rc != NGX_OK) {
        return rc;
    }

    if (build.latest) {
        values = json_object_get(req->workspace->priv, "parameters");
        rc = ws_json_dump(ws_request_pool(req), values, &json);

    } else {
        rc = ws_json_scan(&build.p, "parameters", &json);
    }

    return rc == NGX_OK ? ws_respond_json(req, NGX_HTTP_OK, &json)
                        : NGX_ERROR;
}


ngx_int_t
ws_api_build_by_number(ws_request_t *req)
{
    int64_t           number;
    ngx_int_t         rc;
    ngx_str_t         text;
    ws_found_build_t  build;

    rc = ws_build_number(req, &number);

    if (rc == NGX_OK && !req->have_id) {
        rc = ws_build_workspace(req);
    }

    if (rc == NGX_OK) {
        rc = ws_request_workspace(req, WS_ACTION_READ);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ws_request_latest(req, &build) != NGX_OK
        || ws_json_scan(&build.d, "build_number", &text) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_atoi(text.data, text.len) == number) {
        return ws_respond_build(req, &build);
    }

    return ws_build_numbered(req, number);
}


static ngx_int_t
ws_build_number(ws_request_t *req, int64_t *number)
{
    if (ws_limit_parse(&req->route.number, number) == NGX_OK && *number > 0) {
        return NGX_OK;
    }

    return ws_respond_invalid_c(req, NGX_HTTP_BAD_REQUEST,
                                "The build's number is not valid.",
                                "buildnumber", "must be a positive integer");
}


/* the live workspace of that name */

static ngx_int_t
ws_build_workspace(ws_request_t *req)
{
    ngx_str_t       argv[3], owner;
    ngx_pool_t     *pool;
    ws_keyspace_t  *ks;

    if (ws_name_valid(&req->route.name) != NGX_OK) {
        return ws_respond_not_found(req);
    }

    pool = ws_request_pool(req);
    ks = req->store->ks;

    owner = ws_uuid_str(pool, &req->target->id);
    if (owner.data == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&argv[0], "HGET");
    argv[1] = ws_key(pool, ks, ws_uuid_shard(&req->target->id, ks->shards),
                     "names", &owner, NULL);
    argv[2] = ws_lower_str(pool, &req->route.name);

    if (argv[1].data == NULL || argv[2].data == NULL) {
        return NGX_ERROR;
    }

    return ws_request_read(req, 3, argv, ws_build_workspace_have);
}


static void
ws_build_workspace_have(void *data, ws_reply_t *reply)
{
    ws_request_t  *req = data;

    if (reply->type == WS_REPLY_STRING
        && ws_uuid_parse(&reply->str, &req->id) == NGX_OK)
    {
        req->have_id = 1;

    } else {

        /* takes as long as a workspace that the caller may not know of */

        req->id = req->target->id;
        req->have_id = 1;
    }

    ws_request_run(req);
}


/* an older one, or none */

static ngx_int_t
ws_build_numbered(ws_request_t *req, int64_t number)
{
    ngx_str_t       argv[4], id;
    ngx_pool_t     *pool;
    ws_keyspace_t  *ks;

    pool = ws_request_pool(req);
    ks = req->store->ks;

    id = ws_uuid_str(pool, &req->id);
    if (id.data == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&argv[0], "ZRANGEBYSCORE");
    argv[1] = ws_key(pool, ks, ws_uuid_shard(&req->id, ks->shards), "builds",
                     &id, NULL);
    argv[2] = ws_int_str(pool, number);
    argv[3] = argv[2];

    if (argv[1].data == NULL || argv[2].data == NULL) {
        return NGX_ERROR;
    }

    return ws_request_read(req, 4, argv, ws_build_numbered_have);
}


static void
ws_build_numbered_have(void *data, ws_reply_t *reply)
{
    ws_request_t  *req = data;

    if (reply->type == WS_REPLY_ARRAY && reply->n == 1
        && reply->elts[0].type == WS_REPLY_STRING
        && ws_uuid_parse(&reply->elts[0].str, &req->build) == NGX_OK)
    {
        req->handler = ws_api_build_read;

    } else {
        req->handler = ws_respond_not_found;
    }

    ws_request_run(req);
}
