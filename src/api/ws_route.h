
/*
 * From a path and a method to an endpoint: a pure look-up in one table.
 */

#ifndef _WS_ROUTE_H_INCLUDED_
#define _WS_ROUTE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef enum {
    WS_ENDPOINT_NONE = 0,
    WS_ENDPOINT_CREATE,
    WS_ENDPOINT_BY_NAME,
    WS_ENDPOINT_LIST,
    WS_ENDPOINT_READ,
    WS_ENDPOINT_RENAME,
    WS_ENDPOINT_AUTOSTART,
    WS_ENDPOINT_TTL,
    WS_ENDPOINT_EXTEND,
    WS_ENDPOINT_WATCH,
    WS_ENDPOINT_BUILD_CREATE,
    WS_ENDPOINT_BUILD_LIST,
    WS_ENDPOINT_BUILD_BY_NUMBER,
    WS_ENDPOINT_BUILD_READ,
    WS_ENDPOINT_BUILD_RESOURCES,
    WS_ENDPOINT_BUILD_PARAMETERS,
    WS_ENDPOINT_BUILD_LOGS,
    WS_ENDPOINT_BUILD_CANCEL,
    WS_ENDPOINT_USAGE,
    WS_ENDPOINT_JOB_ACQUIRE,
    WS_ENDPOINT_JOB_HEARTBEAT,
    WS_ENDPOINT_JOB_COMPLETE,
    WS_ENDPOINT_JOB_FAIL,
    WS_ENDPOINT_JOB_RELEASE,
    WS_ENDPOINT_AGENT_HEARTBEAT,
    WS_ENDPOINT_AGENT_STATE,
    WS_ENDPOINT_AGENT_DISCONNECT,
    WS_ENDPOINT_COUNT
} ws_endpoint_e;


typedef struct {
    ngx_uint_t    endpoint;       /* ws_endpoint_e */

    /* what stood in the path, empty where the path has no such part */
    ngx_str_t     workspace;
    ngx_str_t     organization;
    ngx_str_t     user;
    ngx_str_t     name;
    ngx_str_t     build;
    ngx_str_t     number;
    ngx_str_t     job;

    ngx_str_t     allow;          /* the value for "Allow" */
} ws_route_t;


/*
 * Finds the endpoint of a request (reference: the nine endpoints; contract:
 * Methods).
 *
 * path     the URI after the configured prefix, as nginx decoded it, with
 *          the leading slash: "/workspaces"
 * method   one NGX_HTTP_* method bit, as in r->method
 * route    filled in completely whatever the result; the values point into
 *          the path and live as long as it does; "allow" is a constant
 *
 * Returns NGX_OK; NGX_DECLINED when there is no such path; NGX_ABORT when
 * the path is known but not with this method: route->allow then holds the
 * value for the Allow header ("GET, HEAD, PATCH") and the endpoint is
 * WS_ENDPOINT_NONE.
 *
 * HEAD finds what GET finds, except for the watch, which has no HEAD.  A
 * part of the path is never empty, and a trailing slash makes another path,
 * one that does not exist.  Whether a part is well-formed (a UUID, a name)
 * is for the handler to say.
 */
ngx_int_t ws_route(ngx_str_t *path, ngx_uint_t method, ws_route_t *route);

/*
 * The stable name of an endpoint, for logs and variables, as the table in
 * ws_route.c has it: "create", "by_name", "list", ...  An empty string for
 * WS_ENDPOINT_NONE and unknown values.  The result is a constant.
 */
const ngx_str_t *ws_endpoint_name(ngx_uint_t endpoint);


#endif /* _WS_ROUTE_H_INCLUDED_ */
