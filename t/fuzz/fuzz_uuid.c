/* links: src/core/ws_uuid.c; -luuid */

/*
 * Whatever is taken for a UUID is printed as it was, in lower case.
 */


#include <assert.h>

#include "ws_uuid.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char     text[WS_UUID_LEN], c;
    size_t     i;
    ngx_str_t  s;
    ws_uuid_t  id, near;

    s.data = (u_char *) data;
    s.len = size;

    if (ws_uuid_parse(&s, &id) != NGX_OK) {
        return 0;
    }

    assert(size == WS_UUID_LEN);
    assert(ws_uuid_format(text, &id) == text + WS_UUID_LEN);

    for (i = 0; i < size; i++) {
        c = data[i];

        if (c >= 'A' && c <= 'F') {
            c |= 0x20;
        }

        assert(text[i] == c);
    }

    ws_uuid_generate_near(&near, &id);

    assert(ws_uuid_shard(&near, 1024) == ws_uuid_shard(&id, 1024));
    assert(ws_uuid_shard(&id, 64) == ws_uuid_shard(&id, 1024) % 64);

    return 0;
}
