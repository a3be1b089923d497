/* links: src/lifecycle/ws_param{,_check,_regex}.c the core; -ljansson */

/*
 * An object {"declared", "given", "previous"}: parameters as a template
 * version declares them, and values for two builds.  A declaration that is
 * taken is taken again as it is stored.  Values that are taken are those of
 * the declaration, are valid each by itself, and stay what they are in the
 * next build.
 */


#include <assert.h>

#include "ws_json.h"
#include "ws_param.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_value(ngx_pool_t *pool, json_t *declared, json_t *item)
{
    size_t     i;
    json_t    *param;
    ngx_str_t  name, value, detail;

    name = ws_json_get_str(item, "name");
    value = ws_json_get_str(item, "value");

    json_array_foreach(declared, i, param) {
        if (json_equal(json_object_get(param, "name"),
                       json_object_get(item, "name")))
        {
            assert(name.len <= WS_PARAM_NAME_MAX);
            assert(ws_param_value(pool, param, &value, &detail) == NGX_OK);
            return;
        }
    }

    assert(0);
}


static void
fuzz_resolve(ngx_pool_t *pool, json_t *declared, json_t *given,
    json_t *previous)
{
    size_t     i;
    json_t    *values, *again, *item;
    ngx_int_t  rc;
    ngx_str_t  name, detail;

    rc = ws_param_resolve(pool, declared, given, previous, &values, &name,
                          &detail);
    assert(rc == NGX_OK || rc == NGX_DECLINED);

    if (rc == NGX_DECLINED) {
        assert(detail.len);
        return;
    }

    assert(json_array_size(values) <= json_array_size(declared));

    json_array_foreach(values, i, item) {
        fuzz_value(pool, declared, item);
    }

    assert(ws_param_resolve(pool, declared, NULL, values, &again, &name,
                            &detail)
           == NGX_OK);
    assert(json_equal(values, again));

    json_decref(again);
    json_decref(values);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t      *root, *declared;
    ngx_int_t    rc;
    ngx_str_t    text, detail;
    ngx_pool_t  *pool;

    pool = ngx_create_pool(4096, NULL);
    assert(pool);

    text.data = (u_char *) data;
    text.len = size;

    if (ws_json_parse_object(&text, &root, &detail) != NGX_OK) {
        ngx_destroy_pool(pool);
        return 0;
    }

    declared = json_object_get(root, "declared");
    rc = ws_param_check(pool, declared, &detail);
    assert(rc == NGX_OK || (rc == NGX_DECLINED && detail.len));

    if (rc == NGX_OK) {
        assert(ws_param_check(pool, declared, &detail) == NGX_OK);

        fuzz_resolve(pool, declared, json_object_get(root, "given"), NULL);
        fuzz_resolve(pool, declared, json_object_get(root, "given"),
                     json_object_get(root, "previous"));
    }

    json_decref(root);
    ngx_destroy_pool(pool);

    return 0;
}
