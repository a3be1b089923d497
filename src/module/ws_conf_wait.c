
/*
 * workspace_wait: how many replicas have to have a change.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_conf.h"


#define WS_WAIT_REPLICAS_MAX  100


char *
ws_conf_wait(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ws_loc_conf_t  *wlcf = conf;

    ngx_int_t   replicas, timeout;
    ngx_str_t  *value;

    if (wlcf->wait_replicas != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    wlcf->wait_replicas = 0;
    wlcf->wait_timeout = 0;

    if (cf->args->nelts == 2 && ngx_strcmp(value[1].data, "off") == 0) {
        return NGX_CONF_OK;
    }

    replicas = ngx_atoi(value[1].data, value[1].len);

    if (cf->args->nelts != 3 || replicas < 1
        || replicas > WS_WAIT_REPLICAS_MAX)
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"workspace_wait\": expected a number of "
                           "replicas from 1 to %d and a time, or \"off\"",
                           WS_WAIT_REPLICAS_MAX);
        return NGX_CONF_ERROR;
    }

    /* 0 would be for ever (https://redis.io/commands/wait/) */

    timeout = ngx_parse_time(&value[2], 0);

    if (timeout == NGX_ERROR || timeout == 0) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid time \"%V\" in \"workspace_wait\": "
                           "expected one such as 500ms or 2s", &value[2]);
        return NGX_CONF_ERROR;
    }

    wlcf->wait_replicas = replicas;
    wlcf->wait_timeout = timeout;

    return NGX_CONF_OK;
}


char *
ws_conf_wait_merge(ngx_conf_t *cf, ws_loc_conf_t *prev, ws_loc_conf_t *conf)
{
    ws_redis_conf_t  *redis;

    if (conf->wait_replicas == NGX_CONF_UNSET_UINT) {
        conf->wait_replicas = prev->wait_replicas;
        conf->wait_timeout = prev->wait_timeout;
    }

    if (conf->wait_replicas == NGX_CONF_UNSET_UINT) {
        conf->wait_replicas = 0;
        conf->wait_timeout = 0;
    }

    if (!conf->enabled) {
        return NGX_CONF_OK;
    }

    redis = &conf->store->redis;

    if (redis->wait_replicas == NGX_CONF_UNSET_UINT) {
        redis->wait_replicas = conf->wait_replicas;
        redis->wait_timeout = conf->wait_timeout;
    }

    if (redis->wait_replicas != conf->wait_replicas
        || redis->wait_timeout != conf->wait_timeout)
    {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"workspace_wait\" has two values for the same "
                      "\"workspace_redis\"");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
