
/* Leases on top of builds: every end of a job ends its lease as well. */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_build.h"
#include "ws_job.h"
#include "ws_json_set.h"


static void ws_job_unheard(json_t *resources);
static void ws_job_release(ws_workspace_t *w);
static json_t *ws_job_of(ws_workspace_t *w);
static ngx_uint_t ws_job_is(ws_workspace_t *w, const char *status);


ngx_int_t
ws_job_acquire(ws_workspace_t *w, const ws_uuid_t *provisioner,
    ngx_str_t *lease, ngx_str_t *token_hash, int64_t now_ms)
{
    ngx_int_t  rc;

    rc = ws_build_begin(w, provisioner, now_ms);
    if (rc != NGX_OK) {
        return rc;
    }

    w->lease = *lease;
    w->lease_ms = now_ms + WS_LEASE_MS;
    w->agent_token = *token_hash;

    return ws_json_set_int(w->priv, "lease_expires_ms", w->lease_ms);
}


ngx_int_t
ws_job_leased(ws_workspace_t *w, ngx_str_t *lease, int64_t now_ms)
{
    if (!ws_job_is(w, "running") && !ws_job_is(w, "canceling")) {
        return NGX_DECLINED;
    }

    if (w->lease.len == 0 || w->lease.len != lease->len
        || ngx_memcmp(w->lease.data, lease->data, lease->len) != 0)
    {
        return NGX_DECLINED;
    }

    return w->lease_ms > now_ms ? NGX_OK : NGX_DECLINED;
}


ngx_int_t
ws_job_complete(ws_workspace_t *w, json_t *resources, ngx_str_t *state,
    int64_t now_ms, const char **detail)
{
    ngx_int_t  rc;

    if (state && state->len > WS_JOB_STATE_MAX) {
        *detail = "the state is too large";
        return NGX_DECLINED;
    }

    ws_job_unheard(resources);

    rc = ws_build_finish(w, NULL, resources, now_ms, detail);
    if (rc != NGX_OK) {
        return rc;
    }

    return state ? ws_json_set_str(w->priv, "state", state) : NGX_OK;
}


/*
 * contract: nobody has heard of these agents yet, so they are connecting;
 * one that a provisioner called connected would stay so without a heartbeat
 */

static void
ws_job_unheard(json_t *resources)
{
    size_t   i, j;
    json_t  *resource, *agent;

    json_array_foreach(resources, i, resource) {
        json_array_foreach(json_object_get(resource, "agents"), j, agent) {
            (void) json_object_del(agent, "status");
        }
    }
}


ngx_int_t
ws_job_fail(ws_workspace_t *w, ngx_str_t *error, int64_t now_ms)
{
    ngx_str_t    text;
    const char  *detail;

    text = *error;

    if (text.len > WS_JOB_ERROR_MAX) {
        text.len = WS_JOB_ERROR_MAX;

        /* not in the middle of a character */

        while (text.len && (text.data[text.len] & 0xc0) == 0x80) {
            text.len--;
        }
    }

    /* failing is how a program ends that was asked to stop */

    return ws_build_finish(w, ws_job_is(w, "canceling") ? NULL : &text, NULL,
                           now_ms, &detail);
}


ngx_int_t
ws_job_give_back(ws_workspace_t *w, int64_t now_ms)
{
    json_t      *job;
    ngx_int_t    rc;
    const char  *detail;

    if (ws_job_is(w, "canceling")) {
        rc = ws_build_finish(w, NULL, NULL, now_ms, &detail);

    } else if (ws_job_is(w, "running")) {
        job = ws_job_of(w);

        (void) json_object_del(job, "started_at");
        (void) json_object_del(job, "worker_id");

        rc = ws_build_set_job(w, "pending", now_ms);

    } else {
        return NGX_DECLINED;
    }

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    ws_job_release(w);

    /* no hash: nothing can match it */

    ngx_str_set(&w->agent_token, "-");

    return NGX_OK;
}


ngx_int_t
ws_job_expire(ws_workspace_t *w, int64_t now_ms)
{
    ngx_str_t    error;
    const char  *detail;

    if (w->lease.len == 0 || w->lease_ms > now_ms || !ws_build_active(w)) {
        return NGX_DECLINED;
    }

    ngx_str_set(&error, "The provisioner was silent for 30 seconds.");

    return ws_build_finish(w, &error, NULL, now_ms, &detail);
}


ngx_int_t
ws_job_cancel(ws_workspace_t *w, int64_t now_ms)
{
    const char  *detail;
    ngx_uint_t   pending;

    if (ws_job_is(w, "canceling")) {
        return NGX_OK;
    }

    pending = ws_job_is(w, "pending");

    if (!pending && !ws_job_is(w, "running")) {
        return NGX_DECLINED;
    }

    if (ws_json_set_time(ws_job_of(w), "canceled_at", now_ms) != NGX_OK
        || ws_build_set_job(w, "canceling", now_ms) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return pending ? ws_build_finish(w, NULL, NULL, now_ms, &detail) : NGX_OK;
}


static void
ws_job_release(ws_workspace_t *w)
{
    ngx_str_null(&w->lease);
    w->lease_ms = 0;

    (void) json_object_del(w->priv, "lease_expires_ms");
}


static json_t *
ws_job_of(ws_workspace_t *w)
{
    return json_object_get(ws_workspace_build(w), "job");
}


static ngx_uint_t
ws_job_is(ws_workspace_t *w, const char *status)
{
    const char  *s;

    s = json_string_value(json_object_get(ws_job_of(w), "status"));

    return s && ngx_strcmp(s, status) == 0;
}
