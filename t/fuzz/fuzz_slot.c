/* links: src/redis/ws_slot.c src/redis/ws_reply.c tools/ngx/ws_ngx.c */

/*
 * What nodes of a cluster say, as the text of an error and as an answer to
 * CLUSTER SLOTS: a range that is taken is one, and its host lies within what
 * was said.
 */


#include <assert.h>

#include "ws_slot.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_range(ws_slot_range_t *range)
{
    assert(range->first <= range->last && range->last < WS_SLOTS);
    assert(range->port);
}


static void
fuzz_reply(ws_reply_t *reply)
{
    ngx_uint_t        i;
    ws_slot_range_t   range;

    for (i = 0; ws_slot_range(reply, i, &range) == NGX_OK; i++) {
        fuzz_range(&range);

        if (range.host.len) {
            (void) ws_slot(&range.host);
        }
    }

    assert(reply->type != WS_REPLY_ARRAY || i <= reply->n);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_str_t         text;
    ngx_pool_t       *pool;
    ws_reply_t       *reply;
    ws_reader_t      *reader;
    ws_slot_range_t   range;

    text.data = (u_char *) data;
    text.len = size;

    assert(ws_slot(&text) < WS_SLOTS);

    if (ws_slot_redirect(&text, &range) == NGX_OK) {
        fuzz_range(&range);
        assert(range.host.data >= text.data
               && range.host.data + range.host.len <= text.data + text.len);
    }

    pool = ngx_create_pool(1024, NULL);
    assert(pool);

    reader = ws_reader_create(pool);
    assert(reader);

    if (ws_reader_feed(reader, data, size) == NGX_OK
        && ws_reader_next(reader, &reply) == NGX_OK)
    {
        fuzz_reply(reply);
    }

    ws_reader_destroy(reader);
    ngx_destroy_pool(pool);

    return 0;
}
