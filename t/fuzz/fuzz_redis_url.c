/* links: src/redis/ws_redis_url.c tools/ngx/ws_ngx.c */

/*
 * An address that is taken is either a host with a port or a socket, and one
 * that is not comes with what was expected.
 */


#include <assert.h>

#include "ws_redis_url.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_str(ngx_str_t *s)
{
    assert(s->data == NULL ? s->len == 0 : s->data[s->len] == '\0');
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t        rc;
    ngx_str_t        text;
    ngx_pool_t      *pool;
    const char      *detail;
    ws_redis_url_t   url;

    pool = ngx_create_pool(1024, NULL);
    assert(pool);

    text.data = (u_char *) data;
    text.len = size;

    detail = NULL;
    rc = ws_redis_url_parse(pool, &text, &url, &detail);

    if (rc == NGX_OK) {
        assert((url.host.len == 0) == (url.port == 0));
        assert((url.host.len == 0) != (url.path.len == 0));
        assert(url.path.len == 0 || (url.path.data[0] == '/' && !url.tls));
        assert(url.username.len == 0 || url.password.len);
        assert(url.db >= 0);

        fuzz_str(&url.host);
        fuzz_str(&url.path);
        fuzz_str(&url.username);
        fuzz_str(&url.password);

    } else {
        assert(rc == NGX_DECLINED && detail);
    }

    ngx_destroy_pool(pool);

    return 0;
}
