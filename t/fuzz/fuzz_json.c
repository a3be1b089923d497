/* links: src/core/{ws_json,ws_time,ws_uuid}.c tools/ngx/ws_ngx.c;
   -ljansson -luuid */

/*
 * An object that is taken is dumped to a text that is taken again and means
 * the same.  Any input is also written as a string: when it is UTF-8 (which
 * jansson decides) it is read back as the same bytes.
 */


#include <assert.h>

#include "ws_json.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_object(ngx_pool_t *pool, ngx_str_t *text)
{
    json_t     *root, *again;
    ngx_int_t   rc;
    ngx_str_t   detail, out, twice;

    rc = ws_json_parse_object(text, &root, &detail);

    if (rc == NGX_DECLINED) {
        assert(root == NULL && detail.len);
        return;
    }

    assert(rc == NGX_OK && json_is_object(root));

    assert(ws_json_dump(pool, root, &out) == NGX_OK);
    assert(ws_json_parse_object(&out, &again, &detail) == NGX_OK);
    assert(json_equal(root, again));

    assert(ws_json_dump(pool, again, &twice) == NGX_OK);
    assert(out.len == twice.len);
    assert(ngx_memcmp(out.data, twice.data, out.len) == 0);

    (void) ws_json_get_str(root, "s");
    (void) ws_json_get_int(root, "i", 0);

    json_decref(again);
    json_decref(root);
}


static void
fuzz_string(ngx_pool_t *pool, ngx_str_t *text)
{
    json_t     *v, *s;
    ngx_str_t   out;
    ws_json_t   w;

    ws_json_init(&w, pool, 0);
    ws_json_string(&w, text);
    assert(ws_json_str(&w, &out) == NGX_OK);

    s = json_stringn((char *) text->data, text->len);
    v = json_loadb((char *) out.data, out.len, JSON_DECODE_ANY|JSON_ALLOW_NUL,
                   NULL);

    assert((s == NULL) == (v == NULL));
    assert(s == NULL || json_equal(s, v));

    json_decref(s);
    json_decref(v);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t    text;
    ngx_pool_t  *pool;

    pool = ngx_create_pool(1024, NULL);
    assert(pool);

    text.data = (u_char *) data;
    text.len = size;

    fuzz_object(pool, &text);
    fuzz_string(pool, &text);

    ngx_destroy_pool(pool);

    return 0;
}
