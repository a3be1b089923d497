
/* Agents lie inside the resources of the latest build. */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_agent.h"
#include "ws_json_set.h"
#include "ws_resource.h"


#define WS_AGENT_REGIONS_MAX  64
#define WS_AGENT_REGION_MAX   64        /* bytes of its name */


static ngx_int_t ws_agent_status(ws_workspace_t *w, json_t *agent,
    const char *status, int64_t now_ms);
static ngx_int_t ws_agent_touch(ws_workspace_t *w, json_t *agent,
    int64_t now_ms);
static ngx_uint_t ws_agent_is(json_t *agent, const char *status);
static json_t *ws_agent_app(json_t *agent, const char *name);


/* every agent of the latest build */

#define ws_agent_foreach(w, i, resource, k, agent)                            \
    json_array_foreach(json_object_get(ws_workspace_build(w), "resources"),   \
                       i, resource)                                           \
        json_array_foreach(json_object_get(resource, "agents"), k, agent)


json_t *
ws_agent_by_id(ws_workspace_t *w, const ws_uuid_t *id)
{
    size_t      i, k;
    json_t     *resource, *agent;
    ws_uuid_t   has;

    ws_agent_foreach(w, i, resource, k, agent) {
        if (ws_json_get_uuid(agent, "id", &has) == NGX_OK
            && ws_uuid_eq(&has, id))
        {
            return agent;
        }
    }

    return NULL;
}


ngx_int_t
ws_agent_connect(ws_workspace_t *w, json_t *agent, ngx_str_t *version,
    int64_t timeout_ms, int64_t now_ms)
{
    ngx_int_t  rc;

    rc = ws_json_set_int(w->priv, "agent_timeout_ms", timeout_ms);

    if (json_object_get(agent, "first_connected_at") == NULL) {
        rc |= ws_json_set_time(agent, "first_connected_at", now_ms);
    }

    if (version->len) {
        rc |= ws_json_set_str(agent, "version", version);
    }

    rc |= ws_json_set_time(agent, "last_connected_at", now_ms);
    rc |= ws_agent_status(w, agent, "connected", now_ms);

    (void) json_object_del(agent, "disconnected_at");

    return rc == NGX_OK ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ws_agent_disconnect(ws_workspace_t *w, json_t *agent, int64_t last_ms,
    int64_t now_ms)
{
    ngx_int_t  rc;

    rc = ws_json_set_time(agent, "last_connected_at", last_ms);
    rc |= ws_json_set_time(agent, "disconnected_at", now_ms);
    rc |= ws_agent_status(w, agent, "disconnected", now_ms);

    return rc == NGX_OK ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ws_agent_expire(ws_workspace_t *w, json_t *agent, int64_t last_ms,
    int64_t now_ms, int64_t *next_ms)
{
    int64_t  since_ms, timeout_ms;

    *next_ms = 0;

    if (ws_agent_is(agent, "connecting")) {

        timeout_ms = 1000 * ws_json_get_int(agent,
                                            "connection_timeout_seconds", 0);
        if (timeout_ms == 0
            || ws_json_get_time(agent, "created_at", &since_ms) != NGX_OK)
        {
            return NGX_DECLINED;
        }

        if (now_ms < since_ms + timeout_ms) {
            *next_ms = since_ms + timeout_ms;
            return NGX_DECLINED;
        }

        return ws_agent_status(w, agent, "timeout", now_ms);
    }

    if (!ws_agent_is(agent, "connected")
        || ws_json_get_time(agent, "last_connected_at", &since_ms) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    since_ms = ngx_max(since_ms, last_ms);
    timeout_ms = ws_json_get_int(w->priv, "agent_timeout_ms",
                                 WS_AGENT_TIMEOUT_MS);

    if (now_ms < since_ms + timeout_ms) {
        *next_ms = since_ms + timeout_ms;
        return NGX_DECLINED;
    }

    return ws_agent_disconnect(w, agent, since_ms, now_ms);
}


ngx_int_t
ws_agent_retire(ws_workspace_t *w, int64_t now_ms)
{
    size_t      i, k;
    json_t     *resource, *agent;
    ngx_int_t   rc;

    rc = NGX_OK;

    ws_agent_foreach(w, i, resource, k, agent) {

        if (ws_agent_is(agent, "connected")) {
            rc |= ws_json_set_time(agent, "disconnected_at", now_ms);
            rc |= ws_agent_status(w, agent, "disconnected", now_ms);

        } else if (ws_agent_is(agent, "connecting")
                   && ws_json_get_int(agent, "connection_timeout_seconds", 0))
        {
            rc |= ws_agent_status(w, agent, "timeout", now_ms);
        }
    }

    return rc == NGX_OK ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ws_agent_lifecycle(ws_workspace_t *w, json_t *agent, ngx_str_t *state,
    int64_t now_ms)
{
    if (!ws_resource_known(WS_KNOWN_LIFECYCLE, state)) {
        return NGX_DECLINED;
    }

    if (ws_json_set_str(agent, "lifecycle_state", state) != NGX_OK) {
        return NGX_ERROR;
    }

    return ws_agent_touch(w, agent, now_ms);
}


ngx_int_t
ws_agent_apps(ws_workspace_t *w, json_t *agent, json_t *healths,
    int64_t now_ms, const char **detail)
{
    json_t      *v, *app;
    ngx_str_t    health;
    const char  *name;

    json_object_foreach(healths, name, v) {
        health = ws_json_get_str(healths, name);

        if (!json_is_string(v)
            || !ws_resource_known(WS_KNOWN_HEALTH, &health))
        {
            *detail = "must be disabled, initializing, healthy or unhealthy";
            return NGX_DECLINED;
        }

        if (ws_agent_app(agent, name) == NULL) {
            *detail = "the agent has no such app";
            return NGX_DECLINED;
        }
    }

    json_object_foreach(healths, name, v) {
        app = ws_agent_app(agent, name);

        if (ws_json_set(app, "health", json_incref(v)) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return ws_agent_touch(w, agent, now_ms);
}


ngx_int_t
ws_agent_latency(ws_workspace_t *w, json_t *agent, json_t *latency,
    int64_t now_ms, const char **detail)
{
    json_t      *v, *copy, *entry, *ms;
    ngx_int_t    rc;
    const char  *region;

    if (json_object_size(latency) > WS_AGENT_REGIONS_MAX) {
        *detail = "has too many regions";
        return NGX_DECLINED;
    }

    copy = json_object();
    rc = NGX_OK;

    json_object_foreach(latency, region, v) {
        ms = json_object_get(v, "latency_ms");

        if (!json_is_number(ms) || json_number_value(ms) < 0
            || ngx_strlen(region) > WS_AGENT_REGION_MAX)
        {
            json_decref(copy);
            *detail = "must be regions with a latency_ms and a name of at "
                      "most 64 bytes";
            return NGX_DECLINED;
        }

        entry = json_object();

        rc |= ws_json_set(entry, "latency_ms", json_incref(ms));
        rc |= ws_json_set(entry, "preferred",
                          json_boolean(json_is_true(json_object_get(v,
                                                         "preferred"))));
        rc |= ws_json_set(copy, region, entry);
    }

    /* contract: left out when there is no value */

    if (json_object_size(copy) == 0) {
        json_decref(copy);
        (void) json_object_del(agent, "latency");

    } else {
        rc |= ws_json_set(agent, "latency", copy);
    }

    return rc == NGX_OK ? ws_agent_touch(w, agent, now_ms) : NGX_ERROR;
}


ngx_int_t
ws_agent_activity(ws_workspace_t *w, int64_t now_ms)
{
    json_t   *build;
    int64_t   deadline_ms, ttl_ms;

    if (ws_workspace_set_used(w, now_ms) != NGX_OK) {
        return NGX_ERROR;
    }

    build = ws_workspace_build(w);
    ttl_ms = ws_json_get_int(w->priv, "build_ttl_ms", 0);

    if (ttl_ms == 0
        || ws_json_get_time(build, "deadline", &deadline_ms) != NGX_OK)
    {
        return NGX_OK;
    }

    /* never back: somebody may have extended it */

    if (now_ms + ttl_ms - deadline_ms <= ttl_ms / 20) {
        return NGX_OK;
    }

    if (ws_json_set_time(build, "deadline", now_ms + ttl_ms) != NGX_OK) {
        return NGX_ERROR;
    }

    return ws_json_set_time(build, "updated_at", now_ms);
}


static ngx_int_t
ws_agent_status(ws_workspace_t *w, json_t *agent, const char *status,
    int64_t now_ms)
{
    if (ws_json_set_cstr(agent, "status", status) != NGX_OK) {
        return NGX_ERROR;
    }

    return ws_agent_touch(w, agent, now_ms);
}


static ngx_int_t
ws_agent_touch(ws_workspace_t *w, json_t *agent, int64_t now_ms)
{
    if (ws_json_set_time(agent, "updated_at", now_ms) != NGX_OK) {
        return NGX_ERROR;
    }

    return ws_workspace_touch(w, now_ms);
}


static ngx_uint_t
ws_agent_is(json_t *agent, const char *status)
{
    const char  *s;

    s = json_string_value(json_object_get(agent, "status"));

    return s && ngx_strcmp(s, status) == 0;
}


static json_t *
ws_agent_app(json_t *agent, const char *name)
{
    size_t       i;
    json_t      *app;
    const char  *slug, *id;

    json_array_foreach(json_object_get(agent, "apps"), i, app) {
        slug = json_string_value(json_object_get(app, "slug"));
        id = json_string_value(json_object_get(app, "id"));

        if ((slug && ngx_strcmp(slug, name) == 0)
            || (id && ngx_strcmp(id, name) == 0))
        {
            return app;
        }
    }

    return NULL;
}
