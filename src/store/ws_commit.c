
/*
 * What a commit writes, found by comparing the document as it was stored with
 * the document as it is now.  Everything goes into one transaction: guards,
 * names, builds, the queue of jobs, indexes, the document, the PUBLISH.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdio.h>
#include "ws_workspace.h"
#include "ws_build.h"
#include "ws_index.h"
#include "ws_due.h"
#include "ws_need.h"
#include "ws_roster.h"


typedef struct {
    ws_workspace_t   *w;
    ws_keyspace_t    *ks;
    ws_txn_t         *txn;
    ngx_uint_t        shard;
    ngx_str_t         id;
    ngx_str_t         key;
    ngx_str_t         owner;
    ngx_str_t         name;         /* lower case */
    unsigned          deleted:1;
} ws_commit_t;


static void ws_commit_guards(ws_commit_t *c);
static void ws_commit_names(ws_commit_t *c);
static void ws_commit_builds(ws_commit_t *c);
static void ws_commit_queue(ws_commit_t *c);
static void ws_commit_ended(ws_commit_t *c);
static void ws_commit_lease(ws_commit_t *c);
static ngx_int_t ws_commit_agents(ws_commit_t *c);
static ngx_int_t ws_commit_document(ws_commit_t *c, ngx_str_t *payload,
    ws_state_t *state);
static ngx_str_t ws_commit_meta(ws_commit_t *c);


ngx_int_t
ws_workspace_commit(ws_workspace_t *w, ws_keyspace_t *ks, ws_txn_t *txn,
    ws_state_t *state)
{
    ngx_str_t     payload;
    ws_commit_t   c;
    ngx_array_t  *index, *due;

    c.w = w;
    c.ks = ks;
    c.txn = txn;
    c.shard = ws_uuid_shard(&w->id, ks->shards);
    c.id = ws_uuid_str(txn->pool, &w->id);
    c.owner = ws_uuid_str(txn->pool, &w->meta.owner);
    c.key = ws_key_workspace(txn->pool, ks, &w->id);
    c.deleted = ws_workspace_deleted(w);

    if (ws_due_arm(w, ks) != NGX_OK) {
        return NGX_ERROR;
    }

    index = ws_workspace_index(w);
    due = ws_due_entries(w);

    if (index == NULL || due == NULL || c.id.data == NULL
        || c.owner.data == NULL || c.key.data == NULL
        || ws_workspace_lower_name(w, &c.name) != NGX_OK)
    {
        return NGX_ERROR;
    }

    ws_commit_guards(&c);

    /*
     * the first write decides whether Redis takes them all: it has to be one
     * that a full Redis refuses
     */

    if (ws_commit_document(&c, &payload, state) != NGX_OK) {
        return NGX_ERROR;
    }

    if (ws_commit_agents(&c) != NGX_OK) {
        return NGX_ERROR;
    }

    ws_commit_names(&c);
    ws_commit_builds(&c);
    ws_commit_queue(&c);
    ws_commit_lease(&c);
    ws_index_diff(txn, ks, c.shard, w->indexed, index);
    ws_due_diff(txn, ks, c.shard, w->due, due);

    ws_txn_publish(txn, ks, c.key, payload);

    return txn->failed ? NGX_ERROR : NGX_OK;
}


static void
ws_commit_guards(ws_commit_t *c)
{
    ngx_str_t  field;

    if (c->w->version == 0) {
        ngx_str_set(&field, "v");
        ws_txn_require_absent(c->txn, c->key, field);
        return;
    }

    ws_txn_require(c->txn, c->key, "v",
                   ws_int_str(c->txn->pool, c->w->version));
}


static void
ws_commit_names(ws_commit_t *c)
{
    int64_t     created;
    ngx_str_t   names, gone, score;
    ngx_uint_t  was_live;

    was_live = (c->w->version && !c->w->meta.deleted);

    names = ws_key(c->txn->pool, c->ks, c->shard, "names", &c->owner, NULL);

    if (c->deleted) {
        if (!was_live) {
            return;
        }

        if (ws_json_get_time(c->w->doc, "created_at", &created) != NGX_OK) {
            c->txn->failed = 1;
            return;
        }

        gone = ws_key(c->txn->pool, c->ks, c->shard, "gone", &c->owner,
                      &c->name);
        score = ws_int_str(c->txn->pool, created);

        ws_txn_command(c->txn, "HDEL", names, 1, &c->w->name);
        ws_txn_command(c->txn, "ZADD", gone, 2, &score, &c->id);
        return;
    }

    if (was_live && ws_str_eq(&c->w->name, &c->name)) {
        return;
    }

    ws_txn_require_absent(c->txn, names, c->name);

    ws_txn_command(c->txn, "HSET", names, 2, &c->name, &c->id);

    if (was_live) {
        ws_txn_command(c->txn, "HDEL", names, 1, &c->w->name);
    }
}


static void
ws_commit_builds(ws_commit_t *c)
{
    json_t      *build;
    ngx_str_t    key, id, job, number, need, fw, fn, fb, fd, fp, fr;
    ngx_pool_t  *pool;

    if (!c->w->new_build) {
        return;
    }

    pool = c->txn->pool;
    build = ws_workspace_build(c->w);

    id = ws_json_get_str(build, "id");
    job = ws_json_get_str(json_object_get(build, "job"), "id");
    number = ws_int_str(pool, ws_json_get_int(build, "build_number", 0));
    need = ws_need_write(pool, &c->w->meta.org,
                         json_object_get(json_object_get(build, "job"),
                                         "tags"));

    ngx_str_set(&fw, "w");
    ngx_str_set(&fn, "n");
    ngx_str_set(&fb, "b");
    ngx_str_set(&fd, "d");
    ngx_str_set(&fp, "p");
    ngx_str_set(&fr, "r");

    if (c->w->archived.len) {
        key = ws_key(pool, c->ks, c->shard, "build", &c->w->archived, NULL);
        ws_txn_command(c->txn, "HSET", key, 4, &fd, &c->w->archived_d,
                       &fp, &c->w->archived_p);
    }

    key = ws_key(pool, c->ks, c->shard, "build", &id, NULL);
    ws_txn_command(c->txn, "HSET", key, 4, &fw, &c->id, &fn, &number);

    key = ws_key(pool, c->ks, c->shard, "builds", &c->id, NULL);
    ws_txn_command(c->txn, "ZADD", key, 2, &number, &id);

    key = ws_key(pool, c->ks, c->shard, "job", &job, NULL);
    ws_txn_command(c->txn, "HSET", key, 6, &fw, &c->id, &fb, &id,
                   &fr, &need);
}


static void
ws_commit_queue(ws_commit_t *c)
{
    int64_t    created;
    ngx_str_t  queue, queued, score;
    json_t    *job;

    queued = ws_workspace_queued(c->w);

    ws_commit_ended(c);

    if (ws_str_eq(&queued, &c->w->queued)) {
        return;
    }

    queue = ws_key(c->txn->pool, c->ks, c->shard, "queue", NULL, NULL);

    if (queued.len) {
        /* tells provisioners that wait; the message says nothing more */
        ws_txn_publish(c->txn, c->ks, queue, queued);

        job = json_object_get(ws_workspace_build(c->w), "job");

        if (ws_json_get_time(job, "created_at", &created) != NGX_OK) {
            c->txn->failed = 1;
            return;
        }

        score = ws_int_str(c->txn->pool, created);
        ws_txn_command(c->txn, "ZADD", queue, 2, &score, &queued);
    }

    if (c->w->queued.len) {
        ws_txn_command(c->txn, "ZREM", queue, 1, &c->w->queued);
    }
}


/* tells those who follow the log that there will be no more of it */

static void
ws_commit_ended(ws_commit_t *c)
{
    ngx_str_t  channel, end;

    if (c->w->active.len == 0 || ws_build_active(c->w)) {
        return;
    }

    channel = ws_key(c->txn->pool, c->ks, c->shard, "logs", &c->w->active,
                     NULL);
    ngx_str_set(&end, "end");

    ws_txn_publish(c->txn, c->ks, channel, end);
}


static void
ws_commit_lease(ws_commit_t *c)
{
    ngx_str_t  l, e, ms;

    if (c->w->agent_token.len) {
        ws_txn_hset(c->txn, c->key, "at", c->w->agent_token);
    }

    if (ws_str_eq(&c->w->lease, &c->w->leased)) {
        return;
    }

    ngx_str_set(&l, "l");
    ngx_str_set(&e, "e");

    if (c->w->lease.len == 0) {
        ws_txn_command(c->txn, "HDEL", c->key, 2, &l, &e);
        return;
    }

    ms = ws_int_str(c->txn->pool, c->w->lease_ms);

    ws_txn_command(c->txn, "HSET", c->key, 4, &l, &c->w->lease, &e, &ms);
}


/* the roster, and the signs of life of agents that have left it */

static ngx_int_t
ws_commit_agents(ws_commit_t *c)
{
    ngx_str_t          roster, rest, alive, field, ms;
    ws_roster_agent_t  agent;

    if (ws_roster_write(c->w, &roster) != NGX_OK) {
        return NGX_ERROR;
    }

    alive = ws_key(c->txn->pool, c->ks, c->shard, "alive", &c->id, NULL);

    if (c->w->alive_ms) {
        field = ws_uuid_str(c->txn->pool, &c->w->alive);
        ms = ws_int_str(c->txn->pool, c->w->alive_ms);

        ws_txn_command(c->txn, "HSET", alive, 2, &field, &ms);
    }

    if ((roster.data == NULL) == (c->w->roster.data == NULL)
        && ws_str_eq(&roster, &c->w->roster))
    {
        return NGX_OK;
    }

    ngx_str_set(&field, "ag");

    if (roster.data) {
        ws_txn_command(c->txn, "HSET", c->key, 2, &field, &roster);

    } else {
        ws_txn_command(c->txn, "HDEL", c->key, 1, &field);
    }

    rest = c->w->roster;

    while (ws_roster_next(&rest, &agent) == NGX_OK) {

        if (!ws_roster_has(&roster, &agent.id)) {
            field = ws_uuid_str(c->txn->pool, &agent.id);
            ws_txn_command(c->txn, "HDEL", alive, 1, &field);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ws_commit_document(ws_commit_t *c, ngx_str_t *payload, ws_state_t *state)
{
    size_t      n;
    ngx_str_t   v, m, d, p, fv, fm, fd, fp;

    v = ws_int_str(c->txn->pool, c->w->version + 1);
    m = ws_commit_meta(c);

    if (v.data == NULL || m.data == NULL
        || ws_json_dump(c->txn->pool, c->w->doc, &d) != NGX_OK
        || ws_json_dump(c->txn->pool, c->w->priv, &p) != NGX_OK)
    {
        return NGX_ERROR;
    }

    /* without the braces */

    d.data++;
    d.len -= 2;

    ngx_str_set(&fv, "v");
    ngx_str_set(&fm, "m");
    ngx_str_set(&fd, "d");
    ngx_str_set(&fp, "p");

    ws_txn_command(c->txn, "HSET", c->key, 8, &fv, &v, &fm, &m, &fd, &d,
                   &fp, &p);

    n = v.len + m.len + d.len + 32;
    payload->data = ngx_pnalloc(c->txn->pool, n);
    if (payload->data == NULL) {
        return NGX_ERROR;
    }

    payload->len = snprintf((char *) payload->data, n, "%.*s %u ",
                           (int) v.len, v.data, (unsigned) m.len);
    ngx_memcpy(payload->data + payload->len, m.data, m.len);
    payload->len += m.len;
    payload->data[payload->len++] = ' ';
    ngx_memcpy(payload->data + payload->len, d.data, d.len);
    payload->len += d.len;

    if (state) {
        state->version = c->w->version + 1;
        state->m = m;
        state->d = d;
    }

    return NGX_OK;
}


static ngx_str_t
ws_commit_meta(ws_commit_t *c)
{
    u_char     *p;
    json_t     *build;
    ngx_str_t   m, status;
    ws_uuid_t   version;

    m.len = 0;
    m.data = NULL;

    build = ws_workspace_build(c->w);
    status = ws_json_get_str(build, "status");

    if (ws_json_get_uuid(build, "template_version_id", &version) != NGX_OK) {
        return m;
    }

    p = ngx_pnalloc(c->txn->pool, 4 * (WS_UUID_LEN + 1) + status.len);
    if (p == NULL) {
        return m;
    }

    m.data = p;

    p = ws_uuid_format(p, &c->w->meta.owner);
    *p++ = ' ';
    p = ws_uuid_format(p, &c->w->meta.org);
    *p++ = ' ';
    p = ws_uuid_format(p, &c->w->meta.template);
    *p++ = ' ';
    p = ws_uuid_format(p, &version);
    *p++ = ' ';
    p = ngx_cpymem(p, status.data, status.len);

    m.len = p - m.data;

    return m;
}
