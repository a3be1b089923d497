
#ifndef _WS_REDIS_TLS_H_INCLUDED_
#define _WS_REDIS_TLS_H_INCLUDED_


/*
 * TLS to Redis, by nginx's own means (ngx_event_openssl.h): between "the
 * socket is connected" and the first words on a connection.  An nginx without
 * SSL has none of it.
 */


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * How to speak TLS; part of ws_redis_conf_t.  Strings end in a zero byte that
 * is not counted; empty ones were not given.
 */

typedef struct {
    ngx_str_t     ca;               /* file: who signs; empty: the system's */
    ngx_str_t     certificate;      /* files: ours */
    ngx_str_t     key;
    ngx_str_t     name;             /* Redis'; empty: as it is addressed */
    void         *ssl;              /* ngx_ssl_t *, or NULL: no TLS */
    unsigned      verify:1;
} ws_redis_tls_t;


/*
 * Makes tls->ssl from the rest while the configuration is read.  NGX_OK, or
 * NGX_ERROR, which has been logged.
 */
ngx_int_t ws_redis_tls_init(ngx_conf_t *cf, ws_redis_tls_t *tls);


#endif /* _WS_REDIS_TLS_H_INCLUDED_ */
