
/*
 * ngx_http_workspace_module: the Workspaces API, served by nginx' workers
 * out of Redis.
 *
 * This file is what nginx sees: directives, configuration, variables, phases.
 * What the module does is in src/, one folder a concern.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_conf.h"
#include "ws_error_filter.h"
#include "ws_variable.h"
#include "ws_worker.h"


static char *ngx_http_workspace_api(ngx_conf_t *cf, ngx_command_t *cmd,
    void *conf);
static ngx_int_t ngx_http_workspace_preconfiguration(ngx_conf_t *cf);
static ngx_int_t ngx_http_workspace_postconfiguration(ngx_conf_t *cf);


static ngx_command_t  ngx_http_workspace_commands[] = {

    { ngx_string("workspace_api"),
      NGX_HTTP_LOC_CONF|NGX_CONF_NOARGS,
      ngx_http_workspace_api,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("workspace_prefix"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF
          |NGX_HTTP_LIF_CONF|NGX_CONF_TAKE1,
      ws_conf_prefix,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("workspace_redis"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_1MORE,
      ws_conf_redis,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("workspace_shards"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ws_conf_shards,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("workspace_wait"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE12,
      ws_conf_wait,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("workspace_cache"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF|NGX_CONF_TAKE1,
      ws_conf_cache,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("workspace_dialect"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF
          |NGX_HTTP_LIF_CONF|NGX_CONF_TAKE1,
      ws_conf_dialect,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("workspace_identity"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF
          |NGX_HTTP_LIF_CONF|NGX_CONF_TAKE1,
      ws_conf_identity,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

    { ngx_string("workspace_agent_timeout"),
      NGX_HTTP_MAIN_CONF|NGX_HTTP_SRV_CONF|NGX_HTTP_LOC_CONF
          |NGX_HTTP_LIF_CONF|NGX_CONF_TAKE1,
      ws_conf_agent_timeout,
      NGX_HTTP_LOC_CONF_OFFSET,
      0,
      NULL },

      ngx_null_command
};


static ngx_http_module_t  ngx_http_workspace_module_ctx = {
    ngx_http_workspace_preconfiguration,   /* preconfiguration */
    ngx_http_workspace_postconfiguration,  /* postconfiguration */

    ws_conf_create_main,                   /* create main configuration */
    NULL,                                  /* init main configuration */

    NULL,                                  /* create server configuration */
    NULL,                                  /* merge server configuration */

    ws_conf_create_loc,                    /* create location configuration */
    ws_conf_merge_loc                      /* merge location configuration */
};


ngx_module_t  ngx_http_workspace_module = {
    NGX_MODULE_V1,
    &ngx_http_workspace_module_ctx,        /* module context */
    ngx_http_workspace_commands,           /* module directives */
    NGX_HTTP_MODULE,                       /* module type */
    NULL,                                  /* init master */
    NULL,                                  /* init module */
    ws_worker_init,                        /* init process */
    NULL,                                  /* init thread */
    NULL,                                  /* exit thread */
    ws_worker_exit,                        /* exit process */
    NULL,                                  /* exit master */
    NGX_MODULE_V1_PADDING
};


static char *
ngx_http_workspace_api(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ws_loc_conf_t  *wlcf = conf;

    ws_main_conf_t            *wmcf;
    ngx_http_core_loc_conf_t  *clcf;

    if (wlcf->enabled != NGX_CONF_UNSET) {
        return "is duplicate";
    }

    wlcf->enabled = 1;

    wmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_workspace_module);
    wmcf->used = 1;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);
    clcf->handler = ws_worker_handler;

    return NGX_CONF_OK;
}


static ngx_int_t
ngx_http_workspace_preconfiguration(ngx_conf_t *cf)
{
    return ws_variable_add(cf);
}


static ngx_int_t
ngx_http_workspace_postconfiguration(ngx_conf_t *cf)
{
    ws_main_conf_t  *wmcf;

    wmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_workspace_module);

    if (!wmcf->used) {
        return NGX_OK;
    }

    if (ws_conf_tz(cf, wmcf) != NGX_OK || ws_worker_phases(cf) != NGX_OK) {
        return NGX_ERROR;
    }

    ws_error_filter_init();

    return NGX_OK;
}
