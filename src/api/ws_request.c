
/* Running a request, again and again, until nothing has to be waited for. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_request.h"
#include "ws_respond.h"


static void ws_request_cleanup(void *data);
static void ws_request_resume(void *data);
static void ws_request_finish(ws_request_t *req, ngx_int_t rc);
static ngx_int_t ws_request_keep(ws_request_t *req);
static void ws_request_reply(void *data, ws_reply_t *reply);


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


ws_request_t *
ws_request_before(ws_request_t *req)
{
    ws_request_t        *before;
    ngx_pool_cleanup_t  *cln;

    for (cln = req->http->pool->cleanup; cln; cln = cln->next) {
        before = cln->data;

        if (cln->handler == ws_request_cleanup && before != req
            && before->http == req->http)
        {
            return before;
        }
    }

    return NULL;
}


void
ws_request_forget(ws_request_t *req)
{
    ngx_uint_t  i;

    for (i = 0; i < WS_REF_COUNT; i++) {
        if (req->refs[i]) {
            ws_dir_unref(req->refs[i]);
        }
    }

    req->user = NULL;
    ngx_str_null(&req->token_id);
    ngx_str_null(&req->identity);
}


static void
ws_request_cleanup(void *data)
{
    ws_request_t  *req = data;

    if (req->cmd) {
        ws_redis_cancel(req->cmd);
    }

    ws_request_forget(req);

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
