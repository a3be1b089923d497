
/*
 * Jobs: those that wait and those that run, and ending one by hand.
 *
 * The queue of a shard holds the jobs that wait.  Those that run are found
 * through the workspaces whose status says so.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_build.h"
#include "ws_index.h"
#include "ws_job.h"
#include "ws_json.h"
#include "commands.h"
#include "record.h"


#define WS_JOB_RESOURCES_MAX  (4 * 1024 * 1024)


const ws_opt_t  ws_job_finish_opts[] = {
    { "error", "TEXT", "the job failed, with this error", 0 },
    { "resources", "FILE", "JSON array of what was built, - for stdin", 0 },
    { NULL, NULL, NULL, 0 }
};


typedef struct {
    ngx_uint_t    n;
    ngx_uint_t    shard;
} ws_job_list_t;


static int ws_job_list_shard(ws_ctl_t *ctl, ws_job_list_t *list);
static int ws_job_queued(ws_ctl_t *ctl, ngx_pool_t *pool, ngx_str_t *items,
    ngx_uint_t n, void *data);
static int ws_job_running(ws_ctl_t *ctl, ngx_pool_t *pool, ngx_str_t *items,
    ngx_uint_t n, void *data);
static int ws_job_workspace(ws_ctl_t *ctl, ngx_pool_t *pool, ngx_str_t *job,
    ws_uuid_t *id);
static int ws_job_load(ws_ctl_t *ctl, ngx_pool_t *pool, ws_uuid_t *id,
    ws_workspace_t **w);
static int ws_job_show(ws_ctl_t *ctl, ws_workspace_t *w, ws_job_list_t *list);
static int ws_job_show_json(ws_workspace_t *w);
static int ws_job_try_finish(ws_ctl_t *ctl, ngx_str_t *job,
    json_t *resources);


int
ws_job_list_run(ws_ctl_t *ctl)
{
    int            rc;
    ws_job_list_t  list;

    rc = ws_client_open(ctl);
    list.n = 0;

    if (rc != WS_EXIT_OK) {
        return rc;
    }

    for (list.shard = 0; list.shard < ctl->ks.shards; list.shard++) {
        rc = ws_job_list_shard(ctl, &list);

        if (rc != WS_EXIT_OK) {
            return rc;
        }
    }

    ws_out_list_end(ctl, list.n);

    return rc;
}


static int
ws_job_list_shard(ws_ctl_t *ctl, ws_job_list_t *list)
{
    int         rc;
    ngx_str_t   key, status;
    ngx_uint_t  i;

    static ngx_str_t  running[] = {
        ngx_string("starting"), ngx_string("stopping"),
        ngx_string("deleting"), ngx_string("canceling")
    };

    key = ws_key(ctl->pool, &ctl->ks, list->shard, "queue", NULL, NULL);

    rc = ws_client_scan(ctl, "ZSCAN", &key, ws_job_queued, list);

    for (i = 0; rc == WS_EXIT_OK && i < 4; i++) {
        status = running[i];
        key = ws_key(ctl->pool, &ctl->ks, list->shard, "live:status",
                     &status, NULL);

        rc = ws_client_scan(ctl, "ZSCAN", &key, ws_job_running, list);
    }

    return rc;
}


static int
ws_job_queued(ws_ctl_t *ctl, ngx_pool_t *pool, ngx_str_t *items, ngx_uint_t n,
    void *data)
{
    int              rc;
    ws_uuid_t        id;
    ngx_uint_t       i;
    ws_workspace_t  *w;

    for (i = 0; i + 1 < n; i += 2) {
        rc = ws_job_workspace(ctl, pool, &items[i], &id);

        if (rc == WS_EXIT_OK) {
            rc = ws_job_load(ctl, pool, &id, &w);
        }

        /* what began meanwhile is found among those that run */

        if (rc == WS_EXIT_OK && w->queued.len == items[i].len
            && ngx_memcmp(w->queued.data, items[i].data, items[i].len) == 0)
        {
            rc = ws_job_show(ctl, w, data);
        }

        if (rc != WS_EXIT_OK && rc != WS_RECORD_NONE) {
            return rc;
        }
    }

    return WS_EXIT_OK;
}


static int
ws_job_running(ws_ctl_t *ctl, ngx_pool_t *pool, ngx_str_t *items,
    ngx_uint_t n, void *data)
{
    int              rc;
    ngx_str_t        name;
    ws_uuid_t        id;
    ngx_uint_t       i;
    ws_workspace_t  *w;

    for (i = 0; i + 1 < n; i += 2) {

        if (ws_index_member(&items[i], &name, &id) != NGX_OK) {
            continue;
        }

        rc = ws_job_load(ctl, pool, &id, &w);

        if (rc == WS_EXIT_OK && ws_build_active(w) && w->queued.len == 0) {
            rc = ws_job_show(ctl, w, data);
        }

        if (rc != WS_EXIT_OK && rc != WS_RECORD_NONE) {
            return rc;
        }
    }

    return WS_EXIT_OK;
}


/* the workspace of a job; also WS_RECORD_NONE */

static int
ws_job_workspace(ws_ctl_t *ctl, ngx_pool_t *pool, ngx_str_t *job,
    ws_uuid_t *id)
{
    int          rc;
    ngx_str_t    key, text, field;
    ws_uuid_t    uuid;
    ws_reply_t  *reply;

    if (ws_uuid_parse(job, &uuid) != NGX_OK) {
        return WS_RECORD_NONE;
    }

    text = ws_uuid_str(pool, &uuid);
    if (text.data == NULL) {
        return ws_no_memory();
    }

    ngx_str_set(&field, "w");

    key = ws_key(pool, &ctl->ks, ws_uuid_shard(&uuid, ctl->ks.shards), "job",
                 &text, NULL);

    rc = ws_client_command(ctl, &reply, "HGET", &key, &field, NULL);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    if (reply->type != WS_REPLY_STRING
        || ws_uuid_parse(&reply->str, id) != NGX_OK)
    {
        return WS_RECORD_NONE;
    }

    return WS_EXIT_OK;
}


/* also WS_RECORD_NONE */

static int
ws_job_load(ws_ctl_t *ctl, ngx_pool_t *pool, ws_uuid_t *id,
    ws_workspace_t **w)
{
    int          rc;
    ngx_str_t    key, v, m, d, p, l, e;
    ws_reply_t  *reply;

    ngx_str_set(&v, "v");
    ngx_str_set(&m, "m");
    ngx_str_set(&d, "d");
    ngx_str_set(&p, "p");
    ngx_str_set(&l, "l");
    ngx_str_set(&e, "e");

    key = ws_key_workspace(pool, &ctl->ks, id);

    rc = ws_client_command(ctl, &reply, "HMGET", &key, &v, &m, &d, &p,
                           &l, &e, NULL);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    switch (ws_workspace_load(pool, id, reply, w)) {

    case NGX_OK:
        return WS_EXIT_OK;

    case NGX_DECLINED:
        return WS_RECORD_NONE;
    }

    return ws_record_broken(&key);
}


static int
ws_job_show(ws_ctl_t *ctl, ws_workspace_t *w, ws_job_list_t *list)
{
    json_t     *build, *job;
    ngx_str_t   s;

    ws_out_list_item(ctl, list->n++);

    if (ctl->json) {
        return ws_job_show_json(w);
    }

    build = ws_workspace_build(w);
    job = json_object_get(build, "job");

    s = ws_json_get_str(job, "id");
    ws_out_text(&s);
    putchar('\t');
    s = ws_json_get_str(job, "status");
    ws_out_text(&s);
    putchar('\t');
    s = ws_json_get_str(build, "transition");
    ws_out_text(&s);
    putchar('\t');
    s = ws_json_get_str(job, "created_at");
    ws_out_text(&s);
    putchar('\t');
    s = ws_json_get_str(w->doc, "id");
    ws_out_text(&s);
    putchar('\t');
    s = ws_json_get_str(w->doc, "owner_name");
    ws_out_text(&s);
    putchar('/');
    s = ws_json_get_str(w->doc, "name");
    ws_out_line(&s);

    return WS_EXIT_OK;
}


/* the job as the API has it, and what it belongs to */

static int
ws_job_show_json(ws_workspace_t *w)
{
    json_t     *build, *job;
    ngx_str_t   out;
    ngx_uint_t  i;

    static const char  *of_build[] = {
        "transition", "build_number", "workspace_id", "workspace_name",
        "workspace_owner_id", "workspace_owner_name", "template_version_id",
        "template_version_name"
    };

    build = ws_workspace_build(w);
    job = json_copy(json_object_get(build, "job"));

    if (job == NULL
        || json_object_set(job, "build_id", json_object_get(build, "id")) != 0)
    {
        json_decref(job);
        return ws_no_memory();
    }

    for (i = 0; i < sizeof(of_build) / sizeof(of_build[0]); i++) {
        (void) json_object_set(job, of_build[i],
                               json_object_get(build, of_build[i]));
    }

    if (ws_json_dump(w->pool, job, &out) != NGX_OK) {
        json_decref(job);
        return ws_no_memory();
    }

    json_decref(job);
    ws_out_json(&out);

    return WS_EXIT_OK;
}


int
ws_job_finish_run(ws_ctl_t *ctl)
{
    int          rc;
    json_t      *resources;
    ngx_str_t   *path;
    ngx_uint_t   tries;

    resources = NULL;
    path = ws_arg(ctl, "resources");

    if (path && ws_arg(ctl, "error")) {
        return ws_usage(ctl, "--error and --resources exclude each other");
    }

    /* a commit works out when a stopped workspace starts next */

    ctl->ks.tz = ws_tz_db_load(ctl->pool, WS_TZ_DIR);
    if (ctl->ks.tz == NULL) {
        return ws_no_memory();
    }

    if (path) {
        rc = ws_file_json(path, WS_JOB_RESOURCES_MAX, &resources);
        if (rc != WS_EXIT_OK) {
            return rc;
        }
    }

    rc = WS_RECORD_LOST;

    for (tries = 0; rc == WS_RECORD_LOST && tries < WS_CTL_TRIES; tries++) {
        rc = ws_job_try_finish(ctl, &ctl->arg, resources);
    }

    json_decref(resources);

    if (rc == WS_RECORD_NONE) {
        return ws_fail(WS_EXIT_FAILED, "there is no job \"%s\"",
                       ctl->arg.data);
    }

    return rc == WS_RECORD_LOST ? ws_record_give_up() : rc;
}


static int
ws_job_try_finish(ws_ctl_t *ctl, ngx_str_t *job, json_t *resources)
{
    int              rc;
    ws_txn_t         txn;
    ngx_str_t       *error;
    ws_uuid_t        id, job_id, latest;
    ngx_int_t        ok;
    const char      *detail;
    ws_workspace_t  *w;

    if (ws_uuid_parse(job, &job_id) != NGX_OK) {
        return WS_RECORD_NONE;
    }

    rc = ws_client_open(ctl);

    if (rc == WS_EXIT_OK) {
        rc = ws_job_workspace(ctl, ctl->pool, job, &id);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_job_load(ctl, ctl->pool, &id, &w);
    }

    if (rc != WS_EXIT_OK) {
        return rc;
    }

    ok = ws_json_get_uuid(json_object_get(ws_workspace_build(w), "job"), "id",
                          &latest);

    if (ok != NGX_OK || !ws_uuid_eq(&latest, &job_id) || !ws_build_active(w)) {
        return ws_fail(WS_EXIT_FAILED, "the job is finished");
    }

    error = ws_arg(ctl, "error");

    if (error && error->len > WS_JOB_ERROR_MAX) {
        return ws_usage(ctl, "--error: longer than %d bytes",
                        WS_JOB_ERROR_MAX);
    }

    /* pending jobs begin first; others have begun already */

    if (ws_build_begin(w, NULL, ws_now_ms()) == NGX_ERROR) {
        return ws_no_memory();
    }

    ok = ws_build_finish(w, error, resources, ws_now_ms(), &detail);

    if (ok == NGX_DECLINED) {
        return ws_fail(WS_EXIT_FAILED, "%s", detail);
    }

    if (ok != NGX_OK || ws_txn_init(&txn, ctl->pool) != NGX_OK
        || ws_workspace_commit(w, &ctl->ks, &txn, NULL) != NGX_OK)
    {
        return ws_no_memory();
    }

    return ws_record_commit(ctl, &txn, 0);
}
