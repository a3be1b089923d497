/* links: src/lifecycle/ws_resource.c the core; -ljansson -luuid */

/*
 * Any JSON as the resources of a build.  What is taken has every field that
 * time or a reader will look at, within bounds; reported once more it is
 * taken again.  What is declined says why.
 */


#include <assert.h>

#include "ws_json.h"
#include "ws_resource.h"
#include "ws_time.h"


#define NOW_MS  1795521600000LL


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_has_id(json_t *v)
{
    ws_uuid_t  id;

    assert(ws_json_get_uuid(v, "id", &id) == NGX_OK);
}


static void
fuzz_agent(json_t *agent)
{
    size_t     i;
    json_t    *app, *apps;
    int64_t    seconds;
    ngx_str_t  text;

    fuzz_has_id(agent);

    text = ws_json_get_str(agent, "lifecycle_state");
    assert(ws_resource_known(WS_KNOWN_LIFECYCLE, &text));

    /* it is added to a time in milliseconds */

    seconds = ws_json_get_int(agent, "connection_timeout_seconds", -1);
    assert(seconds >= 0 && seconds <= INT32_MAX);

    apps = json_object_get(agent, "apps");
    assert(json_is_array(apps) && json_array_size(apps) <= WS_APPS_MAX);

    json_array_foreach(apps, i, app) {
        fuzz_has_id(app);

        text = ws_json_get_str(app, "health");
        assert(ws_resource_known(WS_KNOWN_HEALTH, &text));
    }
}


static void
fuzz_taken(ws_resource_ctx_t *ctx, json_t *list)
{
    size_t    i, k;
    json_t   *resource, *agent;
    int64_t   cost;

    assert(json_is_array(list) && json_array_size(list) <= WS_RESOURCES_MAX);

    cost = 0;

    json_array_foreach(list, i, resource) {
        fuzz_has_id(resource);
        cost += ws_json_get_int(resource, "daily_cost", -1);

        json_array_foreach(json_object_get(resource, "agents"), k, agent) {
            fuzz_agent(agent);
        }
    }

    assert(cost == ctx->daily_cost);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t             *given, *once, *twice;
    ngx_int_t           rc;
    ngx_str_t           text;
    ngx_pool_t         *pool;
    ws_resource_ctx_t   ctx;

    given = json_loadb((char *) data, size, JSON_DECODE_ANY, NULL);

    if (given == NULL) {
        return 0;
    }

    pool = ngx_create_pool(1024, NULL);
    assert(pool);

    ngx_memzero(&ctx, sizeof(ctx));
    ctx.pool = pool;
    ctx.transition = "start";
    ctx.now_ms = NOW_MS;

    rc = ws_resource_complete(&ctx, given, &once);
    assert(rc == NGX_OK || rc == NGX_DECLINED);

    if (rc == NGX_DECLINED) {
        assert(ctx.detail && *ctx.detail);

    } else {
        fuzz_taken(&ctx, once);
        assert(ws_json_dump(pool, once, &text) == NGX_OK);

        assert(ws_resource_complete(&ctx, once, &twice) == NGX_OK);
        assert(json_array_size(once) == json_array_size(twice));

        json_decref(once);
        json_decref(twice);
    }

    json_decref(given);
    ngx_destroy_pool(pool);

    return 0;
}
