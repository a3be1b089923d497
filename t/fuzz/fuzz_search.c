
/*
 * Any query string, read as a listing does: each parameter, then "q".  Terms
 * that come out say the same when they are written as a search once more.
 */


#include <assert.h>
#include <stdint.h>
#include <stdio.h>

#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_query.h"
#include "ws_search.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static const char *const  fuzz_keys[] = {
    "owner", "template", "name", "status", "has-agent"
};


static void
fuzz_terms(ngx_array_t *terms)
{
    size_t             n;
    ngx_uint_t         i;
    ws_search_term_t  *term;

    assert(terms->nelts <= WS_SEARCH_MAX_TERMS);

    term = terms->elts;

    for (i = 0; i < terms->nelts; i++) {
        assert(term[i].key < WS_SEARCH_COUNT);
        assert(term[i].value.len);

        for (n = 0; n < term[i].value.len; n++) {
            assert(term[i].value.data[n] < 'A' || term[i].value.data[n] > 'Z');
        }
    }
}


/* key:"value" for each of the terms; empty when a value has a quote */

static ngx_str_t
fuzz_write(ngx_pool_t *pool, ngx_array_t *terms)
{
    size_t             size;
    ngx_str_t          text;
    ngx_uint_t         i;
    ws_search_term_t  *term;

    ngx_str_null(&text);

    size = 1;
    term = terms->elts;

    for (i = 0; i < terms->nelts; i++) {

        if (ngx_strlchr(term[i].value.data,
                        term[i].value.data + term[i].value.len, '"'))
        {
            return text;
        }

        size += term[i].value.len + 16;
    }

    text.data = ngx_pnalloc(pool, size);
    assert(text.data);

    for (i = 0; i < terms->nelts; i++) {
        text.len += snprintf((char *) text.data + text.len, size - text.len,
                             "%s:\"%.*s\" ", fuzz_keys[term[i].key],
                             (int) term[i].value.len, term[i].value.data);
    }

    return text;
}


static void
fuzz_again(ngx_pool_t *pool, ngx_array_t *terms)
{
    ngx_str_t          text;
    ngx_uint_t         i;
    const char        *detail;
    ngx_array_t        again;
    ws_search_term_t  *one, *two;

    text = fuzz_write(pool, terms);

    if (text.len == 0) {
        return;
    }

    assert(ngx_array_init(&again, pool, 4, sizeof(ws_search_term_t))
           == NGX_OK);
    assert(ws_search_parse(pool, &text, &again, &detail) == NGX_OK);
    assert(again.nelts == terms->nelts);

    one = terms->elts;
    two = again.elts;

    for (i = 0; i < again.nelts; i++) {
        assert(one[i].key == two[i].key);
        assert(one[i].value.len == two[i].value.len);
        assert(ngx_memcmp(one[i].value.data, two[i].value.data,
                          one[i].value.len) == 0);
    }
}


static void
fuzz_values(ngx_str_t *text)
{
    int64_t     n;
    ngx_uint_t  flag;

    if (ws_bool_parse(text, &flag) == NGX_OK) {
        assert(flag <= 1);
    }

    if (ws_limit_parse(text, &n) == NGX_OK) {
        assert(n >= 0 && n <= INT32_MAX);
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t     rc;
    ngx_str_t     args, value;
    ngx_uint_t    key;
    const char   *detail;
    ngx_pool_t   *pool;
    ngx_array_t   terms;

    pool = ngx_create_pool(1024, NULL);
    assert(pool);
    assert(ngx_array_init(&terms, pool, 4, sizeof(ws_search_term_t))
           == NGX_OK);

    args.data = (u_char *) data;
    args.len = size;

    fuzz_values(&args);

    for (key = 0; key < WS_SEARCH_COUNT; key++) {

        rc = ws_query_arg(pool, &args, ws_search_param(key), &value);
        assert(rc == NGX_OK || rc == NGX_DECLINED || rc == NGX_ABORT);

        if (rc == NGX_OK) {
            assert(ngx_strlchr(value.data, value.data + value.len, '\0')
                   == NULL);

            detail = NULL;
            rc = ws_search_add(&terms, key, &value, &detail);
            assert(rc == NGX_OK || (rc == NGX_DECLINED && detail));

            fuzz_values(&value);
        }
    }

    if (ws_query_arg(pool, &args, "q", &value) == NGX_OK) {
        detail = NULL;
        rc = ws_search_parse(pool, &value, &terms, &detail);
        assert(rc == NGX_OK || (rc == NGX_DECLINED && detail));
    }

    fuzz_terms(&terms);
    fuzz_again(pool, &terms);

    ngx_destroy_pool(pool);

    return 0;
}
