
/*
 * Routing: which path and method is which endpoint, what the parts of a path
 * are, and what the Allow header says where the method is another.
 */


#include "core_text.h"
#include <ngx_http.h>
#include "ws_route.h"


#define ID  "6f1c2d7e-0a4b-4c55-9d0e-1b2c3d4e5f60"


/* the parts of a path are written "user=alice, name=dev" */

typedef struct {
    ngx_uint_t   method;
    const char  *path;
    ngx_uint_t   endpoint;
    const char  *parts;
} found_t;


typedef struct {
    ngx_uint_t   method;
    const char  *path;
    const char  *allow;
} refused_t;


static const found_t  found[] = {

    { NGX_HTTP_POST, "/organizations/" ID "/members/me/workspaces",
      WS_ENDPOINT_CREATE, "organization=" ID ", user=me" },
    { NGX_HTTP_GET, "/users/alice/workspace/dev",
      WS_ENDPOINT_BY_NAME, "user=alice, name=dev" },
    { NGX_HTTP_HEAD, "/users/alice/workspace/dev",
      WS_ENDPOINT_BY_NAME, "user=alice, name=dev" },
    { NGX_HTTP_GET, "/workspaces", WS_ENDPOINT_LIST, "" },
    { NGX_HTTP_HEAD, "/workspaces", WS_ENDPOINT_LIST, "" },
    { NGX_HTTP_GET, "/workspaces/" ID,
      WS_ENDPOINT_READ, "workspace=" ID },
    { NGX_HTTP_HEAD, "/workspaces/" ID,
      WS_ENDPOINT_READ, "workspace=" ID },
    { NGX_HTTP_PATCH, "/workspaces/" ID,
      WS_ENDPOINT_RENAME, "workspace=" ID },
    { NGX_HTTP_PUT, "/workspaces/" ID "/autostart",
      WS_ENDPOINT_AUTOSTART, "workspace=" ID },
    { NGX_HTTP_PUT, "/workspaces/" ID "/ttl",
      WS_ENDPOINT_TTL, "workspace=" ID },
    { NGX_HTTP_PUT, "/workspaces/" ID "/extend",
      WS_ENDPOINT_EXTEND, "workspace=" ID },
    { NGX_HTTP_GET, "/workspaces/" ID "/watch",
      WS_ENDPOINT_WATCH, "workspace=" ID },
    { NGX_HTTP_POST, "/workspaces/" ID "/usage",
      WS_ENDPOINT_USAGE, "workspace=" ID },

    /* builds */

    { NGX_HTTP_POST, "/workspaces/" ID "/builds",
      WS_ENDPOINT_BUILD_CREATE, "workspace=" ID },
    { NGX_HTTP_GET, "/workspaces/" ID "/builds",
      WS_ENDPOINT_BUILD_LIST, "workspace=" ID },
    { NGX_HTTP_HEAD, "/workspaces/" ID "/builds",
      WS_ENDPOINT_BUILD_LIST, "workspace=" ID },
    { NGX_HTTP_GET, "/users/alice/workspace/dev/builds/17",
      WS_ENDPOINT_BUILD_BY_NUMBER, "user=alice, name=dev, number=17" },
    { NGX_HTTP_GET, "/workspacebuilds/" ID,
      WS_ENDPOINT_BUILD_READ, "build=" ID },
    { NGX_HTTP_GET, "/workspacebuilds/" ID "/resources",
      WS_ENDPOINT_BUILD_RESOURCES, "build=" ID },
    { NGX_HTTP_GET, "/workspacebuilds/" ID "/parameters",
      WS_ENDPOINT_BUILD_PARAMETERS, "build=" ID },
    { NGX_HTTP_GET, "/workspacebuilds/" ID "/logs",
      WS_ENDPOINT_BUILD_LOGS, "build=" ID },
    { NGX_HTTP_HEAD, "/workspacebuilds/" ID "/logs",
      WS_ENDPOINT_BUILD_LOGS, "build=" ID },
    { NGX_HTTP_PATCH, "/workspacebuilds/" ID "/cancel",
      WS_ENDPOINT_BUILD_CANCEL, "build=" ID },

    /* provisioners and agents */

    { NGX_HTTP_POST, "/provisioners/me/acquire",
      WS_ENDPOINT_JOB_ACQUIRE, "" },
    { NGX_HTTP_POST, "/provisioners/me/jobs/" ID "/heartbeat",
      WS_ENDPOINT_JOB_HEARTBEAT, "job=" ID },
    { NGX_HTTP_POST, "/provisioners/me/jobs/" ID "/complete",
      WS_ENDPOINT_JOB_COMPLETE, "job=" ID },
    { NGX_HTTP_POST, "/provisioners/me/jobs/" ID "/fail",
      WS_ENDPOINT_JOB_FAIL, "job=" ID },
    { NGX_HTTP_POST, "/provisioners/me/jobs/" ID "/release",
      WS_ENDPOINT_JOB_RELEASE, "job=" ID },
    { NGX_HTTP_POST, "/workspaceagents/me/heartbeat",
      WS_ENDPOINT_AGENT_HEARTBEAT, "" },
    { NGX_HTTP_POST, "/workspaceagents/me/state",
      WS_ENDPOINT_AGENT_STATE, "" },
    { NGX_HTTP_POST, "/workspaceagents/me/disconnect",
      WS_ENDPOINT_AGENT_DISCONNECT, "" },

    /* a part is any text but a slash: its form is for the handler */

    { NGX_HTTP_GET, "/workspaces/watch", WS_ENDPOINT_READ,
      "workspace=watch" },
    { NGX_HTTP_GET, "/users/a b%/workspace/{n}", WS_ENDPOINT_BY_NAME,
      "user=a b%, name={n}" }
};


static const refused_t  refused[] = {

    { NGX_HTTP_GET, "/organizations/" ID "/members/me/workspaces", "POST" },
    { NGX_HTTP_HEAD, "/organizations/" ID "/members/me/workspaces", "POST" },
    { NGX_HTTP_DELETE, "/users/alice/workspace/dev", "GET, HEAD" },
    { NGX_HTTP_POST, "/workspaces", "GET, HEAD" },
    { NGX_HTTP_PUT, "/workspaces/" ID, "GET, HEAD, PATCH" },
    { NGX_HTTP_DELETE, "/workspaces/" ID, "GET, HEAD, PATCH" },
    { NGX_HTTP_OPTIONS, "/workspaces/" ID, "GET, HEAD, PATCH" },
    { NGX_HTTP_UNKNOWN, "/workspaces/" ID, "GET, HEAD, PATCH" },
    { NGX_HTTP_PATCH, "/workspaces/" ID "/autostart", "PUT" },
    { NGX_HTTP_GET, "/workspaces/" ID "/ttl", "PUT" },
    { NGX_HTTP_POST, "/workspaces/" ID "/extend", "PUT" },
    { NGX_HTTP_HEAD, "/workspaces/" ID "/watch", "GET" },
    { NGX_HTTP_PUT, "/workspaces/" ID "/watch", "GET" },
    { NGX_HTTP_PUT, "/workspaces/" ID "/builds", "GET, HEAD, POST" },
    { NGX_HTTP_POST, "/users/alice/workspace/dev/builds/17", "GET, HEAD" },
    { NGX_HTTP_DELETE, "/workspacebuilds/" ID, "GET, HEAD" },
    { NGX_HTTP_POST, "/workspacebuilds/" ID "/cancel", "PATCH" },
    { NGX_HTTP_GET, "/provisioners/me/acquire", "POST" }
};


static const char  *absent[] = {
    "",
    "/",
    "workspaces",
    "/workspace",
    "/Workspaces",
    "/workspacesx",
    "/workspaces/",
    "//workspaces",
    "/workspaces//watch",
    "/workspaces/" ID "/",
    "/workspaces/" ID "/watch/",
    "/workspaces/" ID "/watc",
    "/workspaces/" ID "/watches",
    "/workspaces/" ID "/WATCH",
    "/workspaces/" ID "/other",
    "/users/alice/workspace",
    "/users/alice/workspace/",
    "/users//workspace/dev",
    "/users/alice/workspaces/dev",
    "/users/alice/workspace/dev/more",
    "/organizations//members/me/workspaces",
    "/organizations/" ID "/members//workspaces",
    "/organizations/" ID "/members/workspaces",
    "/organizations/" ID "/members/me/workspaces/",
    "/users/alice/workspace/dev/builds",
    "/users/alice/workspace/dev/builds/",
    "/workspacebuilds",
    "/workspacebuilds/",
    "/workspacebuilds/" ID "/other",
    "/provisioners/you/acquire",
    "/provisioners/me/jobs//fail",
    "/workspaceagents/" ID "/heartbeat"
};


static void
assert_text(const ngx_str_t *text, const char *expected)
{
    assert_int_equal(text->len, strlen(expected));

    if (text->len) {
        assert_memory_equal(text->data, expected, text->len);
    }
}


static void
assert_parts(ws_route_t *route, const char *expected)
{
    char    text[512];
    size_t  i, n;

    const struct {
        const char  *name;
        ngx_str_t   *value;
    } parts[] = {
        { "organization", &route->organization },
        { "user", &route->user },
        { "workspace", &route->workspace },
        { "name", &route->name },
        { "build", &route->build },
        { "number", &route->number },
        { "job", &route->job }
    };

    n = 0;
    text[0] = '\0';

    for (i = 0; i < core_items(parts); i++) {

        if (parts[i].value->len == 0) {
            continue;
        }

        n += snprintf(text + n, sizeof(text) - n, "%s%s=%.*s",
                      n ? ", " : "", parts[i].name,
                      (int) parts[i].value->len, parts[i].value->data);

        assert_true(n < sizeof(text));
    }

    assert_string_equal(text, expected);
}


static void
test_each_path_and_method_is_its_endpoint(void **state)
{
    size_t       i;
    ngx_str_t    path;
    ws_route_t   route;

    for (i = 0; i < core_items(found); i++) {
        path = core_text(found[i].path);
        ngx_memset(&route, 0x5a, sizeof(route));

        assert_int_equal(ws_route(&path, found[i].method, &route), NGX_OK);
        assert_int_equal(route.endpoint, found[i].endpoint);

        assert_parts(&route, found[i].parts);
        assert_text(&route.allow, "");

        core_text_free(&path);
    }
}


static void
test_every_endpoint_has_a_path(void **state)
{
    size_t      i;
    ngx_uint_t  seen[WS_ENDPOINT_COUNT];

    ngx_memzero(seen, sizeof(seen));

    for (i = 0; i < core_items(found); i++) {
        seen[found[i].endpoint] = 1;
    }

    for (i = WS_ENDPOINT_NONE + 1; i < WS_ENDPOINT_COUNT; i++) {
        assert_true(seen[i]);
    }
}


static void
test_another_method_tells_the_right_ones(void **state)
{
    size_t       i;
    ngx_str_t    path;
    ws_route_t   route;

    for (i = 0; i < core_items(refused); i++) {
        path = core_text(refused[i].path);
        ngx_memset(&route, 0x5a, sizeof(route));

        assert_int_equal(ws_route(&path, refused[i].method, &route),
                         NGX_ABORT);
        assert_int_equal(route.endpoint, WS_ENDPOINT_NONE);
        assert_text(&route.allow, refused[i].allow);
        assert_parts(&route, "");

        core_text_free(&path);
    }
}


static void
test_other_paths_do_not_exist(void **state)
{
    size_t       i, m;
    ngx_str_t    path;
    ws_route_t   route;

    static ngx_uint_t  methods[] = {
        NGX_HTTP_GET, NGX_HTTP_HEAD, NGX_HTTP_POST, NGX_HTTP_PUT,
        NGX_HTTP_PATCH, NGX_HTTP_DELETE, NGX_HTTP_UNKNOWN
    };

    for (i = 0; i < core_items(absent); i++) {
        path = core_text(absent[i]);

        for (m = 0; m < core_items(methods); m++) {
            ngx_memset(&route, 0x5a, sizeof(route));

            assert_int_equal(ws_route(&path, methods[m], &route),
                             NGX_DECLINED);
            assert_int_equal(route.endpoint, WS_ENDPOINT_NONE);
            assert_text(&route.allow, "");
        }

        core_text_free(&path);
    }
}


static void
test_no_beginning_of_a_path_is_read_past_its_end(void **state)
{
    size_t       i, n;
    ngx_str_t    path;
    ws_route_t   route;

    for (i = 0; i < core_items(found); i++) {
        for (n = 0; n < strlen(found[i].path); n++) {
            path = core_text_n(found[i].path, n);
            (void) ws_route(&path, found[i].method, &route);
            core_text_free(&path);
        }
    }
}


static void
test_names_are_stable(void **state)
{
    size_t            i;
    const ngx_str_t  *name;

    static const char  *names[] = {
        "", "create", "by_name", "list", "read", "rename", "autostart",
        "ttl", "extend", "watch", "build_create", "build_list",
        "build_by_number", "build_read", "build_resources",
        "build_parameters", "build_logs", "build_cancel", "usage",
        "job_acquire", "job_heartbeat", "job_complete", "job_fail",
        "job_release",
        "agent_heartbeat", "agent_state", "agent_disconnect"
    };

    assert_int_equal(core_items(names), WS_ENDPOINT_COUNT);

    for (i = 0; i < core_items(names); i++) {
        name = ws_endpoint_name(i);
        assert_text(name, names[i]);
    }

    assert_text(ws_endpoint_name(WS_ENDPOINT_COUNT), "");
    assert_text(ws_endpoint_name((ngx_uint_t) -1), "");
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_each_path_and_method_is_its_endpoint),
        cmocka_unit_test(test_every_endpoint_has_a_path),
        cmocka_unit_test(test_another_method_tells_the_right_ones),
        cmocka_unit_test(test_other_paths_do_not_exist),
        cmocka_unit_test(test_no_beginning_of_a_path_is_read_past_its_end),
        cmocka_unit_test(test_names_are_stable)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
