
/*
 * Variables never make anything happen: they tell what the request has found
 * out so far, and are empty before that.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_request.h"
#include "ws_variable.h"


typedef enum {
    WS_VARIABLE_USER = 0,
    WS_VARIABLE_USER_ID,
    WS_VARIABLE_ID,
    WS_VARIABLE_ENDPOINT,
    WS_VARIABLE_CACHE_STATUS,
    WS_VARIABLE_REDIS_TIME
} ws_variable_e;


static ngx_int_t ws_variable_get(ngx_http_request_t *r,
    ngx_http_variable_value_t *v, uintptr_t data);
static ngx_int_t ws_variable_value(ws_request_t *req, uintptr_t which,
    ngx_str_t *value);
static ngx_int_t ws_variable_id(ws_request_t *req, ngx_str_t *value);
static ngx_int_t ws_variable_redis_time(ws_request_t *req, ngx_str_t *value);


static ngx_http_variable_t  ws_variables[] = {

    { ngx_string("workspace_user"), NULL, ws_variable_get,
      WS_VARIABLE_USER, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("workspace_user_id"), NULL, ws_variable_get,
      WS_VARIABLE_USER_ID, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("workspace_id"), NULL, ws_variable_get,
      WS_VARIABLE_ID, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("workspace_endpoint"), NULL, ws_variable_get,
      WS_VARIABLE_ENDPOINT, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("workspace_cache_status"), NULL, ws_variable_get,
      WS_VARIABLE_CACHE_STATUS, NGX_HTTP_VAR_NOCACHEABLE, 0 },

    { ngx_string("workspace_redis_time"), NULL, ws_variable_get,
      WS_VARIABLE_REDIS_TIME, NGX_HTTP_VAR_NOCACHEABLE, 0 },

      ngx_http_null_variable
};


/* by ws_cache_status_e */

static const ngx_str_t  ws_variable_cache_status[] = {
    ngx_null_string,
    ngx_string("MISS"),
    ngx_string("HIT"),
    ngx_string("BYPASS")
};


ngx_int_t
ws_variable_add(ngx_conf_t *cf)
{
    ngx_http_variable_t  *var, *v;

    for (v = ws_variables; v->name.len; v++) {
        var = ngx_http_add_variable(cf, &v->name, v->flags);
        if (var == NULL) {
            return NGX_ERROR;
        }

        var->get_handler = v->get_handler;
        var->data = v->data;
    }

    return NGX_OK;
}


static ngx_int_t
ws_variable_get(ngx_http_request_t *r, ngx_http_variable_value_t *v,
    uintptr_t data)
{
    ngx_int_t      rc;
    ngx_str_t      value;
    ws_request_t  *req;

    req = ngx_http_get_module_ctx(r, ngx_http_workspace_module);

    ngx_str_null(&value);

    if (req && req->conf) {
        rc = ws_variable_value(req, data, &value);
        if (rc != NGX_OK) {
            return rc;
        }
    }

    if (value.len == 0) {
        v->not_found = 1;
        return NGX_OK;
    }

    v->len = value.len;
    v->valid = 1;
    v->no_cacheable = 0;
    v->not_found = 0;
    v->data = value.data;

    return NGX_OK;
}


static ngx_int_t
ws_variable_value(ws_request_t *req, uintptr_t which, ngx_str_t *value)
{
    switch (which) {

    case WS_VARIABLE_USER:
        if (req->user) {
            *value = req->user->username;
        }
        return NGX_OK;

    case WS_VARIABLE_USER_ID:
        if (req->user) {
            *value = ws_uuid_str(ws_request_pool(req), &req->user->id);
            return value->data ? NGX_OK : NGX_ERROR;
        }
        return NGX_OK;

    case WS_VARIABLE_ID:
        return ws_variable_id(req, value);

    case WS_VARIABLE_ENDPOINT:
        *value = *ws_endpoint_name(req->route.endpoint);
        return NGX_OK;

    case WS_VARIABLE_CACHE_STATUS:
        *value = ws_variable_cache_status[req->cache_status];
        return NGX_OK;

    default: /* WS_VARIABLE_REDIS_TIME */
        return ws_variable_redis_time(req, value);
    }
}


/* of the path, or of what was found or created */

static ngx_int_t
ws_variable_id(ws_request_t *req, ngx_str_t *value)
{
    ws_uuid_t  id;

    if (req->workspace) {
        id = req->workspace->id;

    } else if (!req->forbidden
               && ((req->have_id && !req->absent) || req->have_state))
    {
        id = req->id;

    } else if (req->route.workspace.len == 0
               || ws_uuid_parse(&req->route.workspace, &id) != NGX_OK)
    {
        return NGX_OK;
    }

    *value = ws_uuid_str(ws_request_pool(req), &id);

    return value->data ? NGX_OK : NGX_ERROR;
}


/* seconds, with microseconds */

static ngx_int_t
ws_variable_redis_time(ws_request_t *req, ngx_str_t *value)
{
    u_char  *p;

    if (req->redis_usec == 0) {
        return NGX_OK;
    }

    p = ngx_pnalloc(ws_request_pool(req), NGX_INT64_LEN + 8);
    if (p == NULL) {
        return NGX_ERROR;
    }

    value->data = p;
    value->len = ngx_sprintf(p, "%uL.%06uL", req->redis_usec / 1000000,
                             req->redis_usec % 1000000)
                 - p;

    return NGX_OK;
}
