
/* Documents in shared memory; the idea is in ws_cache.h. */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_cache.h"


#define WS_CACHE_COUNTS     1024
#define WS_CACHE_EVICT_MAX  32      /* to make room for one */
#define WS_CACHE_SHARDS     16      /* with more, all keys are watched */


typedef struct {
    ngx_rbtree_t         tree;
    ngx_rbtree_node_t    sentinel;
    ngx_queue_t          lru;       /* the one used last is first */
    uint64_t             seq;       /* the clock */
    uint64_t             changes[WS_CACHE_COUNTS];
} ws_cache_shared_t;


typedef struct {
    ws_cache_shared_t   *shared;
    ngx_slab_pool_t     *slab;
} ws_cache_zone_t;


typedef struct {
    ngx_rbtree_node_t    node;
    ngx_queue_t          lru;
    uint64_t             store;     /* several may share the zone */
    uint64_t             place;     /* the server that it was read from */
    uint64_t             seq;       /* when it was read */
    int64_t              version;
    ws_uuid_t            id;
    uint32_t             m;         /* lengths */
    uint32_t             d;
    uint32_t             status;    /* where it is in m */
    ws_meta_t            meta;      /* else m would be parsed for each GET */
} ws_cache_entry_t;


struct ws_cache_s {
    ws_store_t          *store;
    ws_cache_shared_t   *shared;
    ngx_slab_pool_t     *slab;
    uint64_t             hash;      /* of the store */
    uint64_t             since;
    ws_redis_channel_t   channel;
    u_char              *copy;      /* WS_CACHE_DOC_MAX bytes */
    unsigned             live:1;
};


static ngx_int_t ws_cache_zone_init(ngx_shm_zone_t *zone, void *data);
static ngx_int_t ws_cache_track(ws_cache_t *cache, ngx_pool_t *pool);
static void ws_cache_ready(void *data);
static uint64_t ws_cache_place(ws_cache_t *cache);
static void ws_cache_changed(void *data, ws_reply_t *keys);
static void ws_cache_lost(void *data);
static void ws_cache_begin(ws_cache_t *cache);
static ws_cache_entry_t *ws_cache_find(ws_cache_t *cache,
    const ws_uuid_t *id);
static ws_cache_entry_t *ws_cache_alloc(ws_cache_t *cache, size_t size);
static void ws_cache_free(ws_cache_t *cache, ws_cache_entry_t *entry);
static void ws_cache_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel);
static ngx_int_t ws_cache_compare(ws_cache_entry_t *entry, uint64_t store,
    const ws_uuid_t *id);
static ngx_rbtree_key_t ws_cache_key(const ws_uuid_t *id);
static uint64_t *ws_cache_changes(ws_cache_t *cache, const ws_uuid_t *id);


ngx_shm_zone_t *
ws_cache_zone(ngx_conf_t *cf, ngx_str_t *name, size_t size, void *tag)
{
    ngx_shm_zone_t  *zone;

    zone = ngx_shared_memory_add(cf, name, size, tag);
    if (zone == NULL || zone->data) {
        return zone;
    }

    zone->data = ngx_pcalloc(cf->pool, sizeof(ws_cache_zone_t));
    if (zone->data == NULL) {
        return NULL;
    }

    zone->init = ws_cache_zone_init;

    return zone;
}


static ngx_int_t
ws_cache_zone_init(ngx_shm_zone_t *zone, void *data)
{
    ws_cache_zone_t  *old = data;

    ws_cache_zone_t    *cz;
    ws_cache_shared_t  *shared;

    cz = zone->data;

    if (old) {
        *cz = *old;
        return NGX_OK;
    }

    cz->slab = (ngx_slab_pool_t *) zone->shm.addr;

    if (zone->shm.exists) {
        cz->shared = cz->slab->data;
        return NGX_OK;
    }

    shared = ngx_slab_calloc(cz->slab, sizeof(ws_cache_shared_t));
    if (shared == NULL) {
        return NGX_ERROR;
    }

    ngx_rbtree_init(&shared->tree, &shared->sentinel, ws_cache_insert);
    ngx_queue_init(&shared->lru);

    /* a full zone is what it is for */
    cz->slab->log_nomem = 0;
    cz->slab->data = shared;
    cz->shared = shared;

    return NGX_OK;
}


ws_cache_t *
ws_cache_create(ngx_pool_t *pool, ws_store_t *store, ngx_shm_zone_t *zone)
{
    ngx_str_t        *text;
    ws_cache_t       *cache;
    ws_cache_zone_t  *cz;

    cache = ngx_pcalloc(pool, sizeof(ws_cache_t));
    if (cache == NULL) {
        return NULL;
    }

    cache->copy = ngx_palloc(pool, WS_CACHE_DOC_MAX);
    if (cache->copy == NULL) {
        return NULL;
    }

    cz = zone->data;
    text = &store->conf->text;

    cache->store = store;
    cache->shared = cz->shared;
    cache->slab = cz->slab;
    cache->hash = (uint64_t) ngx_crc32_long(text->data, text->len) << 32
                  | ngx_murmur_hash2(text->data, text->len);

    if (ws_cache_track(cache, pool) != NGX_OK) {
        return NULL;
    }

    ngx_str_set(&cache->channel.name, WS_CHANNEL_INVALIDATE);
    cache->channel.ready = ws_cache_ready;
    cache->channel.changed = ws_cache_changed;
    cache->channel.lost = ws_cache_lost;
    cache->channel.data = cache;

    if (ws_redis_subscribe(store->sub, &cache->channel) != NGX_OK) {
        return NULL;
    }

    return cache;
}


/* Redis compares each written key with each prefix: there are few of them */

static ngx_int_t
ws_cache_track(ws_cache_t *cache, ngx_pool_t *pool)
{
    u_char         *p;
    ngx_str_t       prefixes[WS_CACHE_SHARDS];
    ngx_uint_t      i, n;
    ws_keyspace_t  *ks;

    ks = cache->store->ks;
    n = (ks->shards > WS_CACHE_SHARDS) ? 1 : ks->shards;

    for (i = 0; i < n; i++) {

        p = ngx_pnalloc(pool, ks->prefix.len + NGX_INT_T_LEN
                              + sizeof("{}:w:"));
        if (p == NULL) {
            return NGX_ERROR;
        }

        prefixes[i].data = p;

        p = ngx_cpymem(p, ks->prefix.data, ks->prefix.len);
        *p++ = '{';

        if (n == ks->shards) {
            p = ngx_sprintf(p, "%ui}:w:", i);
        }

        prefixes[i].len = p - prefixes[i].data;
    }

    return ws_redis_sub_track(cache->store->sub, pool, prefixes, n);
}


static void
ws_cache_ready(void *data)
{
    ws_cache_t *cache = data;

    cache->live = ws_redis_sub_tracked(cache->store->sub) ? 1 : 0;

    if (cache->live) {
        ws_cache_begin(cache);
    }
}


/*
 * The server that is both read and heard of; 0: there is none.  After a
 * failover one connection may be with the old one for longer.
 */

static uint64_t
ws_cache_place(ws_cache_t *cache)
{
    uint64_t  place;

    place = ws_redis_sub_place(cache->store->sub);

    return cache->live && ws_redis_place(cache->store->redis) == place ? place
                                                                       : 0;
}


static void
ws_cache_lost(void *data)
{
    ws_cache_t *cache = data;

    cache->live = 0;
}


static void
ws_cache_begin(ws_cache_t *cache)
{
    ngx_shmtx_lock(&cache->slab->mutex);

    cache->since = ++cache->shared->seq;

    ngx_shmtx_unlock(&cache->slab->mutex);
}


static void
ws_cache_changed(void *data, ws_reply_t *keys)
{
    ws_cache_t *cache = data;

    ngx_str_t   id;
    ngx_uint_t  i;
    ws_uuid_t   uuid;

    if (keys->type != WS_REPLY_ARRAY) {

        /* the database was flushed */

        ws_cache_begin(cache);
        return;
    }

    for (i = 0; i < keys->n; i++) {

        id = keys->elts[i].str;

        if (keys->elts[i].type != WS_REPLY_STRING || id.len < WS_UUID_LEN) {
            continue;
        }

        /* of the keys watched in vain, some end in other ids */

        id.data += id.len - WS_UUID_LEN;
        id.len = WS_UUID_LEN;

        if (ws_uuid_parse(&id, &uuid) == NGX_OK) {
            ws_cache_forget(cache, &uuid);
        }
    }
}


ngx_int_t
ws_cache_get(ws_cache_t *cache, const ws_uuid_t *id, ws_state_t *state,
    ws_meta_t *meta, ws_cache_token_t *token)
{
    size_t             len;
    uint64_t           place;
    ws_cache_entry_t  *entry;

    token->valid = 0;
    place = ws_cache_place(cache);

    if (place == 0) {
        return NGX_ABORT;
    }

    ngx_shmtx_lock(&cache->slab->mutex);

    entry = ws_cache_find(cache, id);

    if (entry == NULL || entry->place != place || entry->seq < cache->since) {
        token->seq = cache->shared->seq;
        token->changes = *ws_cache_changes(cache, id);
        token->valid = 1;

        ngx_shmtx_unlock(&cache->slab->mutex);

        return NGX_DECLINED;
    }

    len = entry->m + entry->d;

    ngx_memcpy(cache->copy, entry + 1, len);

    state->version = entry->version;
    state->m.len = entry->m;
    state->d.len = entry->d;

    *meta = entry->meta;
    meta->status.data = cache->copy + entry->status;

    ngx_queue_remove(&entry->lru);
    ngx_queue_insert_head(&cache->shared->lru, &entry->lru);

    ngx_shmtx_unlock(&cache->slab->mutex);

    state->m.data = cache->copy;
    state->d.data = cache->copy + state->m.len;

    return NGX_OK;
}


void
ws_cache_put(ws_cache_t *cache, const ws_uuid_t *id, ws_state_t *state,
    ws_meta_t *meta, ws_cache_token_t *token)
{
    size_t             len;
    u_char            *p;
    uint64_t           place;
    ws_cache_entry_t  *entry;

    len = state->m.len + state->d.len;
    place = ws_cache_place(cache);

    if (place == 0 || !token->valid || token->seq < cache->since
        || len > WS_CACHE_DOC_MAX)
    {
        return;
    }

    ngx_shmtx_lock(&cache->slab->mutex);

    if (token->changes != *ws_cache_changes(cache, id)) {
        goto done;
    }

    entry = ws_cache_find(cache, id);

    if (entry && entry->place == place && entry->seq >= cache->since
        && entry->version > state->version)
    {
        goto done;
    }

    if (entry) {
        ws_cache_free(cache, entry);
    }

    entry = ws_cache_alloc(cache, sizeof(ws_cache_entry_t) + len);
    if (entry == NULL) {
        goto done;
    }

    entry->store = cache->hash;
    entry->place = place;
    entry->seq = token->seq;
    entry->version = state->version;
    entry->id = *id;
    entry->m = state->m.len;
    entry->d = state->d.len;
    entry->status = meta->status.data - state->m.data;
    entry->meta = *meta;

    p = ngx_cpymem((u_char *) (entry + 1), state->m.data, state->m.len);
    ngx_memcpy(p, state->d.data, state->d.len);

    entry->node.key = ws_cache_key(id);

    ngx_rbtree_insert(&cache->shared->tree, &entry->node);
    ngx_queue_insert_head(&cache->shared->lru, &entry->lru);

done:

    ngx_shmtx_unlock(&cache->slab->mutex);
}


void
ws_cache_forget(ws_cache_t *cache, const ws_uuid_t *id)
{
    ws_cache_entry_t  *entry;

    if (cache == NULL) {
        return;
    }

    ngx_shmtx_lock(&cache->slab->mutex);

    (*ws_cache_changes(cache, id))++;

    entry = ws_cache_find(cache, id);

    if (entry) {
        ws_cache_free(cache, entry);
    }

    ngx_shmtx_unlock(&cache->slab->mutex);
}


static ws_cache_entry_t *
ws_cache_find(ws_cache_t *cache, const ws_uuid_t *id)
{
    ngx_int_t           rc;
    ngx_rbtree_key_t    key;
    ws_cache_entry_t   *entry;
    ngx_rbtree_node_t  *node, *sentinel;

    key = ws_cache_key(id);
    node = cache->shared->tree.root;
    sentinel = cache->shared->tree.sentinel;

    while (node != sentinel) {

        if (key != node->key) {
            node = (key < node->key) ? node->left : node->right;
            continue;
        }

        /* the node is the first member */

        entry = (ws_cache_entry_t *) node;
        rc = ws_cache_compare(entry, cache->hash, id);

        if (rc == 0) {
            return entry;
        }

        node = (rc < 0) ? node->left : node->right;
    }

    return NULL;
}


/* memory for an entry, that of others if need be */

static ws_cache_entry_t *
ws_cache_alloc(ws_cache_t *cache, size_t size)
{
    ngx_uint_t          i;
    ngx_queue_t        *lru;
    ws_cache_entry_t   *entry;

    lru = &cache->shared->lru;

    for (i = 0; i < WS_CACHE_EVICT_MAX; i++) {

        entry = ngx_slab_alloc_locked(cache->slab, size);

        if (entry || ngx_queue_empty(lru)) {
            return entry;
        }

        ws_cache_free(cache, ngx_queue_data(ngx_queue_last(lru),
                                            ws_cache_entry_t, lru));
    }

    return NULL;
}


static void
ws_cache_free(ws_cache_t *cache, ws_cache_entry_t *entry)
{
    ngx_queue_remove(&entry->lru);
    ngx_rbtree_delete(&cache->shared->tree, &entry->node);
    ngx_slab_free_locked(cache->slab, entry);
}


static void
ws_cache_insert(ngx_rbtree_node_t *temp, ngx_rbtree_node_t *node,
    ngx_rbtree_node_t *sentinel)
{
    ws_cache_entry_t    *entry;
    ngx_rbtree_node_t  **p;

    entry = (ws_cache_entry_t *) node;

    for ( ;; ) {

        if (node->key != temp->key) {
            p = (node->key < temp->key) ? &temp->left : &temp->right;

        } else {
            p = (ws_cache_compare((ws_cache_entry_t *) temp, entry->store,
                                  &entry->id)
                 < 0)
                ? &temp->left : &temp->right;
        }

        if (*p == sentinel) {
            break;
        }

        temp = *p;
    }

    *p = node;
    node->parent = temp;
    node->left = sentinel;
    node->right = sentinel;
    ngx_rbt_red(node);
}


/* below 0: what is looked for comes before the entry */

static ngx_int_t
ws_cache_compare(ws_cache_entry_t *entry, uint64_t store,
    const ws_uuid_t *id)
{
    if (store != entry->store) {
        return (store < entry->store) ? -1 : 1;
    }

    return ngx_memcmp(id->b, entry->id.b, sizeof(id->b));
}


/* the last bytes: the first are those of the owner, often alike */

static ngx_rbtree_key_t
ws_cache_key(const ws_uuid_t *id)
{
    ngx_rbtree_key_t  key;

    ngx_memcpy(&key, id->b + sizeof(id->b) - sizeof(key), sizeof(key));

    return key;
}


static uint64_t *
ws_cache_changes(ws_cache_t *cache, const ws_uuid_t *id)
{
    return &cache->shared->changes[ws_cache_key(id) % WS_CACHE_COUNTS];
}
