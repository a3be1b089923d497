
/* The bounds of a TTL, in one place for create, update and templates. */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_ttl.h"


ngx_int_t
ws_ttl_check(int64_t *ttl_ms, const char **detail)
{
    int64_t  ms;

    if (*ttl_ms == 0) {
        return NGX_OK;
    }

    ms = *ttl_ms;

    /* % rounds towards zero; what is negative is refused below */

    ms -= ms % WS_TTL_MIN_MS;

    if (ms < WS_TTL_MIN_MS) {
        *detail = "must be at least one minute";
        return NGX_DECLINED;
    }

    if (ms > WS_TTL_MAX_MS) {
        *detail = "must be at most seven days";
        return NGX_DECLINED;
    }

    *ttl_ms = ms;

    return NGX_OK;
}
