
/* Builds by their id. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_build.h"
#include "ws_json_scan.h"
#include "ws_request_build.h"
#include "ws_respond.h"


/* a build that is superseded between the two readings is read again */
#define WS_BUILD_RETRIES  4


struct ws_build_ref_s {
    ngx_str_t    d;
    ngx_str_t    p;
    ngx_uint_t   retries;
    unsigned     read:1;
    unsigned     none:1;
};


static ngx_int_t ws_request_build_read(ws_request_t *req);
static void ws_request_build_have(void *data, ws_reply_t *reply);
static ngx_int_t ws_request_build_keep(ws_request_t *req, ws_reply_t *reply);
static ngx_uint_t ws_request_build_is(ws_request_t *req,
    ws_found_build_t *build);


ngx_int_t
ws_request_build(ws_request_t *req, ngx_uint_t action,
    ws_found_build_t *build)
{
    ngx_int_t        rc;
    ws_build_ref_t  *ref;

    ref = req->build_ref;

    if (ref == NULL) {
        ref = ngx_pcalloc(ws_request_pool(req), sizeof(ws_build_ref_t));
        if (ref == NULL) {
            return NGX_ERROR;
        }

        req->build_ref = ref;
    }

    if (!ref->read) {
        return ws_request_build_read(req);
    }

    rc = ws_request_workspace(req, action);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ref->none) {
        return ws_respond_not_found(req);
    }

    if (ws_request_latest(req, build) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ref->d.len) {
        build->latest = 0;
        build->d = ref->d;
        build->p = ref->p;
        return NGX_OK;
    }

    if (ws_request_build_is(req, build)) {
        return NGX_OK;
    }

    if (ref->retries++ == WS_BUILD_RETRIES) {
        return NGX_ERROR;
    }

    ref->read = 0;
    req->have_state = 0;
    req->workspace = NULL;

    return ws_request_build_read(req);
}


static ngx_int_t
ws_request_build_read(ws_request_t *req)
{
    ngx_str_t       argv[6], id;
    ngx_pool_t     *pool;
    ws_keyspace_t  *ks;

    pool = ws_request_pool(req);
    ks = req->store->ks;

    id = ws_uuid_str(pool, &req->build);
    if (id.data == NULL) {
        return NGX_ERROR;
    }

    /* the id lies near its workspace's: the same shard */

    ngx_str_set(&argv[0], "HMGET");
    argv[1] = ws_key(pool, ks, ws_uuid_shard(&req->build, ks->shards),
                     "build", &id, NULL);
    ngx_str_set(&argv[2], "w");
    ngx_str_set(&argv[3], "d");
    ngx_str_set(&argv[4], "p");

    if (argv[1].data == NULL) {
        return NGX_ERROR;
    }

    return ws_request_read(req, 5, argv, ws_request_build_have);
}


static void
ws_request_build_have(void *data, ws_reply_t *reply)
{
    ws_request_t  *req = data;

    req->build_ref->read = 1;

    if (ws_request_build_keep(req, reply) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, req->http->connection->log, 0,
                      "the hash of a build is broken, or there is no memory");
        req->broken = 1;
    }

    ws_request_run(req);
}


static ngx_int_t
ws_request_build_keep(ws_request_t *req, ws_reply_t *reply)
{
    ws_reply_t      *elts;
    ngx_pool_t      *pool;
    ws_build_ref_t  *ref;

    ref = req->build_ref;
    pool = ws_request_pool(req);
    elts = reply->elts;

    if (reply->type != WS_REPLY_ARRAY || reply->n != 3) {
        return NGX_ERROR;
    }

    if (elts[0].type == WS_REPLY_NIL) {

        /* takes as long as a build that the caller may not know of */

        req->id = req->build;
        ref->none = 1;
        return NGX_OK;
    }

    if (elts[0].type != WS_REPLY_STRING
        || ws_uuid_parse(&elts[0].str, &req->id) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (elts[1].type != WS_REPLY_STRING || elts[2].type != WS_REPLY_STRING) {
        return NGX_OK;
    }

    ref->d.len = elts[1].str.len;
    ref->d.data = ngx_pstrdup(pool, &elts[1].str);
    ref->p.len = elts[2].str.len;
    ref->p.data = ngx_pstrdup(pool, &elts[2].str);

    return ref->d.data && ref->p.data ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ws_request_latest(ws_request_t *req, ws_found_build_t *build)
{
    ngx_str_null(&build->p);
    build->latest = 1;

    if (ws_json_scan(&req->state.d, "latest_build", &build->d) != NGX_OK
        || ws_json_scan_str(&req->state.d, "name", &build->name) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_uint_t
ws_request_build_is(ws_request_t *req, ws_found_build_t *build)
{
    ngx_str_t  text;
    ws_uuid_t  id;

    return ws_json_scan_str(&build->d, "id", &text) == NGX_OK
           && ws_uuid_parse(&text, &id) == NGX_OK
           && ws_uuid_eq(&id, &req->build);
}


ngx_int_t
ws_respond_build(ws_request_t *req, ws_found_build_t *build)
{
    ws_json_t  w;
    ngx_str_t  json;

    ws_json_init(&w, ws_request_pool(req), build->d.len + 64);

    if (ws_build_show(&w, &build->d, &build->name) != NGX_OK
        || ws_json_str(&w, &json) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ws_respond_json(req, NGX_HTTP_OK, &json);
}
