
/*
 * Readers get along with ws_state_t: borrowed bytes that are shown without
 * being parsed.  Writers load the JSON, change it, and commit; what the
 * commit has to do follows from comparing the document as it was stored with
 * the document as it is now, so that a change never has to remember an index.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdio.h>
#include "ws_workspace.h"
#include "ws_build.h"
#include "ws_index.h"
#include "ws_due.h"
#include "ws_roster.h"
#include "ws_json_set.h"


static void ws_workspace_cleanup(void *data);
static ws_workspace_t *ws_workspace_alloc(ngx_pool_t *pool);
static ngx_int_t ws_workspace_load_lease(ws_workspace_t *w, ws_reply_t *l,
    ws_reply_t *e);
static ngx_int_t ws_workspace_snapshot(ws_workspace_t *w);
static ngx_int_t ws_workspace_keep(ws_workspace_t *w, ngx_str_t *s);
static ngx_int_t ws_workspace_push(ngx_array_t *list, ws_index_entry_t *proto,
    const char *kind, ngx_str_t a, ngx_str_t b);
static ngx_int_t ws_workspace_index_agents(ws_workspace_t *w,
    ngx_array_t *list, ws_index_entry_t *proto);


ngx_int_t
ws_state_from_reply(ws_reply_t *reply, ws_state_t *state)
{
    ngx_str_t  *v;

    if (reply->type != WS_REPLY_ARRAY || reply->n < 3) {
        return NGX_ERROR;
    }

    if (reply->elts[0].type == WS_REPLY_NIL) {
        return NGX_DECLINED;
    }

    if (reply->elts[0].type != WS_REPLY_STRING
        || reply->elts[1].type != WS_REPLY_STRING
        || reply->elts[2].type != WS_REPLY_STRING)
    {
        return NGX_ERROR;
    }

    v = &reply->elts[0].str;

    state->version = ngx_atoi(v->data, v->len);
    state->m = reply->elts[1].str;
    state->d = reply->elts[2].str;

    return state->version > 0 ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ws_state_from_message(ngx_str_t *payload, ws_state_t *state)
{
    u_char     *p, *sp, *end;
    ngx_int_t   n;

    p = payload->data;
    end = p + payload->len;

    sp = ngx_strlchr(p, end, ' ');
    if (sp == NULL) {
        return NGX_DECLINED;
    }

    state->version = ngx_atoi(p, sp - p);
    if (state->version <= 0) {
        return NGX_DECLINED;
    }

    p = sp + 1;

    sp = ngx_strlchr(p, end, ' ');
    if (sp == NULL) {
        return NGX_DECLINED;
    }

    n = ngx_atoi(p, sp - p);
    p = sp + 1;

    if (n < 0 || end - p < n + 1 || p[n] != ' ') {
        return NGX_DECLINED;
    }

    state->m.data = p;
    state->m.len = n;
    state->d.data = p + n + 1;
    state->d.len = end - state->d.data;

    return NGX_OK;
}


ngx_int_t
ws_meta_parse(ngx_str_t *m, ws_meta_t *meta)
{
    ngx_str_t    text;
    ngx_uint_t   i;
    ws_uuid_t   *ids[4];

    ids[0] = &meta->owner;
    ids[1] = &meta->org;
    ids[2] = &meta->template;
    ids[3] = &meta->template_version;

    if (m->len < 4 * (WS_UUID_LEN + 1)) {
        return NGX_DECLINED;
    }

    for (i = 0; i < 4; i++) {
        text.data = m->data + i * (WS_UUID_LEN + 1);
        text.len = WS_UUID_LEN;

        if (text.data[WS_UUID_LEN] != ' '
            || ws_uuid_parse(&text, ids[i]) != NGX_OK)
        {
            return NGX_DECLINED;
        }
    }

    meta->status.data = m->data + 4 * (WS_UUID_LEN + 1);
    meta->status.len = m->len - 4 * (WS_UUID_LEN + 1);
    meta->deleted = (meta->status.len == sizeof("deleted") - 1
                     && ngx_memcmp(meta->status.data, "deleted",
                                   meta->status.len) == 0);

    return NGX_OK;
}


void
ws_workspace_show(ws_json_t *w, ws_state_t *state, ws_meta_t *meta,
    ngx_str_t *fragment, const ws_uuid_t *active)
{
    ws_json_lit(w, "{");
    ws_json_raw(w, fragment->data, fragment->len);

    if (ws_uuid_eq(&meta->template_version, active)) {
        ws_json_lit(w, ",\"outdated\":false,");

    } else {
        ws_json_lit(w, ",\"outdated\":true,");
    }

    ws_json_raw(w, state->d.data, state->d.len);
    ws_json_lit(w, "}");
}


ngx_int_t
ws_workspace_query(ngx_pool_t *pool, ws_keyspace_t *ks, const ws_uuid_t *id,
    ngx_str_t argv[WS_WORKSPACE_ARGS])
{
    ngx_str_set(&argv[0], "HMGET");
    argv[1] = ws_key_workspace(pool, ks, id);
    ngx_str_set(&argv[2], "v");
    ngx_str_set(&argv[3], "m");
    ngx_str_set(&argv[4], "d");
    ngx_str_set(&argv[5], "p");
    ngx_str_set(&argv[6], "l");
    ngx_str_set(&argv[7], "e");

    return argv[1].data ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ws_workspace_load(ngx_pool_t *pool, const ws_uuid_t *id, ws_reply_t *reply,
    ws_workspace_t **wp)
{
    u_char          *p;
    ngx_int_t        rc;
    ngx_str_t        text, detail;
    ws_state_t       state;
    ws_workspace_t  *w;

    rc = ws_state_from_reply(reply, &state);
    if (rc != NGX_OK) {
        return rc;
    }

    if (reply->n < 4 || reply->elts[3].type != WS_REPLY_STRING) {
        return NGX_ERROR;
    }

    w = ws_workspace_alloc(pool);
    if (w == NULL) {
        return NGX_ERROR;
    }

    w->id = *id;
    w->version = state.version;

    text.len = state.d.len + 2;
    text.data = ngx_pnalloc(pool, text.len + state.m.len);
    if (text.data == NULL) {
        return NGX_ERROR;
    }

    text.data[0] = '{';
    p = ngx_cpymem(text.data + 1, state.d.data, state.d.len);
    *p++ = '}';

    /* the meta outlives the reply */

    ngx_memcpy(p, state.m.data, state.m.len);
    state.m.data = p;

    if (ws_meta_parse(&state.m, &w->meta) != NGX_OK
        || ws_json_parse_object(&text, &w->doc, &detail) != NGX_OK
        || ws_json_parse_object(&reply->elts[3].str, &w->priv, &detail)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (reply->n >= 6
        && ws_workspace_load_lease(w, &reply->elts[4], &reply->elts[5])
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ws_workspace_snapshot(w) != NGX_OK) {
        return NGX_ERROR;
    }

    *wp = w;

    return NGX_OK;
}


static ngx_int_t
ws_workspace_load_lease(ws_workspace_t *w, ws_reply_t *l, ws_reply_t *e)
{
    if (l->type != WS_REPLY_STRING || e->type != WS_REPLY_STRING) {
        return NGX_OK;
    }

    w->lease.len = l->str.len;
    w->lease.data = ngx_pstrdup(w->pool, &l->str);
    w->lease_ms = ngx_atoi(e->str.data, e->str.len);
    w->leased = w->lease;

    return w->lease.data ? NGX_OK : NGX_ERROR;
}


ws_workspace_t *
ws_workspace_create(ngx_pool_t *pool, ws_workspace_new_t *nw)
{
    ngx_int_t        rc;
    ws_workspace_t  *w;

    w = ws_workspace_alloc(pool);
    if (w == NULL) {
        return NULL;
    }

    w->id = nw->id;
    w->meta.owner = nw->owner->id;
    w->meta.org = nw->org;
    w->meta.template = nw->template->id;

    w->doc = json_object();
    w->priv = json_object();

    rc = ws_json_set_uuid(w->doc, "id", &nw->id);
    rc |= ws_json_set_time(w->doc, "created_at", nw->now_ms);
    rc |= ws_json_set_time(w->doc, "updated_at", nw->now_ms);
    rc |= ws_json_set_uuid(w->doc, "owner_id", &nw->owner->id);
    rc |= ws_json_set_str(w->doc, "owner_name", &nw->owner->username);
    rc |= ws_json_set_uuid(w->doc, "template_id", &nw->template->id);
    rc |= ws_json_set_str(w->doc, "name", &nw->name);
    rc |= ws_json_set_time(w->doc, "last_used_at", nw->now_ms);
    rc |= ws_workspace_set_schedule(w, &nw->schedule, nw->now_ms);
    rc |= ws_workspace_set_ttl(w, nw->ttl_ms, nw->now_ms);

    return rc == NGX_OK ? w : NULL;
}


static ws_workspace_t *
ws_workspace_alloc(ngx_pool_t *pool)
{
    ws_workspace_t      *w;
    ngx_pool_cleanup_t  *cln;

    w = ngx_pcalloc(pool, sizeof(ws_workspace_t));
    if (w == NULL) {
        return NULL;
    }

    cln = ngx_pool_cleanup_add(pool, 0);
    if (cln == NULL) {
        return NULL;
    }

    w->pool = pool;

    cln->handler = ws_workspace_cleanup;
    cln->data = w;

    return w;
}


static void
ws_workspace_cleanup(void *data)
{
    ws_workspace_t  *w = data;

    json_decref(w->doc);
    json_decref(w->priv);
}


/* remembers what of the stored document a commit has to undo */

static ngx_int_t
ws_workspace_snapshot(ws_workspace_t *w)
{
    w->indexed = ws_workspace_index(w);
    w->due = ws_due_entries(w);

    if (w->indexed == NULL || w->due == NULL
        || ws_workspace_lower_name(w, &w->name) != NGX_OK
        || ws_roster_write(w, &w->roster) != NGX_OK)
    {
        return NGX_ERROR;
    }

    w->queued = ws_workspace_queued(w);

    if (ws_build_active(w)) {
        w->active = ws_json_get_str(ws_workspace_build(w), "id");
    }

    if (ws_workspace_keep(w, &w->queued) != NGX_OK) {
        return NGX_ERROR;
    }

    return ws_workspace_keep(w, &w->active);
}


/* the string belongs to JSON that will change */

static ngx_int_t
ws_workspace_keep(ws_workspace_t *w, ngx_str_t *s)
{
    if (s->len == 0) {
        return NGX_OK;
    }

    s->data = ngx_pstrdup(w->pool, s);

    return s->data ? NGX_OK : NGX_ERROR;
}


json_t *
ws_workspace_build(ws_workspace_t *w)
{
    return json_object_get(w->doc, "latest_build");
}


ngx_uint_t
ws_workspace_deleted(ws_workspace_t *w)
{
    ngx_str_t  status;

    status = ws_json_get_str(ws_workspace_build(w), "status");

    return status.len == sizeof("deleted") - 1
           && ngx_memcmp(status.data, "deleted", status.len) == 0;
}


ngx_int_t
ws_workspace_set_name(ws_workspace_t *w, ngx_str_t *name, int64_t now_ms)
{
    if (ws_json_set_str(w->doc, "name", name) != NGX_OK
        || ws_json_set_str(ws_workspace_build(w), "workspace_name", name)
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ws_workspace_touch(w, now_ms);
}


ngx_int_t
ws_workspace_set_schedule(ws_workspace_t *w, ngx_str_t *schedule,
    int64_t now_ms)
{
    if (schedule->len == 0) {
        (void) json_object_del(w->doc, "autostart_schedule");

    } else if (ws_json_set_str(w->doc, "autostart_schedule", schedule)
               != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* worked out by the one before */

    (void) json_object_del(w->priv, "autostart_ms");

    if (ws_json_set_int(w->priv, "schedule_set_ms", now_ms) != NGX_OK) {
        return NGX_ERROR;
    }

    return ws_workspace_touch(w, now_ms);
}


ngx_int_t
ws_workspace_set_ttl(ws_workspace_t *w, int64_t ttl_ms, int64_t now_ms)
{
    if (ttl_ms == 0) {
        (void) json_object_del(w->doc, "ttl_ms");

    } else if (ws_json_set_int(w->doc, "ttl_ms", ttl_ms) != NGX_OK) {
        return NGX_ERROR;
    }

    return ws_workspace_touch(w, now_ms);
}


ngx_int_t
ws_workspace_set_used(ws_workspace_t *w, int64_t now_ms)
{
    if (ws_json_set_time(w->doc, "last_used_at", now_ms) != NGX_OK) {
        return NGX_ERROR;
    }

    return ws_workspace_touch(w, now_ms);
}


ngx_int_t
ws_workspace_touch(ws_workspace_t *w, int64_t now_ms)
{
    return ws_json_set_time(w->doc, "updated_at", now_ms);
}


ngx_array_t *
ws_workspace_index(ws_workspace_t *w)
{
    u_char            *p;
    int64_t            used;
    ngx_int_t          rc;
    ngx_str_t          name, owner, org, template, status, none;
    ngx_array_t       *list;
    ws_index_entry_t   e;

    ngx_str_set(&none, "");

    status = ws_json_get_str(ws_workspace_build(w), "status");

    if (status.len == 0
        || ws_json_get_time(w->doc, "last_used_at", &used) != NGX_OK
        || ws_workspace_lower_name(w, &name) != NGX_OK)
    {
        return NULL;
    }

    list = ngx_array_create(w->pool, 12, sizeof(ws_index_entry_t));
    if (list == NULL) {
        return NULL;
    }

    e.score = -used;
    e.member.len = name.len + 1 + WS_UUID_LEN;
    e.member.data = ngx_pnalloc(w->pool, e.member.len);

    owner = ws_uuid_str(w->pool, &w->meta.owner);
    org = ws_uuid_str(w->pool, &w->meta.org);
    template = ws_uuid_str(w->pool, &w->meta.template);
    status.data = ngx_pstrdup(w->pool, &status);

    if (e.member.data == NULL || owner.data == NULL || org.data == NULL
        || template.data == NULL || status.data == NULL)
    {
        return NULL;
    }

    p = ngx_cpymem(e.member.data, name.data, name.len);
    *p++ = ' ';
    (void) ws_uuid_format(p, &w->id);

    if (ws_workspace_deleted(w)) {
        rc = ws_workspace_push(list, &e, "deleted:all", none, none);
        rc |= ws_workspace_push(list, &e, "deleted:owner", owner, none);
        rc |= ws_workspace_push(list, &e, "deleted:org", org, none);
        rc |= ws_workspace_push(list, &e, "deleted:oo", owner, org);
        rc |= ws_workspace_push(list, &e, "deleted:template", template, none);

        return rc == NGX_OK ? list : NULL;
    }

    rc = ws_workspace_push(list, &e, "live:all", none, none);
    rc |= ws_workspace_push(list, &e, "live:owner", owner, none);
    rc |= ws_workspace_push(list, &e, "live:org", org, none);
    rc |= ws_workspace_push(list, &e, "live:oo", owner, org);
    rc |= ws_workspace_push(list, &e, "live:template", template, none);
    rc |= ws_workspace_push(list, &e, "live:status", status, none);
    rc |= ws_workspace_index_agents(w, list, &e);

    return rc == NGX_OK ? list : NULL;
}


/* contract: List, has_agent */

static ngx_int_t
ws_workspace_index_agents(ws_workspace_t *w, ngx_array_t *list,
    ws_index_entry_t *proto)
{
    size_t       i, k;
    json_t      *build, *resource, *agent;
    ngx_str_t    transition, status, none;
    ngx_uint_t   n, seen;

    static const char  *kinds[] = {
        "connected", "connecting", "disconnected", "timeout"
    };

    ngx_str_set(&none, "");

    build = ws_workspace_build(w);
    transition = ws_json_get_str(build, "transition");

    if (transition.len != 5 || ngx_memcmp(transition.data, "start", 5) != 0) {
        return NGX_OK;
    }

    seen = 0;

    json_array_foreach(json_object_get(build, "resources"), i, resource) {
        json_array_foreach(json_object_get(resource, "agents"), k, agent) {
            status = ws_json_get_str(agent, "status");

            for (n = 0; n < 4; n++) {
                if (status.len == ngx_strlen(kinds[n])
                    && ngx_memcmp(status.data, kinds[n], status.len) == 0)
                {
                    seen |= 1 << n;
                }
            }
        }
    }

    for (n = 0; n < 4; n++) {
        if (!(seen & (1 << n))) {
            continue;
        }

        status.data = (u_char *) kinds[n];
        status.len = ngx_strlen(kinds[n]);

        if (ws_workspace_push(list, proto, "live:agent", status, none)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ws_workspace_push(ngx_array_t *list, ws_index_entry_t *proto,
    const char *kind, ngx_str_t a, ngx_str_t b)
{
    ws_index_entry_t  *e;

    e = ngx_array_push(list);
    if (e == NULL) {
        return NGX_ERROR;
    }

    *e = *proto;
    e->kind = kind;
    e->a = a;
    e->b = b;

    return NGX_OK;
}


ngx_int_t
ws_workspace_lower_name(ws_workspace_t *w, ngx_str_t *name)
{
    ngx_str_t  shown;

    shown = ws_json_get_str(w->doc, "name");
    if (shown.len == 0) {
        return NGX_ERROR;
    }

    *name = ws_lower_str(w->pool, &shown);

    return name->data ? NGX_OK : NGX_ERROR;
}


/* the id of the latest build's job while it waits for a provisioner */

ngx_str_t
ws_workspace_queued(ws_workspace_t *w)
{
    json_t     *job;
    ngx_str_t   status, none;

    job = json_object_get(ws_workspace_build(w), "job");
    status = ws_json_get_str(job, "status");

    if (status.len == 7 && ngx_memcmp(status.data, "pending", 7) == 0) {
        return ws_json_get_str(job, "id");
    }

    ngx_str_set(&none, "");

    return none;
}
