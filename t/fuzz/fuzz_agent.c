/* links: the pure sources; -ljansson -luuid -lcrypto */

/*
 * An object {"agents", "report"}: agents as a provisioner tells of them, and
 * what the first of them reports.  A report that is declined has changed
 * nothing.  Whatever has happened, the roster holds every agent, time goes on
 * without surprise, and any input is safe as a roster.
 */


#include <assert.h>

#include "ws_agent.h"
#include "ws_due.h"
#include "ws_json.h"
#include "ws_json_set.h"
#include "ws_resource.h"
#include "ws_roster.h"


#define NOW_MS  1795521600000LL


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static json_t *
fuzz_resources(ngx_pool_t *pool, json_t *agents)
{
    json_t             *given, *out;
    ngx_int_t           rc;
    ws_resource_ctx_t   ctx;

    ngx_memzero(&ctx, sizeof(ctx));
    ctx.pool = pool;
    ctx.transition = "start";
    ctx.now_ms = NOW_MS;

    given = json_pack("[{s:s,s:s,s:O}]", "name", "box", "type", "vm",
                      "agents", agents);
    assert(given);

    rc = ws_resource_complete(&ctx, given, &out);
    assert(rc == NGX_OK || rc == NGX_DECLINED);

    json_decref(given);

    return rc == NGX_OK ? out : NULL;
}


static json_t *
fuzz_first(ws_workspace_t *w)
{
    json_t  *resource;

    resource = json_array_get(json_object_get(ws_workspace_build(w),
                                              "resources"),
                              0);

    return json_array_get(json_object_get(resource, "agents"), 0);
}


static void
fuzz_part(ws_workspace_t *w, json_t *agent, json_t *given,
    ngx_int_t (*change)(ws_workspace_t *w, json_t *agent, json_t *given,
                        int64_t now_ms, const char **detail))
{
    json_t      *before;
    ngx_int_t    rc;
    const char  *detail;

    if (!json_is_object(given)) {
        return;
    }

    before = json_deep_copy(agent);
    detail = NULL;

    rc = change(w, agent, given, NOW_MS, &detail);
    assert(rc == NGX_OK || rc == NGX_DECLINED);

    if (rc == NGX_DECLINED) {
        assert(detail);
        assert(json_equal(before, agent));
    }

    json_decref(before);
}


static void
fuzz_report(ws_workspace_t *w, json_t *report)
{
    json_t     *agent;
    int64_t     next_ms;
    ngx_int_t   rc;
    ngx_str_t   text;

    agent = fuzz_first(w);

    if (agent == NULL) {
        return;
    }

    fuzz_part(w, agent, json_object_get(report, "apps"), ws_agent_apps);
    fuzz_part(w, agent, json_object_get(report, "latency"),
              ws_agent_latency);

    text = ws_json_get_str(report, "lifecycle_state");
    (void) ws_agent_lifecycle(w, agent, &text, NOW_MS);

    rc = ws_agent_expire(w, agent, 0, NOW_MS, &next_ms);
    assert(rc == NGX_OK || (rc == NGX_DECLINED
                            && (next_ms == 0 || next_ms > NOW_MS)));

    text = ws_json_get_str(report, "version");
    assert(ws_agent_connect(w, agent, &text, 30000, NOW_MS) == NGX_OK);
}


static void
fuzz_roster(ws_workspace_t *w)
{
    size_t              i;
    json_t             *agent, *agents;
    ngx_str_t           roster, id;
    ws_roster_agent_t   found;

    agents = json_object_get(json_array_get(
                                 json_object_get(ws_workspace_build(w),
                                                 "resources"), 0),
                             "agents");

    assert(ws_roster_write(w, &roster) == NGX_OK);

    json_array_foreach(agents, i, agent) {
        id = ws_json_get_str(agent, "id");

        assert(ws_roster_find(&roster, &id, &found) == NGX_OK);
        assert(found.version.len == ws_json_get_str(agent, "version").len);
    }
}


static void
fuzz_workspace(ngx_pool_t *pool, json_t *resources, json_t *report)
{
    ws_workspace_t  w;

    ngx_memzero(&w, sizeof(w));
    w.pool = pool;
    w.priv = json_object();
    w.doc = json_pack("{s:{s:s,s:{s:s},s:o}}", "latest_build", "status",
                      "running", "job", "status", "succeeded", "resources",
                      resources);
    assert(w.doc && w.priv);

    fuzz_report(&w, report);
    fuzz_roster(&w);

    assert(ws_due_entries(&w));

    json_decref(w.doc);
    json_decref(w.priv);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t             *root, *resources;
    ngx_str_t           text, detail;
    ngx_pool_t         *pool;
    ws_roster_agent_t   agent;

    pool = ngx_create_pool(4096, NULL);
    assert(pool);

    text.data = (u_char *) data;
    text.len = size;

    while (ws_roster_next(&text, &agent) == NGX_OK) {
        assert(agent.version.data + agent.version.len < data + size);
    }

    text.data = (u_char *) data;
    text.len = size;

    if (ws_json_parse_object(&text, &root, &detail) == NGX_OK) {

        if (json_object_get(root, "agents")) {
            resources = fuzz_resources(pool, json_object_get(root, "agents"));

            if (resources) {
                fuzz_workspace(pool, resources,
                               json_object_get(root, "report"));
            }
        }

        json_decref(root);
    }

    ngx_destroy_pool(pool);

    return 0;
}
