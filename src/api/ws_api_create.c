
/* Creating a workspace, with its first build. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_api.h"
#include "ws_body.h"
#include "ws_build.h"
#include "ws_name.h"
#include "ws_param.h"
#include "ws_respond.h"
#include "ws_schedule.h"
#include "ws_ttl.h"


typedef struct {
    ws_uuid_t    template;
    ngx_str_t    name;
    ngx_str_t    schedule;
    int64_t      ttl_ms;
    json_t      *parameters;        /* as given; borrowed */
} ws_create_t;


static ngx_int_t ws_create_fields(ws_request_t *req, ws_create_t *c);
static ngx_int_t ws_create_template(ws_request_t *req, ws_create_t *c);
static ngx_int_t ws_create_version(ws_request_t *req);
static ngx_int_t ws_create_commit(ws_request_t *req, ws_create_t *c);
static ngx_int_t ws_create_build(ws_request_t *req, ws_workspace_t *w,
    json_t *values, int64_t now_ms);
static ngx_int_t ws_api_created(ws_request_t *req);


ngx_int_t
ws_api_create(ws_request_t *req)
{
    ngx_int_t    rc;
    ws_create_t  c;

    if (req->name_taken) {
        return ws_respond_name_taken(req);
    }

    ngx_memzero(&c, sizeof(ws_create_t));

    rc = ws_create_fields(req, &c);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ws_create_template(req, &c);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ws_create_version(req);
    if (rc != NGX_OK) {
        return rc;
    }

    return ws_create_commit(req, &c);
}


static ngx_int_t
ws_create_fields(ws_request_t *req, ws_create_t *c)
{
    ngx_int_t       rc;
    const char     *detail;
    ws_schedule_t   parsed;

    rc = ws_body_uuid(req, "template_id", &c->template);
    if (rc != NGX_OK) {
        return rc == NGX_DECLINED
               ? ws_body_invalid(req, "template_id", "is required") : rc;
    }

    rc = ws_body_string(req, "name", &c->name);
    if (rc == NGX_DONE) {
        return rc;
    }

    if (rc == NGX_DECLINED || ws_name_valid(&c->name) != NGX_OK) {
        return ws_body_invalid(req, "name", rc == NGX_DECLINED
                                            ? "is required" : WS_NAME_RULE);
    }

    ngx_str_set(&c->schedule, "");

    rc = ws_body_string(req, "autostart_schedule", &c->schedule);
    if (rc == NGX_DONE) {
        return rc;
    }

    if (c->schedule.len
        && ws_schedule_parse(*req->conf->tz, &c->schedule, &parsed, &detail)
           != NGX_OK)
    {
        return ws_body_invalid(req, "autostart_schedule", detail);
    }

    rc = ws_body_integer(req, "ttl_ms", &c->ttl_ms);
    if (rc == NGX_DONE) {
        return rc;
    }

    if (ws_ttl_check(&c->ttl_ms, &detail) != NGX_OK) {
        return ws_body_invalid(req, "ttl_ms", detail);
    }

    rc = ws_body_array(req, "rich_parameter_values", &c->parameters);

    return rc == NGX_DECLINED ? NGX_OK : rc;
}


/* contract: Create */

static ngx_int_t
ws_create_template(ws_request_t *req, ws_create_t *c)
{
    u_char          text[WS_UUID_LEN];
    ngx_int_t       rc;
    ngx_str_t       key;
    ws_template_t  *template;

    key.data = text;
    key.len = ws_uuid_format(text, &c->template) - text;

    rc = ws_request_dir(req, WS_REF_TEMPLATE, WS_DIR_TEMPLATE, &key);

    if (rc == NGX_DECLINED) {
        return ws_body_invalid(req, "template_id",
                               "there is no such template");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    template = &ws_request_entry(req, WS_REF_TEMPLATE)->u.template;

    if (!ws_uuid_eq(&template->org, &req->org)) {
        return ws_respond_error(req, NGX_HTTP_UNAUTHORIZED,
                     "The template belongs to another organization.", NULL);
    }

    if (template->deleted) {
        return ws_respond_error(req, NGX_HTTP_NOT_FOUND,
                                "The template was deleted.", NULL);
    }

    if (ws_uuid_is_nil(&template->active_version)) {
        return ws_body_invalid(req, "template_id",
                               "the template has no active version");
    }

    if (c->ttl_ms == 0) {
        c->ttl_ms = template->default_ttl_ms;
    }

    return NGX_OK;
}


static ngx_int_t
ws_create_version(ws_request_t *req)
{
    u_char          text[WS_UUID_LEN];
    ngx_int_t       rc;
    ngx_str_t       key;
    ws_template_t  *template;

    template = &ws_request_entry(req, WS_REF_TEMPLATE)->u.template;

    key.data = text;
    key.len = ws_uuid_format(text, &template->active_version) - text;

    rc = ws_request_dir(req, WS_REF_VERSION, WS_DIR_VERSION, &key);

    return rc == NGX_DECLINED ? NGX_ERROR : rc;
}


static ngx_int_t
ws_create_commit(ws_request_t *req, ws_create_t *c)
{
    json_t              *values;
    ngx_int_t            rc;
    ws_workspace_t      *w;
    ws_workspace_new_t   nw;

    rc = ws_request_parameters(req, c->parameters, NULL, &values);
    if (rc != NGX_OK) {
        return rc;
    }

    ws_uuid_generate_near(&nw.id, &req->target->id);

    nw.name = c->name;
    nw.owner = req->target;
    nw.org = req->org;
    nw.template = &ws_request_entry(req, WS_REF_TEMPLATE)->u.template;
    nw.schedule = c->schedule;
    nw.ttl_ms = c->ttl_ms;
    nw.now_ms = ws_request_now_ms(req);

    w = ws_workspace_create(ws_request_pool(req), &nw);

    rc = w ? ws_create_build(req, w, values, nw.now_ms) : NGX_ERROR;

    json_decref(values);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    req->workspace = w;
    req->done = ws_api_created;

    return ws_request_commit(req);
}


static ngx_int_t
ws_create_build(ws_request_t *req, ws_workspace_t *w, json_t *values,
    int64_t now_ms)
{
    ws_build_new_t  nb;

    nb.transition = "start";
    nb.reason = "initiator";
    nb.initiator = req->user;
    nb.version = &ws_request_entry(req, WS_REF_VERSION)->u.version;
    nb.parameters = values;
    nb.now_ms = now_ms;

    return ws_build_create(w, &nb);
}


static ngx_int_t
ws_api_created(ws_request_t *req)
{
    return ws_respond_workspace(req, req->conf->dialect == WS_DIALECT_CODER
                                     ? NGX_HTTP_CREATED : NGX_HTTP_OK);
}
