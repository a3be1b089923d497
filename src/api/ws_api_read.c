
/* Reading one workspace, by its id or by its owner and name. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_api.h"
#include "ws_name.h"
#include "ws_policy.h"
#include "ws_respond.h"


static ngx_int_t ws_api_find(ws_request_t *req, const char *command,
    const char *kind);
static void ws_api_found_live(void *data, ws_reply_t *reply);
static void ws_api_found_deleted(void *data, ws_reply_t *reply);
static ngx_int_t ws_api_find_deleted(ws_request_t *req);
static void ws_api_found_none(ws_request_t *req);
static ngx_int_t ws_api_by_name_load(ws_request_t *req);


ngx_int_t
ws_api_read(ws_request_t *req)
{
    ngx_int_t   rc;
    ngx_uint_t  include;

    rc = ws_request_include_deleted(req, &include);
    if (rc != NGX_OK) {
        return rc;
    }

    req->cacheable = 1;

    rc = ws_request_workspace(req, WS_ACTION_READ);
    if (rc != NGX_OK) {
        return rc;
    }

    if (req->meta.deleted && !include) {
        return ws_respond_deleted(req);
    }

    rc = ws_request_template(req, &req->meta.template);
    if (rc != NGX_OK) {
        return rc;
    }

    return ws_respond_workspace(req, NGX_HTTP_OK);
}


ngx_int_t
ws_api_by_name(ws_request_t *req)
{
    ngx_int_t   rc;
    ngx_uint_t  include;

    rc = ws_request_include_deleted(req, &include);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ws_name_valid(&req->route.name) != NGX_OK) {
        return ws_respond_not_found(req);
    }

    return ws_api_find(req, "HGET", "names");
}


/* the sets of names are those of the owner, in the owner's shard */

static ngx_int_t
ws_api_find(ws_request_t *req, const char *command, const char *kind)
{
    ngx_str_t    argv[4], owner, name;
    ngx_uint_t   shard, live;
    ngx_pool_t  *pool;

    pool = ws_request_pool(req);
    live = (ngx_strcmp(kind, "names") == 0);

    shard = ws_uuid_shard(&req->target->id, req->store->ks->shards);
    owner = ws_uuid_str(pool, &req->target->id);
    name = ws_lower_str(pool, &req->route.name);

    if (owner.data == NULL || name.data == NULL) {
        return NGX_ERROR;
    }

    argv[0].data = (u_char *) command;
    argv[0].len = ngx_strlen(command);
    argv[1] = ws_key(pool, req->store->ks, shard, kind, &owner,
                     live ? NULL : &name);

    if (argv[1].data == NULL) {
        return NGX_ERROR;
    }

    if (live) {
        argv[2] = name;
        return ws_request_read(req, 3, argv, ws_api_found_live);
    }

    /* the newest */

    ngx_str_set(&argv[2], "-1");
    ngx_str_set(&argv[3], "-1");

    return ws_request_read(req, 4, argv, ws_api_found_deleted);
}


static void
ws_api_found_live(void *data, ws_reply_t *reply)
{
    ws_request_t  *req = data;

    ngx_uint_t  found, include;

    /* it was valid before */
    (void) ws_request_include_deleted(req, &include);

    found = reply->type == WS_REPLY_STRING
            && ws_uuid_parse(&reply->str, &req->id) == NGX_OK;

    if (include) {

        /* the live one goes first; both are asked for, whatever there is */

        req->handler = ws_api_find_deleted;

    } else if (found) {
        req->handler = ws_api_by_name_load;

    } else {
        ws_api_found_none(req);
    }

    ws_request_run(req);
}


static ngx_int_t
ws_api_find_deleted(ws_request_t *req)
{
    return ws_api_find(req, "ZRANGE", "gone");
}


static void
ws_api_found_deleted(void *data, ws_reply_t *reply)
{
    ws_request_t  *req = data;

    if (!ws_uuid_is_nil(&req->id)
        || (reply->type == WS_REPLY_ARRAY && reply->n == 1
            && reply->elts[0].type == WS_REPLY_STRING
            && ws_uuid_parse(&reply->elts[0].str, &req->id) == NGX_OK))
    {
        req->handler = ws_api_by_name_load;

    } else {
        ws_api_found_none(req);
    }

    ws_request_run(req);
}


/*
 * A name that nobody has takes as long as one that the caller may not know
 * of: a workspace is read, by an id that is a user's and so no workspace's.
 */

static void
ws_api_found_none(ws_request_t *req)
{
    req->id = req->target->id;
    req->handler = ws_api_by_name_load;
}


static ngx_int_t
ws_api_by_name_load(ws_request_t *req)
{
    ngx_int_t   rc;
    ngx_uint_t  include;

    rc = ws_request_workspace(req, WS_ACTION_READ);
    if (rc != NGX_OK) {
        return rc;
    }

    /* deleted since its name was looked up */

    (void) ws_request_include_deleted(req, &include);

    if (req->meta.deleted && !include) {
        return ws_respond_not_found(req);
    }

    rc = ws_request_template(req, &req->meta.template);
    if (rc != NGX_OK) {
        return rc;
    }

    return ws_respond_workspace(req, NGX_HTTP_OK);
}
