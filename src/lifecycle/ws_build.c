
/*
 * The life of a build is that of its job: pending, running, then succeeded,
 * failed or canceled.  Everything here changes the document in memory only;
 * ws_workspace_commit() makes it so.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_agent.h"
#include "ws_build.h"
#include "ws_json_scan.h"
#include "ws_json_set.h"
#include "ws_resource.h"


/* contract: Extend; one minute of grace for the clock */
#define WS_EXTEND_MIN_MS    (30 * 60 * 1000)
#define WS_EXTEND_GRACE_MS  (60 * 1000)


static ngx_int_t ws_build_archive(ws_workspace_t *w, json_t *build);
static json_t *ws_build_document(ws_workspace_t *w, ws_build_new_t *nb,
    int64_t number);
static json_t *ws_build_job(ws_workspace_t *w, ws_build_new_t *nb);
static ngx_int_t ws_build_set_deadline(ws_workspace_t *w, int64_t now_ms);
static ngx_int_t ws_build_set_resources(ws_workspace_t *w, json_t *resources,
    int64_t now_ms, const char **detail);
static ngx_uint_t ws_is(ngx_str_t s, const char *text);


static const char *const  ws_build_table[][4] = {
    { "pending",   "pending",   "pending",   "pending"   },
    { "running",   "starting",  "stopping",  "deleting"  },
    { "succeeded", "running",   "stopped",   "deleted"   },
    { "canceling", "canceling", "canceling", "canceling" },
    { "canceled",  "canceled",  "canceled",  "canceled"  },
    { "failed",    "failed",    "failed",    "failed"    }
};


const char *
ws_build_status(const char *job_status, const char *transition)
{
    ngx_uint_t  i, column;

    column = ngx_strcmp(transition, "start") == 0 ? 1
             : ngx_strcmp(transition, "stop") == 0 ? 2
             : ngx_strcmp(transition, "delete") == 0 ? 3 : 0;

    if (column == 0) {
        return "";
    }

    for (i = 0; i < sizeof(ws_build_table) / sizeof(ws_build_table[0]); i++) {
        if (ngx_strcmp(job_status, ws_build_table[i][0]) == 0) {
            return ws_build_table[i][column];
        }
    }

    return "";
}


ngx_uint_t
ws_build_active(ws_workspace_t *w)
{
    ngx_str_t  status;

    status = ws_json_get_str(json_object_get(ws_workspace_build(w), "job"),
                             "status");

    return ws_is(status, "pending") || ws_is(status, "running")
           || ws_is(status, "canceling");
}


ngx_uint_t
ws_build_status_active(ngx_str_t *status)
{
    return ws_is(*status, "pending") || ws_is(*status, "starting")
           || ws_is(*status, "stopping") || ws_is(*status, "deleting")
           || ws_is(*status, "canceling");
}


ngx_int_t
ws_build_create(ws_workspace_t *w, ws_build_new_t *nb)
{
    int64_t    number;
    json_t    *build, *previous;
    ngx_int_t  rc;

    previous = ws_workspace_build(w);
    number = 1;

    if (previous) {
        if (ws_build_active(w) || ws_workspace_deleted(w)) {
            return NGX_DECLINED;
        }

        number = ws_json_get_int(previous, "build_number", 0) + 1;

        if (ws_agent_retire(w, nb->now_ms) != NGX_OK
            || ws_build_archive(w, previous) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    build = ws_build_document(w, nb, number);

    if (ws_json_set(w->doc, "latest_build", build) != NGX_OK) {
        return NGX_ERROR;
    }

    rc = ws_json_set(w->priv, "parameters",
                     nb->parameters ? json_incref(nb->parameters)
                                    : json_array());

    /* contract: TTL, a change applies from the next build on */

    rc |= ws_json_set_int(w->priv, "build_ttl_ms",
                          ws_json_get_int(w->doc, "ttl_ms", 0));
    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    w->new_build = 1;

    return ws_workspace_touch(w, nb->now_ms);
}


/*
 * The superseded build leaves the document for a key of its own; its state
 * is the next one's, and may be large.
 */

static ngx_int_t
ws_build_archive(ws_workspace_t *w, json_t *build)
{
    json_t     *priv, *values;
    ngx_int_t   rc;
    ngx_str_t   id;

    id = ws_json_get_str(build, "id");

    w->archived.len = id.len;
    w->archived.data = ngx_pstrdup(w->pool, &id);

    if (w->archived.data == NULL) {
        return NGX_ERROR;
    }

    if (ws_json_dump(w->pool, build, &w->archived_d) != NGX_OK) {
        return NGX_ERROR;
    }

    priv = json_object();
    values = json_object_get(w->priv, "parameters");

    rc = ws_json_set(priv, "parameters",
                     values ? json_incref(values) : json_array());

    if (rc == NGX_OK) {
        rc = ws_json_dump(w->pool, priv, &w->archived_p);
    }

    json_decref(priv);

    return rc;
}


static json_t *
ws_build_document(ws_workspace_t *w, ws_build_new_t *nb, int64_t number)
{
    json_t     *b;
    ngx_int_t   rc;
    ngx_str_t   name, owner;
    ws_uuid_t   id;

    ws_uuid_generate_near(&id, &w->meta.owner);

    name = ws_json_get_str(w->doc, "name");
    owner = ws_json_get_str(w->doc, "owner_name");

    b = json_object();

    rc = ws_json_set_int(b, "build_number", number);
    rc |= ws_json_set_time(b, "created_at", nb->now_ms);
    rc |= ws_json_set_int(b, "daily_cost", 0);
    rc |= ws_json_set(b, "deadline", json_null());
    rc |= ws_json_set_uuid(b, "id", &id);
    rc |= ws_json_set_uuid(b, "initiator_id", &nb->initiator->id);
    rc |= ws_json_set_str(b, "initiator_name", &nb->initiator->username);
    rc |= ws_json_set(b, "job", ws_build_job(w, nb));
    rc |= ws_json_set_cstr(b, "reason", nb->reason);
    rc |= ws_json_set(b, "resources", json_array());
    rc |= ws_json_set_cstr(b, "status",
                           ws_build_status("pending", nb->transition));
    rc |= ws_json_set_uuid(b, "template_version_id", &nb->version->id);
    rc |= ws_json_set_str(b, "template_version_name", &nb->version->name);
    rc |= ws_json_set_cstr(b, "transition", nb->transition);
    rc |= ws_json_set_time(b, "updated_at", nb->now_ms);
    rc |= ws_json_set_uuid(b, "workspace_id", &w->id);
    rc |= ws_json_set_str(b, "workspace_name", &name);
    rc |= ws_json_set_uuid(b, "workspace_owner_id", &w->meta.owner);
    rc |= ws_json_set_str(b, "workspace_owner_name", &owner);

    if (rc != NGX_OK) {
        json_decref(b);
        return NULL;
    }

    return b;
}


static json_t *
ws_build_job(ws_workspace_t *w, ws_build_new_t *nb)
{
    json_t     *job, *tags;
    ngx_int_t   rc;
    ws_uuid_t   id;

    ws_uuid_generate_near(&id, &w->meta.owner);

    job = json_object();
    tags = json_loadb((char *) nb->version->tags.data, nb->version->tags.len,
                      0, NULL);

    rc = ws_json_set_time(job, "created_at", nb->now_ms);
    rc |= ws_json_set_uuid(job, "file_id", &nb->version->file);
    rc |= ws_json_set_uuid(job, "id", &id);
    rc |= ws_json_set_cstr(job, "status", "pending");
    rc |= ws_json_set(job, "tags", tags);

    if (rc != NGX_OK) {
        json_decref(job);
        return NULL;
    }

    return job;
}


ngx_int_t
ws_build_begin(ws_workspace_t *w, const ws_uuid_t *worker, int64_t now_ms)
{
    json_t     *job;
    ngx_int_t   rc;

    job = json_object_get(ws_workspace_build(w), "job");

    if (!ws_is(ws_json_get_str(job, "status"), "pending")) {
        return NGX_DECLINED;
    }

    rc = ws_json_set_time(job, "started_at", now_ms);

    if (worker) {
        rc |= ws_json_set_uuid(job, "worker_id", worker);
    }

    rc |= ws_build_set_job(w, "running", now_ms);

    return rc == NGX_OK ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ws_build_finish(ws_workspace_t *w, ngx_str_t *error, json_t *resources,
    int64_t now_ms, const char **detail)
{
    json_t      *build, *job;
    ngx_int_t    rc;
    const char  *status;

    *detail = "the build is not active";

    if (!ws_build_active(w)) {
        return NGX_DECLINED;
    }

    build = ws_workspace_build(w);
    job = json_object_get(build, "job");

    if (error) {
        status = "failed";
        rc = ws_json_set_str(job, "error", error);

    } else if (ws_is(ws_json_get_str(job, "status"), "canceling")) {
        status = "canceled";
        rc = NGX_OK;

    } else {
        status = "succeeded";
        rc = ws_build_set_resources(w, resources, now_ms, detail);

        if (rc == NGX_OK) {
            rc = ws_build_set_deadline(w, now_ms);
        }
    }

    if (rc != NGX_OK) {
        return rc;
    }

    rc = ws_json_set_time(job, "completed_at", now_ms);
    rc |= ws_build_set_job(w, status, now_ms);

    /* with the job ends the lease on it */

    ngx_str_null(&w->lease);
    w->lease_ms = 0;

    (void) json_object_del(w->priv, "lease_expires_ms");

    return rc == NGX_OK ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ws_build_set_resources(ws_workspace_t *w, json_t *resources, int64_t now_ms,
    const char **detail)
{
    json_t             *build, *list;
    ngx_int_t           rc;
    ws_resource_ctx_t   ctx;

    build = ws_workspace_build(w);

    ctx.pool = w->pool;
    ctx.owner = w->meta.owner;
    ctx.transition = json_string_value(json_object_get(build, "transition"));
    ctx.now_ms = now_ms;

    if (ws_json_get_uuid(json_object_get(build, "job"), "id", &ctx.job)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    rc = ws_resource_complete(&ctx, resources, &list);

    if (rc == NGX_DECLINED) {
        *detail = ctx.detail;
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (ws_json_set(build, "resources", list) != NGX_OK) {
        return NGX_ERROR;
    }

    return ws_json_set_int(build, "daily_cost", ctx.daily_cost);
}


static ngx_int_t
ws_build_set_deadline(ws_workspace_t *w, int64_t now_ms)
{
    json_t   *build;
    int64_t   ttl_ms;

    build = ws_workspace_build(w);
    ttl_ms = ws_json_get_int(w->priv, "build_ttl_ms", 0);

    if (ttl_ms == 0
        || !ws_is(ws_json_get_str(build, "transition"), "start"))
    {
        return NGX_OK;
    }

    return ws_json_set_time(build, "deadline", now_ms + ttl_ms);
}


ngx_int_t
ws_build_set_job(ws_workspace_t *w, const char *status, int64_t now_ms)
{
    json_t      *build;
    ngx_int_t    rc;
    const char  *transition;

    build = ws_workspace_build(w);
    transition = json_string_value(json_object_get(build, "transition"));

    if (transition == NULL) {
        return NGX_ERROR;
    }

    rc = ws_json_set_cstr(json_object_get(build, "job"), "status", status);
    rc |= ws_json_set_cstr(build, "status",
                           ws_build_status(status, transition));
    rc |= ws_json_set_time(build, "updated_at", now_ms);
    rc |= ws_workspace_touch(w, now_ms);

    return rc == NGX_OK ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ws_build_extend(ws_workspace_t *w, int64_t deadline_ms, int64_t now_ms,
    ngx_uint_t *status, const char **detail)
{
    json_t     *build;
    int64_t     current;
    ngx_int_t   rc;

    build = ws_workspace_build(w);

    *status = 409;

    if (!ws_is(ws_json_get_str(build, "transition"), "start")) {
        *detail = "The workspace is not started.";
        return NGX_DECLINED;
    }

    if (ws_build_active(w)) {
        *detail = "The workspace is still starting.";
        return NGX_DECLINED;
    }

    if (ws_json_get_time(build, "deadline", &current) != NGX_OK) {
        *detail = "The workspace has no deadline.";
        return NGX_DECLINED;
    }

    if (deadline_ms < now_ms + WS_EXTEND_MIN_MS - WS_EXTEND_GRACE_MS) {
        *status = 400;
        *detail = "The deadline must be at least 30 minutes away.";
        return NGX_DECLINED;
    }

    rc = ws_json_set_time(build, "deadline", deadline_ms);
    rc |= ws_json_set_time(build, "updated_at", now_ms);
    rc |= ws_workspace_touch(w, now_ms);

    return rc == NGX_OK ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ws_build_show(ws_json_t *w, ngx_str_t *d, ngx_str_t *name)
{
    u_char     *end;
    ngx_str_t   old;

    if (ws_json_scan_str(d, "workspace_name", &old) != NGX_OK) {
        return NGX_ERROR;
    }

    end = old.data + old.len;

    ws_json_raw(w, d->data, old.data - d->data);
    ws_json_raw(w, name->data, name->len);
    ws_json_raw(w, end, d->data + d->len - end);

    return NGX_OK;
}


static ngx_uint_t
ws_is(ngx_str_t s, const char *text)
{
    return s.len == ngx_strlen(text) && ngx_memcmp(s.data, text, s.len) == 0;
}
