
/*
 * Documents of workspaces in memory that all workers of a node share, kept
 * right by Redis: it tells each worker which keys change (CLIENT TRACKING,
 * see ws_redis_sub.h).
 *
 * Which entries a worker may answer from depends on its own stream of news
 * alone.  The zone has a clock that is moved on whenever a worker's stream
 * begins, and whenever Redis says that everything is gone; the worker notes
 * the time ("since").  An entry has the time at which its read was sent.  What
 * was read since the stream began, the stream covers: whatever changed later,
 * the worker is told.  Everything older does not exist for this worker, and
 * without a stream nothing does.  So nobody has to know who put an entry there
 * or whether that worker still lives, and losing a stream costs nothing but
 * a flag; entries that nobody may use are the next to be evicted or replaced.
 *
 * A read that is on its way when its workspace changes must not put the older
 * state back.  ws_cache_get() hands out a token with the count of changes of
 * the workspaces with this hash; if the count is another when the reply is
 * there, the reply is not kept.  Any worker's news and any worker's commit
 * move the count and remove the entry: a worker forgets what it has committed
 * before it answers, so that after the answer no worker of this node has an
 * older state.  A commit without an answer may have happened: it is news of
 * Redis' then.
 *
 * All that holds of one server.  After a failover a worker may for a moment
 * read from one and hear of the changes of another: it has no cache then; and
 * an entry is for those who are with the server that it was read from.
 *
 * Versions are compared only within what this worker's stream covers: a Redis
 * that has lost its newest data, or was restored, is believed.
 */


#ifndef _WS_CACHE_H_INCLUDED_
#define _WS_CACHE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_store.h"
#include "ws_workspace.h"


/* bytes of m and d together; what is larger is not kept */
#define WS_CACHE_DOC_MAX   262144

/* the smallest zone, in pages */
#define WS_CACHE_PAGES_MIN  16


/* of a read, from ws_cache_get() to ws_cache_put() */

typedef struct {
    uint64_t             seq;
    uint64_t             changes;
    unsigned             valid:1;
} ws_cache_token_t;


/*
 * For the configuration: a zone, shared by all stores that name it.  NULL:
 * logged.  "tag" is the module.
 */
ngx_shm_zone_t *ws_cache_zone(ngx_conf_t *cf, ngx_str_t *name, size_t size,
    void *tag);

/*
 * Called once in each worker, before anything is subscribed: "zone" for this
 * store.  NULL without memory.
 */
ws_cache_t *ws_cache_create(ngx_pool_t *pool, ws_store_t *store,
    ngx_shm_zone_t *zone);

/*
 * NGX_OK        *state is it, *meta its parsed m: memory of the cache, valid
 *               until the next call
 * NGX_DECLINED  read it, and pass the token to ws_cache_put()
 * NGX_ABORT     the cache cannot be used now
 */
ngx_int_t ws_cache_get(ws_cache_t *cache, const ws_uuid_t *id,
    ws_state_t *state, ws_meta_t *meta, ws_cache_token_t *token);

/*
 * Keeps (a copy of) what was read by a command issued after the token was
 * handed out, unless the workspace has changed since.
 */
void ws_cache_put(ws_cache_t *cache, const ws_uuid_t *id, ws_state_t *state,
    ws_meta_t *meta, ws_cache_token_t *token);

/*
 * The workspace has changed, or may have: to be called before anybody is told
 * so.  NULL is ignored.
 */
void ws_cache_forget(ws_cache_t *cache, const ws_uuid_t *id);


#endif /* _WS_CACHE_H_INCLUDED_ */
