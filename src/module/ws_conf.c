
/*
 * Directives are checked when they are read: what "nginx -t" accepts, works.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_agent.h"
#include "ws_conf.h"
#include "ws_redis_url.h"
#include "ws_worker.h"


#define WS_ZONEINFO         "/usr/share/zoneinfo"
#define WS_PREFIX           "/api/v2"
#define WS_KEY_PREFIX       "ws:"
#define WS_CONNECT_TIMEOUT  1000
#define WS_SEND_TIMEOUT     1000
#define WS_READ_TIMEOUT     2000


typedef struct {
    ngx_str_t        name;
    char          *(*set)(ngx_conf_t *cf, ws_store_conf_t *store,
                          ngx_str_t *value);
} ws_conf_parameter_t;


static char *ws_conf_redis_url(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *text);
static char *ws_conf_redis_host(ngx_conf_t *cf, ws_store_conf_t *store,
    ws_redis_url_t *url);
static char *ws_conf_redis_parameter(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value);
static char *ws_conf_redis_share(ngx_conf_t *cf, ws_loc_conf_t *wlcf,
    ws_store_conf_t *store);
static char *ws_conf_username(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value);
static char *ws_conf_password(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value);
static char *ws_conf_database(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value);
static char *ws_conf_key_prefix(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value);
static char *ws_conf_connect_timeout(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value);
static char *ws_conf_send_timeout(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value);
static char *ws_conf_read_timeout(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value);
static char *ws_conf_msec(ngx_str_t *value, ngx_msec_t *msec);


static const ws_conf_parameter_t  ws_conf_parameters[] = {
    { ngx_string("username="),        ws_conf_username },
    { ngx_string("password="),        ws_conf_password },
    { ngx_string("db="),              ws_conf_database },
    { ngx_string("prefix="),          ws_conf_key_prefix },
    { ngx_string("connect_timeout="), ws_conf_connect_timeout },
    { ngx_string("send_timeout="),    ws_conf_send_timeout },
    { ngx_string("read_timeout="),    ws_conf_read_timeout },
    { ngx_null_string,                NULL }
};


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


char *
ws_conf_init_main(ngx_conf_t *cf, void *conf)
{
    return NGX_CONF_OK;
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
    wlcf->cache = NGX_CONF_UNSET_PTR;

    return wlcf;
}


char *
ws_conf_merge_loc(ngx_conf_t *cf, void *parent, void *child)
{
    ws_loc_conf_t             *prev = parent;
    ws_loc_conf_t             *conf = child;

    ws_main_conf_t            *wmcf;
    ngx_http_core_loc_conf_t  *clcf;

    clcf = ngx_http_conf_get_module_loc_conf(cf, ngx_http_core_module);

    /* "if" and limit_except blocks are the location that they are in */

    if (clcf->noname && conf->enabled == NGX_CONF_UNSET
        && prev->enabled == 1)
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

    if (conf->enabled && conf->store == NULL) {
        ngx_log_error(NGX_LOG_EMERG, cf->log, 0,
                      "\"workspace_api\" needs \"workspace_redis\", "
                      "in location \"%V\" or around it", &clcf->name);
        return NGX_CONF_ERROR;
    }

    return ws_conf_cache_merge(cf, prev, conf);
}


ngx_int_t
ws_conf_tz(ngx_conf_t *cf, ws_main_conf_t *wmcf)
{
    wmcf->tz = ws_tz_db_load(cf->pool, WS_ZONEINFO);

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
                           "expected a variable such as \"$remote_user\"",
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


char *
ws_conf_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ws_loc_conf_t  *wlcf = conf;

    char             *rv;
    ngx_str_t        *value;
    ngx_uint_t        i;
    ws_store_conf_t  *store;

    if (wlcf->store != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    store = ngx_pcalloc(cf->pool, sizeof(ws_store_conf_t));
    if (store == NULL) {
        return NGX_CONF_ERROR;
    }

    store->ks.shards = 1;
    ngx_str_set(&store->ks.prefix, WS_KEY_PREFIX);
    ngx_str_set(&store->redis.client_name, "nginx-workspace");
    store->redis.connect_timeout = WS_CONNECT_TIMEOUT;
    store->redis.send_timeout = WS_SEND_TIMEOUT;
    store->redis.read_timeout = WS_READ_TIMEOUT;

    value = cf->args->elts;

    rv = ws_conf_redis_url(cf, store, &value[1]);

    for (i = 2; i < cf->args->nelts && rv == NGX_CONF_OK; i++) {
        rv = ws_conf_redis_parameter(cf, store, &value[i]);
    }

    return rv == NGX_CONF_OK ? ws_conf_redis_share(cf, wlcf, store) : rv;
}


static char *
ws_conf_redis_url(ngx_conf_t *cf, ws_store_conf_t *store, ngx_str_t *text)
{
    char            *rv;
    ngx_int_t        rc;
    const char      *detail;
    ws_redis_url_t   url;

    rc = ws_redis_url_parse(cf->pool, text, &url, &detail);

    /* the URL may hold a password: it is not repeated in messages */

    if (rc == NGX_DECLINED) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URL in \"workspace_redis\": expected %s",
                           detail);
    }

    if (rc != NGX_OK) {
        return NGX_CONF_ERROR;
    }

    if (url.tls) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "invalid URL in \"workspace_redis\": expected "
                           "\"redis://\" or \"unix:\", TLS is not supported "
                           "yet");
        return NGX_CONF_ERROR;
    }

    rv = ws_conf_redis_host(cf, store, &url);

    store->redis.username = url.username;
    store->redis.password = url.password;
    store->redis.db = url.db;

    return rv;
}


/* names are resolved while the configuration is read, as for proxy_pass */

static char *
ws_conf_redis_host(ngx_conf_t *cf, ws_store_conf_t *store,
    ws_redis_url_t *url)
{
    size_t      size;
    u_char     *p;
    ngx_url_t   u;

    ngx_memzero(&u, sizeof(ngx_url_t));

    size = url->host.len + url->path.len + sizeof("[]:65535")
           + sizeof("unix:");

    u.url.data = ngx_pnalloc(cf->pool, size);
    if (u.url.data == NULL) {
        return NGX_CONF_ERROR;
    }

    if (url->path.len) {
        p = ngx_sprintf(u.url.data, "unix:%V", &url->path);

    } else if (ngx_strlchr(url->host.data, url->host.data + url->host.len,
                           ':'))
    {
        p = ngx_sprintf(u.url.data, "[%V]:%ui", &url->host,
                        (ngx_uint_t) url->port);

    } else {
        p = ngx_sprintf(u.url.data, "%V:%ui", &url->host,
                        (ngx_uint_t) url->port);
    }

    u.url.len = p - u.url.data;
    u.default_port = url->port;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s in \"workspace_redis\": \"%V\"",
                           u.err ? u.err : "invalid host", &u.url);
        return NGX_CONF_ERROR;
    }

    store->redis.addrs = u.addrs;
    store->redis.naddrs = u.naddrs;
    store->redis.name = u.url;

    return NGX_CONF_OK;
}


static char *
ws_conf_redis_parameter(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value)
{
    char                       *rv;
    ngx_str_t                   v;
    const ws_conf_parameter_t  *p;

    for (p = ws_conf_parameters; p->name.len; p++) {

        if (value->len < p->name.len
            || ngx_strncmp(value->data, p->name.data, p->name.len) != 0)
        {
            continue;
        }

        v.data = value->data + p->name.len;
        v.len = value->len - p->name.len;

        rv = p->set(cf, store, &v);

        if (rv != NGX_CONF_OK) {
            ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                               "invalid parameter \"%*s\" in "
                               "\"workspace_redis\": expected %s",
                               p->name.len - 1, p->name.data, rv);
            return NGX_CONF_ERROR;
        }

        return NGX_CONF_OK;
    }

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown parameter \"%V\" in \"workspace_redis\": "
                       "expected username=, password=, db=, prefix=, "
                       "connect_timeout=, send_timeout= or read_timeout=",
                       value);

    return NGX_CONF_ERROR;
}


/* locations with the same parameters share one store, and its connections */

static char *
ws_conf_redis_share(ngx_conf_t *cf, ws_loc_conf_t *wlcf,
    ws_store_conf_t *store)
{
    size_t             len;
    u_char            *p;
    ngx_str_t         *value;
    ngx_uint_t         i;
    ws_main_conf_t    *wmcf;
    ws_store_conf_t  **stores;

    value = cf->args->elts;
    len = 0;

    for (i = 1; i < cf->args->nelts; i++) {
        len += value[i].len + 1;
    }

    p = ngx_pnalloc(cf->pool, len);
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    store->url.data = p;
    store->url.len = len;

    for (i = 1; i < cf->args->nelts; i++) {
        p = ngx_cpymem(p, value[i].data, value[i].len);
        *p++ = ' ';
    }

    wmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_workspace_module);
    stores = wmcf->stores.elts;

    for (i = 0; i < wmcf->stores.nelts; i++) {
        if (stores[i]->url.len == len
            && ngx_memcmp(stores[i]->url.data, store->url.data, len) == 0)
        {
            wlcf->store = stores[i];
            return NGX_CONF_OK;
        }
    }

    stores = ngx_array_push(&wmcf->stores);
    if (stores == NULL) {
        return NGX_CONF_ERROR;
    }

    *stores = store;
    wlcf->store = store;

    return NGX_CONF_OK;
}


static char *
ws_conf_username(ngx_conf_t *cf, ws_store_conf_t *store, ngx_str_t *value)
{
    store->redis.username = *value;

    return value->len ? NGX_CONF_OK : "a name";
}


static char *
ws_conf_password(ngx_conf_t *cf, ws_store_conf_t *store, ngx_str_t *value)
{
    store->redis.password = *value;

    return value->len ? NGX_CONF_OK : "a password";
}


static char *
ws_conf_database(ngx_conf_t *cf, ws_store_conf_t *store, ngx_str_t *value)
{
    store->redis.db = ngx_atoi(value->data, value->len);

    return store->redis.db == NGX_ERROR ? "a number" : NGX_CONF_OK;
}


static char *
ws_conf_key_prefix(ngx_conf_t *cf, ws_store_conf_t *store, ngx_str_t *value)
{
    ngx_uint_t  i;

    /* braces would be taken for a hash tag by Redis Cluster */

    for (i = 0; i < value->len; i++) {
        if (value->data[i] <= ' ' || value->data[i] >= 0x7f
            || value->data[i] == '{' || value->data[i] == '}')
        {
            break;
        }
    }

    if (i < value->len || value->len > 64) {
        return "at most 64 printable characters without space and braces";
    }

    store->ks.prefix = *value;

    return NGX_CONF_OK;
}


static char *
ws_conf_connect_timeout(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value)
{
    return ws_conf_msec(value, &store->redis.connect_timeout);
}


static char *
ws_conf_send_timeout(ngx_conf_t *cf, ws_store_conf_t *store, ngx_str_t *value)
{
    return ws_conf_msec(value, &store->redis.send_timeout);
}


static char *
ws_conf_read_timeout(ngx_conf_t *cf, ws_store_conf_t *store, ngx_str_t *value)
{
    return ws_conf_msec(value, &store->redis.read_timeout);
}


static char *
ws_conf_msec(ngx_str_t *value, ngx_msec_t *msec)
{
    ngx_int_t  ms;

    ms = ngx_parse_time(value, 0);

    if (ms == NGX_ERROR || ms == 0) {
        return "a time such as 500ms or 2s";
    }

    *msec = ms;

    return NGX_CONF_OK;
}
