
/*
 * Configuration: reading and merging the directives.
 */


#ifndef _WS_CONF_H_INCLUDED_
#define _WS_CONF_H_INCLUDED_


#include "ws_request.h"


typedef struct {
    ngx_array_t      stores;        /* ws_store_conf_t *, distinct ones */
    ws_tz_db_t      *tz;
    ngx_uint_t       used;          /* some location has workspace_api */
} ws_main_conf_t;


void *ws_conf_create_main(ngx_conf_t *cf);
void *ws_conf_create_loc(ngx_conf_t *cf);
char *ws_conf_merge_loc(ngx_conf_t *cf, void *parent, void *child);

/* after the rest of ws_conf_merge_loc() */
char *ws_conf_wait_merge(ngx_conf_t *cf, ws_loc_conf_t *prev,
    ws_loc_conf_t *conf);
char *ws_conf_cache_merge(ngx_conf_t *cf, ws_loc_conf_t *prev,
    ws_loc_conf_t *conf);

/* directives, see docs/directives.md */
char *ws_conf_dialect(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ws_conf_agent_timeout(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ws_conf_prefix(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ws_conf_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ws_conf_shards(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ws_conf_wait(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ws_conf_cache(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);
char *ws_conf_identity(ngx_conf_t *cf, ngx_command_t *cmd, void *conf);

/*
 * Parameters of workspace_redis about TLS.  Each returns NGX_CONF_OK or what
 * was expected; the last one, called after them, NGX_CONF_ERROR, logged.
 */
char *ws_conf_redis_ca(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value);
char *ws_conf_redis_certificate(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value);
char *ws_conf_redis_certificate_key(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value);
char *ws_conf_redis_ssl_name(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value);
char *ws_conf_redis_verify(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value);
char *ws_conf_redis_tls(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_uint_t tls);

/* loads the time zones, once a configuration; NGX_OK or NGX_ERROR */
ngx_int_t ws_conf_tz(ngx_conf_t *cf, ws_main_conf_t *wmcf);


#endif /* _WS_CONF_H_INCLUDED_ */
