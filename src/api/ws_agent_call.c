
/* Steps of requests that come from agents. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_agent.h"
#include "ws_agent_call.h"
#include "ws_auth.h"
#include "ws_body.h"
#include "ws_respond.h"
#include "ws_token.h"


/* a workspace that keeps changing under an agent's feet */
#define WS_AGENT_RETRIES  16


static ngx_int_t ws_agent_call_begin(ws_request_t *req);
static ngx_int_t ws_agent_call_read(ws_request_t *req);
static void ws_agent_call_have(void *data, ws_reply_t *reply);
static ngx_int_t ws_agent_call_agent(ws_request_t *req,
    ws_agent_call_t *call);
static ngx_int_t ws_agent_call_again(ws_request_t *req,
    ws_agent_call_t *call);
static void ws_agent_alive_have(void *data, ws_reply_t *reply);


ngx_int_t
ws_agent_call(ws_request_t *req, ws_agent_call_t **callp)
{
    ngx_int_t         rc;
    ws_agent_call_t  *call;

    if (req->ctx == NULL) {
        rc = ws_agent_call_begin(req);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    call = req->ctx;

    if (!call->read) {
        return ws_agent_call_read(req);
    }

    if (!call->known) {
        return ws_auth_refuse(req);
    }

    rc = ws_body_read_optional(req);

    if (rc == NGX_OK) {
        rc = ws_agent_call_agent(req, call);
    }

    *callp = call;

    return rc;
}


static ngx_int_t
ws_agent_call_begin(ws_request_t *req)
{
    ngx_str_t         id;
    ws_agent_call_t  *call;

    id.data = req->token.data;
    id.len = WS_UUID_LEN;

    if (req->token.len != WS_UUID_LEN + 1 + WS_TOKEN_SECRET_LEN
        || req->token.data[WS_UUID_LEN] != '-'
        || ws_uuid_parse(&id, &req->id) != NGX_OK)
    {
        return ws_auth_refuse(req);
    }

    call = ngx_pcalloc(ws_request_pool(req), sizeof(ws_agent_call_t));
    if (call == NULL) {
        return NGX_ERROR;
    }

    call->secret.data = id.data + WS_UUID_LEN + 1;
    call->secret.len = WS_TOKEN_SECRET_LEN;

    req->ctx = call;

    return NGX_OK;
}


static ngx_int_t
ws_agent_call_read(ws_request_t *req)
{
    ngx_str_t  argv[4];

    ngx_str_set(&argv[0], "HMGET");
    argv[1] = ws_key_workspace(ws_request_pool(req), req->store->ks, &req->id);
    ngx_str_set(&argv[2], "at");
    ngx_str_set(&argv[3], "ag");

    if (argv[1].data == NULL) {
        return NGX_ERROR;
    }

    return ws_request_read(req, 4, argv, ws_agent_call_have);
}


static void
ws_agent_call_have(void *data, ws_reply_t *reply)
{
    ws_request_t  *req = data;

    ws_reply_t       *elts;
    ws_agent_call_t  *call;

    call = req->ctx;
    call->read = 1;

    ngx_str_null(&call->roster);

    elts = reply->elts;

    if (reply->type != WS_REPLY_ARRAY || reply->n != 2) {
        req->broken = 1;

    } else if (elts[0].type == WS_REPLY_STRING) {
        call->known = (ws_token_verify(&call->secret, &elts[0].str)
                       == NGX_OK);

    } else {
        call->known = 0;
    }

    if (!req->broken && call->known && elts[1].type == WS_REPLY_STRING) {
        call->roster.len = elts[1].str.len;
        call->roster.data = ngx_pnalloc(ws_request_pool(req),
                                        elts[1].str.len + 1);

        if (call->roster.data == NULL) {
            req->broken = 1;

        } else {
            ngx_memcpy(call->roster.data, elts[1].str.data, elts[1].str.len);
        }
    }

    ws_request_run(req);
}


static ngx_int_t
ws_agent_call_agent(ws_request_t *req, ws_agent_call_t *call)
{
    ngx_int_t  rc;
    ngx_str_t  name;

    if (call->roster.data == NULL) {
        return ws_respond_error(req, NGX_HTTP_CONFLICT,
                                "The workspace is not running.", NULL);
    }

    ngx_str_set(&name, "");

    if (ws_body_string(req, "agent", &name) == NGX_DONE) {
        return NGX_DONE;
    }

    rc = ws_roster_find(&call->roster, &name, &call->agent);

    if (rc == NGX_ABORT) {
        return ws_body_invalid(req, "agent",
                               "is required: the workspace has several");
    }

    return rc == NGX_DECLINED ? ws_respond_not_found(req) : rc;
}


ngx_int_t
ws_agent_document(ws_request_t *req, ws_agent_call_t *call, json_t **agent)
{
    ngx_int_t  rc;

    req->for_change = 1;

    rc = ws_request_document(req);

    if (rc == NGX_DECLINED) {
        return ws_auth_refuse(req);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    /* an agent belongs to one build, and so does the secret */

    *agent = ws_agent_by_id(req->workspace, &call->agent.id);

    return *agent ? NGX_OK : ws_agent_call_again(req, call);
}


static ngx_int_t
ws_agent_call_again(ws_request_t *req, ws_agent_call_t *call)
{
    if (call->retries++ == WS_AGENT_RETRIES) {
        return ws_respond_unavailable(req);
    }

    call->read = 0;
    req->have_state = 0;
    req->workspace = NULL;

    return ws_agent_call_read(req);
}


ngx_int_t
ws_agent_alive(ws_request_t *req, ws_agent_call_t *call)
{
    ws_txn_t        txn;
    ngx_str_t       key, alive, id, agent, ms;
    ngx_pool_t     *pool;
    ws_keyspace_t  *ks;

    pool = ws_request_pool(req);
    ks = req->store->ks;

    id = ws_uuid_str(pool, &req->id);

    if (id.data == NULL || ws_txn_init(&txn, pool) != NGX_OK) {
        return NGX_ERROR;
    }

    key = ws_key_workspace(pool, ks, &req->id);
    alive = ws_key(pool, ks, ws_uuid_shard(&req->id, ks->shards), "alive",
                   &id, NULL);
    agent = ws_uuid_str(pool, &call->agent.id);
    ms = ws_int_str(pool, ws_request_now_ms(req));

    ws_txn_require(&txn, key, "ag", call->roster);
    ws_txn_command(&txn, "HSET", alive, 2, &agent, &ms);

    return ws_request_write(req, &txn, ws_agent_alive_have);
}


static void
ws_agent_alive_have(void *data, ws_reply_t *reply)
{
    ws_request_t  *req = data;

    ngx_int_t         rc;
    ngx_uint_t        guard;
    ws_agent_call_t  *call;

    call = req->ctx;
    rc = ws_txn_result(reply, &guard);

    if (rc == NGX_OK) {
        req->handler = req->done;

    } else if (rc == NGX_ERROR) {
        req->broken = 1;

    } else if (call->retries++ == WS_AGENT_RETRIES) {
        req->unavailable = 1;

    } else {
        call->read = 0;
    }

    ws_request_run(req);
}


ngx_uint_t
ws_agent_called(ws_agent_call_t *call, const char *status)
{
    return call->agent.status.len == ngx_strlen(status)
           && ngx_memcmp(call->agent.status.data, status,
                         call->agent.status.len)
              == 0;
}
