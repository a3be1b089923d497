
/*
 * Any path with any method: what is found lies within the path, and every
 * answer is complete.  The first byte of the input chooses the method.
 */


#include <assert.h>
#include <stdint.h>

#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_route.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


/* a part is empty, or a piece of the path without a slash */

static void
fuzz_part(ngx_str_t *part, ngx_str_t *path)
{
    if (part->len == 0) {
        return;
    }

    assert(part->data > path->data);
    assert(part->data + part->len <= path->data + path->len);
    assert(part->data[-1] == '/');
    assert(ngx_strlchr(part->data, part->data + part->len, '/') == NULL);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ngx_int_t    rc;
    ngx_str_t    path;
    ngx_uint_t   method;
    ws_route_t   route;

    if (size == 0) {
        return 0;
    }

    method = (ngx_uint_t) 1 << (data[0] % 16);

    path.data = (u_char *) data + 1;
    path.len = size - 1;

    rc = ws_route(&path, method, &route);

    fuzz_part(&route.workspace, &path);
    fuzz_part(&route.organization, &path);
    fuzz_part(&route.user, &path);
    fuzz_part(&route.name, &path);
    fuzz_part(&route.build, &path);
    fuzz_part(&route.number, &path);
    fuzz_part(&route.job, &path);

    switch (rc) {

    case NGX_OK:
        assert(route.endpoint > WS_ENDPOINT_NONE);
        assert(route.endpoint < WS_ENDPOINT_COUNT);
        assert(ws_endpoint_name(route.endpoint)->len);
        assert(route.allow.len == 0);
        break;

    case NGX_ABORT:
        assert(route.endpoint == WS_ENDPOINT_NONE);
        assert(route.allow.len >= 3 && route.allow.data[0] != ',');
        break;

    default:
        assert(rc == NGX_DECLINED);
        assert(route.endpoint == WS_ENDPOINT_NONE);
        assert(route.allow.len == 0);
    }

    return 0;
}
