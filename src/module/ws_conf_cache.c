
/* "workspace_cache": a zone for a store, used by some of its locations. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_cache.h"
#include "ws_conf.h"


static char *ws_conf_cache_invalid(ngx_conf_t *cf, ngx_str_t *value);


char *
ws_conf_cache(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ws_loc_conf_t  *wlcf = conf;

    u_char     *colon, *end;
    ssize_t     size;
    ngx_str_t  *value, name, text;

    if (wlcf->cache != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 3 && ngx_strncmp(value[1].data, "off", 3) == 0) {
        wlcf->cache = NULL;
        return NGX_CONF_OK;
    }

    end = value[1].data + value[1].len;

    if (value[1].len < 5 || ngx_strncmp(value[1].data, "zone=", 5) != 0) {
        return ws_conf_cache_invalid(cf, &value[1]);
    }

    name.data = value[1].data + 5;
    colon = ngx_strlchr(name.data, end, ':');

    if (colon == NULL || colon == name.data) {
        return ws_conf_cache_invalid(cf, &value[1]);
    }

    name.len = colon - name.data;
    text.data = colon + 1;
    text.len = end - text.data;

    size = ngx_parse_size(&text);

    if (size == NGX_ERROR || size == 0) {
        return ws_conf_cache_invalid(cf, &value[1]);
    }

    if (size < (ssize_t) (WS_CACHE_PAGES_MIN * ngx_pagesize)) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "zone \"%V\" of \"workspace_cache\" is too small: "
                           "expected %uzk at least", &name,
                           WS_CACHE_PAGES_MIN * ngx_pagesize / 1024);
        return NGX_CONF_ERROR;
    }

    wlcf->cache = ws_cache_zone(cf, &name, size, &ngx_http_workspace_module);

    return wlcf->cache ? NGX_CONF_OK : NGX_CONF_ERROR;
}


static char *
ws_conf_cache_invalid(ngx_conf_t *cf, ngx_str_t *value)
{
    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "invalid \"workspace_cache\" value \"%V\": expected "
                       "\"zone=NAME:SIZE\", such as \"zone=workspaces:10m\", "
                       "or \"off\"", value);

    return NGX_CONF_ERROR;
}


char *
ws_conf_cache_merge(ngx_conf_t *cf, ws_loc_conf_t *prev, ws_loc_conf_t *conf)
{
    ws_store_conf_t  *store;

    ngx_conf_merge_ptr_value(conf->cache, prev->cache, NULL);

    store = conf->store;

    if (!conf->enabled || conf->cache == NULL || store == NULL) {
        return NGX_CONF_OK;
    }

    if (store->redis.kind == WS_REDIS_CLUSTER) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"workspace_cache\" cannot be used with a cluster: "
                      "expected \"workspace_cache off\"");
        return NGX_CONF_ERROR;
    }

    /* a change made anywhere has to be known everywhere at once */

    if (store->zone && store->zone != conf->cache) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"workspace_cache\" has two zones, \"%V\" and \"%V\", "
                      "for the same \"workspace_redis\"",
                      &store->zone->shm.name, &conf->cache->shm.name);
        return NGX_CONF_ERROR;
    }

    store->zone = conf->cache;

    return NGX_CONF_OK;
}
