/* links: src/redis/ws_redis_url.c tools/ngx/ws_ngx.c */

/*
 * An address that is taken is either hosts with ports or a socket, and one
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
    ngx_uint_t       i;
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
        assert((url.nhosts == 0) == (url.path.len != 0));
        assert(url.nhosts <= (url.kind == WS_REDIS_ONE ? 1
                                                       : WS_REDIS_HOSTS_MAX));
        assert(url.path.len == 0 || (url.path.data[0] == '/' && !url.tls));
        assert((url.service.len != 0) == (url.kind == WS_REDIS_SENTINEL));
        assert(url.username.len == 0 || url.password.len);
        assert(url.db >= 0 && (url.db == 0 || url.kind != WS_REDIS_CLUSTER));

        for (i = 0; i < url.nhosts; i++) {
            assert(url.hosts[i].name.len && url.hosts[i].port);
            fuzz_str(&url.hosts[i].name);
        }

        fuzz_str(&url.path);
        fuzz_str(&url.service);
        fuzz_str(&url.username);
        fuzz_str(&url.password);

    } else {
        assert(rc == NGX_DECLINED && detail);
    }

    ngx_destroy_pool(pool);

    return 0;
}
