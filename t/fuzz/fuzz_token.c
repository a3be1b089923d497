/* links: src/core/ws_token.c; -lcrypto */

/*
 * A token is taken as a whole, and its secret verifies against its own hash
 * only.  Any input serves as a stored hash as well.
 */


#include <assert.h>

#include "ws_token.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    u_char      hex[WS_TOKEN_HASH_LEN];
    ngx_str_t   s, hash;
    ws_token_t  t;

    s.data = (u_char *) data;
    s.len = size;

    hash.data = hex;
    hash.len = WS_TOKEN_HASH_LEN;

    assert(ws_token_hash(&s, hex) == NGX_OK);
    assert(ws_token_verify(&s, &hash) == NGX_OK);
    assert(ws_token_verify(&hash, &s) == NGX_DECLINED);

    if (ws_token_parse(&s, &t) != NGX_OK) {
        return 0;
    }

    assert(size == WS_TOKEN_LEN);
    assert(t.id.data == data && t.id.len == WS_TOKEN_ID_LEN);
    assert(t.secret.data + t.secret.len == data + size);
    assert(t.secret.len == WS_TOKEN_SECRET_LEN);
    assert(ws_token_verify(&t.secret, &hash) == NGX_DECLINED);

    return 0;
}
