
/*
 * workspace_redis: where the data is.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_conf.h"
#include "ws_redis_url.h"


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
    ngx_str_t *text, ngx_uint_t *tls);
static char *ws_conf_redis_hosts(ngx_conf_t *cf, ws_store_conf_t *store,
    ws_redis_url_t *url);
static char *ws_conf_redis_host(ngx_conf_t *cf, ws_store_conf_t *store,
    ws_redis_host_t *host, ngx_array_t *addrs);
static char *ws_conf_redis_users(ngx_conf_t *cf, ws_store_conf_t *store);
static char *ws_conf_redis_resolve(ngx_conf_t *cf, ngx_str_t *name,
    ngx_array_t *addrs);
static char *ws_conf_redis_parameter(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value);
static char *ws_conf_redis_share(ngx_conf_t *cf, ws_loc_conf_t *wlcf,
    ws_store_conf_t *store);
static char *ws_conf_username(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value);
static char *ws_conf_password(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value);
static char *ws_conf_sentinel_username(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value);
static char *ws_conf_sentinel_password(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value);
static char *ws_conf_database(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value);
static char *ws_conf_key_prefix(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value);
static char *ws_conf_pubsub(ngx_conf_t *cf, ws_store_conf_t *store,
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
    { ngx_string("sentinel_username="), ws_conf_sentinel_username },
    { ngx_string("sentinel_password="), ws_conf_sentinel_password },
    { ngx_string("db="),              ws_conf_database },
    { ngx_string("prefix="),          ws_conf_key_prefix },
    { ngx_string("pubsub="),          ws_conf_pubsub },
    { ngx_string("connect_timeout="), ws_conf_connect_timeout },
    { ngx_string("send_timeout="),    ws_conf_send_timeout },
    { ngx_string("read_timeout="),    ws_conf_read_timeout },
    { ngx_string("ssl_ca="),          ws_conf_redis_ca },
    { ngx_string("ssl_certificate="), ws_conf_redis_certificate },
    { ngx_string("ssl_certificate_key="), ws_conf_redis_certificate_key },
    { ngx_string("ssl_name="),        ws_conf_redis_ssl_name },
    { ngx_string("ssl_verify="),      ws_conf_redis_verify },
    { ngx_null_string,                NULL }
};


char *
ws_conf_redis(ngx_conf_t *cf, ngx_command_t *cmd, void *conf)
{
    ws_loc_conf_t  *wlcf = conf;

    char             *rv;
    ngx_str_t        *value;
    ngx_uint_t        i, tls;
    ws_store_conf_t  *store;

    if (wlcf->store != NGX_CONF_UNSET_PTR) {
        return "is duplicate";
    }

    store = ngx_pcalloc(cf->pool, sizeof(ws_store_conf_t));
    if (store == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_str_set(&store->ks.prefix, WS_KEY_PREFIX);
    ngx_str_set(&store->redis.client_name, "nginx-workspace");
    store->redis.connect_timeout = WS_CONNECT_TIMEOUT;
    store->redis.send_timeout = WS_SEND_TIMEOUT;
    store->redis.read_timeout = WS_READ_TIMEOUT;
    store->redis.tls.verify = 1;
    store->redis.wait_replicas = NGX_CONF_UNSET_UINT;

    value = cf->args->elts;

    rv = ws_conf_redis_url(cf, store, &value[1], &tls);

    for (i = 2; i < cf->args->nelts && rv == NGX_CONF_OK; i++) {
        rv = ws_conf_redis_parameter(cf, store, &value[i]);
    }

    if (rv == NGX_CONF_OK) {
        rv = ws_conf_redis_users(cf, store);
    }

    if (rv == NGX_CONF_OK) {
        rv = ws_conf_redis_tls(cf, store, tls);
    }

    return rv == NGX_CONF_OK ? ws_conf_redis_share(cf, wlcf, store) : rv;
}


static char *
ws_conf_redis_url(ngx_conf_t *cf, ws_store_conf_t *store, ngx_str_t *text,
    ngx_uint_t *tls)
{
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

    if (url.kind == WS_REDIS_CLUSTER) {
        store->redis.sharded = 1;
        store->ks.sharded = 1;
    }

    store->redis.kind = url.kind;
    store->redis.service = url.service;
    store->redis.username = url.username;
    store->redis.password = url.password;
    store->redis.db = url.db;
    *tls = url.tls;

    return ws_conf_redis_hosts(cf, store, &url);
}


/* without a password nobody signs in: a name alone would be left unused */

static char *
ws_conf_redis_users(ngx_conf_t *cf, ws_store_conf_t *store)
{
    ws_redis_conf_t  *redis;

    redis = &store->redis;

    if ((redis->username.len && redis->password.len == 0)
        || (redis->sentinel_username.len && redis->sentinel_password.len == 0))
    {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "a user in \"workspace_redis\" needs a password");
        return NGX_CONF_ERROR;
    }

    return NGX_CONF_OK;
}


/*
 * Names are resolved while the configuration is read, as for proxy_pass; the
 * addresses of all hosts are one list.
 */

static char *
ws_conf_redis_hosts(ngx_conf_t *cf, ws_store_conf_t *store,
    ws_redis_url_t *url)
{
    char         *rv;
    ngx_str_t     path, *name;
    ngx_uint_t    i;
    ngx_array_t   addrs, hosts;

    if (ngx_array_init(&addrs, cf->pool, 1, sizeof(ngx_addr_t)) != NGX_OK
        || ngx_array_init(&hosts, cf->pool, 1, sizeof(ngx_str_t)) != NGX_OK)
    {
        return NGX_CONF_ERROR;
    }

    if (url->path.len) {
        path.len = sizeof("unix:") - 1 + url->path.len;
        path.data = ngx_pnalloc(cf->pool, path.len);

        if (path.data == NULL) {
            return NGX_CONF_ERROR;
        }

        (void) ngx_sprintf(path.data, "unix:%V", &url->path);

        rv = ws_conf_redis_resolve(cf, &path, &addrs);

        store->redis.name = path;

    } else {
        rv = NGX_CONF_OK;

        for (i = 0; i < url->nhosts && rv == NGX_CONF_OK; i++) {
            rv = ws_conf_redis_host(cf, store, &url->hosts[i], &addrs);

            while (rv == NGX_CONF_OK && hosts.nelts < addrs.nelts) {
                name = ngx_array_push(&hosts);
                if (name == NULL) {
                    return NGX_CONF_ERROR;
                }

                *name = url->hosts[i].name;
            }
        }
    }

    if (url->service.len) {
        path = store->redis.name;

        store->redis.name.len = path.len + 1 + url->service.len;
        store->redis.name.data = ngx_pnalloc(cf->pool, store->redis.name.len);

        if (store->redis.name.data == NULL) {
            return NGX_CONF_ERROR;
        }

        (void) ngx_sprintf(store->redis.name.data, "%V/%V", &path,
                           &url->service);
    }

    store->redis.addrs = addrs.elts;
    store->redis.naddrs = addrs.nelts;
    store->redis.hosts = hosts.elts;

    return rv;
}


/* adds one to the addresses and to the name that logs show */

static char *
ws_conf_redis_host(ngx_conf_t *cf, ws_store_conf_t *store,
    ws_redis_host_t *host, ngx_array_t *addrs)
{
    u_char     *p, *start;
    ngx_str_t  *shown, name;

    shown = &store->redis.name;

    p = ngx_pnalloc(cf->pool, shown->len + host->name.len
                              + sizeof(",[]:65535"));
    if (p == NULL) {
        return NGX_CONF_ERROR;
    }

    start = p;

    if (shown->len) {
        p = ngx_sprintf(p, "%V,", shown);
    }

    name.data = p;

    if (ngx_strlchr(host->name.data, host->name.data + host->name.len, ':')) {
        p = ngx_sprintf(p, "[%V]:%ui", &host->name, (ngx_uint_t) host->port);

    } else {
        p = ngx_sprintf(p, "%V:%ui", &host->name, (ngx_uint_t) host->port);
    }

    name.len = p - name.data;

    shown->data = start;
    shown->len = p - start;

    return ws_conf_redis_resolve(cf, &name, addrs);
}


static char *
ws_conf_redis_resolve(ngx_conf_t *cf, ngx_str_t *name, ngx_array_t *addrs)
{
    ngx_url_t    u;
    ngx_addr_t  *addr;

    ngx_memzero(&u, sizeof(ngx_url_t));

    u.url = *name;

    if (ngx_parse_url(cf->pool, &u) != NGX_OK) {
        ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                           "%s in \"workspace_redis\": \"%V\"",
                           u.err ? u.err : "invalid host", &u.url);
        return NGX_CONF_ERROR;
    }

    addr = ngx_array_push_n(addrs, u.naddrs);
    if (addr == NULL) {
        return NGX_CONF_ERROR;
    }

    ngx_memcpy(addr, u.addrs, u.naddrs * sizeof(ngx_addr_t));

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

    /* what is misspelled may be the password */

    v.data = ngx_strlchr(value->data, value->data + value->len, '=');
    v.len = v.data ? v.data - value->data : 0;

    ngx_conf_log_error(NGX_LOG_EMERG, cf, 0,
                       "unknown parameter \"%*s\" in \"workspace_redis\": "
                       "expected username=, password=, sentinel_username=, "
                       "sentinel_password=, db=, prefix=, pubsub=, "
                       "connect_timeout=, send_timeout=, read_timeout=, "
                       "ssl_ca=, ssl_certificate=, ssl_certificate_key=, "
                       "ssl_name= or ssl_verify=",
                       v.len, value->data);

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

    store->text.data = p;
    store->text.len = len;

    for (i = 1; i < cf->args->nelts; i++) {
        p = ngx_cpymem(p, value[i].data, value[i].len);
        *p++ = ' ';
    }

    wmcf = ngx_http_conf_get_module_main_conf(cf, ngx_http_workspace_module);
    stores = wmcf->stores.elts;

    for (i = 0; i < wmcf->stores.nelts; i++) {
        if (stores[i]->text.len == len
            && ngx_memcmp(stores[i]->text.data, store->text.data, len) == 0)
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
ws_conf_sentinel_username(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value)
{
    store->redis.sentinel_username = *value;

    return value->len && store->redis.kind == WS_REDIS_SENTINEL
           ? NGX_CONF_OK : "a name, with a URL of Sentinels";
}


static char *
ws_conf_sentinel_password(ngx_conf_t *cf, ws_store_conf_t *store,
    ngx_str_t *value)
{
    store->redis.sentinel_password = *value;

    return value->len && store->redis.kind == WS_REDIS_SENTINEL
           ? NGX_CONF_OK : "a password, with a URL of Sentinels";
}


static char *
ws_conf_database(ngx_conf_t *cf, ws_store_conf_t *store, ngx_str_t *value)
{
    store->redis.db = ngx_atoi(value->data, value->len);

    if (store->redis.db == NGX_ERROR) {
        return "a number";
    }

    return (store->redis.db && store->redis.kind == WS_REDIS_CLUSTER)
           ? "0, a cluster has no other database" : NGX_CONF_OK;
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


/* how a cluster tells of changes: where they happen, or to all its nodes */

static char *
ws_conf_pubsub(ngx_conf_t *cf, ws_store_conf_t *store, ngx_str_t *value)
{
    ngx_uint_t  sharded;

    if (ngx_strcmp(value->data, "sharded") == 0) {
        sharded = 1;

    } else if (ngx_strcmp(value->data, "plain") == 0) {
        sharded = 0;

    } else {
        return "\"sharded\" or \"plain\"";
    }

    if (sharded && store->redis.kind != WS_REDIS_CLUSTER) {
        return "\"plain\", \"sharded\" is for a cluster";
    }

    store->redis.sharded = sharded;
    store->ks.sharded = sharded;

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
