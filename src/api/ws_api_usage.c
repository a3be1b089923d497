
/* Somebody uses a workspace, as clients know without an agent in it. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_agent.h"
#include "ws_api.h"
#include "ws_body.h"
#include "ws_policy.h"
#include "ws_respond.h"


ngx_int_t
ws_api_usage(ws_request_t *req)
{
    ngx_int_t  rc;

    rc = ws_body_read_optional(req);
    if (rc != NGX_OK) {
        return rc;
    }

    req->for_change = 1;

    rc = ws_request_workspace(req, WS_ACTION_UPDATE);
    if (rc != NGX_OK) {
        return rc;
    }

    if (req->meta.deleted) {
        return ws_respond_deleted(req);
    }

    if (ws_agent_activity(req->workspace, ws_request_now_ms(req)) != NGX_OK) {
        return NGX_ERROR;
    }

    req->done = ws_respond_empty;

    return ws_request_commit(req);
}
