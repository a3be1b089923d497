
/*
 * Provisioners at work on a job.  What they say counts as long as theirs is
 * the lease of the job and its time is not over; else the answer is 409, and
 * whoever gets that has nothing to do with the job any more.
 *
 * A heartbeat does not touch the workspace's document: it moves the lease's
 * end and appends to the log.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_api.h"
#include "ws_auth.h"
#include "ws_body.h"
#include "ws_job.h"
#include "ws_log.h"
#include "ws_respond.h"


/* a heartbeat that keeps losing against others of its job gives up */
#define WS_HEARTBEAT_RETRIES  16

/* of the lease; those of the log follow */
#define WS_HEARTBEAT_GUARDS  2


typedef struct {
    ngx_str_t       id;             /* of the job, lower case */
    ngx_str_t       build;
    ngx_str_t       lease;          /* as given */
    ngx_uint_t      lines;          /* of the log */
    ngx_uint_t      last;           /* and after this heartbeat */
    int64_t         lease_ms;       /* when the lease ends */
    unsigned        found:1;
    unsigned        read:1;         /* the state of the lease */
    unsigned        held:1;         /* it is the caller's */
    unsigned        canceling:1;
} ws_held_t;


static ngx_int_t ws_held(ws_request_t *req, ws_held_t **hp);
static ngx_int_t ws_held_begin(ws_request_t *req);
static ngx_int_t ws_held_find(ws_request_t *req, ws_held_t *h);
static void ws_held_found(void *data, ws_reply_t *reply);
static ngx_int_t ws_held_for_change(ws_request_t *req, ws_held_t *h);
static ngx_int_t ws_held_lost(ws_request_t *req);

static ngx_int_t ws_heartbeat_read(ws_request_t *req, ws_held_t *h);
static void ws_heartbeat_have(void *data, ws_reply_t *reply);
static ngx_uint_t ws_heartbeat_is(ngx_str_t *status, const char *text);
static ngx_int_t ws_heartbeat_commit(ws_request_t *req, ws_held_t *h);
static void ws_heartbeat_committed(void *data, ws_reply_t *reply);
static ngx_int_t ws_heartbeat_done(ws_request_t *req);


ngx_int_t
ws_api_job_heartbeat(ws_request_t *req)
{
    ngx_int_t   rc;
    ws_held_t  *h;

    rc = ws_held(req, &h);
    if (rc != NGX_OK) {
        return rc;
    }

    if (!h->read) {
        return ws_heartbeat_read(req, h);
    }

    return h->held ? ws_heartbeat_commit(req, h) : ws_held_lost(req);
}


ngx_int_t
ws_api_job_complete(ws_request_t *req)
{
    json_t      *resources;
    ngx_int_t    rc, given;
    ngx_str_t    state;
    ws_held_t   *h;
    const char  *detail;

    rc = ws_held(req, &h);
    if (rc != NGX_OK) {
        return rc;
    }

    resources = NULL;

    if (ws_body_array(req, "resources", &resources) == NGX_DONE) {
        return NGX_DONE;
    }

    given = ws_body_string(req, "state", &state);

    if (given == NGX_DONE) {
        return NGX_DONE;
    }

    if (given == NGX_OK && state.len > WS_JOB_STATE_MAX) {
        return ws_body_invalid(req, "state", "must be at most 256 kB");
    }

    rc = ws_held_for_change(req, h);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ws_job_complete(req->workspace, resources,
                         given == NGX_OK ? &state : NULL,
                         ws_request_now_ms(req), &detail);

    if (rc == NGX_DECLINED) {
        return ws_body_invalid(req, "resources", detail);
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    req->done = ws_respond_empty;

    return ws_request_commit(req);
}


ngx_int_t
ws_api_job_fail(ws_request_t *req)
{
    ngx_int_t   rc;
    ngx_str_t   error;
    ws_held_t  *h;

    rc = ws_held(req, &h);
    if (rc != NGX_OK) {
        return rc;
    }

    ngx_str_set(&error, "");

    if (ws_body_string(req, "error", &error) == NGX_DONE) {
        return NGX_DONE;
    }

    if (error.len == 0) {
        return ws_body_invalid(req, "error", "is required");
    }

    rc = ws_held_for_change(req, h);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ws_job_fail(req->workspace, &error, ws_request_now_ms(req)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    req->done = ws_respond_empty;

    return ws_request_commit(req);
}


ngx_int_t
ws_api_job_release(ws_request_t *req)
{
    ngx_int_t   rc;
    ws_held_t  *h;

    rc = ws_held(req, &h);

    if (rc == NGX_OK) {
        rc = ws_held_for_change(req, h);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ws_job_give_back(req->workspace, ws_request_now_ms(req)) != NGX_OK) {
        return NGX_ERROR;
    }

    req->done = ws_respond_empty;

    return ws_request_commit(req);
}


/* A step: who it is, the lease that they claim, the job of the path. */

static ngx_int_t
ws_held(ws_request_t *req, ws_held_t **hp)
{
    ngx_int_t  rc;

    rc = ws_auth_provisioner(req);

    if (rc == NGX_OK) {
        rc = ws_body_read(req);
    }

    if (rc == NGX_OK && req->ctx == NULL) {
        rc = ws_held_begin(req);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    *hp = req->ctx;

    return (*hp)->found ? NGX_OK : ws_held_find(req, *hp);
}


static ngx_int_t
ws_held_begin(ws_request_t *req)
{
    ngx_int_t   rc;
    ngx_str_t   lease;
    ws_held_t  *h;

    /* the job's id lies near its workspace's: the same shard */

    if (ws_uuid_parse(&req->route.job, &req->id) != NGX_OK) {
        return ws_respond_invalid_c(req, NGX_HTTP_BAD_REQUEST,
                                    "The job's ID is not valid.", "job",
                                    "must be a UUID");
    }

    rc = ws_body_string(req, "lease", &lease);

    if (rc != NGX_OK) {
        return rc == NGX_DECLINED
               ? ws_body_invalid(req, "lease", "is required") : rc;
    }

    h = ngx_pcalloc(ws_request_pool(req), sizeof(ws_held_t));
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->lease = lease;
    h->id = ws_uuid_str(ws_request_pool(req), &req->id);

    if (h->id.data == NULL) {
        return NGX_ERROR;
    }

    req->ctx = h;

    return NGX_OK;
}


static ngx_int_t
ws_held_find(ws_request_t *req, ws_held_t *h)
{
    ngx_str_t       argv[5];
    ws_keyspace_t  *ks;

    if (req->absent) {
        return ws_respond_not_found(req);
    }

    ks = req->store->ks;

    ngx_str_set(&argv[0], "HMGET");
    argv[1] = ws_key(ws_request_pool(req), ks,
                     ws_uuid_shard(&req->id, ks->shards), "job", &h->id,
                     NULL);
    ngx_str_set(&argv[2], "w");
    ngx_str_set(&argv[3], "b");
    ngx_str_set(&argv[4], "n");

    if (argv[1].data == NULL) {
        return NGX_ERROR;
    }

    return ws_request_read(req, 5, argv, ws_held_found);
}


static void
ws_held_found(void *data, ws_reply_t *reply)
{
    ws_request_t  *req = data;

    ws_held_t   *h;
    ws_reply_t  *elts;

    h = req->ctx;
    elts = reply->elts;

    if (reply->type != WS_REPLY_ARRAY || reply->n != 3) {
        req->broken = 1;

    } else if (elts[0].type != WS_REPLY_STRING
               || elts[1].type != WS_REPLY_STRING)
    {
        req->absent = 1;

    } else if (ws_uuid_parse(&elts[0].str, &req->id) != NGX_OK) {
        req->broken = 1;

    } else {
        h->build.len = elts[1].str.len;
        h->build.data = ngx_pstrdup(ws_request_pool(req), &elts[1].str);

        h->lines = elts[2].type == WS_REPLY_STRING
                   ? (ngx_uint_t) ngx_max(0, ngx_atoi(elts[2].str.data,
                                                      elts[2].str.len))
                   : 0;

        h->found = (h->build.data != NULL);
        req->broken = !h->found;
    }

    ws_request_run(req);
}


/* A step: the workspace, its lease being the caller's. */

static ngx_int_t
ws_held_for_change(ws_request_t *req, ws_held_t *h)
{
    ngx_int_t  rc;
    ngx_str_t  id;

    req->for_change = 1;

    rc = ws_request_document(req);

    if (rc == NGX_DECLINED) {
        return ws_respond_not_found(req);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    id = ws_json_get_str(json_object_get(ws_workspace_build(req->workspace),
                                         "job"),
                         "id");

    if (id.len != h->id.len || ngx_memcmp(id.data, h->id.data, id.len) != 0
        || ws_job_leased(req->workspace, &h->lease, ws_request_now_ms(req))
           != NGX_OK)
    {
        return ws_held_lost(req);
    }

    return NGX_OK;
}


static ngx_int_t
ws_held_lost(ws_request_t *req)
{
    return ws_respond_error(req, NGX_HTTP_CONFLICT,
                            "The job is not yours any more.",
                            "The lease has ended, or is another's.");
}


static ngx_int_t
ws_heartbeat_read(ws_request_t *req, ws_held_t *h)
{
    ngx_str_t  argv[5];

    ngx_str_set(&argv[0], "HMGET");
    argv[1] = ws_key_workspace(ws_request_pool(req), req->store->ks, &req->id);
    ngx_str_set(&argv[2], "l");
    ngx_str_set(&argv[3], "e");
    ngx_str_set(&argv[4], "m");

    if (argv[1].data == NULL) {
        return NGX_ERROR;
    }

    return ws_request_read(req, 5, argv, ws_heartbeat_have);
}


static void
ws_heartbeat_have(void *data, ws_reply_t *reply)
{
    ws_request_t  *req = data;

    ws_meta_t    meta;
    ws_held_t   *h;
    ngx_str_t   *l, *e;
    ws_reply_t  *elts;

    h = req->ctx;
    h->read = 1;
    elts = reply->elts;

    if (reply->type == WS_REPLY_ARRAY && reply->n == 3
        && elts[0].type == WS_REPLY_STRING && elts[1].type == WS_REPLY_STRING
        && elts[2].type == WS_REPLY_STRING
        && ws_meta_parse(&elts[2].str, &meta) == NGX_OK)
    {
        l = &elts[0].str;
        e = &elts[1].str;

        h->canceling = ws_heartbeat_is(&meta.status, "canceling");

        h->held = ((h->canceling || ws_heartbeat_is(&meta.status, "starting")
                    || ws_heartbeat_is(&meta.status, "stopping")
                    || ws_heartbeat_is(&meta.status, "deleting"))
                   && l->len == h->lease.len
                   && ngx_memcmp(l->data, h->lease.data, l->len) == 0
                   && ngx_atoi(e->data, e->len) > ws_request_now_ms(req));
    }

    ws_request_run(req);
}


static ngx_uint_t
ws_heartbeat_is(ngx_str_t *status, const char *text)
{
    return status->len == ngx_strlen(text)
           && ngx_memcmp(status->data, text, status->len) == 0;
}


static ngx_int_t
ws_heartbeat_commit(ws_request_t *req, ws_held_t *h)
{
    json_t      *lines;
    ws_log_t     log;
    ws_txn_t     txn;
    ngx_int_t    rc;
    ngx_str_t    key, build, superseded;
    const char  *detail;

    lines = NULL;

    if (ws_body_array(req, "logs", &lines) == NGX_DONE) {
        return NGX_DONE;
    }

    log.after = -1;

    rc = ws_body_integer(req, "logs_after", &log.after);

    if (rc == NGX_DONE) {
        return rc;
    }

    if (rc == NGX_OK && log.after < 0) {
        return ws_body_invalid(req, "logs_after", "must not be negative");
    }

    log.pool = ws_request_pool(req);
    log.ks = req->store->ks;
    log.shard = ws_uuid_shard(&req->id, log.ks->shards);
    log.build = h->build;
    log.job = h->id;
    log.count = h->lines;
    log.now_ms = ws_request_now_ms(req);

    key = ws_key_workspace(log.pool, log.ks, &req->id);
    build = ws_key(log.pool, log.ks, log.shard, "build", &h->build, NULL);
    h->lease_ms = log.now_ms + WS_LEASE_MS;

    if (ws_txn_init(&txn, log.pool) != NGX_OK) {
        return NGX_ERROR;
    }

    ws_txn_require(&txn, key, "l", h->lease);

    /* the lease is that of the latest build's job: not of one before it */

    ngx_str_set(&superseded, "d");
    ws_txn_require_absent(&txn, build, superseded);

    ws_txn_hset(&txn, key, "e", ws_int_str(log.pool, h->lease_ms));

    rc = ws_log_append(&log, &txn, lines, &detail);

    if (rc == NGX_DECLINED) {
        return ws_body_invalid(req, "logs", detail);
    }

    h->last = log.count;

    return rc == NGX_OK
           ? ws_request_write(req, &txn, ws_heartbeat_committed) : rc;
}


static void
ws_heartbeat_committed(void *data, ws_reply_t *reply)
{
    ws_request_t  *req = data;

    ngx_int_t   rc;
    ws_held_t  *h;
    ngx_uint_t  guard;

    h = req->ctx;

    rc = ws_txn_result(reply, &guard);

    if (rc == NGX_OK) {
        req->handler = ws_heartbeat_done;

    } else if (rc == NGX_ERROR) {
        req->broken = 1;

    } else if (guard < WS_HEARTBEAT_GUARDS) {
        h->held = 0;

    } else if (ws_request_outdone(req, WS_HEARTBEAT_RETRIES)) {
        req->unavailable = 1;

    } else {

        /* another heartbeat of the same job has added to the log */

        h->found = 0;
        h->read = 0;

        (void) ws_uuid_parse(&h->id, &req->id);
    }

    ws_request_run(req);
}


static ngx_int_t
ws_heartbeat_done(ws_request_t *req)
{
    ws_held_t  *h;
    ws_json_t   w;
    ngx_str_t   json;

    h = req->ctx;

    ws_json_init(&w, ws_request_pool(req), 128);

    ws_json_lit(&w, "{\"canceling\":");
    ws_json_bool(&w, h->canceling);
    ws_json_lit(&w, ",\"lease_expires_at\":");
    ws_json_time(&w, h->lease_ms);
    ws_json_lit(&w, ",\"last_log\":");
    ws_json_int(&w, h->last);
    ws_json_lit(&w, "}");

    if (ws_json_str(&w, &json) != NGX_OK) {
        return NGX_ERROR;
    }

    return ws_respond_json(req, NGX_HTTP_OK, &json);
}
