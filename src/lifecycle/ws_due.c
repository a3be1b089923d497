
/* Due times follow from the document; a commit moves what differs. */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_due.h"
#include "ws_json_set.h"
#include "ws_schedule.h"


static ngx_int_t ws_due_add(ws_workspace_t *w, ngx_array_t *list,
    ngx_uint_t kind, ngx_str_t *agent, int64_t at_ms);
static void ws_due_unknown(ws_workspace_t *w, ngx_str_t *schedule,
    const char *detail);
static ngx_int_t ws_due_agents(ws_workspace_t *w, ngx_array_t *list);
static int64_t ws_due_agent(ws_workspace_t *w, json_t *agent);
static ws_due_entry_t *ws_due_find(ngx_array_t *list, ngx_str_t *member);
static ngx_uint_t ws_due_is(json_t *obj, const char *key, const char *value);


static const ngx_str_t  ws_due_names[WS_DUE_KINDS] = {
    ngx_string("autostart"),
    ngx_string("autostop"),
    ngx_string("lease"),
    ngx_string("agent")
};


ngx_array_t *
ws_due_entries(ws_workspace_t *w)
{
    json_t       *build, *job;
    int64_t       at_ms;
    ngx_int_t     rc;
    ngx_array_t  *list;

    list = ngx_array_create(w->pool, 4, sizeof(ws_due_entry_t));
    if (list == NULL) {
        return NULL;
    }

    rc = NGX_OK;
    build = ws_workspace_build(w);
    job = json_object_get(build, "job");

    if (ws_due_is(job, "status", "running")
        || ws_due_is(job, "status", "canceling"))
    {
        at_ms = ws_json_get_int(w->priv, "lease_expires_ms", 0);

        if (at_ms) {
            rc = ws_due_add(w, list, WS_DUE_LEASE, NULL, at_ms);
        }

    } else if (ws_due_is(build, "status", "running")) {

        if (ws_json_get_time(build, "deadline", &at_ms) == NGX_OK) {
            rc = ws_due_add(w, list, WS_DUE_AUTOSTOP, NULL, at_ms);
        }

        rc |= ws_due_agents(w, list);

    } else if (ws_due_is(build, "status", "stopped")) {
        at_ms = ws_json_get_int(w->priv, "autostart_ms", 0);

        if (at_ms) {
            rc = ws_due_add(w, list, WS_DUE_AUTOSTART, NULL, at_ms);
        }
    }

    return rc == NGX_OK ? list : NULL;
}


ngx_int_t
ws_due_arm(ws_workspace_t *w, ws_keyspace_t *ks)
{
    json_t         *build;
    int64_t         after_ms, set_ms, next_ms;
    ngx_str_t       text;
    const char     *detail;
    ws_schedule_t   schedule;

    build = ws_workspace_build(w);
    text = ws_json_get_str(w->doc, "autostart_schedule");

    if (text.len == 0 || ks->tz == NULL
        || !ws_due_is(build, "status", "stopped")
        || ws_json_get_time(json_object_get(build, "job"), "completed_at",
                            &after_ms)
           != NGX_OK)
    {
        (void) json_object_del(w->priv, "autostart_ms");
        return NGX_OK;
    }

    if (ws_schedule_parse(ks->tz, &text, &schedule, &detail) != NGX_OK) {

        /* others know this zone, and one has worked it out: that stays */

        ws_due_unknown(w, &text, detail);
        return NGX_OK;
    }

    /* a schedule does not fire for times before it was set */

    set_ms = ws_json_get_int(w->priv, "schedule_set_ms", 0);

    next_ms = ws_schedule_next(&schedule, ngx_max(after_ms, set_ms));

    if (next_ms <= 0) {
        (void) json_object_del(w->priv, "autostart_ms");
        return NGX_OK;
    }

    return ws_json_set_int(w->priv, "autostart_ms", next_ms);
}


static void
ws_due_unknown(ws_workspace_t *w, ngx_str_t *schedule, const char *detail)
{
    ngx_str_t  id;

    id = ws_uuid_str(w->pool, &w->id);

    /* programs that are not nginx have no log */

    if (w->pool->log && id.data) {
        ngx_log_error(NGX_LOG_ERR, w->pool->log, 0,
                      "autostart of workspace \"%V\" is left as it is: "
                      "\"%V\": %s", &id, schedule, detail);
    }
}


static ngx_int_t
ws_due_agents(ws_workspace_t *w, ngx_array_t *list)
{
    size_t     i, k;
    json_t    *resource, *agent, *resources;
    int64_t    at_ms;
    ngx_str_t  id;

    resources = json_object_get(ws_workspace_build(w), "resources");

    json_array_foreach(resources, i, resource) {
        json_array_foreach(json_object_get(resource, "agents"), k, agent) {

            at_ms = ws_due_agent(w, agent);
            if (at_ms == 0) {
                continue;
            }

            id = ws_json_get_str(agent, "id");

            if (ws_due_add(w, list, WS_DUE_AGENT, &id, at_ms) != NGX_OK) {
                return NGX_ERROR;
            }
        }
    }

    return NGX_OK;
}


/* contract: Where a status comes from; 0: time changes nothing */

static int64_t
ws_due_agent(ws_workspace_t *w, json_t *agent)
{
    int64_t  ms, timeout_ms;

    if (ws_due_is(agent, "status", "connecting")) {
        timeout_ms = ws_json_get_int(agent, "connection_timeout_seconds", 0)
                     * 1000;

        if (timeout_ms == 0
            || ws_json_get_time(agent, "created_at", &ms) != NGX_OK)
        {
            return 0;
        }

        return ms + timeout_ms;
    }

    if (ws_due_is(agent, "status", "connected")) {
        timeout_ms = ws_json_get_int(w->priv, "agent_timeout_ms", 0);

        if (timeout_ms == 0
            || ws_json_get_time(agent, "last_connected_at", &ms) != NGX_OK)
        {
            return 0;
        }

        return ms + timeout_ms;
    }

    return 0;
}


static ngx_int_t
ws_due_add(ws_workspace_t *w, ngx_array_t *list, ngx_uint_t kind,
    ngx_str_t *agent, int64_t at_ms)
{
    u_char           *p;
    ws_due_entry_t   *e;
    const ngx_str_t  *name;

    e = ngx_array_push(list);
    if (e == NULL) {
        return NGX_ERROR;
    }

    name = &ws_due_names[kind];

    e->at_ms = at_ms;
    e->member.len = name->len + 1 + WS_UUID_LEN + (agent ? 1 + agent->len : 0);
    e->member.data = ngx_pnalloc(w->pool, e->member.len);

    if (e->member.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(e->member.data, name->data, name->len);
    *p++ = ' ';
    p = ws_uuid_format(p, &w->id);

    if (agent) {
        *p++ = ' ';
        ngx_memcpy(p, agent->data, agent->len);
    }

    return NGX_OK;
}


void
ws_due_diff(ws_txn_t *txn, ws_keyspace_t *ks, ngx_uint_t shard,
    ngx_array_t *before, ngx_array_t *after)
{
    ngx_str_t        key, score;
    ngx_uint_t       i;
    ws_due_entry_t  *e, *other;

    key = ws_key(txn->pool, ks, shard, "due", NULL, NULL);

    e = after->elts;

    for (i = 0; i < after->nelts; i++) {
        other = ws_due_find(before, &e[i].member);

        if (other && other->at_ms == e[i].at_ms) {
            continue;
        }

        score = ws_int_str(txn->pool, e[i].at_ms);
        ws_txn_command(txn, "ZADD", key, 2, &score, &e[i].member);
    }

    e = before ? before->elts : NULL;

    for (i = 0; before && i < before->nelts; i++) {
        if (ws_due_find(after, &e[i].member) == NULL) {
            ws_txn_command(txn, "ZREM", key, 1, &e[i].member);
        }
    }
}


static ws_due_entry_t *
ws_due_find(ngx_array_t *list, ngx_str_t *member)
{
    ngx_uint_t       i;
    ws_due_entry_t  *e;

    if (list == NULL) {
        return NULL;
    }

    e = list->elts;

    for (i = 0; i < list->nelts; i++) {
        if (e[i].member.len == member->len
            && ngx_memcmp(e[i].member.data, member->data, member->len) == 0)
        {
            return &e[i];
        }
    }

    return NULL;
}


ngx_int_t
ws_due_parse(ngx_str_t *member, ws_due_t *due)
{
    size_t            rest;
    u_char           *p;
    ngx_str_t         id;
    ngx_uint_t        i;
    const ngx_str_t  *name;

    for (i = 0; i < WS_DUE_KINDS; i++) {
        name = &ws_due_names[i];
        p = member->data + name->len + 1;

        if (member->len < name->len + 1 + WS_UUID_LEN
            || ngx_memcmp(member->data, name->data, name->len) != 0
            || p[-1] != ' ')
        {
            continue;
        }

        id.data = p;
        id.len = WS_UUID_LEN;
        rest = member->len - name->len - 1 - WS_UUID_LEN;

        if (ws_uuid_parse(&id, &due->workspace) != NGX_OK) {
            return NGX_DECLINED;
        }

        due->kind = i;

        if (i != WS_DUE_AGENT) {
            return rest == 0 ? NGX_OK : NGX_DECLINED;
        }

        id.data = p + WS_UUID_LEN + 1;

        if (rest != 1 + WS_UUID_LEN || id.data[-1] != ' ') {
            return NGX_DECLINED;
        }

        return ws_uuid_parse(&id, &due->agent);
    }

    return NGX_DECLINED;
}


static ngx_uint_t
ws_due_is(json_t *obj, const char *key, const char *value)
{
    const char  *s;

    s = json_string_value(json_object_get(obj, key));

    return s && ngx_strcmp(s, value) == 0;
}
