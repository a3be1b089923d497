
/*
 * workspace_redis: what is about TLS.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_conf.h"


char *
ws_conf_redis_ca(ngx_conf_t *cf, ws_store_conf_t *store, ngx_str_t *value)
{
    store->redis.tls.ca = *value;

    return value->len ? NGX_CONF_OK : "a file";
}


char *
ws_conf_redis_certificate(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value)
{
    store->redis.tls.certificate = *value;

    return value->len ? NGX_CONF_OK : "a file";
}


char *
ws_conf_redis_certificate_key(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value)
{
    store->redis.tls.key = *value;

    return value->len ? NGX_CONF_OK : "a file";
}


char *
ws_conf_redis_ssl_name(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value)
{
    store->redis.tls.name = *value;

    return value->len && value->len < 256 ? NGX_CONF_OK : "a host name";
}


char *
ws_conf_redis_verify(ngx_conf_t *cf, ws_store_conf_t *store, ngx_str_t *value)
{
    if (value->len == 2 && ngx_strncmp(value->data, "on", 2) == 0) {
        store->redis.tls.verify = 1;
        return NGX_CONF_OK;
    }

    if (value->len == 3 && ngx_strncmp(value->data, "off", 3) == 0) {
        store->redis.tls.verify = 0;
        return NGX_CONF_OK;
    }

    return "\"on\" or \"off\"";
}


char *
ws_conf_redis_tls(ngx_conf_t *cf, ws_store_conf_t *store, ngx_uint_t tls)
{
    ws_redis_tls_t  *t;

    t = &store->redis.tls;

    /* what seems to protect must not be without effect */

    if (!tls && (t->ca.len || t->certificate.len || t->key.len || t->name.len
                 || !t->verify))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "parameters \"ssl_..\" in \"workspace_redis\" need "
                           "a URL that begins with \"rediss:\", "
                           "\"sentinels:\" or \"clusters:\"");
        return NGX_CONF_ERROR;
    }

    if ((t->certificate.len == 0) != (t->key.len == 0)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"workspace_redis\" needs both "
                           "\"ssl_certificate=\" and "
                           "\"ssl_certificate_key=\", or neither");
        return NGX_CONF_ERROR;
    }

    if (!t->verify && t->ca.len) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "\"ssl_ca=\" in \"workspace_redis\" has no use "
                           "with \"ssl_verify=off\"");
        return NGX_CONF_ERROR;
    }

    if (tls && ws_redis_tls_init(cf, t) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
