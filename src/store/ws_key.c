
/*
 * Key names are built in one place so that no two parts of the module can
 * disagree about where something lies.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_int.h"
#include "ws_key.h"


static ngx_str_t ws_key_tagged(ngx_pool_t *pool, ws_keyspace_t *ks,
    ngx_str_t *tag, const char *kind, ngx_str_t *a, ngx_str_t *b);


ngx_str_t
ws_key(ngx_pool_t *pool, ws_keyspace_t *ks, ngx_uint_t shard,
    const char *kind, ngx_str_t *a, ngx_str_t *b)
{
    u_char     digits[WS_INT_LEN];
    ngx_str_t  tag;

    tag.data = ws_int_digits(digits + WS_INT_LEN, shard);
    tag.len = digits + WS_INT_LEN - tag.data;

    return ws_key_tagged(pool, ks, &tag, kind, a, b);
}


ngx_str_t
ws_key_dir(ngx_pool_t *pool, ws_keyspace_t *ks, const char *kind,
    ngx_str_t *a)
{
    ngx_str_t  tag = ngx_string("dir");

    return ws_key_tagged(pool, ks, &tag, kind, a, NULL);
}


ngx_str_t
ws_key_workspace(ngx_pool_t *pool, ws_keyspace_t *ks, const ws_uuid_t *id)
{
    u_char     text[WS_UUID_LEN];
    ngx_str_t  a;

    a.len = ws_uuid_format(text, id) - text;
    a.data = text;

    return ws_key(pool, ks, ws_uuid_shard(id, ks->shards), "w", &a, NULL);
}


static ngx_str_t
ws_key_tagged(ngx_pool_t *pool, ws_keyspace_t *ks, ngx_str_t *tag,
    const char *kind, ngx_str_t *a, ngx_str_t *b)
{
    size_t     klen;
    u_char    *p;
    ngx_str_t  key;

    klen = ngx_strlen(kind);

    key.len = ks->prefix.len + 1 + tag->len + 2 + klen
              + (a ? 1 + a->len : 0) + (b ? 1 + b->len : 0);
    key.data = ngx_pnalloc(pool, key.len);
    if (key.data == NULL) {
        key.len = 0;
        return key;
    }

    p = ngx_cpymem(key.data, ks->prefix.data, ks->prefix.len);
    *p++ = '{';
    p = ngx_cpymem(p, tag->data, tag->len);
    *p++ = '}';
    *p++ = ':';
    p = ngx_cpymem(p, kind, klen);

    if (a) {
        *p++ = ':';
        p = ngx_cpymem(p, a->data, a->len);
    }

    if (b) {
        *p++ = ':';
        ngx_memcpy(p, b->data, b->len);
    }

    return key;
}


ngx_str_t
ws_keyspace_pubsub(ws_keyspace_t *ks)
{
    ngx_str_t  plain = ngx_string("plain");
    ngx_str_t  sharded = ngx_string("sharded");

    return ks->sharded ? sharded : plain;
}


ngx_str_t
ws_uuid_str(ngx_pool_t *pool, const ws_uuid_t *id)
{
    ngx_str_t  s;

    s.len = 0;
    s.data = ngx_pnalloc(pool, WS_UUID_LEN);

    if (s.data) {
        s.len = ws_uuid_format(s.data, id) - s.data;
    }

    return s;
}


ngx_str_t
ws_lower_str(ngx_pool_t *pool, ngx_str_t *name)
{
    ngx_str_t  s;

    s.len = 0;
    s.data = ngx_pnalloc(pool, name->len + 1);

    if (s.data) {
        s.len = name->len;
        ngx_strlow(s.data, name->data, name->len);
    }

    return s;
}


ngx_str_t
ws_int_str(ngx_pool_t *pool, int64_t n)
{
    u_char     *end;
    ngx_str_t   s;

    s.len = 0;
    s.data = ngx_pnalloc(pool, WS_INT_LEN);

    if (s.data) {
        end = s.data + WS_INT_LEN;
        s.data = ws_int_signed(end, n);
        s.len = end - s.data;
    }

    return s;
}


ngx_uint_t
ws_str_eq(ngx_str_t *a, ngx_str_t *b)
{
    return a->len == b->len
           && (a->len == 0 || ngx_memcmp(a->data, b->data, a->len) == 0);
}
