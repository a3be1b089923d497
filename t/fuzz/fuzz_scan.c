/* links: src/core/{ws_json,ws_json_scan}.c; -ljansson */

/*
 * Any text is searched without a look beyond its end.  One that is an object
 * is written down, and then every member is found there with its value,
 * braces or not.
 */


#include <assert.h>

#include "ws_json.h"
#include "ws_json_scan.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_any(ngx_str_t *text)
{
    ngx_str_t  value;

    if (ws_json_scan(text, "name", &value) == NGX_OK) {
        assert(value.len);
        assert(value.data > text->data);
        assert(value.data + value.len <= text->data + text->len);
    }

    if (ws_json_scan_str(text, "name", &value) == NGX_OK) {
        assert(value.data + value.len < text->data + text->len);
        assert(value.data[-1] == '"');
    }
}


/* a key that is written as it is, which is what is looked for */

static ngx_uint_t
fuzz_plain(ngx_pool_t *pool, const char *key)
{
    ngx_str_t  s, text;
    ws_json_t  w;

    s.data = (u_char *) key;
    s.len = ngx_strlen(key);

    ws_json_init(&w, pool, 0);
    ws_json_string(&w, &s);
    assert(ws_json_str(&w, &text) == NGX_OK);

    return text.len == s.len + 2;
}


static void
fuzz_members(ngx_pool_t *pool, json_t *root)
{
    json_t      *v;
    ngx_str_t    text, bare, want, value, inner;
    const char  *key;

    assert(ws_json_dump(pool, root, &text) == NGX_OK);

    bare.data = text.data + 1;
    bare.len = text.len - 2;

    json_object_foreach(root, key, v) {

        if (!fuzz_plain(pool, key)) {
            continue;
        }

        assert(ws_json_dump(pool, v, &want) == NGX_OK);

        assert(ws_json_scan(&text, key, &value) == NGX_OK);
        assert(value.len == want.len);
        assert(ngx_memcmp(value.data, want.data, want.len) == 0);

        assert(ws_json_scan(&bare, key, &inner) == NGX_OK);
        assert(inner.data == value.data && inner.len == value.len);

        if (ws_json_scan_str(&text, key, &inner) == NGX_OK) {
            assert(json_is_string(v));
            assert(inner.len == json_string_length(v));
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char      *copy;
    json_t      *root;
    ngx_str_t    text, detail;
    ngx_pool_t  *pool;

    pool = ngx_create_pool(1024, NULL);
    assert(pool);

    /* a block of its own, so that its end is known */

    copy = malloc(size ? size : 1);
    assert(copy);
    ngx_memcpy(copy, data, size);

    text.data = copy;
    text.len = size;

    fuzz_any(&text);

    if (ws_json_parse_object(&text, &root, &detail) == NGX_OK) {
        fuzz_members(pool, root);
        json_decref(root);
    }

    free(copy);
    ngx_destroy_pool(pool);

    return 0;
}
