
/*
 * Agents reporting: that they are there, how they are, that they leave.
 *
 * The heartbeat of an agent that is connected already reads two fields and
 * writes one; all else is a commit like any other.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_agent.h"
#include "ws_agent_call.h"
#include "ws_api.h"
#include "ws_body.h"
#include "ws_respond.h"


/* a third of the inactivity timeout, but not too seldom */
#define WS_AGENT_INTERVAL_MAX_MS  10000

#define WS_AGENT_VERSION_MAX      256


typedef struct {
    ngx_str_t    version;           /* empty: not given */
    ngx_uint_t   activity;
} ws_heartbeat_t;


static ngx_int_t ws_heartbeat_fields(ws_request_t *req, ws_heartbeat_t *h);
static ngx_uint_t ws_heartbeat_news(ws_heartbeat_t *h, ngx_uint_t connected,
    ngx_str_t *version);
static ngx_int_t ws_heartbeat_change(ws_request_t *req,
    ws_agent_call_t *call, ws_heartbeat_t *h, json_t *agent);
static ngx_int_t ws_heartbeat_done(ws_request_t *req);

static ngx_int_t ws_agent_change(ws_request_t *req, json_t *agent,
    int64_t now_ms);
static ngx_int_t ws_agent_object(ws_request_t *req, const char *field,
    json_t **value);
static void ws_agent_sign(ws_request_t *req, ws_agent_call_t *call);
static ngx_uint_t ws_agent_connected(json_t *agent);


ngx_int_t
ws_api_agent_heartbeat(ws_request_t *req)
{
    json_t           *agent;
    ngx_int_t         rc;
    ws_heartbeat_t    h;
    ws_agent_call_t  *call;

    rc = ws_agent_call(req, &call);

    if (rc == NGX_OK) {
        rc = ws_heartbeat_fields(req, &h);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    req->done = ws_heartbeat_done;

    if (!ws_heartbeat_news(&h, ws_agent_called(call, "connected"),
                           &call->agent.version))
    {
        return ws_agent_alive(req, call);
    }

    rc = ws_agent_document(req, call, &agent);

    if (rc == NGX_OK) {
        rc = ws_heartbeat_change(req, call, &h, agent);
    }

    return rc == NGX_OK ? ws_request_commit(req) : rc;
}


static ngx_int_t
ws_heartbeat_fields(ws_request_t *req, ws_heartbeat_t *h)
{
    ngx_str_set(&h->version, "");
    h->activity = 0;

    if (ws_body_string(req, "version", &h->version) == NGX_DONE
        || ws_body_boolean(req, "activity", &h->activity) == NGX_DONE)
    {
        return NGX_DONE;
    }

    return h->version.len > WS_AGENT_VERSION_MAX
           ? ws_body_invalid(req, "version", "must be at most 256 bytes")
           : NGX_OK;
}


/* whether the document has to change */

static ngx_uint_t
ws_heartbeat_news(ws_heartbeat_t *h, ngx_uint_t connected, ngx_str_t *version)
{
    if (h->activity || !connected) {
        return 1;
    }

    return h->version.len
           && (h->version.len != version->len
               || ngx_memcmp(h->version.data, version->data, version->len)
                  != 0);
}


static ngx_int_t
ws_heartbeat_change(ws_request_t *req, ws_agent_call_t *call,
    ws_heartbeat_t *h, json_t *agent)
{
    int64_t          now_ms;
    ngx_str_t        version;
    ws_workspace_t  *w;

    w = req->workspace;
    now_ms = ws_request_now_ms(req);
    version = ws_json_get_str(agent, "version");

    /* another heartbeat was faster: the roster is read again */

    if (!ws_heartbeat_news(h, ws_agent_connected(agent), &version)) {
        return ws_agent_alive(req, call);
    }

    if (h->version.len || !ws_agent_connected(agent)) {

        if (ws_agent_connect(w, agent, &h->version, req->conf->agent_timeout,
                             now_ms)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (h->activity && ws_agent_activity(w, now_ms) != NGX_OK) {
        return NGX_ERROR;
    }

    ws_agent_sign(req, call);

    return NGX_OK;
}


static ngx_int_t
ws_heartbeat_done(ws_request_t *req)
{
    u_char     *p;
    ngx_str_t   json;

    p = ngx_pnalloc(ws_request_pool(req),
                    sizeof("{\"interval_ms\":}") - 1 + NGX_INT_T_LEN);
    if (p == NULL) {
        return NGX_ERROR;
    }

    json.data = p;
    json.len = ngx_sprintf(p, "{\"interval_ms\":%M}",
                           ngx_max(1, ngx_min(WS_AGENT_INTERVAL_MAX_MS,
                                              req->conf->agent_timeout / 3)))
               - p;

    return ws_respond_json(req, NGX_HTTP_OK, &json);
}


ngx_int_t
ws_api_agent_state(ws_request_t *req)
{
    json_t           *agent, *before;
    int64_t           now_ms;
    ngx_int_t         rc;
    ngx_uint_t        same;
    ws_agent_call_t  *call;

    rc = ws_agent_call(req, &call);

    if (rc == NGX_OK) {
        rc = ws_agent_document(req, call, &agent);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    now_ms = ws_request_now_ms(req);
    before = json_deep_copy(agent);

    rc = ws_agent_change(req, agent, now_ms);

    /* an agent that repeats itself is no news */

    (void) json_object_set(before, "updated_at",
                           json_object_get(agent, "updated_at"));
    same = json_equal(before, agent);

    json_decref(before);

    if (rc != NGX_OK) {
        return rc;
    }

    req->done = ws_respond_empty;

    if (!same) {
        ws_agent_sign(req, call);
        return ws_request_commit(req);
    }

    return ws_agent_called(call, "connected") ? ws_agent_alive(req, call)
                                              : ws_respond_empty(req);
}


static ngx_int_t
ws_agent_change(ws_request_t *req, json_t *agent, int64_t now_ms)
{
    json_t          *apps, *latency;
    ngx_int_t        rc, given;
    ngx_str_t        state;
    const char      *detail;
    ws_workspace_t  *w;

    w = req->workspace;

    given = ws_body_string(req, "lifecycle_state", &state);

    if (given == NGX_DONE
        || ws_agent_object(req, "apps", &apps) == NGX_DONE
        || ws_agent_object(req, "latency", &latency) == NGX_DONE)
    {
        return NGX_DONE;
    }

    if (given == NGX_OK) {
        rc = ws_agent_lifecycle(w, agent, &state, now_ms);

        if (rc != NGX_OK) {
            return rc == NGX_DECLINED
                   ? ws_body_invalid(req, "lifecycle_state",
                                     "there is no such state")
                   : rc;
        }
    }

    if (apps) {
        rc = ws_agent_apps(w, agent, apps, now_ms, &detail);

        if (rc != NGX_OK) {
            return rc == NGX_DECLINED ? ws_body_invalid(req, "apps", detail)
                                      : rc;
        }
    }

    if (latency) {
        rc = ws_agent_latency(w, agent, latency, now_ms, &detail);

        if (rc != NGX_OK) {
            return rc == NGX_DECLINED
                   ? ws_body_invalid(req, "latency", detail) : rc;
        }
    }

    return NGX_OK;
}


/* NULL when it is not given */

static ngx_int_t
ws_agent_object(ws_request_t *req, const char *field, json_t **value)
{
    json_t  *v;

    v = json_object_get(req->json, field);
    *value = (v && !json_is_null(v)) ? v : NULL;

    return *value == NULL || json_is_object(*value)
           ? NGX_OK : ws_body_invalid(req, field, "must be an object");
}


ngx_int_t
ws_api_agent_disconnect(ws_request_t *req)
{
    json_t           *agent;
    int64_t           now_ms;
    ngx_int_t         rc;
    ws_agent_call_t  *call;

    rc = ws_agent_call(req, &call);

    if (rc == NGX_OK && !ws_agent_called(call, "connected")) {
        return ws_respond_empty(req);
    }

    if (rc == NGX_OK) {
        rc = ws_agent_document(req, call, &agent);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (!ws_agent_connected(agent)) {
        return ws_respond_empty(req);
    }

    now_ms = ws_request_now_ms(req);

    if (ws_agent_disconnect(req->workspace, agent, now_ms, now_ms) != NGX_OK) {
        return NGX_ERROR;
    }

    req->done = ws_respond_empty;

    return ws_request_commit(req);
}


/* the commit is a sign of life, if the agent is connected after it */

static void
ws_agent_sign(ws_request_t *req, ws_agent_call_t *call)
{
    if (ws_agent_connected(ws_agent_by_id(req->workspace, &call->agent.id))) {
        req->workspace->alive = call->agent.id;
        req->workspace->alive_ms = ws_request_now_ms(req);
    }
}


static ngx_uint_t
ws_agent_connected(json_t *agent)
{
    ngx_str_t  status;

    status = ws_json_get_str(agent, "status");

    return status.len == 9 && ngx_memcmp(status.data, "connected", 9) == 0;
}
