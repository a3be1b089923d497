
/*
 * A store: one deployment's data in Redis, as one worker sees it.  It owns the
 * worker's connections (for ordinary commands, for long listings, for
 * subscriptions, with workspace_wait one for commits) and the cache of the
 * directory.
 */


#ifndef _WS_STORE_H_INCLUDED_
#define _WS_STORE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_key.h"
#include "ws_redis.h"
#include "ws_redis_sub.h"


typedef struct ws_cache_s  ws_cache_t;
typedef struct ws_dir_s    ws_dir_t;
typedef struct ws_store_s  ws_store_t;
typedef struct ws_layout_s  ws_layout_t;


/* from the configuration; lives as long as the cycle */

typedef struct {
    ngx_str_t            text;      /* as written, with its password: to find
                                       equal ones */
    ws_redis_conf_t      redis;
    ws_keyspace_t        ks;
    ngx_shm_zone_t      *zone;      /* of its documents; NULL: no cache */
    ws_store_t          *store;     /* in a worker: the running store, ... */
    void                *watch;     /* ... those who watch it, ... */
    void                *dispatch;  /* ... and those who wait for its jobs */
} ws_store_conf_t;


struct ws_store_s {
    ws_store_conf_t     *conf;
    ws_keyspace_t       *ks;
    ngx_log_t           *log;
    ws_redis_t          *redis;     /* short commands */
    ws_redis_t          *bulk;      /* batches of long listings */
    ws_redis_t          *commit;    /* "redis", or where replicas are waited
                                       for, which others should not be */
    ws_redis_sub_t      *sub;
    ws_cache_t          *cache;     /* NULL: none */
    ws_layout_t         *layout;
    ws_dir_t            *dir;
    ws_script_t          txn;       /* ws_txn_script */
    int64_t              offset_ms; /* from the monotonic clock to Redis' */
    unsigned             timed:1;   /* that is known */
};


/* Called once in each worker.  NULL without memory.  No socket is opened. */
ws_store_t *ws_store_create(ngx_pool_t *pool, ws_store_conf_t *conf,
    ngx_log_t *log);

/*
 * Now, milliseconds since the epoch, by Redis' clock: all nodes agree on it.
 * It is known before anything is served (ws_layout.c) and kept by the
 * monotonic clock, so that setting this machine's clock changes nothing.
 */
int64_t ws_store_now_ms(ws_store_t *store);

/*
 * Redis has said that it is now_ms, in answer to a command that has taken
 * elapsed_usec until now.
 */
void ws_store_sync(ws_store_t *store, int64_t now_ms, uint64_t elapsed_usec);

/* for exit_process */
void ws_store_close(ws_store_t *store);


#endif /* _WS_STORE_H_INCLUDED_ */
