
/*
 * Canceling a build: a job that waits is canceled at once, one that runs is
 * asked to be, and its provisioner has the last word.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_api.h"
#include "ws_build.h"
#include "ws_job.h"
#include "ws_policy.h"
#include "ws_request_build.h"
#include "ws_respond.h"


static ngx_int_t ws_cancel_allowed(ws_request_t *req);
static ngx_int_t ws_api_canceled(ws_request_t *req);


ngx_int_t
ws_api_build_cancel(ws_request_t *req)
{
    ngx_int_t         rc;
    ngx_str_t         status;
    ws_found_build_t  build;

    req->for_change = 1;

    rc = ws_request_build(req, WS_ACTION_UPDATE, &build);

    if (rc == NGX_OK) {
        rc = ws_cancel_allowed(req);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (!build.latest || !ws_build_active(req->workspace)) {
        return ws_respond_error(req, NGX_HTTP_BAD_REQUEST,
                                "The build is finished.", NULL);
    }

    req->done = ws_api_canceled;

    status = ws_json_get_str(ws_workspace_build(req->workspace), "status");

    if (status.len == 9 && ngx_memcmp(status.data, "canceling", 9) == 0) {
        return ws_api_canceled(req);
    }

    if (ws_job_cancel(req->workspace, ws_request_now_ms(req)) != NGX_OK) {
        return NGX_ERROR;
    }

    return ws_request_commit(req);
}


/* administrators always may, an owner where the template says so */

static ngx_int_t
ws_cancel_allowed(ws_request_t *req)
{
    ngx_int_t  rc;

    if (ws_policy_administers(&req->user->subject, &req->meta.org)) {
        return NGX_OK;
    }

    rc = ws_request_template(req, &req->meta.template);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ws_request_entry(req, WS_REF_TEMPLATE)->u.template.allow_user_cancel) {
        return NGX_OK;
    }

    return ws_respond_error(req, NGX_HTTP_FORBIDDEN,
                            ws_status_message(NGX_HTTP_FORBIDDEN),
                            "The template does not let users cancel builds.");
}


static ngx_int_t
ws_api_canceled(ws_request_t *req)
{
    return ws_respond_error(req, NGX_HTTP_OK,
                            "The build is being canceled.", NULL);
}
