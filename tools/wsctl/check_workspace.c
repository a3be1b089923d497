
/*
 * Workspaces, their builds and jobs.  Where a workspace has to be found is
 * computed by the code that writers use (ws_workspace_index).
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdio.h>
#include "check.h"
#include "ws_build.h"
#include "ws_due.h"
#include "ws_index.h"
#include "ws_name.h"


static int ws_check_workspace(ws_check_item_t *item);
static int ws_check_meta(ws_check_item_t *item, ws_workspace_t *w);
static int ws_check_name(ws_check_item_t *item, ws_workspace_t *w);
static int ws_check_indexes(ws_check_item_t *item, ws_workspace_t *w);
static int ws_check_roster(ws_check_item_t *item, ws_workspace_t *w);
static int ws_check_lease(ws_check_item_t *item, ws_workspace_t *w);
static const char *ws_check_lease_due(ws_check_item_t *item,
    ngx_str_t *have);
static int ws_check_latest(ws_check_item_t *item, ws_workspace_t *w);
static int ws_check_latest_job(ws_check_item_t *item, json_t *build);


const ws_check_record_t  ws_check_shard_records[] = {
    { "w:", 0, { "v", "m", "d", "p", "l", "e" }, ws_check_workspace },
    { "build:", 0, { "w", "n", "d", "p" }, ws_check_build },
    { "job:", 0, { "w", "b" }, ws_check_job },
    { NULL, 0, { NULL }, NULL }
};


ngx_int_t
ws_check_load(ngx_pool_t *pool, ngx_str_t *id, ngx_str_t *fields,
    ws_workspace_t **w)
{
    ws_uuid_t    uuid;
    ngx_uint_t   i;
    ws_reply_t   reply, elts[WS_CHECK_FIELDS];

    if (ws_uuid_parse(id, &uuid) != NGX_OK) {
        return NGX_DECLINED;
    }

    ngx_memzero(elts, sizeof(elts));

    for (i = 0; i < WS_CHECK_FIELDS; i++) {
        elts[i].type = fields[i].data ? WS_REPLY_STRING : WS_REPLY_NIL;
        elts[i].str = fields[i];
    }

    ngx_memzero(&reply, sizeof(ws_reply_t));
    reply.type = WS_REPLY_ARRAY;
    reply.n = WS_CHECK_FIELDS;
    reply.elts = elts;

    return ws_workspace_load(pool, &uuid, &reply, w);
}


static int
ws_check_workspace(ws_check_item_t *item)
{
    int              rc;
    ws_workspace_t  *w;

    if (ws_check_load(item->pool, &item->k->arg, item->fields, &w) != NGX_OK) {
        return ws_check_wrong(item, "not the document of a workspace");
    }

    item->check->workspaces++;

    rc = ws_check_in_shard(item, &w->id);

    if (rc == WS_EXIT_OK) {
        rc = ws_check_in_shard(item, &w->meta.owner);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_check_meta(item, w);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_check_name(item, w);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_check_indexes(item, w);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_check_roster(item, w);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_check_lease(item, w);
    }

    return rc ? rc : ws_check_latest(item, w);
}


/* m repeats what d says, and all that they name is there */

static int
ws_check_meta(ws_check_item_t *item, ws_workspace_t *w)
{
    int          rc;
    json_t      *build;
    ngx_str_t    status;
    ws_uuid_t    id, owner, template, version;
    ngx_uint_t   same;

    build = ws_workspace_build(w);
    status = ws_json_get_str(build, "status");

    same = ws_json_get_uuid(w->doc, "id", &id) == NGX_OK
           && ws_json_get_uuid(w->doc, "owner_id", &owner) == NGX_OK
           && ws_json_get_uuid(w->doc, "template_id", &template) == NGX_OK
           && ws_json_get_uuid(build, "template_version_id", &version)
              == NGX_OK
           && ws_uuid_eq(&id, &w->id)
           && ws_uuid_eq(&owner, &w->meta.owner)
           && ws_uuid_eq(&template, &w->meta.template)
           && ws_uuid_eq(&version, &w->meta.template_version)
           && ws_check_same(&status, &w->meta.status);

    rc = same ? WS_EXIT_OK
              : ws_check_wrong(item, "m and d do not say the same");

    if (rc == WS_EXIT_OK) {
        rc = ws_check_expect_dir(item, "user", &w->meta.owner);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_check_expect_dir(item, "org", &w->meta.org);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_check_expect_dir(item, "template", &w->meta.template);
    }

    return rc ? rc : ws_check_expect_dir(item, "version",
                                         &w->meta.template_version);
}


/* a live one is among the owner's names, a deleted one among those gone */

static int
ws_check_name(ws_check_item_t *item, ws_workspace_t *w)
{
    int64_t    created;
    ngx_str_t  owner, score;

    if (ws_name_valid(&w->name) != NGX_OK) {
        return ws_check_wrong(item, "\"%.*s\" is not a name",
                              (int) ngx_min(w->name.len, 100), w->name.data);
    }

    owner = ws_uuid_str(item->pool, &w->meta.owner);

    if (!ws_workspace_deleted(w)) {
        return ws_check_expect(item, "HGET",
                               ws_check_key_of(item, "names", &owner, NULL),
                               &w->name, &item->k->arg);
    }

    if (ws_json_get_time(w->doc, "created_at", &created) != NGX_OK) {
        return ws_check_wrong(item, "created_at is no time");
    }

    score = ws_int_str(item->pool, created);

    return ws_check_expect(item, "ZSCORE",
                           ws_check_key_of(item, "gone", &owner, &w->name),
                           &item->k->arg, &score);
}


static int
ws_check_indexes(ws_check_item_t *item, ws_workspace_t *w)
{
    int                rc;
    ngx_str_t          key, score;
    ngx_uint_t         i;
    ws_index_entry_t  *e;

    rc = WS_EXIT_OK;
    e = w->indexed->elts;

    for (i = 0; rc == WS_EXIT_OK && i < w->indexed->nelts; i++) {
        key = ws_check_key_of(item, e[i].kind, e[i].a.len ? &e[i].a : NULL,
                              e[i].b.len ? &e[i].b : NULL);
        score = ws_int_str(item->pool, e[i].score);

        rc = ws_check_expect(item, "ZSCORE", key, &e[i].member, &score);
    }

    return rc;
}


/* field ag repeats what d says of the agents */

static int
ws_check_roster(ws_check_item_t *item, ws_workspace_t *w)
{
    ngx_str_t  ag;

    ngx_str_set(&ag, "ag");

    return ws_check_expect(item, "HGET", item->k->key, &ag,
                           w->roster.data ? &w->roster : NULL);
}


/* a job that runs has a lease, which ends some time; others have none */

static int
ws_check_lease(ws_check_item_t *item, ws_workspace_t *w)
{
    ngx_str_t           member;
    ngx_uint_t          i, leased;
    ws_due_t            due;
    ws_due_entry_t     *e;
    ws_check_expect_t  *expect;

    leased = (ws_build_active(w) && w->queued.len == 0);

    if (leased != (w->lease.len > 0)) {
        return ws_check_wrong(item, leased ? "its job runs without a lease"
                                           : "a lease without a running job");
    }

    e = w->due->elts;

    for (i = 0; i < w->due->nelts; i++) {
        member = e[i].member;

        if (ws_due_parse(&member, &due) != NGX_OK || due.kind != WS_DUE_LEASE)
        {
            continue;
        }

        expect = ws_check_expect_add(item, "ZSCORE",
                                     ws_check_key_of(item, "due", NULL, NULL),
                                     &member);
        if (expect == NULL) {
            return ws_no_memory();
        }

        expect->ok = ws_check_lease_due;
    }

    return WS_EXIT_OK;
}


static const char *
ws_check_lease_due(ws_check_item_t *item, ngx_str_t *have)
{
    return have->data ? NULL : "has no end for the lease";
}


/* the latest build is the one with the highest number, and all are counted */

static int
ws_check_latest(ws_check_item_t *item, ws_workspace_t *w)
{
    int         rc;
    json_t     *build;
    ngx_str_t   id, n, key, f;

    build = ws_workspace_build(w);

    id = ws_json_get_str(build, "id");
    n = ws_int_str(item->pool, ws_json_get_int(build, "build_number", 0));

    if (id.len != WS_UUID_LEN || ws_json_get_int(build, "build_number", 0) < 1)
    {
        return ws_check_wrong(item, "the latest build has no id or number");
    }

    key = ws_check_key_of(item, "builds", &item->k->arg, NULL);

    rc = ws_check_expect(item, "ZCARD", key, NULL, &n);

    if (rc == WS_EXIT_OK) {
        rc = ws_check_expect(item, "ZSCORE", key, &id, &n);
    }

    key = ws_check_key_of(item, "build", &id, NULL);
    ngx_str_set(&f, "w");

    if (rc == WS_EXIT_OK) {
        rc = ws_check_expect(item, "HGET", key, &f, &item->k->arg);
    }

    ngx_str_set(&f, "n");

    if (rc == WS_EXIT_OK) {
        rc = ws_check_expect(item, "HGET", key, &f, &n);
    }

    ngx_str_set(&f, "d");

    if (rc == WS_EXIT_OK) {
        rc = ws_check_expect(item, "HEXISTS", key, &f, &ws_check_zero);
    }

    return rc ? rc : ws_check_latest_job(item, build);
}


static int
ws_check_latest_job(ws_check_item_t *item, json_t *build)
{
    int          rc;
    json_t      *job;
    int64_t      created;
    ngx_str_t    id, build_id, key, f, score, status;
    const char  *transition;

    job = json_object_get(build, "job");
    id = ws_json_get_str(job, "id");
    build_id = ws_json_get_str(build, "id");
    status = ws_json_get_str(job, "status");
    transition = json_string_value(json_object_get(build, "transition"));

    if (id.len != WS_UUID_LEN || transition == NULL
        || ws_json_get_time(job, "created_at", &created) != NGX_OK
        || !ws_check_is(ws_json_get_str(build, "status"),
                        ws_build_status((char *) status.data, transition)))
    {
        return ws_check_wrong(item, "job and status do not fit together");
    }

    key = ws_check_key_of(item, "job", &id, NULL);
    ngx_str_set(&f, "w");

    rc = ws_check_expect(item, "HGET", key, &f, &item->k->arg);

    ngx_str_set(&f, "b");

    if (rc == WS_EXIT_OK) {
        rc = ws_check_expect(item, "HGET", key, &f, &build_id);
    }

    score = ws_int_str(item->pool, created);

    if (rc == WS_EXIT_OK) {
        rc = ws_check_expect(item, "ZSCORE",
                             ws_check_key_of(item, "queue", NULL, NULL), &id,
                             ws_check_is(status, "pending") ? &score : NULL);
    }

    return rc;
}


int
ws_check_in_shard(ws_check_item_t *item, ws_uuid_t *id)
{
    ngx_str_t   text;
    ngx_uint_t  shard;

    shard = ws_uuid_shard(id, item->check->ctl->ks.shards);

    if (shard == item->k->shard) {
        return WS_EXIT_OK;
    }

    text = ws_uuid_str(item->pool, id);
    if (text.data == NULL) {
        return ws_no_memory();
    }

    return ws_check_wrong(item, "%.*s belongs to shard %lu", (int) text.len,
                          text.data, (unsigned long) shard);
}


ngx_str_t
ws_check_key_of(ws_check_item_t *item, const char *kind, ngx_str_t *a,
    ngx_str_t *b)
{
    return ws_key(item->pool, &item->check->ctl->ks, item->k->shard, kind, a,
                  b);
}


ngx_uint_t
ws_check_is(ngx_str_t s, const char *text)
{
    return s.len == ngx_strlen(text) && ngx_memcmp(s.data, text, s.len) == 0;
}
