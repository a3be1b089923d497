
/*
 * Reading and writing of single records.  Every write is one transaction
 * that announces what changed, so that no worker goes by an old state.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_name.h"
#include "layout.h"
#include "record.h"


#define WS_RECORD_BATCH  100


static ngx_str_t ws_record_payload(ws_ctl_t *ctl, const char *kind,
    ngx_str_t *id);
static void ws_record_announce(ws_ctl_t *ctl, ws_txn_t *txn,
    const char *kind, ngx_str_t *id);
static int ws_record_send(ws_ctl_t *ctl, ngx_str_t *key);
static int ws_record_reply(ngx_pool_t *pool, ws_reply_t *reply,
    ws_record_t *rec);
static int ws_record_batch(ws_ctl_t *ctl, const char *kind,
    ws_named_t *names, ngx_uint_t n, ws_record_pt handler, void *data);
static int ws_record_names_page(ws_ctl_t *ctl, ngx_pool_t *pool,
    ngx_str_t *items, ngx_uint_t n, void *data);
static int ws_named_compare(const void *one, const void *two);


int
ws_record_load(ws_ctl_t *ctl, const char *kind, ngx_str_t *id,
    ws_record_t *rec)
{
    int          rc;
    ws_reply_t  *reply;

    rec->kind = kind;
    rec->id = *id;
    rec->key = ws_key_dir(ctl->pool, &ctl->ks, kind, id);

    rc = ws_record_send(ctl, &rec->key);

    if (rc == WS_EXIT_OK) {
        rc = ws_client_receive(ctl, &reply);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_record_reply(ctl->pool, reply, rec);
    }

    return rc;
}


static int
ws_record_send(ws_ctl_t *ctl, ngx_str_t *key)
{
    ngx_str_t  v, d;

    ngx_str_set(&v, "v");
    ngx_str_set(&d, "d");

    return ws_client_send(ctl, "HMGET", key, &v, &d, NULL);
}


static int
ws_record_reply(ngx_pool_t *pool, ws_reply_t *reply, ws_record_t *rec)
{
    ngx_str_t  *v;

    if (reply->type == WS_REPLY_ERROR) {
        return ws_client_error(reply);
    }

    if (reply->type != WS_REPLY_ARRAY || reply->n != 2) {
        return ws_record_broken(&rec->key);
    }

    if (reply->elts[0].type == WS_REPLY_NIL) {
        return WS_RECORD_NONE;
    }

    v = &reply->elts[0].str;

    rec->v = ngx_atoi(v->data, v->len);

    if (rec->v <= 0 || reply->elts[1].type != WS_REPLY_STRING) {
        return ws_record_broken(&rec->key);
    }

    rec->d = ws_client_copy(pool, &reply->elts[1]);

    return rec->d.data ? WS_EXIT_OK : ws_no_memory();
}


int
ws_record_broken(ngx_str_t *key)
{
    return ws_fail(WS_EXIT_FAILED, "%.*s is not what it should be; see "
                   "wsctl check", (int) key->len, key->data);
}


int
ws_record_named(ws_ctl_t *ctl, ngx_str_t *key, ngx_str_t *name, ngx_str_t *id)
{
    int          rc;
    ngx_str_t    lower;
    ws_reply_t  *reply;

    lower = ws_lower_str(ctl->pool, name);

    rc = ws_client_command(ctl, &reply, "HGET", key, &lower, NULL);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    if (reply->type != WS_REPLY_STRING) {
        return WS_RECORD_NONE;
    }

    *id = ws_client_copy(ctl->pool, reply);

    return id->data ? WS_EXIT_OK : ws_no_memory();
}


int
ws_record_names(ws_ctl_t *ctl, ngx_str_t *key, ngx_array_t **names)
{
    int           rc;
    ngx_uint_t    i, n;
    ws_named_t   *elt;

    *names = ngx_array_create(ctl->pool, 64, sizeof(ws_named_t));
    if (*names == NULL) {
        return ws_no_memory();
    }

    rc = ws_client_scan(ctl, "HSCAN", key, ws_record_names_page, *names);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    elt = (*names)->elts;
    qsort(elt, (*names)->nelts, sizeof(ws_named_t), ws_named_compare);

    /* a scan may give a name more than once */

    for (i = 0, n = 0; i < (*names)->nelts; i++) {
        if (n == 0 || ws_named_compare(&elt[n - 1], &elt[i]) != 0) {
            elt[n++] = elt[i];
        }
    }

    (*names)->nelts = n;

    return WS_EXIT_OK;
}


static int
ws_record_names_page(ws_ctl_t *ctl, ngx_pool_t *pool, ngx_str_t *items,
    ngx_uint_t n, void *data)
{
    ngx_uint_t    i;
    ws_named_t   *elt;
    ngx_array_t  *names = data;

    for (i = 0; i + 1 < n; i += 2) {
        elt = ngx_array_push(names);
        if (elt == NULL) {
            return ws_no_memory();
        }

        elt->name.len = items[i].len;
        elt->name.data = ngx_pstrdup(ctl->pool, &items[i]);
        elt->id.len = items[i + 1].len;
        elt->id.data = ngx_pstrdup(ctl->pool, &items[i + 1]);

        if (elt->name.data == NULL || elt->id.data == NULL) {
            return ws_no_memory();
        }
    }

    return WS_EXIT_OK;
}


static int
ws_named_compare(const void *one, const void *two)
{
    int                rc;
    size_t             len;
    const ws_named_t  *a = one;
    const ws_named_t  *b = two;

    len = ngx_min(a->name.len, b->name.len);

    rc = ngx_memcmp(a->name.data, b->name.data, len);

    return rc ? rc : (a->name.len > b->name.len) - (a->name.len < b->name.len);
}


int
ws_record_each(ws_ctl_t *ctl, const char *kind, ngx_array_t *names,
    ws_record_pt handler, void *data)
{
    int          rc;
    ngx_uint_t   i;
    ws_named_t  *elt;

    rc = WS_EXIT_OK;
    elt = names->elts;

    for (i = 0; rc == WS_EXIT_OK && i < names->nelts; i += WS_RECORD_BATCH) {
        rc = ws_record_batch(ctl, kind, elt + i,
                             ngx_min(names->nelts - i, WS_RECORD_BATCH),
                             handler, data);
    }

    return rc;
}


static int
ws_record_batch(ws_ctl_t *ctl, const char *kind, ws_named_t *names,
    ngx_uint_t n, ws_record_pt handler, void *data)
{
    int           rc, found[WS_RECORD_BATCH];
    ngx_uint_t    i;
    ngx_pool_t   *pool;
    ws_reply_t   *reply;
    ws_record_t   rec[WS_RECORD_BATCH];

    pool = ngx_create_pool(4096, NULL);
    if (pool == NULL) {
        return ws_no_memory();
    }

    rc = WS_EXIT_OK;

    for (i = 0; rc == WS_EXIT_OK && i < n; i++) {
        rec[i].kind = kind;
        rec[i].id = names[i].id;
        rec[i].key = ws_key_dir(pool, &ctl->ks, kind, &names[i].id);

        rc = ws_record_send(ctl, &rec[i].key);
    }

    for (i = 0; rc == WS_EXIT_OK && i < n; i++) {
        rc = ws_client_receive(ctl, &reply);

        if (rc == WS_EXIT_OK) {
            found[i] = ws_record_reply(pool, reply, &rec[i]);
        }
    }

    for (i = 0; rc == WS_EXIT_OK && i < n; i++) {
        if (found[i] == WS_RECORD_NONE) {
            continue;
        }

        rc = found[i] == WS_EXIT_OK ? handler(ctl, pool, &rec[i], data)
                                    : found[i];
    }

    ngx_destroy_pool(pool);

    return rc;
}


void
ws_record_add(ws_ctl_t *ctl, ws_txn_t *txn, const char *kind, ngx_str_t id,
    ngx_str_t d)
{
    ngx_str_t  key, v, fv, fd;

    ngx_str_set(&v, "1");
    ngx_str_set(&fv, "v");
    ngx_str_set(&fd, "d");

    key = ws_key_dir(ctl->pool, &ctl->ks, kind, &id);

    ws_txn_require_absent(txn, key, fv);
    ws_txn_command(txn, "HSET", key, 4, &fv, &v, &fd, &d);
    ws_record_announce(ctl, txn, kind, &id);
}


int
ws_record_create(ws_ctl_t *ctl, const char *index, const char *kind,
    ngx_str_t name, ngx_str_t id, ngx_str_t d)
{
    int         rc;
    ws_txn_t    txn;
    ngx_str_t   key, lower;
    ngx_uint_t  tries;

    key = ws_key_dir(ctl->pool, &ctl->ks, index, NULL);
    lower = ws_lower_str(ctl->pool, &name);

    for (tries = 0; tries < WS_CTL_TRIES; tries++) {

        if (ws_txn_init(&txn, ctl->pool) != NGX_OK) {
            return ws_no_memory();
        }

        ws_txn_require_absent(&txn, key, lower);
        ws_txn_command(&txn, "HSET", key, 2, &lower, &id);
        ws_record_add(ctl, &txn, kind, id, d);
        ws_layout_add(ctl, &txn);

        rc = ws_record_commit(ctl, &txn, 1);

        if (rc != WS_RECORD_LOST) {
            return rc;
        }

        /* somebody else has begun this store, with other shards perhaps */

        rc = ws_layout_read(ctl);

        if (rc != WS_EXIT_OK) {
            return rc;
        }
    }

    return ws_record_give_up();
}


void
ws_record_change(ws_ctl_t *ctl, ws_txn_t *txn, ws_record_t *rec, ngx_str_t d)
{
    ngx_str_t  v, fv, fd;

    ngx_str_set(&fv, "v");
    ngx_str_set(&fd, "d");

    v = ws_int_str(ctl->pool, rec->v + 1);

    ws_txn_require(txn, rec->key, "v", ws_int_str(ctl->pool, rec->v));
    ws_txn_command(txn, "HSET", rec->key, 4, &fv, &v, &fd, &d);
    ws_record_announce(ctl, txn, rec->kind, &rec->id);
}


void
ws_record_remove(ws_ctl_t *ctl, ws_txn_t *txn, ws_record_t *rec)
{
    ws_txn_require(txn, rec->key, "v", ws_int_str(ctl->pool, rec->v));
    ws_txn_command(txn, "DEL", rec->key, 0);
    ws_record_announce(ctl, txn, rec->kind, &rec->id);
}


static void
ws_record_announce(ws_ctl_t *ctl, ws_txn_t *txn, const char *kind,
    ngx_str_t *id)
{
    ws_txn_publish(txn, &ctl->ks,
                   ws_key_dir(ctl->pool, &ctl->ks, "changed", NULL),
                   ws_record_payload(ctl, kind, id));
}


static ngx_str_t
ws_record_payload(ws_ctl_t *ctl, const char *kind, ngx_str_t *id)
{
    u_char     *p;
    size_t      len;
    ngx_str_t   s;

    len = ngx_strlen(kind);

    s.len = len + 1 + id->len;
    s.data = ngx_pnalloc(ctl->pool, s.len);

    if (s.data == NULL) {
        s.len = 0;
        return s;
    }

    p = ngx_cpymem(s.data, kind, len);
    *p++ = ' ';
    ngx_memcpy(p, id->data, id->len);

    return s;
}


int
ws_record_commit(ws_ctl_t *ctl, ws_txn_t *txn, ngx_uint_t named)
{
    int        rc;
    ngx_int_t  guard;

    rc = ws_client_commit(ctl, txn, &guard);

    if (rc != WS_EXIT_OK || guard == -1) {
        return rc;
    }

    return named && guard == 0 ? WS_RECORD_TAKEN : WS_RECORD_LOST;
}


int
ws_record_give_up(void)
{
    return ws_fail(WS_EXIT_FAILED, "others change the same again and again; "
                   "nothing was done");
}


int
ws_record_name_valid(const char *what, ngx_str_t *name)
{
    if (ws_name_valid(name) == NGX_OK) {
        return WS_EXIT_OK;
    }

    return ws_fail(WS_EXIT_FAILED, "\"%.*s\" is not the name of %s: 1 to %d "
                   "characters, letters and digits with single hyphens "
                   "between them", (int) ngx_min(name->len, 100), name->data,
                   what, WS_NAME_MAX);
}
