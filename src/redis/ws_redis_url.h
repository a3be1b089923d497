/*
 * Where Redis is, as one line of text:
 *
 *     redis://[[user]:password@]host[:port][/db]
 *     rediss://[[user]:password@]host[:port][/db]          over TLS
 *     unix:/path[?db=N]
 *     unix://[[user]:password@]/path[?db=N]
 *     sentinel://[[user]:password@]host[:port][,..]/name[?db=N]
 *     sentinels://..                                       over TLS
 *     cluster://[[user]:password@]host[:port][,..]
 *     clusters://..                                        over TLS
 */


#ifndef _WS_REDIS_URL_H_INCLUDED_
#define _WS_REDIS_URL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define WS_REDIS_PORT      6379
#define WS_SENTINEL_PORT   26379
#define WS_REDIS_HOSTS_MAX  16


/* what answers at the hosts */

typedef enum {
    WS_REDIS_ONE = 0,               /* the Redis itself */
    WS_REDIS_SENTINEL,              /* Sentinels, which know where it is */
    WS_REDIS_CLUSTER                /* some of the nodes of a cluster */
} ws_redis_kind_e;


typedef struct {
    ngx_str_t         name;         /* or address; IPv6 is without its
                                       brackets, and the only kind that has
                                       a colon */
    in_port_t         port;         /* host byte order */
} ws_redis_host_t;


typedef struct {
    ws_redis_kind_e   kind;
    ws_redis_host_t   hosts[WS_REDIS_HOSTS_MAX];
    ngx_uint_t        nhosts;       /* 0 for a socket; one, or for Sentinel
                                       and cluster more */
    ngx_str_t         path;         /* unix socket, else empty */
    ngx_str_t         service;      /* what Sentinel calls it, else empty */
    ngx_str_t         username;     /* empty: the default user */
    ngx_str_t         password;     /* empty: no AUTH; may hold any byte */
    ngx_int_t         db;           /* for SELECT, 0 by default and always
                                       for a cluster */
    unsigned          tls:1;
} ws_redis_url_t;


/*
 * Reads text into *url.  All strings are new in pool and each is followed by
 * a zero byte that is not counted.  Schemes are taken in either case; user
 * and password are percent-decoded (RFC 3986, section 2.1), the last "@"
 * before the path ends them, and where there is an "@" there must be a
 * password.  A socket path is taken as it stands, up to "?".  User and
 * password are those of Redis, not of Sentinel.
 *
 * Returns NGX_OK; NGX_DECLINED, and *detail is a phrase to follow the word
 * "expected", a constant string, which thus never shows a password (text may:
 * it should not be printed); NGX_ERROR when out of memory.  Unless NGX_OK,
 * *url is undefined.
 */
ngx_int_t ws_redis_url_parse(ngx_pool_t *pool, ngx_str_t *text,
    ws_redis_url_t *url, const char **detail);


#endif /* _WS_REDIS_URL_H_INCLUDED_ */
