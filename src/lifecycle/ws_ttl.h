
/*
 * The time to live of a workspace's builds.  contract: TTL
 */


#ifndef _WS_TTL_H_INCLUDED_
#define _WS_TTL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define WS_TTL_MIN_MS  ((int64_t) 60 * 1000)
#define WS_TTL_MAX_MS  ((int64_t) 7 * 24 * 60 * 60 * 1000)


/*
 * 0 stays 0 (none); otherwise rounds down to the minute.  NGX_OK, or
 * NGX_DECLINED with a constant detail when it is out of bounds.
 */
ngx_int_t ws_ttl_check(int64_t *ttl_ms, const char **detail);


#endif /* _WS_TTL_H_INCLUDED_ */
