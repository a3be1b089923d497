
/*
 * A bounded cache of the directory in the worker.
 *
 * Entries are found in a tree by kind and key, and are in least recently used
 * order in a queue.  An entry that has changed is unlinked rather than
 * altered: requests that hold a reference finish with what they began with,
 * and the last of them frees it.  What does not exist is not remembered.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_dir.h"


#define WS_DIR_KEY_MAX  64


struct ws_dir_s {
    ws_store_t          *store;
    ngx_rbtree_t         tree;
    ngx_rbtree_node_t    sentinel;
    ngx_queue_t          lru;       /* most recently used first */
    ngx_uint_t           count;
    ws_redis_channel_t   channel;
    ws_dir_change_pt     handler;
    void                *data;
};


typedef struct {
    const char          *name;      /* in keys and announcements */
    const char          *command;
    ngx_msec_t           ttl;
    ngx_int_t          (*read)(ws_dir_entry_t *e, ws_reply_t *reply);
} ws_dir_kind_t;


static ws_dir_entry_t *ws_dir_find(ws_dir_t *dir, ngx_str_t *key,
    uint32_t hash);
static ws_dir_entry_t *ws_dir_add(ws_dir_t *dir, ngx_uint_t kind,
    ngx_str_t *key, uint32_t hash);
static ngx_int_t ws_dir_load(ws_dir_entry_t *e);
static void ws_dir_loaded(void *data, ws_reply_t *reply);
static void ws_dir_finish(ws_dir_entry_t *e, ngx_int_t rc);
static void ws_dir_unlink(ws_dir_entry_t *e);
static void ws_dir_release(ws_dir_entry_t *e);
static void ws_dir_evict(ws_dir_t *dir);
static void ws_dir_ready(void *data);
static void ws_dir_message(void *data, ngx_str_t *payload);
static void ws_dir_drop(ws_dir_t *dir, ngx_uint_t kind, ngx_str_t *id);

static ngx_int_t ws_dir_read_document(ws_dir_entry_t *e, ws_reply_t *reply);
static ngx_int_t ws_dir_read_template(ws_dir_entry_t *e, ngx_str_t *d);
static ngx_int_t ws_dir_read_username(ws_dir_entry_t *e, ws_reply_t *reply);
static ngx_int_t ws_dir_read_ids(ws_dir_entry_t *e, ws_reply_t *reply);


static const ws_dir_kind_t  ws_dir_kinds[WS_DIR_KINDS] = {
    { "user",          "HMGET",    WS_DIR_TTL_MS, ws_dir_read_document },
    { "org",           "HMGET",    WS_DIR_TTL_MS, ws_dir_read_document },
    { "template",      "HMGET",    WS_DIR_TTL_MS, ws_dir_read_document },
    { "version",       "HMGET",    WS_DIR_TTL_MS, ws_dir_read_document },
    { "provisioner",   "HMGET",    WS_DIR_TTL_MS, ws_dir_read_document },
    { "token",         "HMGET",    WS_DIR_TTL_MS, ws_dir_read_document },
    { "users",         "HGET",     WS_DIR_TTL_MS, ws_dir_read_username },
    { "template-name", "SMEMBERS", 0,             ws_dir_read_ids }
};


ws_dir_t *
ws_dir_create(ngx_pool_t *pool, ws_store_t *store)
{
    ws_dir_t  *dir;

    dir = ngx_pcalloc(pool, sizeof(ws_dir_t));
    if (dir == NULL) {
        return NULL;
    }

    dir->store = store;

    ngx_rbtree_init(&dir->tree, &dir->sentinel, ngx_str_rbtree_insert_value);
    ngx_queue_init(&dir->lru);

    dir->channel.name = ws_key_dir(pool, store->ks, "changed", NULL);
    dir->channel.ready = ws_dir_ready;
    dir->channel.message = ws_dir_message;
    dir->channel.data = dir;

    if (dir->channel.name.data == NULL
        || ws_redis_subscribe(store->sub, &dir->channel) != NGX_OK)
    {
        return NULL;
    }

    return dir;
}


void
ws_dir_on_change(ws_dir_t *dir, ws_dir_change_pt handler, void *data)
{
    dir->handler = handler;
    dir->data = data;
}


ngx_int_t
ws_dir_get(ws_dir_t *dir, ws_dir_ref_t *ref, ngx_uint_t kind, ngx_str_t *key)
{
    u_char           text[WS_DIR_KEY_MAX + 1];
    uint32_t         hash;
    ngx_str_t        full;
    ws_dir_entry_t  *e;

    if (ref->done) {
        return ref->rc;
    }

    if (ref->waiting) {
        return NGX_AGAIN;
    }

    if (key->len == 0 || key->len > WS_DIR_KEY_MAX) {
        ref->done = 1;
        ref->rc = NGX_DECLINED;
        return NGX_DECLINED;
    }

    text[0] = 'a' + kind;
    ngx_memcpy(text + 1, key->data, key->len);

    full.data = text;
    full.len = key->len + 1;
    hash = ngx_murmur_hash2(full.data, full.len);

    e = ws_dir_find(dir, &full, hash);

    if (e == NULL) {
        e = ws_dir_add(dir, kind, &full, hash);

        if (e == NULL || ws_dir_load(e) != NGX_OK) {
            if (e) {
                ws_dir_unlink(e);
            }

            ref->done = 1;
            ref->rc = NGX_ERROR;
            return NGX_ERROR;
        }
    }

    ref->entry = e;
    e->refs++;

    if (e->present) {
        ref->done = 1;
        ref->rc = NGX_OK;
        return NGX_OK;
    }

    ngx_queue_insert_tail(&e->waiting, &ref->queue);
    ref->waiting = 1;

    return NGX_AGAIN;
}


void
ws_dir_unref(ws_dir_ref_t *ref)
{
    ws_dir_entry_t  *e;

    if (ref->waiting) {
        ngx_queue_remove(&ref->queue);
        ref->waiting = 0;
    }

    e = ref->entry;

    ref->entry = NULL;
    ref->done = 0;

    if (e) {
        ws_dir_release(e);
    }
}


/* an entry that is too old is as good as none */

static ws_dir_entry_t *
ws_dir_find(ws_dir_t *dir, ngx_str_t *key, uint32_t hash)
{
    ws_dir_entry_t  *e;

    e = (ws_dir_entry_t *) ngx_str_rbtree_lookup(&dir->tree, key, hash);

    if (e == NULL) {
        return NULL;
    }

    if (e->present
        && ngx_current_msec - e->loaded >= ws_dir_kinds[e->kind].ttl)
    {
        ws_dir_unlink(e);
        return NULL;
    }

    ngx_queue_remove(&e->lru);
    ngx_queue_insert_head(&dir->lru, &e->lru);

    return e;
}


/* being in the tree is one reference */

static ws_dir_entry_t *
ws_dir_add(ws_dir_t *dir, ngx_uint_t kind, ngx_str_t *key, uint32_t hash)
{
    ngx_pool_t      *pool;
    ws_dir_entry_t  *e;

    ws_dir_evict(dir);

    pool = ngx_create_pool(1024, dir->store->log);
    if (pool == NULL) {
        return NULL;
    }

    e = ngx_pcalloc(pool, sizeof(ws_dir_entry_t));

    if (e == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    e->sn.str.len = key->len;
    e->sn.str.data = ngx_pstrdup(pool, key);

    if (e->sn.str.data == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    e->sn.node.key = hash;
    e->pool = pool;
    e->dir = dir;
    e->kind = kind;
    e->refs = 1;
    e->linked = 1;

    ngx_queue_init(&e->waiting);
    ngx_queue_insert_head(&dir->lru, &e->lru);
    ngx_rbtree_insert(&dir->tree, &e->sn.node);
    dir->count++;

    return e;
}


static ngx_int_t
ws_dir_load(ws_dir_entry_t *e)
{
    ngx_str_t            argv[4], key;
    ngx_uint_t           argc;
    ws_keyspace_t       *ks;
    const ws_dir_kind_t *kind;

    kind = &ws_dir_kinds[e->kind];
    ks = e->dir->store->ks;

    key.data = e->sn.str.data + 1;
    key.len = e->sn.str.len - 1;

    argv[0].data = (u_char *) kind->command;
    argv[0].len = ngx_strlen(kind->command);

    if (e->kind == WS_DIR_USERNAME) {
        argv[1] = ws_key_dir(e->pool, ks, kind->name, NULL);
        argv[2] = key;
        argc = 3;

    } else {
        argv[1] = ws_key_dir(e->pool, ks, kind->name, &key);
        ngx_str_set(&argv[2], "v");
        ngx_str_set(&argv[3], "d");
        argc = e->kind == WS_DIR_TEMPLATE_NAME ? 2 : 4;
    }

    if (argv[1].data == NULL) {
        return NGX_ERROR;
    }

    e->again = 0;
    e->cmd = ws_redis_command(e->dir->store->redis, WS_REDIS_READ, argc, argv,
                              ws_dir_loaded, e);

    return e->cmd ? NGX_OK : NGX_ERROR;
}


static void
ws_dir_loaded(void *data, ws_reply_t *reply)
{
    ws_dir_entry_t  *e = data;

    ngx_int_t  rc;

    e->cmd = NULL;

    /* announced while it was read: what was read may be the old state */

    if (e->again && reply) {
        if (ws_dir_load(e) == NGX_OK) {
            return;
        }

        reply = NULL;
    }

    if (reply == NULL || reply->type == WS_REPLY_ERROR) {
        rc = NGX_ERROR;

    } else {
        rc = ws_dir_kinds[e->kind].read(e, reply);
    }

    if (rc == NGX_OK) {
        e->present = 1;
        e->loaded = ngx_current_msec;
    }

    ws_dir_finish(e, rc);
}


static void
ws_dir_finish(ws_dir_entry_t *e, ngx_int_t rc)
{
    ngx_queue_t   *q;
    ws_dir_ref_t  *ref;

    e->refs++;

    if (rc != NGX_OK || ws_dir_kinds[e->kind].ttl == 0) {
        ws_dir_unlink(e);
    }

    while (!ngx_queue_empty(&e->waiting)) {
        q = ngx_queue_head(&e->waiting);
        ngx_queue_remove(q);

        ref = ngx_queue_data(q, ws_dir_ref_t, queue);
        ref->waiting = 0;
        ref->done = 1;
        ref->rc = rc;

        if (rc != NGX_OK) {
            ref->entry = NULL;
            e->refs--;
        }

        ref->handler(ref->data);
    }

    ws_dir_release(e);
}


static void
ws_dir_unlink(ws_dir_entry_t *e)
{
    if (!e->linked) {
        return;
    }

    ngx_rbtree_delete(&e->dir->tree, &e->sn.node);
    ngx_queue_remove(&e->lru);
    e->dir->count--;
    e->linked = 0;

    ws_dir_release(e);
}


/* a load under way keeps the entry: it is in the tree until it is loaded */

static void
ws_dir_release(ws_dir_entry_t *e)
{
    if (--e->refs) {
        return;
    }

    if (e->cmd) {
        ws_redis_cancel(e->cmd);
    }

    ngx_destroy_pool(e->pool);
}


static void
ws_dir_evict(ws_dir_t *dir)
{
    ngx_queue_t     *q, *prev;
    ws_dir_entry_t  *e;

    if (dir->count < WS_DIR_ENTRIES_MAX) {
        return;
    }

    for (q = ngx_queue_last(&dir->lru);
         q != ngx_queue_sentinel(&dir->lru);
         q = prev)
    {
        prev = ngx_queue_prev(q);
        e = ngx_queue_data(q, ws_dir_entry_t, lru);

        if (e->present) {
            ws_dir_unlink(e);
            return;
        }
    }
}


static void
ws_dir_ready(void *data)
{
    ws_dir_t  *dir = data;

    ngx_str_t        none;
    ngx_queue_t     *q, *next;
    ws_dir_entry_t  *e;

    for (q = ngx_queue_head(&dir->lru);
         q != ngx_queue_sentinel(&dir->lru);
         q = next)
    {
        next = ngx_queue_next(q);
        e = ngx_queue_data(q, ws_dir_entry_t, lru);

        if (e->present) {
            ws_dir_unlink(e);

        } else {
            e->again = 1;
        }
    }

    if (dir->handler) {
        ngx_str_set(&none, "");
        dir->handler(dir->data, &none, &none);
    }
}


static void
ws_dir_message(void *data, ngx_str_t *payload)
{
    ws_dir_t  *dir = data;

    u_char      *sp;
    ngx_str_t    kind, id;
    ngx_uint_t   i;

    sp = ngx_strlchr(payload->data, payload->data + payload->len, ' ');
    if (sp == NULL) {
        return;
    }

    kind.data = payload->data;
    kind.len = sp - payload->data;
    id.data = sp + 1;
    id.len = payload->data + payload->len - id.data;

    for (i = WS_DIR_USER; i <= WS_DIR_TOKEN; i++) {
        if (kind.len == ngx_strlen(ws_dir_kinds[i].name)
            && ngx_strncmp(kind.data, ws_dir_kinds[i].name, kind.len) == 0)
        {
            ws_dir_drop(dir, i, &id);
            break;
        }
    }

    if (dir->handler) {
        dir->handler(dir->data, &kind, &id);
    }
}


static void
ws_dir_drop(ws_dir_t *dir, ngx_uint_t kind, ngx_str_t *id)
{
    u_char           text[WS_DIR_KEY_MAX + 1];
    ngx_str_t        full;
    ws_dir_entry_t  *e;

    if (id->len > WS_DIR_KEY_MAX) {
        return;
    }

    text[0] = 'a' + kind;
    ngx_memcpy(text + 1, id->data, id->len);

    full.data = text;
    full.len = id->len + 1;

    e = (ws_dir_entry_t *) ngx_str_rbtree_lookup(&dir->tree, &full,
                                   ngx_murmur_hash2(full.data, full.len));
    if (e == NULL) {
        return;
    }

    if (e->present) {
        ws_dir_unlink(e);

    } else {
        e->again = 1;
    }
}


static ngx_int_t
ws_dir_read_document(ws_dir_entry_t *e, ws_reply_t *reply)
{
    ngx_str_t  *v, *d;

    if (reply->type != WS_REPLY_ARRAY || reply->n != 2) {
        return NGX_ERROR;
    }

    if (reply->elts[0].type != WS_REPLY_STRING
        || reply->elts[1].type != WS_REPLY_STRING)
    {
        return NGX_DECLINED;
    }

    v = &reply->elts[0].str;
    d = &reply->elts[1].str;

    e->version = ngx_atoi(v->data, v->len);

    if (e->version <= 0) {
        return NGX_ERROR;
    }

    switch (e->kind) {

    case WS_DIR_USER:
        return ws_user_read(e->pool, d, &e->u.user);

    case WS_DIR_ORG:
        return ws_org_read(e->pool, d, &e->u.org);

    case WS_DIR_VERSION:
        return ws_version_read(e->pool, d, &e->u.version);

    case WS_DIR_TOKEN:
        return ws_token_record_read(e->pool, d, &e->u.token);

    case WS_DIR_PROVISIONER:
        return ws_provisioner_read(e->pool, d, &e->u.provisioner);

    default: /* WS_DIR_TEMPLATE */
        return ws_dir_read_template(e, d);
    }
}


static ngx_int_t
ws_dir_read_template(ws_dir_entry_t *e, ngx_str_t *d)
{
    ngx_int_t  rc;

    rc = ws_template_read(e->pool, d, &e->u.template);
    if (rc != NGX_OK) {
        return rc;
    }

    e->fragment = ws_template_fragment(e->pool, &e->u.template);

    return e->fragment.data ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ws_dir_read_username(ws_dir_entry_t *e, ws_reply_t *reply)
{
    if (reply->type == WS_REPLY_NIL) {
        return NGX_DECLINED;
    }

    e->ids = ngx_palloc(e->pool, sizeof(ws_uuid_t));
    if (e->ids == NULL || reply->type != WS_REPLY_STRING) {
        return NGX_ERROR;
    }

    e->nids = 1;

    return ws_uuid_parse(&reply->str, e->ids) == NGX_OK ? NGX_OK : NGX_ERROR;
}


static ngx_int_t
ws_dir_read_ids(ws_dir_entry_t *e, ws_reply_t *reply)
{
    ngx_uint_t  i;

    if (reply->type != WS_REPLY_ARRAY) {
        return NGX_ERROR;
    }

    if (reply->n == 0) {
        return NGX_DECLINED;
    }

    e->ids = ngx_palloc(e->pool, reply->n * sizeof(ws_uuid_t));
    if (e->ids == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < reply->n; i++) {
        if (reply->elts[i].type != WS_REPLY_STRING
            || ws_uuid_parse(&reply->elts[i].str, &e->ids[e->nids]) != NGX_OK)
        {
            return NGX_ERROR;
        }

        e->nids++;
    }

    return NGX_OK;
}
