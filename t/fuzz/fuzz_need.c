/* links: src/store/ws_need.c the core; -ljansson -luuid */

/*
 * Any text as what a job needs, offered whatever JSON the same text holds.
 * Tags written down as a need are met by themselves; those that are valid
 * are met by nobody who lacks one of them.
 */


#include <assert.h>

#include "ws_json.h"
#include "ws_need.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static ngx_uint_t
fuzz_valid(json_t *tags)
{
    json_t      *v;
    ngx_str_t    name, value;
    const char  *key, *detail;

    json_object_foreach(tags, key, v) {
        name.data = (u_char *) key;
        name.len = ngx_strlen(key);
        value = ws_json_get_str(tags, key);

        if (!json_is_string(v)
            || ws_tag_valid(&name, &value, &detail) != NGX_OK)
        {
            return 0;
        }
    }

    return 1;
}


static void
fuzz_tags(ngx_pool_t *pool, json_t *tags)
{
    ngx_str_t   text;
    ws_uuid_t   org = { "organization 000" };
    ws_need_t   need;
    ws_offer_t  offer;

    text = ws_need_write(pool, &org, tags);
    assert(text.data && ws_need_parse(&text, &need) == NGX_OK);
    assert(ws_uuid_eq(&need.org, &org));

    ngx_memzero(&offer, sizeof(offer));
    offer.tags = tags;

    if (!fuzz_valid(tags)) {
        (void) ws_need_met(&need, &offer);
        return;
    }

    assert(ws_need_met(&need, &offer));

    offer.tags = NULL;
    assert(ws_need_met(&need, &offer) == (json_object_size(tags) == 0));

    offer.org.b[0] = 1;
    assert(!ws_need_met(&need, &offer));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t      *tags;
    ngx_str_t    text, detail;
    ws_need_t    need;
    ws_offer_t   offer;
    ngx_pool_t  *pool;

    pool = ngx_create_pool(1024, NULL);
    assert(pool);

    text.data = (u_char *) data;
    text.len = size;

    ngx_memzero(&offer, sizeof(offer));

    if (ws_need_parse(&text, &need) == NGX_OK) {
        (void) ws_need_met(&need, &offer);
    }

    if (ws_json_parse_object(&text, &tags, &detail) == NGX_OK) {
        fuzz_tags(pool, tags);
        json_decref(tags);
    }

    ngx_destroy_pool(pool);

    return 0;
}
