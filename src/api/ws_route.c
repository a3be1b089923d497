
/*
 * Routing looks at the URI and the method alone.  Everything there is to know
 * about an endpoint's address is one line of ws_routes[]: a route is added by
 * adding a line there, an endpoint to the enum, its handler to ws_endpoints[]
 * (ws_api.c), and perhaps a placeholder to ws_route_parts[].  Lines are tried
 * from top to bottom, so that a literal path may stand before a more general
 * one; the Allow header is the sum of the lines whose pattern fits the path.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_route.h"


typedef struct {
    ngx_uint_t     methods;
    const char    *pattern;
    ngx_uint_t     endpoint;
    ngx_str_t      name;
} ws_route_entry_t;


typedef struct {
    u_char         letter;
    size_t         offset;    /* of an ngx_str_t in ws_route_t */
} ws_route_part_t;


static ngx_int_t ws_route_match(const char *pattern, ngx_str_t *path,
    ws_route_t *route);
static ngx_str_t *ws_route_part(ws_route_t *route, u_char letter);
static void ws_route_allow(ngx_uint_t methods, ngx_str_t *allow);


/* contract: Methods: HEAD works wherever GET does, watch aside */

#define WS_GET     (NGX_HTTP_GET|NGX_HTTP_HEAD)
#define WS_STREAM  NGX_HTTP_GET
#define WS_POST    NGX_HTTP_POST
#define WS_PUT     NGX_HTTP_PUT
#define WS_PATCH   NGX_HTTP_PATCH


static ws_route_entry_t  ws_routes[] = {

    { WS_POST, "/organizations/{o}/members/{u}/workspaces",
      WS_ENDPOINT_CREATE, ngx_string("create") },

    { WS_GET, "/users/{u}/workspace/{n}",
      WS_ENDPOINT_BY_NAME, ngx_string("by_name") },

    { WS_GET, "/workspaces",
      WS_ENDPOINT_LIST, ngx_string("list") },

    { WS_GET, "/workspaces/{w}",
      WS_ENDPOINT_READ, ngx_string("read") },

    { WS_PATCH, "/workspaces/{w}",
      WS_ENDPOINT_RENAME, ngx_string("rename") },

    { WS_PUT, "/workspaces/{w}/autostart",
      WS_ENDPOINT_AUTOSTART, ngx_string("autostart") },

    { WS_PUT, "/workspaces/{w}/ttl",
      WS_ENDPOINT_TTL, ngx_string("ttl") },

    { WS_PUT, "/workspaces/{w}/extend",
      WS_ENDPOINT_EXTEND, ngx_string("extend") },

    { WS_STREAM, "/workspaces/{w}/watch",
      WS_ENDPOINT_WATCH, ngx_string("watch") },

    { WS_POST, "/workspaces/{w}/builds",
      WS_ENDPOINT_BUILD_CREATE, ngx_string("build_create") },

    { WS_GET, "/workspaces/{w}/builds",
      WS_ENDPOINT_BUILD_LIST, ngx_string("build_list") },

    { WS_GET, "/users/{u}/workspace/{n}/builds/{#}",
      WS_ENDPOINT_BUILD_BY_NUMBER, ngx_string("build_by_number") },

    { WS_GET, "/workspacebuilds/{b}",
      WS_ENDPOINT_BUILD_READ, ngx_string("build_read") },

    { WS_GET, "/workspacebuilds/{b}/resources",
      WS_ENDPOINT_BUILD_RESOURCES, ngx_string("build_resources") },

    { WS_GET, "/workspacebuilds/{b}/parameters",
      WS_ENDPOINT_BUILD_PARAMETERS, ngx_string("build_parameters") },

    { WS_GET, "/workspacebuilds/{b}/logs",
      WS_ENDPOINT_BUILD_LOGS, ngx_string("build_logs") },

    { WS_PATCH, "/workspacebuilds/{b}/cancel",
      WS_ENDPOINT_BUILD_CANCEL, ngx_string("build_cancel") },

    { WS_POST, "/workspaces/{w}/usage",
      WS_ENDPOINT_USAGE, ngx_string("usage") },

    { WS_POST, "/provisioners/me/acquire",
      WS_ENDPOINT_JOB_ACQUIRE, ngx_string("job_acquire") },

    { WS_POST, "/provisioners/me/jobs/{j}/heartbeat",
      WS_ENDPOINT_JOB_HEARTBEAT, ngx_string("job_heartbeat") },

    { WS_POST, "/provisioners/me/jobs/{j}/complete",
      WS_ENDPOINT_JOB_COMPLETE, ngx_string("job_complete") },

    { WS_POST, "/provisioners/me/jobs/{j}/fail",
      WS_ENDPOINT_JOB_FAIL, ngx_string("job_fail") },

    { WS_POST, "/provisioners/me/jobs/{j}/release",
      WS_ENDPOINT_JOB_RELEASE, ngx_string("job_release") },

    { WS_POST, "/workspaceagents/me/heartbeat",
      WS_ENDPOINT_AGENT_HEARTBEAT, ngx_string("agent_heartbeat") },

    { WS_POST, "/workspaceagents/me/state",
      WS_ENDPOINT_AGENT_STATE, ngx_string("agent_state") },

    { WS_POST, "/workspaceagents/me/disconnect",
      WS_ENDPOINT_AGENT_DISCONNECT, ngx_string("agent_disconnect") },

    { 0, NULL, WS_ENDPOINT_NONE, ngx_null_string }
};


static ws_route_part_t  ws_route_parts[] = {
    { 'w', offsetof(ws_route_t, workspace) },
    { 'o', offsetof(ws_route_t, organization) },
    { 'u', offsetof(ws_route_t, user) },
    { 'n', offsetof(ws_route_t, name) },
    { 'b', offsetof(ws_route_t, build) },
    { '#', offsetof(ws_route_t, number) },
    { 'j', offsetof(ws_route_t, job) },
    { 0, 0 }
};


/*
 * Every set of methods a path can have, written out at compile time: the
 * reading methods first, then one bit each for POST, PUT and PATCH.
 */

#define ws_allow_post(s)   s, s ", POST"
#define ws_allow_put(s)    ws_allow_post(s), ws_allow_post(s ", PUT")
#define ws_allow_patch(s)  ws_allow_put(s), ws_allow_put(s ", PATCH")

static const char  *ws_allows[] = {
    ws_allow_patch(""),
    ws_allow_patch(", GET"),
    ws_allow_patch(", GET, HEAD")
};


ngx_int_t
ws_route(ngx_str_t *path, ngx_uint_t method, ws_route_t *route)
{
    ngx_uint_t         methods;
    ws_route_entry_t  *e;

    ngx_memzero(route, sizeof(ws_route_t));

    for (e = ws_routes; e->pattern; e++) {

        if ((e->methods & method)
            && ws_route_match(e->pattern, path, NULL) == NGX_OK)
        {
            route->endpoint = e->endpoint;
            return ws_route_match(e->pattern, path, route);
        }
    }

    methods = 0;

    for (e = ws_routes; e->pattern; e++) {
        if (ws_route_match(e->pattern, path, NULL) == NGX_OK) {
            methods |= e->methods;
        }
    }

    if (methods == 0) {
        return NGX_DECLINED;
    }

    ws_route_allow(methods, &route->allow);

    return NGX_ABORT;
}


const ngx_str_t *
ws_endpoint_name(ngx_uint_t endpoint)
{
    ws_route_entry_t  *e;

    for (e = ws_routes; e->pattern; e++) {
        if (e->endpoint == endpoint) {
            break;
        }
    }

    return &e->name;
}


/* whether a pattern fits; the parts go to the route, unless it is NULL */

static ngx_int_t
ws_route_match(const char *pattern, ngx_str_t *path, ws_route_t *route)
{
    u_char      *p, *start, *last;
    ngx_str_t   *part;
    const char  *c;

    if (path->len == 0) {
        return NGX_DECLINED;
    }

    p = path->data;
    last = p + path->len;

    for (c = pattern; *c; c++) {

        if (*c != '{') {
            if (p == last || *p != (u_char) *c) {
                return NGX_DECLINED;
            }

            p++;
            continue;
        }

        start = p;

        while (p < last && *p != '/') {
            p++;
        }

        if (p == start) {
            return NGX_DECLINED;
        }

        if (route) {
            part = ws_route_part(route, (u_char) c[1]);
            part->data = start;
            part->len = p - start;
        }

        /* past "{x", the loop skips the brace */
        c += 2;
    }

    return (p == last) ? NGX_OK : NGX_DECLINED;
}


static ngx_str_t *
ws_route_part(ws_route_t *route, u_char letter)
{
    ws_route_part_t  *part;

    /* the letter comes from ws_routes[], so there is such a part */

    for (part = ws_route_parts; part->letter != letter; part++) {
        /* void */
    }

    return (ngx_str_t *) ((u_char *) route + part->offset);
}


static void
ws_route_allow(ngx_uint_t methods, ngx_str_t *allow)
{
    ngx_uint_t  n;

    n = 0;

    if (methods & NGX_HTTP_HEAD) {
        n = 16;

    } else if (methods & NGX_HTTP_GET) {
        n = 8;
    }

    n += (methods & NGX_HTTP_POST) ? 1 : 0;
    n += (methods & NGX_HTTP_PUT) ? 2 : 0;
    n += (methods & NGX_HTTP_PATCH) ? 4 : 0;

    /* each entry but the first begins with ", " */

    allow->data = (u_char *) ws_allows[n] + 2;
    allow->len = ngx_strlen(allow->data);
}
