
/*
 * What one worker needs of one deployment.  Everything here lives as long as
 * the worker; connections open themselves when there is something to say.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_store.h"
#include "ws_cache.h"
#include "ws_dir.h"
#include "ws_layout.h"
#include "ws_time.h"
#include "ws_txn.h"


ws_store_t *
ws_store_create(ngx_pool_t *pool, ws_store_conf_t *conf, ngx_log_t *log)
{
    ws_store_t  *store;

    store = ngx_pcalloc(pool, sizeof(ws_store_t));
    if (store == NULL) {
        return NULL;
    }

    store->conf = conf;
    store->ks = &conf->ks;
    store->log = log;

    ws_script_init(&store->txn, &ws_txn_script);

    store->redis = ws_redis_create(pool, &conf->redis, log);
    store->bulk = ws_redis_create(pool, &conf->redis, log);
    store->commit = store->redis;

    if (conf->redis.wait_replicas) {
        store->commit = ws_redis_create(pool, &conf->redis, log);
    }

    store->sub = ws_redis_sub_create(pool, &conf->redis, log);

    if (store->redis == NULL || store->bulk == NULL || store->commit == NULL
        || store->sub == NULL)
    {
        return NULL;
    }

    if (store->commit != store->redis) {
        ws_redis_follow(store->commit, store->redis, 1);
    }

    ws_redis_follow(store->bulk, store->redis, 0);
    ws_redis_sub_follow(store->sub, store->redis);

    if (conf->zone) {
        store->cache = ws_cache_create(pool, store, conf->zone);
        if (store->cache == NULL) {
            return NULL;
        }
    }

    store->layout = ws_layout_create(pool, store);
    if (store->layout == NULL) {
        return NULL;
    }

    store->dir = ws_dir_create(pool, store);
    if (store->dir == NULL) {
        return NULL;
    }

    return store;
}


int64_t
ws_store_now_ms(ws_store_t *store)
{
    return (int64_t) (ws_time_monotonic_usec() / 1000) + store->offset_ms;
}


/*
 * Redis read its clock between the command's issue and its reply: what is
 * known of the difference is not changed unless that shows it to be wrong, so
 * that the time these take does not make it jump.
 */

void
ws_store_sync(ws_store_t *store, int64_t now_ms, uint64_t elapsed_usec)
{
    int64_t  least_ms, most_ms;

    least_ms = now_ms - (int64_t) (ws_time_monotonic_usec() / 1000);
    most_ms = least_ms + elapsed_usec / 1000 + 1;

    if (store->offset_ms < least_ms) {
        store->offset_ms = least_ms;

    } else if (store->offset_ms > most_ms) {
        store->offset_ms = most_ms;
    }

    store->timed = 1;
}


void
ws_store_close(ws_store_t *store)
{
    ws_redis_sub_close(store->sub);
    ws_redis_close(store->bulk);

    if (store->commit != store->redis) {
        ws_redis_close(store->commit);
    }

    ws_redis_close(store->redis);
}
