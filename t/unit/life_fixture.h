/*
 * For the unit tests of src/lifecycle: a workspace at any point of its life,
 * and what a commit would write, as text.
 */


#ifndef _LIFE_FIXTURE_H_INCLUDED_
#define _LIFE_FIXTURE_H_INCLUDED_


#include "core_text.h"
#include "ws_agent.h"
#include "ws_build.h"
#include "ws_due.h"
#include "ws_job.h"
#include "ws_json.h"
#include "ws_json_set.h"
#include "ws_roster.h"
#include "ws_time.h"
#include "ws_workspace.h"


/* 2026-11-24T12:00:00Z, a Tuesday */
#define LIFE_NOW  1795521600000LL

#define MINUTE    60000LL
#define HOUR      (60 * MINUTE)


static ngx_pool_t      *life_pool;
static ws_keyspace_t    life_ks;
static ws_user_t        life_user;
static ws_template_t    life_template;
static ws_version_t     life_version;
static ws_uuid_t        life_org = { "organization 000" };
static ws_uuid_t        life_worker = { "provisioner 0000" };
static const char      *life_detail;


static inline int
life_setup(void **state)
{
    life_pool = ngx_create_pool(4096, NULL);

    ngx_memzero(&life_ks, sizeof(ws_keyspace_t));
    ngx_str_set(&life_ks.prefix, "ws:");
    life_ks.shards = 1;
    life_ks.tz = ws_tz_db_load(life_pool, "/nowhere");

    ngx_memcpy(life_user.id.b, "user alice 00000", 16);
    ngx_str_set(&life_user.username, "alice");

    ngx_memcpy(life_template.id.b, "template docker0", 16);

    ngx_memcpy(life_version.id.b, "version v1 00000", 16);
    ngx_str_set(&life_version.name, "v1");
    ngx_str_set(&life_version.tags, "{\"os\":\"linux\"}");
    ngx_str_set(&life_version.parameters, "[]");

    return life_pool && life_ks.tz ? 0 : -1;
}


static inline int
life_teardown(void **state)
{
    ngx_destroy_pool(life_pool);

    return 0;
}


static inline ngx_str_t
life_str(const char *s)
{
    ngx_str_t  str;

    str.data = (u_char *) s;
    str.len = strlen(s);

    return str;
}


/* a string at a path such as "latest_build.job.status"; "" when absent */

static inline const char *
life_get(json_t *v, const char *path)
{
    char         part[64];
    const char  *dot, *s;

    for ( ;; ) {
        dot = strchr(path, '.');

        if (dot == NULL) {
            s = json_string_value(json_object_get(v, path));
            return s ? s : "";
        }

        assert_true((size_t) (dot - path) < sizeof(part));
        memcpy(part, path, dot - path);
        part[dot - path] = '\0';

        v = json_object_get(v, part);
        path = dot + 1;
    }
}


#define assert_doc(w, path, value)                                            \
    assert_string_equal(life_get((w)->doc, path), value)

#define assert_time(w, path, ms)                                              \
    do {                                                                      \
        int64_t  at_;                                                         \
        ngx_str_t  text_ = life_str(life_get((w)->doc, path));                \
        assert_int_equal(ws_time_parse(&text_, &at_), NGX_OK);                \
        assert_int_equal(at_, ms);                                            \
    } while (0)


static inline ngx_int_t
life_build(ws_workspace_t *w, const char *transition, int64_t now_ms)
{
    ngx_int_t        rc;
    ws_build_new_t   nb;

    nb.transition = transition;
    nb.reason = "initiator";
    nb.initiator = &life_user;
    nb.version = &life_version;
    nb.parameters = json_pack("[{s:s,s:s}]", "name", "cpus", "value", "2");
    nb.now_ms = now_ms;

    rc = ws_build_create(w, &nb);

    json_decref(nb.parameters);

    return rc;
}


/* as it is read back after its commit */

static inline ws_workspace_t *
life_reload(ws_workspace_t *w)
{
    char             v[32] = "", e[32] = "";
    ngx_int_t        rc;
    ngx_str_t        d;
    ws_txn_t         txn;
    ws_reply_t       reply, elts[6];
    ws_state_t       state;
    ws_workspace_t  *copy;

    assert_int_equal(ws_txn_init(&txn, life_pool), NGX_OK);
    assert_int_equal(ws_workspace_commit(w, &life_ks, &txn, &state), NGX_OK);

    ngx_memzero(elts, sizeof(elts));

    elts[0].type = WS_REPLY_STRING;
    elts[0].str = life_str(v);
    elts[0].str.len = snprintf(v, sizeof(v), "%lld",
                               (long long) state.version);
    elts[1].type = WS_REPLY_STRING;
    elts[1].str = state.m;
    elts[2].type = WS_REPLY_STRING;
    elts[2].str = state.d;

    assert_int_equal(ws_json_dump(life_pool, w->priv, &d), NGX_OK);
    elts[3].type = WS_REPLY_STRING;
    elts[3].str = d;

    elts[4].type = w->lease.len ? WS_REPLY_STRING : WS_REPLY_NIL;
    elts[4].str = w->lease;
    elts[5].type = elts[4].type;
    elts[5].str = life_str(e);
    elts[5].str.len = snprintf(e, sizeof(e), "%lld", (long long) w->lease_ms);

    reply.type = WS_REPLY_ARRAY;
    reply.n = 6;
    reply.elts = elts;

    rc = ws_workspace_load(life_pool, &w->id, &reply, &copy);
    assert_int_equal(rc, NGX_OK);

    return copy;
}


/* with its first build pending, stored; ttl_ms 0: none */

static inline ws_workspace_t *
life_pending(int64_t ttl_ms)
{
    ws_workspace_t      *w;
    ws_workspace_new_t   nw;

    ngx_memzero(&nw, sizeof(nw));

    ws_uuid_generate_near(&nw.id, &life_user.id);
    ngx_str_set(&nw.name, "Dev");
    nw.owner = &life_user;
    nw.org = life_org;
    nw.template = &life_template;
    nw.ttl_ms = ttl_ms;
    nw.now_ms = LIFE_NOW;

    w = ws_workspace_create(life_pool, &nw);
    assert_non_null(w);
    assert_int_equal(life_build(w, "start", LIFE_NOW), NGX_OK);

    return life_reload(w);
}


static inline void
life_acquire(ws_workspace_t *w, int64_t now_ms)
{
    ngx_str_t  lease, hash;

    lease = life_str("lease-1");
    hash = life_str("hash of the agents' secret");

    assert_int_equal(ws_job_acquire(w, &life_worker, &lease, &hash, now_ms),
                     NGX_OK);
}


#define LIFE_AGENT                                                            \
    "{\"name\":\"main\",\"connection_timeout_seconds\":60,\"apps\":[{\"slug\""\
    ":\"code\",\"health\":\"initializing\"}]}"


/* completed with one resource that has these agents, stored */

static inline ws_workspace_t *
life_complete(ws_workspace_t *w, const char *agents, int64_t now_ms)
{
    json_t  *list, *resources;

    list = json_loads(agents, 0, NULL);
    assert_non_null(list);

    resources = json_pack("[{s:s,s:s,s:i,s:o}]", "name", "box", "type",
                          "process", "daily_cost", 3, "agents", list);

    assert_int_equal(ws_job_complete(w, resources, NULL, now_ms,
                                     &life_detail),
                     NGX_OK);
    json_decref(resources);

    return life_reload(w);
}


/* running since LIFE_NOW, with one agent, connecting */

static inline ws_workspace_t *
life_running(int64_t ttl_ms)
{
    ws_workspace_t  *w;

    w = life_pending(ttl_ms);
    life_acquire(w, LIFE_NOW);
    w = life_reload(w);

    return life_complete(w, "[" LIFE_AGENT "]", LIFE_NOW);
}


static inline ws_workspace_t *
life_stopped(int64_t now_ms)
{
    ws_workspace_t  *w;

    w = life_running(0);
    assert_int_equal(life_build(w, "stop", now_ms), NGX_OK);
    w = life_reload(w);
    life_acquire(w, now_ms);

    assert_int_equal(ws_job_complete(w, NULL, NULL, now_ms, &life_detail),
                     NGX_OK);

    return life_reload(w);
}


/* when a member is due; 0: it is not in the list */

static inline int64_t
life_due(ws_workspace_t *w, const char *kind)
{
    ngx_uint_t       i;
    ngx_array_t     *list;
    ws_due_entry_t  *e;

    list = ws_due_entries(w);
    assert_non_null(list);

    e = list->elts;

    for (i = 0; i < list->nelts; i++) {
        if (strncmp((char *) e[i].member.data, kind, strlen(kind)) == 0
            && e[i].member.data[strlen(kind)] == ' ')
        {
            return e[i].at_ms;
        }
    }

    return 0;
}


/* how many commands of a commit begin like this: "HDEL w l", "ZADD due" */

static inline ngx_uint_t
life_writes(ws_workspace_t *w, const char *name, const char *part)
{
    size_t       k;
    ngx_str_t   *args;
    ws_txn_t     txn;
    ngx_uint_t   i, n, found;

    assert_int_equal(ws_txn_init(&txn, life_pool), NGX_OK);
    assert_int_equal(ws_workspace_commit(w, &life_ks, &txn, NULL), NGX_OK);

    args = txn.args.elts;
    found = 0;

    for (i = 0; i < txn.args.nelts; i += n + 1) {
        n = ngx_atoi(args[i].data, args[i].len);

        if (args[i + 1].len != strlen(name)
            || memcmp(args[i + 1].data, name, strlen(name)) != 0)
        {
            continue;
        }

        for (k = 2; k <= n; k++) {
            if (args[i + k].len >= strlen(part)
                && memcmp(args[i + k].data, part, strlen(part)) == 0)
            {
                found++;
                break;
            }
        }
    }

    return found;
}


#endif /* _LIFE_FIXTURE_H_INCLUDED_ */
