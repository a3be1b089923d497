
/* Making the next build of a workspace: start, stop, delete. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_api.h"
#include "ws_body.h"
#include "ws_build.h"
#include "ws_policy.h"
#include "ws_respond.h"


typedef struct {
    const char  *transition;
    json_t      *parameters;        /* as given; borrowed */
    ngx_uint_t   orphan;
    ngx_uint_t   have_version;
    ws_uuid_t    version;
} ws_build_fields_t;


static ngx_int_t ws_build_fields(ws_request_t *req, ws_build_fields_t *f);
static ngx_int_t ws_build_version(ws_request_t *req, ws_build_fields_t *f);
static ngx_int_t ws_build_make(ws_request_t *req, ws_build_fields_t *f,
    json_t *values);
static ngx_int_t ws_build_orphan(ws_request_t *req);
static ngx_int_t ws_api_build_created(ws_request_t *req);


ngx_int_t
ws_api_build_create(ws_request_t *req)
{
    json_t             *values;
    ngx_int_t           rc;
    ws_build_fields_t   f;

    ngx_memzero(&f, sizeof(ws_build_fields_t));

    rc = ws_build_fields(req, &f);
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

    if (f.orphan
        && !ws_policy_administers(&req->user->subject, &req->meta.org))
    {
        return ws_respond_not_found(req);
    }

    if (ws_build_active(req->workspace)) {
        return ws_respond_error(req, NGX_HTTP_CONFLICT,
                                "A build of the workspace is still active.",
                                NULL);
    }

    rc = ws_build_version(req, &f);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ws_request_parameters(req, f.parameters,
                               json_object_get(req->workspace->priv,
                                               "parameters"),
                               &values);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ws_build_make(req, &f, values);

    json_decref(values);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    req->done = ws_api_build_created;

    return ws_request_commit(req);
}


static ngx_int_t
ws_build_fields(ws_request_t *req, ws_build_fields_t *f)
{
    ngx_int_t   rc;
    ngx_str_t   text;
    ngx_uint_t  i;

    static const char  *transitions[] = { "start", "stop", "delete" };

    rc = ws_body_string(req, "transition", &text);
    if (rc == NGX_DONE) {
        return rc;
    }

    if (rc == NGX_DECLINED) {
        return ws_body_invalid(req, "transition", "is required");
    }

    for (i = 0; i < 3; i++) {
        if (text.len == ngx_strlen(transitions[i])
            && ngx_memcmp(text.data, transitions[i], text.len) == 0)
        {
            f->transition = transitions[i];
        }
    }

    if (f->transition == NULL) {
        return ws_body_invalid(req, "transition",
                               "must be start, stop or delete");
    }

    rc = ws_body_uuid(req, "template_version_id", &f->version);
    if (rc == NGX_DONE) {
        return rc;
    }

    f->have_version = (rc == NGX_OK && !ws_uuid_is_nil(&f->version));

    rc = ws_body_boolean(req, "orphan", &f->orphan);
    if (rc == NGX_DONE) {
        return rc;
    }

    if (f->orphan && ngx_strcmp(f->transition, "delete") != 0) {
        return ws_body_invalid(req, "orphan", "goes with delete only");
    }

    rc = ws_body_array(req, "rich_parameter_values", &f->parameters);

    return rc == NGX_DECLINED ? NGX_OK : rc;
}


/* without a version of its own a build has that of the build before */

static ngx_int_t
ws_build_version(ws_request_t *req, ws_build_fields_t *f)
{
    u_char         text[WS_UUID_LEN];
    ngx_int_t      rc;
    ngx_str_t      key;
    ws_version_t  *version;

    key.data = text;
    key.len = ws_uuid_format(text, f->have_version
                                   ? &f->version
                                   : &req->meta.template_version)
              - text;

    rc = ws_request_dir(req, WS_REF_VERSION, WS_DIR_VERSION, &key);

    if (rc == NGX_OK) {
        version = &ws_request_entry(req, WS_REF_VERSION)->u.version;

        if (!ws_uuid_eq(&version->template, &req->meta.template)) {
            rc = NGX_DECLINED;
        }
    }

    if (rc == NGX_DECLINED) {
        return ws_body_invalid(req, "template_version_id",
                             "there is no such version of the template");
    }

    return rc;
}


static ngx_int_t
ws_build_make(ws_request_t *req, ws_build_fields_t *f, json_t *values)
{
    ws_build_new_t  nb;

    nb.transition = f->transition;
    nb.reason = "initiator";
    nb.initiator = req->user;
    nb.version = &ws_request_entry(req, WS_REF_VERSION)->u.version;
    nb.parameters = values;
    nb.now_ms = ws_request_now_ms(req);

    if (ws_build_create(req->workspace, &nb) != NGX_OK) {
        return NGX_ERROR;
    }

    return f->orphan ? ws_build_orphan(req) : NGX_OK;
}


/* what the workspace consists of is left to itself: no job is run */

static ngx_int_t
ws_build_orphan(ws_request_t *req)
{
    int64_t      now_ms;
    const char  *detail;

    now_ms = ws_request_now_ms(req);

    if (ws_build_begin(req->workspace, NULL, now_ms) != NGX_OK) {
        return NGX_ERROR;
    }

    return ws_build_finish(req->workspace, NULL, NULL, now_ms, &detail);
}


static ngx_int_t
ws_api_build_created(ws_request_t *req)
{
    ngx_str_t  json;

    if (ws_json_dump(ws_request_pool(req), ws_workspace_build(req->workspace),
                     &json)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ws_respond_json(req, NGX_HTTP_CREATED, &json);
}
