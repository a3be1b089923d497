
/*
 * Changes of one workspace: rename, autostart, TTL, extend.  Each reads the
 * workspace, decides, and commits; when somebody else was faster it is called
 * again with the workspace as it is then.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_api.h"
#include "ws_body.h"
#include "ws_build.h"
#include "ws_name.h"
#include "ws_policy.h"
#include "ws_respond.h"
#include "ws_schedule.h"
#include "ws_time.h"
#include "ws_ttl.h"


static ngx_int_t ws_api_change(ws_request_t *req);
static ngx_int_t ws_api_extended(ws_request_t *req);


ngx_int_t
ws_api_rename(ws_request_t *req)
{
    ngx_int_t  rc;
    ngx_str_t  name, current;

    ngx_str_set(&name, "");

    rc = ws_body_string(req, "name", &name);
    if (rc == NGX_DONE) {
        return rc;
    }

    if (name.len && ws_name_valid(&name) != NGX_OK) {
        return ws_body_invalid(req, "name", WS_NAME_RULE);
    }

    if (req->name_taken) {
        return ws_respond_name_taken(req);
    }

    req->for_change = 1;

    rc = ws_request_workspace(req, WS_ACTION_UPDATE);
    if (rc != NGX_OK) {
        return rc;
    }

    if (req->meta.deleted) {
        ngx_str_set(&req->route.allow, "GET, HEAD");
        return ws_respond_method(req);
    }

    current = ws_json_get_str(req->workspace->doc, "name");

    if (name.len == 0
        || (name.len == current.len
            && ngx_memcmp(name.data, current.data, name.len) == 0))
    {
        return ws_respond_empty(req);
    }

    if (ws_workspace_set_name(req->workspace, &name, ws_request_now_ms(req))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    req->done = ws_respond_empty;

    return ws_request_commit(req);
}


ngx_int_t
ws_api_autostart(ws_request_t *req)
{
    ngx_int_t       rc;
    ngx_str_t       schedule;
    const char     *detail;
    ws_schedule_t   parsed;

    ngx_str_set(&schedule, "");

    rc = ws_body_string(req, "schedule", &schedule);
    if (rc == NGX_DONE) {
        return rc;
    }

    if (schedule.len
        && ws_schedule_parse(*req->conf->tz, &schedule, &parsed, &detail)
           != NGX_OK)
    {
        return ws_body_invalid(req, "schedule", detail);
    }

    rc = ws_api_change(req);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ws_workspace_set_schedule(req->workspace, &schedule,
                                  ws_request_now_ms(req))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    req->done = ws_respond_empty;

    return ws_request_commit(req);
}


ngx_int_t
ws_api_ttl(ws_request_t *req)
{
    int64_t      ttl_ms;
    ngx_int_t    rc;
    const char  *detail;

    ttl_ms = 0;

    rc = ws_body_integer(req, "ttl_ms", &ttl_ms);
    if (rc == NGX_DONE) {
        return rc;
    }

    if (ws_ttl_check(&ttl_ms, &detail) != NGX_OK) {
        return ws_body_invalid(req, "ttl_ms", detail);
    }

    rc = ws_api_change(req);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ws_workspace_set_ttl(req->workspace, ttl_ms, ws_request_now_ms(req))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    req->done = ws_respond_empty;

    return ws_request_commit(req);
}


ngx_int_t
ws_api_extend(ws_request_t *req)
{
    int64_t      deadline_ms;
    ngx_int_t    rc;
    ngx_str_t    text;
    ngx_uint_t   status;
    const char  *detail;

    rc = ws_body_string(req, "deadline", &text);
    if (rc == NGX_DONE) {
        return rc;
    }

    if (rc == NGX_DECLINED) {
        return ws_body_invalid(req, "deadline", "is required");
    }

    if (ws_time_parse(&text, &deadline_ms) != NGX_OK) {
        return ws_body_invalid(req, "deadline", "must be an RFC 3339 time");
    }

    if (deadline_ms == WS_TIME_ZERO_MS) {
        return ws_body_invalid(req, "deadline", "is required");
    }

    req->for_change = 1;

    rc = ws_request_workspace(req, WS_ACTION_UPDATE);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ws_build_extend(req->workspace, deadline_ms, ws_request_now_ms(req),
                         &status, &detail);
    if (rc == NGX_ERROR) {
        return NGX_ERROR;
    }

    if (rc == NGX_DECLINED) {
        return status == NGX_HTTP_BAD_REQUEST
               ? ws_body_invalid(req, "deadline", detail)
               : ws_respond_error(req, status, detail, NULL);
    }

    req->done = ws_api_extended;

    return ws_request_commit(req);
}


static ngx_int_t
ws_api_extended(ws_request_t *req)
{
    return ws_respond_error(req, NGX_HTTP_OK, "The deadline was updated.",
                            NULL);
}


/* a deleted workspace is answered as reading it is */

static ngx_int_t
ws_api_change(ws_request_t *req)
{
    ngx_int_t  rc;

    req->for_change = 1;

    rc = ws_request_workspace(req, WS_ACTION_UPDATE);
    if (rc != NGX_OK) {
        return rc;
    }

    return req->meta.deleted ? ws_respond_deleted(req) : NGX_OK;
}
