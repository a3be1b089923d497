
/*
 * Builds and jobs: numbered without gaps, all but the latest archived and
 * finished, each with its job.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdio.h>
#include "check.h"


#define WS_CHECK_PAGE  100          /* builds of a workspace at a time */


static int ws_check_archived(ws_check_item_t *item);
static const char *ws_check_job_in_latest(ws_check_item_t *item,
    ngx_str_t *have);
static const char *ws_check_job_in_build(ws_check_item_t *item,
    ngx_str_t *have);
static int ws_check_builds_page(ws_check_t *check, ngx_pool_t *pool,
    ws_check_key_t *k, ngx_uint_t first, ngx_uint_t *n);
static int ws_check_number(ws_check_t *check, ws_check_key_t *k,
    ngx_uint_t number, ws_reply_t *reply);
static int ws_check_builds_of(ws_check_t *check, ngx_pool_t *pool,
    ws_check_key_t *k, ngx_str_t *ids, ngx_uint_t n);


/* build:<id>: w, n, and once it is superseded d, p */

int
ws_check_build(ws_check_item_t *item)
{
    int                 rc;
    ngx_str_t           w, n, key;
    ws_uuid_t           id, workspace;
    ws_check_expect_t  *e;

    w = item->fields[0];
    n = item->fields[1];

    if (w.data == NULL || n.data == NULL
        || ws_uuid_parse(&w, &workspace) != NGX_OK
        || ws_uuid_parse(&item->k->arg, &id) != NGX_OK)
    {
        return ws_check_wrong(item, "it has no workspace and number");
    }

    rc = ws_check_in_shard(item, &id);

    if (rc == WS_EXIT_OK) {
        rc = ws_check_expect(item, "EXISTS",
                             ws_check_key_of(item, "w", &w, NULL), NULL,
                             &ws_check_one);
    }

    key = ws_check_key_of(item, "builds", &w, NULL);

    if (rc == WS_EXIT_OK) {
        rc = ws_check_expect(item, "ZSCORE", key, &item->k->arg, &n);
    }

    if (rc != WS_EXIT_OK) {
        return rc;
    }

    if (item->fields[2].data) {
        return ws_check_archived(item);
    }

    /* only the latest build is in its workspace's document instead */

    e = ws_check_expect_add(item, "ZREVRANGE", key, &ws_check_zero);
    if (e == NULL) {
        return ws_no_memory();
    }

    e->args[1] = ws_check_zero;
    e->want = item->k->arg;

    return WS_EXIT_OK;
}


/* a superseded build is finished: at most one is active */

static int
ws_check_archived(ws_check_item_t *item)
{
    int         rc;
    json_t     *build, *job;
    ngx_str_t   id, job_id, status, n, key, f, detail;

    if (ws_json_parse_object(&item->fields[2], &build, &detail) != NGX_OK) {
        return ws_check_wrong(item, "not the document of a build");
    }

    job = json_object_get(build, "job");

    n = ws_int_str(item->pool, ws_json_get_int(build, "build_number", 0));
    id = ws_json_get_str(build, "id");
    status = ws_json_get_str(job, "status");
    job_id = ws_json_get_str(job, "id");
    job_id.data = ngx_pstrdup(item->pool, &job_id);

    if (n.data == NULL || job_id.data == NULL) {
        rc = ws_no_memory();

    } else if (!ws_check_same(&n, &item->fields[1])
               || !ws_check_same(&id, &item->k->arg))
    {
        rc = ws_check_wrong(item, "the document has another id or number");

    } else if (!ws_check_is(status, "succeeded")
               && !ws_check_is(status, "failed")
               && !ws_check_is(status, "canceled"))
    {
        rc = ws_check_wrong(item, "superseded, and its job is %.*s",
                            (int) status.len, status.data);

    } else {
        key = ws_check_key_of(item, "job", &job_id, NULL);
        ngx_str_set(&f, "b");
        rc = ws_check_expect(item, "HGET", key, &f, &item->k->arg);
    }

    json_decref(build);

    return rc;
}


int
ws_check_job(ws_check_item_t *item)
{
    ngx_str_t           w, b, d, key;
    ws_uuid_t           id;
    ws_check_expect_t  *e;

    w = item->fields[0];
    b = item->fields[1];

    if (w.data == NULL || b.data == NULL
        || ws_uuid_parse(&item->k->arg, &id) != NGX_OK
        || ws_check_in_shard(item, &id) != WS_EXIT_OK)
    {
        return ws_check_wrong(item, "it has no workspace and build");
    }

    ngx_str_set(&d, "w");

    if (ws_check_expect(item, "HGET", ws_check_key_of(item, "build", &b, NULL),
                        &d, &w)
        != WS_EXIT_OK)
    {
        return WS_EXIT_FAILED;
    }

    /*
     * It is in the latest build or, after that, in an archived one: in this
     * order a build that is being archived is not missed.
     */

    ngx_str_set(&d, "d");

    key = ws_check_key_of(item, "w", &w, NULL);
    e = ws_check_expect_add(item, "HGET", key, &d);

    if (e) {
        e->ok = ws_check_job_in_latest;

        key = ws_check_key_of(item, "build", &b, NULL);
        e = ws_check_expect_add(item, "HGET", key, &d);
    }

    if (e == NULL) {
        return ws_no_memory();
    }

    e->ok = ws_check_job_in_build;

    return WS_EXIT_OK;
}


static const char *
ws_check_job_in_latest(ws_check_item_t *item, ngx_str_t *have)
{
    if (have->data == NULL) {
        return "is not there, and is the workspace";
    }

    item->found = (memmem(have->data, have->len, item->k->arg.data,
                          item->k->arg.len)
                   != NULL);

    return NULL;
}


static const char *
ws_check_job_in_build(ws_check_item_t *item, ngx_str_t *have)
{
    if (item->found
        || (have->data && memmem(have->data, have->len, item->k->arg.data,
                                 item->k->arg.len)))
    {
        return NULL;
    }

    return "has another job, and is the build";
}


/* the numbers are 1, 2, ...; builds are only ever added at the end */

int
ws_check_builds(ws_check_t *check, ws_check_key_t *k)
{
    int          rc;
    ngx_uint_t   first, n;
    ngx_pool_t  *pool;

    first = 0;

    do {
        pool = ngx_create_pool(4096, NULL);
        if (pool == NULL) {
            return ws_no_memory();
        }

        rc = ws_check_builds_page(check, pool, k, first, &n);

        ngx_destroy_pool(pool);

        first += n;

    } while (rc == WS_EXIT_OK && n == WS_CHECK_PAGE);

    return rc;
}


static int
ws_check_builds_page(ws_check_t *check, ngx_pool_t *pool, ws_check_key_t *k,
    ngx_uint_t first, ngx_uint_t *n)
{
    int          rc;
    ngx_str_t    from, to, scores, ids[WS_CHECK_PAGE];
    ngx_uint_t   i;
    ws_reply_t  *reply;

    *n = 0;

    from = ws_int_str(pool, first);
    to = ws_int_str(pool, first + WS_CHECK_PAGE - 1);
    ngx_str_set(&scores, "WITHSCORES");

    rc = ws_client_send(check->ctl, "ZRANGE", &k->key, &from, &to, &scores,
                        NULL);

    if (rc == WS_EXIT_OK) {
        rc = ws_client_receive(check->ctl, &reply);
    }

    if (rc != WS_EXIT_OK) {
        return rc;
    }

    if (reply->type != WS_REPLY_ARRAY) {
        ngx_str_set(&scores, "not a sorted set");
        ws_check_report(check, &k->key, &scores);
        return WS_EXIT_OK;
    }

    for (i = 0; i + 1 < reply->n && *n < WS_CHECK_PAGE; i += 2) {
        rc = ws_check_number(check, k, first + *n + 1, &reply->elts[i + 1]);

        if (rc != WS_EXIT_OK) {
            return rc;
        }

        ids[*n] = ws_client_copy(pool, &reply->elts[i]);

        if (ids[(*n)++].data == NULL) {
            return ws_no_memory();
        }
    }

    return ws_check_builds_of(check, pool, k, ids, *n);
}


static int
ws_check_number(ws_check_t *check, ws_check_key_t *k, ngx_uint_t number,
    ws_reply_t *reply)
{
    char       text[128];
    ngx_str_t  s;

    s.data = (u_char *) text;
    s.len = snprintf(text, sizeof(text), "%lu", (unsigned long) number);

    if (ws_check_same(&s, &reply->str)) {
        return WS_EXIT_OK;
    }

    s.len = snprintf(text, sizeof(text), "build %lu has the number %.30s",
                     (unsigned long) number, reply->str.data);

    ws_check_report(check, &k->key, &s);

    return WS_EXIT_OK;
}


/* each build knows that it is this workspace's */

static int
ws_check_builds_of(ws_check_t *check, ngx_pool_t *pool, ws_check_key_t *k,
    ngx_str_t *ids, ngx_uint_t n)
{
    int          rc;
    ngx_str_t    keys[WS_CHECK_PAGE], f;
    ngx_uint_t   i;
    ws_reply_t  *reply;

    rc = WS_EXIT_OK;

    for (i = 0; rc == WS_EXIT_OK && i < n; i++) {
        ngx_str_set(&f, "w");
        keys[i] = ws_key(pool, &check->ctl->ks, k->shard, "build", &ids[i],
                         NULL);

        rc = ws_client_send(check->ctl, "HGET", &keys[i], &f, NULL);
    }

    for (i = 0; rc == WS_EXIT_OK && i < n; i++) {
        rc = ws_client_receive(check->ctl, &reply);

        if (rc == WS_EXIT_OK
            && (reply->type != WS_REPLY_STRING
                || !ws_check_same(&reply->str, &k->arg)))
        {
            ngx_str_set(&f, "not a build of the workspace that counts it");
            ws_check_report(check, &keys[i], &f);
        }
    }

    return rc;
}
