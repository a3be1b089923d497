
/* Provisioners waiting for jobs: a long poll. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_api.h"
#include "ws_auth.h"
#include "ws_body.h"
#include "ws_dispatch.h"
#include "ws_http.h"
#include "ws_respond.h"


#define WS_ACQUIRE_WAIT_MS      30000
#define WS_ACQUIRE_WAIT_MAX_MS  60000


typedef struct {
    ws_waiter_t     waiter;
    ws_request_t   *req;
    json_t         *tags;           /* of the provisioner */
    ngx_str_t       answer;
    ngx_uint_t     *sent;           /* for ws_acquire_granted() */
    unsigned        over:1;
    unsigned        failed:1;
} ws_acquire_t;


static ngx_int_t ws_acquire_wait(ws_request_t *req);
static ws_acquire_t *ws_acquire_waiter(ws_request_t *req);
static void ws_acquire_cleanup(void *data);
static ngx_int_t ws_acquire_granted(void *data, ws_granted_t *job);
static void ws_acquire_over(void *data);
static ngx_int_t ws_acquire_answer(ws_acquire_t *a, ws_granted_t *job);
static void ws_acquire_job(ws_json_t *w, json_t *build, ws_granted_t *job);
static void ws_acquire_names(ws_json_t *w, json_t *build, ws_granted_t *job);
static void ws_acquire_values(ws_json_t *w, ws_granted_t *job);
static void ws_acquire_string(ws_json_t *w, json_t *obj, const char *key);


ngx_int_t
ws_api_job_acquire(ws_request_t *req)
{
    ngx_int_t      rc;
    ws_acquire_t  *a;

    rc = ws_auth_provisioner(req);

    if (rc == NGX_OK) {
        rc = ws_body_read_optional(req);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    a = req->ctx;

    if (a == NULL) {
        return ws_acquire_wait(req);
    }

    if (a->failed) {
        return NGX_ERROR;
    }

    if (a->over) {
        return ws_respond_empty(req);
    }

    if (a->answer.len == 0) {
        return NGX_AGAIN;
    }

    rc = ws_respond_json(req, NGX_HTTP_OK, &a->answer);

    *a->sent = (rc == NGX_DONE && req->rc != NGX_ERROR);

    return rc;
}


static ngx_int_t
ws_acquire_wait(ws_request_t *req)
{
    int64_t        wait_ms;
    ngx_int_t      rc;
    ws_acquire_t  *a;

    wait_ms = WS_ACQUIRE_WAIT_MS;

    rc = ws_body_integer(req, "wait_ms", &wait_ms);
    if (rc == NGX_DONE) {
        return rc;
    }

    if (wait_ms < 0 || wait_ms > WS_ACQUIRE_WAIT_MAX_MS) {
        return ws_body_invalid(req, "wait_ms", "must be from 0 to 60000");
    }

    a = ws_acquire_waiter(req);
    if (a == NULL) {
        return NGX_ERROR;
    }

    if (ws_dispatch_wait(req->dispatch, &a->waiter, (ngx_msec_t) wait_ms)
        != NGX_OK)
    {
        /* the worker quits: the next request finds another */

        req->http->keepalive = 0;
        return ws_respond_empty(req);
    }

    ws_http_watch_client(req->http);

    return NGX_AGAIN;
}


static ws_acquire_t *
ws_acquire_waiter(ws_request_t *req)
{
    ws_acquire_t        *a;
    ws_provisioner_t    *p;
    ngx_http_cleanup_t  *cln;

    a = ngx_pcalloc(ws_request_pool(req), sizeof(ws_acquire_t));
    cln = ngx_http_cleanup_add(req->http, 0);

    if (a == NULL || cln == NULL) {
        return NULL;
    }

    cln->handler = ws_acquire_cleanup;
    cln->data = a;

    p = req->provisioner;

    a->req = req;
    a->tags = json_loadb((char *) p->tags.data, p->tags.len, 0, NULL);

    if (a->tags == NULL) {
        return NULL;
    }

    a->waiter.offer.org = p->org;
    a->waiter.offer.tags = a->tags;
    a->waiter.provisioner = p->id;
    a->waiter.token = req->token_id;
    a->waiter.granted = ws_acquire_granted;
    a->waiter.over = ws_acquire_over;
    a->waiter.data = a;

    req->ctx = a;

    return a;
}


static void
ws_acquire_cleanup(void *data)
{
    ws_acquire_t  *a = data;

    ws_dispatch_leave(&a->waiter);

    json_decref(a->tags);
    a->tags = NULL;
}


/* the request, and "a" with it, may be gone after it has been run */

static ngx_int_t
ws_acquire_granted(void *data, ws_granted_t *job)
{
    ws_acquire_t *a = data;

    ngx_uint_t  sent;

    sent = 0;
    a->sent = &sent;
    a->failed = (ws_acquire_answer(a, job) != NGX_OK);

    ws_request_run(a->req);

    return sent ? NGX_OK : NGX_DECLINED;
}


static void
ws_acquire_over(void *data)
{
    ws_acquire_t *a = data;

    a->over = 1;

    ws_request_run(a->req);
}


static ngx_int_t
ws_acquire_answer(ws_acquire_t *a, ws_granted_t *job)
{
    ws_json_t  w;

    ws_json_init(&w, ws_request_pool(a->req), 2048);

    ws_acquire_job(&w, ws_workspace_build(job->workspace), job);

    return ws_json_str(&w, &a->answer);
}


static void
ws_acquire_job(ws_json_t *w, json_t *build, ws_granted_t *job)
{
    json_t  *tags;

    ws_json_lit(w, "{\"job_id\":");
    ws_acquire_string(w, json_object_get(build, "job"), "id");
    ws_json_lit(w, ",\"lease\":");
    ws_json_string(w, &job->lease);
    ws_json_lit(w, ",\"lease_expires_at\":");
    ws_json_time(w, job->lease_ms);
    ws_json_lit(w, ",\"transition\":");
    ws_acquire_string(w, build, "transition");
    ws_json_lit(w, ",\"tags\":");

    tags = json_object_get(json_object_get(build, "job"), "tags");
    ws_json_value(w, tags);

    ws_acquire_names(w, build, job);
    ws_acquire_values(w, job);

    ws_json_lit(w, ",\"last_log\":");
    ws_json_int(w, job->lines);
    ws_json_lit(w, ",\"agent_token\":");
    ws_json_string(w, &job->agent_token);
    ws_json_lit(w, "}");
}


/* what it is about */

static void
ws_acquire_names(ws_json_t *w, json_t *build, ws_granted_t *job)
{
    ws_workspace_t  *ws;

    ws = job->workspace;

    ws_json_lit(w, ",\"workspace\":{\"id\":");
    ws_json_uuid(w, &ws->id);
    ws_json_lit(w, ",\"name\":");
    ws_acquire_string(w, ws->doc, "name");
    ws_json_lit(w, ",\"organization_id\":");
    ws_json_uuid(w, &ws->meta.org);

    ws_json_lit(w, "},\"owner\":{\"id\":");
    ws_json_uuid(w, &job->owner->id);
    ws_json_lit(w, ",\"username\":");
    ws_json_string(w, &job->owner->username);
    ws_json_lit(w, ",\"email\":");
    ws_json_string(w, &job->owner->email);

    ws_json_lit(w, "},\"template\":{\"id\":");
    ws_json_uuid(w, &job->template->id);
    ws_json_lit(w, ",\"name\":");
    ws_json_string(w, &job->template->name);

    ws_json_lit(w, "},\"template_version\":{\"id\":");
    ws_acquire_string(w, build, "template_version_id");
    ws_json_lit(w, ",\"name\":");
    ws_acquire_string(w, build, "template_version_name");

    ws_json_lit(w, "},\"build\":{\"id\":");
    ws_acquire_string(w, build, "id");
    ws_json_lit(w, ",\"number\":");
    ws_json_int(w, ws_json_get_int(build, "build_number", 0));
    ws_json_lit(w, ",\"reason\":");
    ws_acquire_string(w, build, "reason");
    ws_json_lit(w, "}");
}


static void
ws_acquire_values(ws_json_t *w, ws_granted_t *job)
{
    json_t  *priv;

    priv = job->workspace->priv;

    ws_json_lit(w, ",\"parameters\":");
    ws_json_value(w, json_object_get(priv, "parameters"));
    ws_json_lit(w, ",\"state\":");

    if (json_is_string(json_object_get(priv, "state"))) {
        ws_acquire_string(w, priv, "state");

    } else {
        ws_json_lit(w, "null");
    }
}


static void
ws_acquire_string(ws_json_t *w, json_t *obj, const char *key)
{
    ngx_str_t  s;

    s = ws_json_get_str(obj, key);
    ws_json_string(w, &s);
}
