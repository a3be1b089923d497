
/*
 * A workspace's document: its public JSON, what only the server knows of it,
 * and how both are stored, indexed, committed, published and shown.
 *
 * The hash of a workspace has the fields
 *     v   version, from 1
 *     m   "owner organization template template_version status": all that a
 *         reader needs to decide who may see it and what to splice in
 *     d   the public JSON object without its braces and without the fields
 *         that belong to the template
 *     p   private JSON object
 *     l   id of the lease of its job, e when that ends (ws_job.h)
 *     at  hash of the secret of its agents' token, ag who they are
 *         (ws_roster.h)
 * A reader copies d; only a writer parses it.
 */


#ifndef _WS_WORKSPACE_H_INCLUDED_
#define _WS_WORKSPACE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>
#include "ws_uuid.h"
#include "ws_key.h"
#include "ws_txn.h"
#include "ws_reply.h"
#include "ws_json.h"
#include "ws_entity.h"


typedef struct {
    ws_uuid_t        owner;
    ws_uuid_t        org;
    ws_uuid_t        template;
    ws_uuid_t        template_version;
    ngx_str_t        status;        /* points into the text read */
    unsigned         deleted:1;
} ws_meta_t;


typedef struct {
    ngx_pool_t      *pool;
    ws_uuid_t        id;
    int64_t          version;       /* as stored; 0: not stored yet */
    ws_meta_t        meta;          /* as stored */
    json_t          *doc;           /* public; freed with the pool */
    json_t          *priv;          /* private; freed with the pool */
    ngx_str_t        lease;         /* fields l and e, see ws_job.h */
    int64_t          lease_ms;
    ngx_str_t        agent_token;   /* set: the new field at, a hash */
    ws_uuid_t        alive;         /* this commit is a sign of life of ... */
    int64_t          alive_ms;      /* ... that agent, if this is not 0 */

    ngx_array_t     *indexed;       /* ws_index_entry_t, as stored */
    ngx_array_t     *due;           /* ws_due_entry_t, as stored */
    ngx_str_t        leased;        /* the lease, as stored */
    ngx_str_t        name;          /* lower case, as stored */
    ngx_str_t        queued;        /* id of its pending job, as stored */
    ngx_str_t        roster;        /* its field ag, as stored */
    ngx_str_t        active;        /* id of its build, if it was active */
    ngx_str_t        archived;      /* id of the build that this commit ... */
    ngx_str_t        archived_d;    /* ... archives, and its JSON */
    ngx_str_t        archived_p;
    unsigned         new_build:1;   /* this commit makes a build */
} ws_workspace_t;


typedef struct {
    ws_uuid_t        id;
    ngx_str_t        name;
    ws_user_t       *owner;
    ws_uuid_t        org;
    ws_template_t   *template;
    ngx_str_t        schedule;      /* empty: none */
    int64_t          ttl_ms;        /* 0: none */
    int64_t          now_ms;
} ws_workspace_new_t;


/* the state of a workspace as it is read and published: borrowed memory */

typedef struct {
    int64_t          version;
    ngx_str_t        m;
    ngx_str_t        d;
} ws_state_t;


/* Reading. */

/*
 * Takes the reply to HMGET key v m d.  The strings point into the reply.
 * NGX_OK, NGX_DECLINED no such workspace, NGX_ERROR not a document.
 */
ngx_int_t ws_state_from_reply(ws_reply_t *reply, ws_state_t *state);

/* takes the payload of a published commit; NGX_OK or NGX_DECLINED */
ngx_int_t ws_state_from_message(ngx_str_t *payload, ws_state_t *state);

/* takes m; NGX_OK or NGX_DECLINED */
ngx_int_t ws_meta_parse(ngx_str_t *m, ws_meta_t *meta);

/*
 * Writes the workspace as the API shows it.  "fragment" is the template's
 * (ws_template_fragment), "active" the template's active version.
 */
void ws_workspace_show(ws_json_t *w, ws_state_t *state, ws_meta_t *meta,
    ngx_str_t *fragment, const ws_uuid_t *active);


/* Writing: load or make, change, commit. */

/*
 * The command whose reply is for ws_workspace_load(): HMGET key v m d p l e;
 * the first WS_STATE_ARGS words are one for ws_state_from_reply().
 * NGX_OK or NGX_ERROR.
 */
#define WS_WORKSPACE_ARGS  8
#define WS_STATE_ARGS      5

ngx_int_t ws_workspace_query(ngx_pool_t *pool, ws_keyspace_t *ks,
    const ws_uuid_t *id, ngx_str_t argv[WS_WORKSPACE_ARGS]);

/*
 * Takes the reply to HMGET key v m d p l e, and maybe more; without l and e
 * what is loaded is only to be looked at, not to be committed.
 * NGX_OK, NGX_DECLINED no such workspace, NGX_ERROR.
 */
ngx_int_t ws_workspace_load(ngx_pool_t *pool, const ws_uuid_t *id,
    ws_reply_t *reply, ws_workspace_t **wp);

/*
 * A new one, without a build yet: ws_build_create() must follow before the
 * commit.  NULL without memory.
 */
ws_workspace_t *ws_workspace_create(ngx_pool_t *pool, ws_workspace_new_t *nw);

/* Changes; each stamps updated_at.  NGX_OK or NGX_ERROR (no memory). */
ngx_int_t ws_workspace_set_name(ws_workspace_t *w, ngx_str_t *name,
    int64_t now_ms);
ngx_int_t ws_workspace_set_schedule(ws_workspace_t *w, ngx_str_t *schedule,
    int64_t now_ms);                                 /* empty: none */
ngx_int_t ws_workspace_set_ttl(ws_workspace_t *w, int64_t ttl_ms,
    int64_t now_ms);                                 /* 0: none */
ngx_int_t ws_workspace_set_used(ws_workspace_t *w, int64_t now_ms);

ngx_int_t ws_workspace_touch(ws_workspace_t *w, int64_t now_ms);

/* its latest build; NULL before the first */
json_t *ws_workspace_build(ws_workspace_t *w);

/* whether the document, as it is now, is that of a deleted workspace */
ngx_uint_t ws_workspace_deleted(ws_workspace_t *w);

/* its name in lower case, in the pool; NGX_OK or NGX_ERROR */
ngx_int_t ws_workspace_lower_name(ws_workspace_t *w, ngx_str_t *name);

/* the id of its job while that waits in the queue, else empty; borrowed */
ngx_str_t ws_workspace_queued(ws_workspace_t *w);

/*
 * The index entries of the document as it is now, in the pool; NULL without
 * memory or when the document lacks something.
 */
ngx_array_t *ws_workspace_index(ws_workspace_t *w);

/*
 * Puts the whole commit into the transaction: the guard on the version, the
 * document, the names, every index that changed, the builds and jobs, and
 * the PUBLISH.  The guards are number WS_GUARD_VERSION and, when a name is
 * taken by this commit, WS_GUARD_NAME.
 * *state, when not NULL, is what is going to be stored, in the transaction's
 * pool.  NGX_OK or NGX_ERROR (no memory).
 */
#define WS_GUARD_VERSION  0
#define WS_GUARD_NAME     1

ngx_int_t ws_workspace_commit(ws_workspace_t *w, ws_keyspace_t *ks,
    ws_txn_t *txn, ws_state_t *state);


#endif /* _WS_WORKSPACE_H_INCLUDED_ */
