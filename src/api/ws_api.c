
/*
 * The table of endpoints.  A request reads: route, who is it, what do they
 * want (path values, then the body), and then its own handler.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_api.h"
#include "ws_auth.h"
#include "ws_body.h"
#include "ws_layout.h"
#include "ws_policy.h"
#include "ws_respond.h"


#define WS_NEEDS_ID      0x01       /* {workspace} */
#define WS_NEEDS_TARGET  0x02       /* {user} */
#define WS_NEEDS_ORG     0x04       /* {organization} */
#define WS_NEEDS_BODY    0x08
#define WS_NEEDS_BUILD   0x10       /* {build}: an id near a workspace's */
#define WS_NO_USER       0x20       /* its handler asks who it is */


typedef struct {
    ws_handler_pt    handler;
    ngx_uint_t       needs;
} ws_endpoint_t;


static ngx_int_t ws_api_prepare(ws_request_t *req);
static ngx_int_t ws_api_org(ws_request_t *req);


static const ws_endpoint_t  ws_endpoints[WS_ENDPOINT_COUNT] = {
    [WS_ENDPOINT_CREATE] =
        { ws_api_create, WS_NEEDS_ORG|WS_NEEDS_TARGET|WS_NEEDS_BODY },
    [WS_ENDPOINT_BY_NAME] = { ws_api_by_name, WS_NEEDS_TARGET },
    [WS_ENDPOINT_LIST] = { ws_api_list, 0 },
    [WS_ENDPOINT_READ] = { ws_api_read, WS_NEEDS_ID },
    [WS_ENDPOINT_RENAME] = { ws_api_rename, WS_NEEDS_ID|WS_NEEDS_BODY },
    [WS_ENDPOINT_AUTOSTART] = { ws_api_autostart, WS_NEEDS_ID|WS_NEEDS_BODY },
    [WS_ENDPOINT_TTL] = { ws_api_ttl, WS_NEEDS_ID|WS_NEEDS_BODY },
    [WS_ENDPOINT_EXTEND] = { ws_api_extend, WS_NEEDS_ID|WS_NEEDS_BODY },
    [WS_ENDPOINT_WATCH] = { ws_api_watch, WS_NEEDS_ID },
    [WS_ENDPOINT_BUILD_CREATE] =
        { ws_api_build_create, WS_NEEDS_ID|WS_NEEDS_BODY },
    [WS_ENDPOINT_BUILD_LIST] = { ws_api_build_list, WS_NEEDS_ID },
    [WS_ENDPOINT_BUILD_BY_NUMBER] =
        { ws_api_build_by_number, WS_NEEDS_TARGET },
    [WS_ENDPOINT_BUILD_READ] = { ws_api_build_read, WS_NEEDS_BUILD },
    [WS_ENDPOINT_BUILD_RESOURCES] = { ws_api_build_resources, WS_NEEDS_BUILD },
    [WS_ENDPOINT_BUILD_PARAMETERS] =
        { ws_api_build_parameters, WS_NEEDS_BUILD },
    [WS_ENDPOINT_BUILD_LOGS] = { ws_api_build_logs, WS_NEEDS_BUILD },
    [WS_ENDPOINT_BUILD_CANCEL] = { ws_api_build_cancel, WS_NEEDS_BUILD },
    [WS_ENDPOINT_USAGE] = { ws_api_usage, WS_NEEDS_ID },
    [WS_ENDPOINT_JOB_ACQUIRE] = { ws_api_job_acquire, WS_NO_USER },
    [WS_ENDPOINT_JOB_HEARTBEAT] = { ws_api_job_heartbeat, WS_NO_USER },
    [WS_ENDPOINT_JOB_COMPLETE] = { ws_api_job_complete, WS_NO_USER },
    [WS_ENDPOINT_JOB_FAIL] = { ws_api_job_fail, WS_NO_USER },
    [WS_ENDPOINT_JOB_RELEASE] = { ws_api_job_release, WS_NO_USER },
    [WS_ENDPOINT_AGENT_HEARTBEAT] = { ws_api_agent_heartbeat, WS_NO_USER },
    [WS_ENDPOINT_AGENT_STATE] = { ws_api_agent_state, WS_NO_USER },
    [WS_ENDPOINT_AGENT_DISCONNECT] = { ws_api_agent_disconnect, WS_NO_USER }
};


ngx_int_t
ws_api_start(ws_request_t *req)
{
    if (req->route_rc == NGX_ABORT) {
        return ws_respond_method(req);
    }

    if (req->route_rc != NGX_OK) {
        return ws_respond_not_found(req);
    }

    req->handler = ws_api_prepare;

    return ws_api_prepare(req);
}


static ngx_int_t
ws_api_prepare(ws_request_t *req)
{
    ngx_int_t             rc;
    const ws_endpoint_t  *e;

    e = &ws_endpoints[req->route.endpoint];

    if (ws_layout_differs(req->store->layout)) {
        return ws_respond_unavailable(req);
    }

    rc = (e->needs & WS_NO_USER) ? NGX_OK : ws_auth(req);

    if (rc == NGX_OK && (e->needs & WS_NEEDS_ID)) {
        rc = ws_request_path_id(req);
    }

    if (rc == NGX_OK && (e->needs & WS_NEEDS_BUILD)) {
        rc = ws_request_build_id(req);
    }

    if (rc == NGX_OK && (e->needs & WS_NEEDS_TARGET)) {
        rc = ws_request_target(req);
    }

    if (rc == NGX_OK && (e->needs & WS_NEEDS_ORG)) {
        rc = ws_api_org(req);
    }

    if (rc == NGX_OK && (e->needs & WS_NEEDS_BODY)) {
        rc = ws_body_read(req);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    req->handler = e->handler;

    return e->handler(req);
}


/*
 * The organization in which somebody wants to create for the target.  Whether
 * it is there is looked up for those only who may: for others nothing differs
 * from one that is not, the body's mistakes and commands to Redis included.
 */

static ngx_int_t
ws_api_org(ws_request_t *req)
{
    ngx_int_t  rc;
    ngx_str_t  key;

    if (ws_uuid_parse(&req->route.organization, &req->org) != NGX_OK) {
        return ws_respond_invalid_c(req, NGX_HTTP_BAD_REQUEST,
                                    "The organization's ID is not valid.",
                                    "organization", "must be a UUID");
    }

    if (ws_policy_may_create(&req->user->subject, &req->target->subject,
                             &req->org)
        != NGX_OK)
    {
        return ws_respond_not_found(req);
    }

    key = ws_uuid_str(ws_request_pool(req), &req->org);
    if (key.data == NULL) {
        return NGX_ERROR;
    }

    rc = ws_request_dir(req, WS_REF_ORG, WS_DIR_ORG, &key);

    return rc == NGX_DECLINED ? ws_respond_not_found(req) : rc;
}
