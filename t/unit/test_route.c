
/*
 * Routing: which path and method is which endpoint, what the parts of a path
 * are, and what the Allow header says where the method is another.
 */


#include "core_text.h"
#include <ngx_http.h>
#include "ws_route.h"


#define ID  "6f1c2d7e-0a4b-4c55-9d0e-1b2c3d4e5f60"


typedef struct {
    ngx_uint_t   method;
    const char  *path;
    ngx_uint_t   endpoint;
    const char  *organization;
    const char  *user;
    const char  *workspace;
    const char  *name;
} found_t;


typedef struct {
    ngx_uint_t   method;
    const char  *path;
    const char  *allow;
} refused_t;


static const found_t  found[] = {

    { NGX_HTTP_POST, "/organizations/" ID "/members/me/workspaces",
      WS_ENDPOINT_CREATE, ID, "me", "", "" },
    { NGX_HTTP_GET, "/users/alice/workspace/dev",
      WS_ENDPOINT_BY_NAME, "", "alice", "", "dev" },
    { NGX_HTTP_HEAD, "/users/alice/workspace/dev",
      WS_ENDPOINT_BY_NAME, "", "alice", "", "dev" },
    { NGX_HTTP_GET, "/workspaces", WS_ENDPOINT_LIST, "", "", "", "" },
    { NGX_HTTP_HEAD, "/workspaces", WS_ENDPOINT_LIST, "", "", "", "" },
    { NGX_HTTP_GET, "/workspaces/" ID, WS_ENDPOINT_READ, "", "", ID, "" },
    { NGX_HTTP_HEAD, "/workspaces/" ID, WS_ENDPOINT_READ, "", "", ID, "" },
    { NGX_HTTP_PATCH, "/workspaces/" ID, WS_ENDPOINT_RENAME, "", "", ID, "" },
    { NGX_HTTP_PUT, "/workspaces/" ID "/autostart",
      WS_ENDPOINT_AUTOSTART, "", "", ID, "" },
    { NGX_HTTP_PUT, "/workspaces/" ID "/ttl",
      WS_ENDPOINT_TTL, "", "", ID, "" },
    { NGX_HTTP_PUT, "/workspaces/" ID "/extend",
      WS_ENDPOINT_EXTEND, "", "", ID, "" },
    { NGX_HTTP_GET, "/workspaces/" ID "/watch",
      WS_ENDPOINT_WATCH, "", "", ID, "" },
    { NGX_HTTP_POST, "/workspaces/" ID "/builds",
      WS_ENDPOINT_BUILD_CREATE, "", "", ID, "" },

    /* a part is any text but a slash: its form is for the handler */

    { NGX_HTTP_GET, "/workspaces/watch", WS_ENDPOINT_READ,
      "", "", "watch", "" },
    { NGX_HTTP_GET, "/users/a b%/workspace/{n}", WS_ENDPOINT_BY_NAME,
      "", "a b%", "", "{n}" }
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
    { NGX_HTTP_PUT, "/workspaces/" ID "/builds", "POST" }
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
    "/organizations/" ID "/members/me/workspaces/"
};


static void
assert_part(ngx_str_t *part, const char *expected)
{
    assert_int_equal(part->len, strlen(expected));

    if (part->len) {
        assert_memory_equal(part->data, expected, part->len);
    }
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

        assert_part(&route.organization, found[i].organization);
        assert_part(&route.user, found[i].user);
        assert_part(&route.workspace, found[i].workspace);
        assert_part(&route.name, found[i].name);
        assert_part(&route.allow, "");

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
        assert_part(&route.allow, refused[i].allow);
        assert_part(&route.workspace, "");

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
            assert_part(&route.allow, "");
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
        "ttl", "extend", "watch", "build_create"
    };

    assert_int_equal(core_items(names), WS_ENDPOINT_COUNT);

    for (i = 0; i < core_items(names); i++) {
        name = ws_endpoint_name(i);
        assert_part((ngx_str_t *) name, names[i]);
    }

    assert_part((ngx_str_t *) ws_endpoint_name(WS_ENDPOINT_COUNT), "");
    assert_part((ngx_str_t *) ws_endpoint_name((ngx_uint_t) -1), "");
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
