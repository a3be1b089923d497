
/*
 * A request meets the module three times:
 *
 * post-read: before nginx knows the location it may already log the request,
 *     so from here on a token in a query string is kept out of the error log;
 * rewrite: the route is found and the token's user looked up, so that
 *     limit_req, map and access rules can use $workspace_user and the others.
 *     Nothing is refused here;
 * content: the answer.
 *
 * And once more before it is logged, for what was refused, or went away,
 * before all that.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_api.h"
#include "ws_auth.h"
#include "ws_clock.h"
#include "ws_conf.h"
#include "ws_dispatch.h"
#include "ws_secret.h"
#include "ws_token.h"
#include "ws_watch.h"
#include "ws_worker.h"


static ngx_int_t ws_worker_post_read(ngx_http_request_t *r);
static ngx_int_t ws_worker_rewrite(ngx_http_request_t *r);
static ngx_int_t ws_worker_log(ngx_http_request_t *r);
static ws_request_t *ws_worker_request(ngx_http_request_t *r);
static void ws_worker_route(ws_request_t *req);


ngx_int_t
ws_worker_init(ngx_cycle_t *cycle)
{
    ngx_uint_t         i;
    ws_main_conf_t    *wmcf;
    ws_store_conf_t  **stores;

    if (ngx_process != NGX_PROCESS_WORKER && ngx_process != NGX_PROCESS_SINGLE)
    {
        return NGX_OK;
    }

    wmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_workspace_module);
    if (wmcf == NULL || !wmcf->used) {
        return NGX_OK;
    }

    /*
     * the time is that of before the configuration was read: deadlines of
     * what is begun here might be over
     */

    ngx_time_update();

    stores = wmcf->stores.elts;

    for (i = 0; i < wmcf->stores.nelts; i++) {

        stores[i]->ks.tz = wmcf->tz;

        if (stores[i]->ks.shards == 0) {

            /* no location uses it */

            continue;
        }

        stores[i]->store = ws_store_create(cycle->pool, stores[i], cycle->log);
        if (stores[i]->store == NULL) {
            return NGX_ERROR;
        }

        stores[i]->watch = ws_watch_create(cycle->pool, stores[i]->store);
        if (stores[i]->watch == NULL) {
            return NGX_ERROR;
        }

        stores[i]->dispatch = ws_dispatch_create(cycle->pool,
                                                 stores[i]->store);
        if (stores[i]->dispatch == NULL) {
            return NGX_ERROR;
        }

        if (ws_clock_create(cycle->pool, stores[i]->store) == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


void
ws_worker_exit(ngx_cycle_t *cycle)
{
    ngx_uint_t         i;
    ws_main_conf_t    *wmcf;
    ws_store_conf_t  **stores;

    wmcf = ngx_http_cycle_get_module_main_conf(cycle,
                                               ngx_http_workspace_module);
    if (wmcf == NULL) {
        return;
    }

    stores = wmcf->stores.elts;

    for (i = 0; i < wmcf->stores.nelts; i++) {
        if (stores[i]->store) {
            ws_dispatch_close(stores[i]->dispatch);
            ws_store_close(stores[i]->store);
        }
    }

    ws_token_exit();
}


ngx_int_t
ws_worker_phases(ngx_conf_t *cf)
{
    ngx_array_t                *log;
    ngx_http_handler_pt        *h;
    ngx_http_core_main_conf_t  *cmcf;

    cmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module);

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_POST_READ_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ws_worker_post_read;

    h = ngx_array_push(&cmcf->phases[NGX_HTTP_REWRITE_PHASE].handlers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    *h = ws_worker_rewrite;

    /* before those that write: handlers of this phase run in their order */

    log = &cmcf->phases[NGX_HTTP_LOG_PHASE].handlers;

    if (ngx_array_push(log) == NULL) {
        return NGX_ERROR;
    }

    h = log->elts;
    ngx_memmove(h + 1, h, (log->nelts - 1) * sizeof(ngx_http_handler_pt));

    *h = ws_worker_log;

    return NGX_OK;
}


static ngx_int_t
ws_worker_post_read(ngx_http_request_t *r)
{
    ws_secret_hide_errors(r);

    return NGX_DECLINED;
}


static ngx_int_t
ws_worker_log(ngx_http_request_t *r)
{
    ws_secret_hide(r);

    return NGX_OK;
}


static ngx_int_t
ws_worker_rewrite(ngx_http_request_t *r)
{
    ws_request_t   *req;
    ws_loc_conf_t  *wlcf;

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_workspace_module);

    if (!wlcf->enabled) {
        return NGX_DECLINED;
    }

    req = ws_worker_request(r);
    if (req == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /*
     * with workspace_identity the user is known only after the access
     * phase, where auth_request runs
     */

    if (wlcf->identity || req->route_rc != NGX_OK) {
        return NGX_DECLINED;
    }

    if (ws_auth_token(req) == NGX_AGAIN) {
        req->identifying = 1;
        return NGX_DONE;
    }

    return NGX_DECLINED;
}


ngx_int_t
ws_worker_handler(ngx_http_request_t *r)
{
    ws_request_t  *req;

    req = ws_worker_request(r);
    if (req == NULL) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }

    /* a subrequest's strings are those of its parent, which may go on */

    if (r == r->main) {
        ws_secret_hide(r);
    }

    /* ends with ngx_http_finalize_request(), now or later */

    r->main->count++;

    req->handler = ws_api_start;

    ws_request_start(req);

    return NGX_DONE;
}


/*
 * The module's context of a request.  It is anew after an internal redirect,
 * who asks is forgotten with another location (or "if" block), where to is
 * looked at again when the path was rewritten.
 */

static ws_request_t *
ws_worker_request(ngx_http_request_t *r)
{
    ws_request_t   *req, *before;
    ws_loc_conf_t  *wlcf;

    wlcf = ngx_http_get_module_loc_conf(r, ngx_http_workspace_module);
    req = ngx_http_get_module_ctx(r, ngx_http_workspace_module);

    if (req && req->conf == wlcf) {

        if (req->uri.data != r->uri.data || req->uri.len != r->uri.len) {
            ws_worker_route(req);
        }

        return req;
    }

    if (req) {
        ws_request_forget(req);

    } else {
        req = ws_request_create(r);
        if (req == NULL) {
            return NULL;
        }

        before = ws_request_before(req);

        if (before) {
            /* out of the query it was taken then */
            req->token = before->token;

        } else if (ws_secret_find(r, &req->token) != NGX_OK) {
            return NULL;
        }

        ngx_http_set_ctx(r, req, ngx_http_workspace_module);
    }

    req->conf = wlcf;
    req->store = wlcf->store->store;
    req->watch = wlcf->store->watch;
    req->dispatch = wlcf->store->dispatch;

    ws_worker_route(req);

    return req;
}


static void
ws_worker_route(ws_request_t *req)
{
    ngx_str_t            path;
    ngx_str_t           *prefix;
    ngx_http_request_t  *r;

    r = req->http;
    prefix = &req->conf->prefix;

    req->uri = r->uri;
    req->route_rc = NGX_DECLINED;

    if (r->uri.len <= prefix->len
        || ngx_strncmp(r->uri.data, prefix->data, prefix->len) != 0)
    {
        return;
    }

    path.data = r->uri.data + prefix->len;
    path.len = r->uri.len - prefix->len;

    req->route_rc = ws_route(&path, r->method, &req->route);
}
