
/*
 * Directives are checked when they are read: what "nginx -t" accepts, works.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_agent.h"
#include "ws_conf.h"
#include "ws_worker.h"


#define WS_PREFIX  "/api/v2"


static char *ws_conf_shards_merge(ngx_conf_t *cf, ws_loc_conf_t *conf);


void *
ws_conf_create_main(ngx_conf_t *cf)
{
    ws_main_conf_t  *wmcf;

    wmcf = ngx_pcalloc(cf->pool, sizeof(ws_main_conf_t));
    if (wmcf == NULL) {
        return NULL;
    }

    if (ngx_array_init(&wmcf->stores, cf->pool, 1, sizeof(ws_store_conf_t *))
        != NGX_OK)
    {
        return NULL;
    }

    return wmcf;
}


void *
ws_conf_create_loc(ngx_conf_t *cf)
{
    ws_loc_conf_t  *wlcf;

    wlcf = ngx_pcalloc(cf->pool, sizeof(ws_loc_conf_t));
    if (wlcf == NULL) {
        return NULL;
    }

    wlcf->enabled = NGX_CONF_UNSET;
    wlcf->dialect = NGX_CONF_UNSET_UINT;
    wlcf->identity = NGX_CONF_UNSET_PTR;
    wlcf->agent_timeout = NGX_CONF_UNSET_MSEC;
    wlcf->store = NGX_CONF_UNSET_PTR;
    wlcf->shards = NGX_CONF_UNSET_UINT;
    wlcf->wait_replicas = NGX_CONF_UNSET_UINT;
    wlcf->cache = NGX_CONF_UNSET_PTR;

    return wlcf;
}


char *
ws_conf_merge_loc(ngx_conf_t *cf, void *parent, void *child)
{
    ws_loc_conf_t             *prev = parent;
    ws_loc_conf_t             *conf = child;

    ws_loc_conf_t             *server;
    ws_main_conf_t            *wmcf;
    ngx_http_core_loc_conf_t  *clcf;
    ngx_http_core_srv_conf_t  *cscf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* "if" and limit_except blocks are the location that they are in */

    if (clcf->noname && clcf->handler == NULL
        && conf->enabled == NGX_CONF_UNSET && prev->enabled == 1)
    {
        conf->enabled = 1;
        clcf->handler = ws_worker_handler;
    }

    if (conf->enabled == NGX_CONF_UNSET) {
        conf->enabled = 0;
    }

    wmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_workspace_module);
    conf->tz = &wmcf->tz;

    ngx_conf_merge_str_value(conf->prefix, prev->prefix, WS_PREFIX);
    ngx_conf_merge_uint_value(conf->dialect, prev->dialect,
                              WS_DIALECT_PUBLISHED);
    ngx_conf_merge_ptr_value(conf->identity, prev->identity, NULL);
    ngx_conf_merge_msec_value(conf->agent_timeout, prev->agent_timeout,
                              WS_AGENT_TIMEOUT_MS);
    ngx_conf_merge_ptr_value(conf->store, prev->store, NULL);
    ngx_conf_merge_uint_value(conf->shards, prev->shards, 1);

    if (conf->enabled && conf->store == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"workspace_api\" needs \"workspace_redis\", "
                      "in location \"%V\" or around it", &clcf->name);
        return NGX_CONF_ERROR;
    }

    if (conf->enabled) {
        cscf = ngx_http_conf_get_module_srv_conf(cf, ngx_http_core_module);
        server = cscf->ctx->loc_conf[ngx_http_workspace_module.ctx_index];

        conf->next = server->apis;
        server->apis = conf;
    }

    if (ws_conf_shards_merge(cf, conf) != NGX_CONF_OK
        || ws_conf_wait_merge(cf, prev, conf) != NGX_CONF_OK)
    {
        return NGX_CONF_ERROR;
    }

    return ws_conf_cache_merge(cf, prev, conf);
}


static char *
ws_conf_shards_merge(ngx_conf_t *cf, ws_loc_conf_t *conf)
{
    ws_store_conf_t  *store;

    store = conf->store;

    if (!conf->enabled) {
        return NGX_CONF_OK;
    }

    if (store->ks.shards == 0) {
        store->ks.shards = conf->shards;
    }

    if (store->ks.shards != conf->shards) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"workspace_shards\" has two values, %ui and %ui, for "
                      "the same \"workspace_redis\"",
                      store->ks.shards, conf->shards);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


ngx_int_t
ws_conf_tz(ngx_conf_t *cf, ws_main_conf_t *wmcf)
{
    wmcf->tz = ws_tz_db_load(cf->pool, WS_TZ_DIR);

    return wmcf->tz ? NGX_OK : NGX_ERROR;
}


char *
ws_conf_prefix(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ws_loc_conf_t  *wlcf = conf;

    ngx_str_t  *value;

    if (wlcf->prefix.data) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len == 0 || value[1].data[0] != '/'
        || (value[1].len > 1 && value[1].data[value[1].len - 1] == '/'))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"workspace_prefix\" value \"%V\": "
                           "expected a path such as \"/api/v2\", without "
                           "a slash at its end", &value[1]);
        return NGX_CONF_ERROR;
    }

    wlcf->prefix = value[1];

    if (wlcf->prefix.len == 1) {
        wlcf->prefix.len = 0;
    }

    return NGX_CONF_OK;
}


char *
ws_conf_shards(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ws_loc_conf_t  *wlcf = conf;

    ngx_int_t   n;
    ngx_str_t  *value;

    if (wlcf->shards != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;
    n = ngx_atoi(value[1].data, value[1].len);

    if (n < 1 || n > WS_UUID_SHARDS_MAX || (n & (n - 1))) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"workspace_shards\" value \"%V\": "
                           "expected a power of two from 1 to %d",
                           &value[1], WS_UUID_SHARDS_MAX);
        return NGX_CONF_ERROR;
    }

    wlcf->shards = n;

    return NGX_CONF_OK;
}


char *
ws_conf_dialect(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ws_loc_conf_t  *wlcf = conf;

    ngx_str_t  *value;

    if (wlcf->dialect != NGX_CONF_UNSET_UINT) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (ngx_strcmp(value[1].data, "published") == 0) {
        wlcf->dialect = WS_DIALECT_PUBLISHED;

    } else if (ngx_strcmp(value[1].data, "coder") == 0) {
        wlcf->dialect = WS_DIALECT_CODER;

    } else {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"workspace_dialect\" value \"%V\": "
                           "expected \"published\" or \"coder\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


char *
ws_conf_agent_timeout(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ws_loc_conf_t  *wlcf = conf;

    ngx_int_t   ms;
    ngx_str_t  *value;

    if (wlcf->agent_timeout != NGX_CONF_UNSET_MSEC) {
        return "is duplicate";
    }

    value = cf->args->elts;
    ms = ngx_parse_time(&value[1], 0);

    if (ms < 1) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"workspace_agent_timeout\" value \"%V\": "
                           "expected a time such as \"30s\"", &value[1]);
        return NGX_CONF_ERROR;
    }

    wlcf->agent_timeout = ms;

    return NGX_CONF_OK;
}


char *
ws_conf_identity(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ws_loc_conf_t  *wlcf = conf;

    ngx_str_t                         *value;
    ngx_http_compile_complex_value_t   ccv;

    if (wlcf->identity != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    value = cf->args->elts;

    if (value[1].len < 2 || value[1].data[0] != '$') {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid \"workspace_identity\" value \"%V\": "
                           "expected a variable such as \"$who\"",
                           &value[1]);
        return NGX_CONF_ERROR;
    }

    wlcf->identity = ngx_palloc(cf->pool, sizeof(ngx_http_complex_value_t));
    if (wlcf->identity == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memzero(&ccv, sizeof(ngx_http_compile_complex_value_t));

    ccv.cf = cf;
    ccv.value = &value[1];
    ccv.complex_value = wlcf->identity;

    if (ngx_http_compile_complex_value(&ccv) != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}
