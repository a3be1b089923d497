/*
 * A stand-in for a corner of nginx's core, for programs that are not nginx.
 *
 * A pool is a list of malloc()ed blocks here, not an arena: a little slower,
 * but tools that watch the heap see every block on its own.  The rest is what
 * the names say, with nginx's conventions for arguments and errors.
 */


#include "ws_ngx.h"

#include <stdint.h>


typedef struct {
    ngx_pool_t         pool;
    ngx_queue_t        blocks;
} ws_ngx_pool_t;


/* stands in front of the memory of a block and keeps its alignment */

typedef struct {
    ngx_queue_t        queue;
} ws_ngx_block_t;


static ngx_uint_t ws_ngx_may_alloc(void);
static void ws_ngx_free_blocks(ws_ngx_pool_t *p);
static u_char ws_ngx_lower(u_char c);
static void ws_ngx_merge(u_char *base, size_t n, size_t size, u_char *buf,
    ngx_int_t (*cmp)(const void *, const void *));


static ngx_int_t  ws_ngx_allocs_left = -1;


void
ws_ngx_fail_after(ngx_int_t n)
{
    ws_ngx_allocs_left = n;
}


static ngx_uint_t
ws_ngx_may_alloc(void)
{
    if (ws_ngx_allocs_left < 0) {
        return 1;
    }

    if (ws_ngx_allocs_left == 0) {
        return 0;
    }

    ws_ngx_allocs_left--;

    return 1;
}


void *
ngx_alloc(size_t size, ngx_log_t *log)
{
    return ws_ngx_may_alloc() ? malloc(size) : NULL;
}


void *
ngx_calloc(size_t size, ngx_log_t *log)
{
    return ws_ngx_may_alloc() ? calloc(1, size) : NULL;
}


ngx_pool_t *
ngx_create_pool(size_t size, ngx_log_t *log)
{
    ws_ngx_pool_t  *p;

    p = ngx_calloc(sizeof(ws_ngx_pool_t), log);
    if (p == NULL) {
        return NULL;
    }

    ngx_queue_init(&p->blocks);
    p->pool.log = log;

    return &p->pool;
}


void
ngx_destroy_pool(ngx_pool_t *pool)
{
    ngx_pool_cleanup_t  *c;

    for (c = pool->cleanup; c; c = c->next) {
        if (c->handler) {
            c->handler(c->data);
        }
    }

    ws_ngx_free_blocks((ws_ngx_pool_t *) pool);

    ngx_free(pool);
}


/* as in nginx, cleanup handlers do not run; here they are forgotten too */

void
ngx_reset_pool(ngx_pool_t *pool)
{
    pool->cleanup = NULL;

    ws_ngx_free_blocks((ws_ngx_pool_t *) pool);
}


static void
ws_ngx_free_blocks(ws_ngx_pool_t *p)
{
    ngx_queue_t  *q;

    while (!ngx_queue_empty(&p->blocks)) {
        q = ngx_queue_head(&p->blocks);
        ngx_queue_remove(q);
        ngx_free(ngx_queue_data(q, ws_ngx_block_t, queue));
    }
}


void *
ngx_palloc(ngx_pool_t *pool, size_t size)
{
    ws_ngx_pool_t   *p = (ws_ngx_pool_t *) pool;
    ws_ngx_block_t  *block;

    if (size > SIZE_MAX - sizeof(ws_ngx_block_t)) {
        return NULL;
    }

    block = ngx_alloc(sizeof(ws_ngx_block_t) + size, pool->log);
    if (block == NULL) {
        return NULL;
    }

    ngx_queue_insert_tail(&p->blocks, &block->queue);

    return block + 1;
}


void *
ngx_pnalloc(ngx_pool_t *pool, size_t size)
{
    return ngx_palloc(pool, size);
}


void *
ngx_pcalloc(ngx_pool_t *pool, size_t size)
{
    void  *p;

    p = ngx_palloc(pool, size);

    if (p) {
        ngx_memzero(p, size);
    }

    return p;
}


/* nginx keeps small blocks, so their use after this goes unnoticed there */

ngx_int_t
ngx_pfree(ngx_pool_t *pool, void *p)
{
    ws_ngx_block_t  *block;

    block = (ws_ngx_block_t *) p - 1;

    ngx_queue_remove(&block->queue);
    ngx_free(block);

    return NGX_OK;
}


ngx_pool_cleanup_t *
ngx_pool_cleanup_add(ngx_pool_t *pool, size_t size)
{
    ngx_pool_cleanup_t  *c;

    c = ngx_pcalloc(pool, sizeof(ngx_pool_cleanup_t));
    if (c == NULL) {
        return NULL;
    }

    if (size) {
        c->data = ngx_palloc(pool, size);
        if (c->data == NULL) {
            return NULL;
        }
    }

    c->next = pool->cleanup;
    pool->cleanup = c;

    return c;
}


ngx_array_t *
ngx_array_create(ngx_pool_t *pool, ngx_uint_t n, size_t size)
{
    ngx_array_t  *a;

    a = ngx_palloc(pool, sizeof(ngx_array_t));
    if (a == NULL) {
        return NULL;
    }

    if (ngx_array_init(a, pool, n, size) != NGX_OK) {
        return NULL;
    }

    return a;
}


/* the memory stays in the pool */

void
ngx_array_destroy(ngx_array_t *a)
{
}


void *
ngx_array_push(ngx_array_t *a)
{
    return ngx_array_push_n(a, 1);
}


void *
ngx_array_push_n(ngx_array_t *a, ngx_uint_t n)
{
    void        *elts;
    ngx_uint_t   nalloc;

    if (n > a->nalloc - a->nelts) {

        nalloc = 2 * ngx_max(n, a->nalloc);

        elts = ngx_palloc(a->pool, nalloc * a->size);
        if (elts == NULL) {
            return NULL;
        }

        if (a->nelts) {
            ngx_memcpy(elts, a->elts, a->nelts * a->size);
        }

        a->elts = elts;
        a->nalloc = nalloc;
    }

    a->nelts += n;

    return (u_char *) a->elts + (a->nelts - n) * a->size;
}


u_char *
ngx_pstrdup(ngx_pool_t *pool, ngx_str_t *src)
{
    u_char  *dst;

    dst = ngx_pnalloc(pool, src->len);

    if (dst && src->len) {
        ngx_memcpy(dst, src->data, src->len);
    }

    return dst;
}


static u_char
ws_ngx_lower(u_char c)
{
    return (c >= 'A' && c <= 'Z') ? (c | 0x20) : c;
}


void
ngx_strlow(u_char *dst, u_char *src, size_t n)
{
    size_t  i;

    for (i = 0; i < n; i++) {
        dst[i] = ws_ngx_lower(src[i]);
    }
}


u_char *
ngx_cpystrn(u_char *dst, u_char *src, size_t n)
{
    if (n == 0) {
        return dst;
    }

    while (--n && *src) {
        *dst++ = *src++;
    }

    *dst = '\0';

    return dst;
}


ngx_int_t
ngx_strcasecmp(u_char *s1, u_char *s2)
{
    return ngx_strncasecmp(s1, s2, SIZE_MAX);
}


ngx_int_t
ngx_strncasecmp(u_char *s1, u_char *s2, size_t n)
{
    u_char  c1, c2;

    for ( /* void */ ; n; n--) {

        c1 = ws_ngx_lower(*s1++);
        c2 = ws_ngx_lower(*s2++);

        if (c1 != c2) {
            return (ngx_int_t) c1 - c2;
        }

        if (c1 == '\0') {
            break;
        }
    }

    return 0;
}


ngx_int_t
ngx_memn2cmp(u_char *s1, u_char *s2, size_t n1, size_t n2)
{
    size_t     n;
    ngx_int_t  rc;

    n = ngx_min(n1, n2);
    rc = n ? ngx_memcmp(s1, s2, n) : 0;

    if (rc == 0 && n1 != n2) {
        return (n1 < n2) ? -1 : 1;
    }

    return rc;
}


ngx_int_t
ngx_atoi(u_char *line, size_t n)
{
    ngx_int_t  value, digit;

    if (n == 0) {
        return NGX_ERROR;
    }

    for (value = 0; n; n--, line++) {

        if (*line < '0' || *line > '9') {
            return NGX_ERROR;
        }

        digit = *line - '0';

        if (value > (NGX_MAX_INT_T_VALUE - digit) / 10) {
            return NGX_ERROR;
        }

        value = value * 10 + digit;
    }

    return value;
}


ngx_int_t
ngx_hextoi(u_char *line, size_t n)
{
    u_char     c;
    ngx_int_t  value, digit;

    if (n == 0) {
        return NGX_ERROR;
    }

    for (value = 0; n; n--, line++) {

        c = ws_ngx_lower(*line);

        if (c >= '0' && c <= '9') {
            digit = c - '0';

        } else if (c >= 'a' && c <= 'f') {
            digit = c - 'a' + 10;

        } else {
            return NGX_ERROR;
        }

        if (value > (NGX_MAX_INT_T_VALUE - digit) / 16) {
            return NGX_ERROR;
        }

        value = value * 16 + digit;
    }

    return value;
}


/* stable, and without memory it does nothing, both as in nginx */

void
ngx_sort(void *base, size_t n, size_t size,
    ngx_int_t (*cmp)(const void *, const void *))
{
    void  *buf;

    if (n < 2) {
        return;
    }

    buf = ngx_alloc(n * size, NULL);
    if (buf == NULL) {
        return;
    }

    ws_ngx_merge(base, n, size, buf, cmp);

    ngx_free(buf);
}


/* buf has room for the first half, which gives way while merging */

static void
ws_ngx_merge(u_char *base, size_t n, size_t size, u_char *buf,
    ngx_int_t (*cmp)(const void *, const void *))
{
    u_char  *a, *a_end, *b, *b_end, *out;

    if (n < 2) {
        return;
    }

    b = base + n / 2 * size;
    b_end = base + n * size;

    ws_ngx_merge(base, n / 2, size, buf, cmp);
    ws_ngx_merge(b, n - n / 2, size, buf, cmp);

    a = buf;
    a_end = ngx_cpymem(a, base, n / 2 * size);

    for (out = base; a < a_end; out += size) {

        if (b < b_end && cmp(b, a) < 0) {
            ngx_memcpy(out, b, size);
            b += size;

        } else {
            ngx_memcpy(out, a, size);
            a += size;
        }
    }
}


void
ngx_log_error_core(ngx_uint_t level, ngx_log_t *log, ngx_err_t err,
    const char *fmt, ...)
{
}
