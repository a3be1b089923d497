/*
 * Where Redis is, as one line of text:
 *
 *     redis://[[user]:password@]host[:port][/db]
 *     rediss://[[user]:password@]host[:port][/db]          over TLS
 *     unix:/path[?db=N]
 *     unix://[[user]:password@]/path[?db=N]
 */


#ifndef _WS_REDIS_URL_H_INCLUDED_
#define _WS_REDIS_URL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define WS_REDIS_PORT  6379


typedef struct {
    ngx_str_t  host;                /* name or address; empty for a socket;
                                       IPv6 is without its brackets, and the
                                       only kind that has a colon */
    in_port_t  port;                /* host byte order; 0 for a socket */
    ngx_str_t  path;                /* unix socket, else empty */
    ngx_str_t  username;            /* empty: the default user */
    ngx_str_t  password;            /* empty: no AUTH; may hold any byte */
    ngx_int_t  db;                  /* for SELECT, 0 by default */
    unsigned   tls:1;
} ws_redis_url_t;


/*
 * Reads text into *url.  All strings are new in pool and each is followed by
 * a zero byte that is not counted.  Schemes are taken in either case; user
 * and password are percent-decoded (RFC 3986, section 2.1), the last "@"
 * before the path ends them, and where there is an "@" there must be a
 * password.  A socket path is taken as it stands, up to "?".
 *
 * Returns NGX_OK; NGX_DECLINED, and *detail is a phrase to follow the word
 * "expected", a constant string, which thus never shows a password (text may:
 * it should not be printed); NGX_ERROR when out of memory.  Unless NGX_OK,
 * *url is undefined.
 */
ngx_int_t ws_redis_url_parse(ngx_pool_t *pool, ngx_str_t *text,
    ws_redis_url_t *url, const char **detail);


#endif /* _WS_REDIS_URL_H_INCLUDED_ */
