
/*
 * Any bytes, cut anywhere, into the reader of replies.  The first byte of the
 * input chooses the size of the pieces.  Besides the absence of faults: what
 * comes out must not depend on the cuts.
 */


#include <stdint.h>
#include <stdlib.h>
#include <ngx_config.h>
#include <ngx_core.h>
#include <ws_reply.h>


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* touches every byte of a reply and returns a number made from it */

static uint64_t
walk(ws_reply_t *reply, ngx_uint_t depth, uint64_t hash)
{
    size_t      i;

    if (depth > WS_READER_DEPTH) {
        abort();
    }

    hash = hash * 31 + reply->type;
    hash = hash * 31 + (uint64_t) reply->integer;
    hash = hash * 31 + reply->n;

    switch (reply->type) {

    case WS_REPLY_STRING:
    case WS_REPLY_STATUS:
    case WS_REPLY_ERROR:

        if (reply->str.data[reply->str.len] != '\0') {
            abort();
        }

        for (i = 0; i < reply->str.len; i++) {
            hash = hash * 31 + reply->str.data[i];
        }

        break;

    case WS_REPLY_ARRAY:

        for (i = 0; i < reply->n; i++) {
            hash = walk(&reply->elts[i], depth + 1, hash);
        }

        break;

    case WS_REPLY_INTEGER:
    case WS_REPLY_NIL:
        break;

    default:
        abort();
    }

    return hash;
}


static uint64_t
run(ws_reader_t *reader, const uint8_t *data, size_t size, size_t piece)
{
    size_t       n;
    uint64_t     hash;
    ngx_int_t    rc;
    ws_reply_t  *reply;

    hash = 7;

    while (size) {
        n = ngx_min(piece, size);

        if (ws_reader_feed(reader, data, n) != NGX_OK) {
            break;
        }

        data += n;
        size -= n;

        while ((rc = ws_reader_next(reader, &reply)) == NGX_OK) {
            hash = walk(reply, 0, hash);
        }

        if (rc == NGX_ERROR) {

            if (ws_reader_error(reader) == NULL) {
                abort();
            }

            hash++;
            break;
        }
    }

    return hash;
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint64_t      hash;
    ngx_pool_t   *pool;
    ws_reader_t  *reader;

    if (size < 1) {
        return 0;
    }

    pool = ngx_create_pool(1024, NULL);
    if (pool == NULL) {
        return 0;
    }

    reader = ws_reader_create(pool);
    if (reader == NULL) {
        abort();
    }

    ws_reader_limit(reader, 1024 * 1024);

    hash = run(reader, data + 1, size - 1, size);

    if (ws_reader_reset(reader) != NGX_OK
        || run(reader, data + 1, size - 1, data[0] + 1) != hash)
    {
        abort();
    }

    ws_reader_destroy(reader);
    ngx_destroy_pool(pool);

    return 0;
}
