/*
 * The address of Redis.  A URL is cut from the outside in: scheme, then
 * authority and path, then credentials, host and port.  A scheme is one line
 * in the table and one function for what follows it.
 */


#include "ws_redis_url.h"

#include <sys/un.h>
#include <arpa/inet.h>


#define WS_REDIS_HOST_MAX  253
#define WS_REDIS_PATH_MAX  (sizeof(((struct sockaddr_un *) 0)->sun_path) - 1)
#define WS_REDIS_DB_MAX    2147483647


typedef struct {
    ngx_pool_t       *pool;
    ws_redis_url_t   *url;
    in_port_t         port;
    const char      **detail;
} ws_redis_url_ctx_t;


typedef ngx_int_t (*ws_redis_url_pt)(ws_redis_url_ctx_t *ctx,
    ngx_str_t *rest);


typedef struct {
    ngx_str_t         prefix;
    ws_redis_url_pt   parse;
    ws_redis_kind_e   kind;
    in_port_t         port;         /* where none is written */
    unsigned          tls:1;
} ws_redis_scheme_t;


static ngx_int_t ws_redis_url_tcp(ws_redis_url_ctx_t *ctx, ngx_str_t *rest);
static ngx_int_t ws_redis_url_unix(ws_redis_url_ctx_t *ctx, ngx_str_t *rest);
static ngx_int_t ws_redis_url_sentinel(ws_redis_url_ctx_t *ctx,
    ngx_str_t *rest);
static ngx_int_t ws_redis_url_cluster(ws_redis_url_ctx_t *ctx,
    ngx_str_t *rest);
static ngx_int_t ws_redis_url_authority(ws_redis_url_ctx_t *ctx,
    ngx_str_t *rest, ngx_str_t *tail);
static ngx_int_t ws_redis_url_credentials(ws_redis_url_ctx_t *ctx,
    ngx_str_t *authority);
static ngx_int_t ws_redis_url_host_port(ws_redis_url_ctx_t *ctx,
    ngx_str_t *text);
static ngx_int_t ws_redis_url_host(ws_redis_url_ctx_t *ctx, ngx_str_t *host);
static ngx_uint_t ws_redis_url_word(ngx_str_t *word);
static ngx_int_t ws_redis_url_ipv6(ws_redis_url_ctx_t *ctx, ngx_str_t *host);
static ngx_int_t ws_redis_url_query(ws_redis_url_ctx_t *ctx,
    ngx_str_t *path);
static ngx_int_t ws_redis_url_db(ws_redis_url_ctx_t *ctx, ngx_str_t *text);
static ngx_int_t ws_redis_url_decode(ws_redis_url_ctx_t *ctx, ngx_str_t *src,
    ngx_str_t *dst);
static ngx_int_t ws_redis_url_copy(ws_redis_url_ctx_t *ctx, ngx_str_t *src,
    ngx_str_t *dst);
static void ws_redis_url_split(ngx_str_t *text, u_char *at, ngx_str_t *head,
    ngx_str_t *tail);
static ngx_int_t ws_redis_url_expected(ws_redis_url_ctx_t *ctx,
    const char *what);


static ws_redis_scheme_t  ws_redis_schemes[] = {
    { ngx_string("redis://"), ws_redis_url_tcp,
      WS_REDIS_ONE, WS_REDIS_PORT, 0 },
    { ngx_string("rediss://"), ws_redis_url_tcp,
      WS_REDIS_ONE, WS_REDIS_PORT, 1 },
    { ngx_string("unix:"), ws_redis_url_unix,
      WS_REDIS_ONE, 0, 0 },
    { ngx_string("sentinel://"), ws_redis_url_sentinel,
      WS_REDIS_SENTINEL, WS_SENTINEL_PORT, 0 },
    { ngx_string("sentinels://"), ws_redis_url_sentinel,
      WS_REDIS_SENTINEL, WS_SENTINEL_PORT, 1 },
    { ngx_string("cluster://"), ws_redis_url_cluster,
      WS_REDIS_CLUSTER, WS_REDIS_PORT, 0 },
    { ngx_string("clusters://"), ws_redis_url_cluster,
      WS_REDIS_CLUSTER, WS_REDIS_PORT, 1 },
    { ngx_null_string, NULL, 0, 0, 0 }
};


ngx_int_t
ws_redis_url_parse(ngx_pool_t *pool, ngx_str_t *text, ws_redis_url_t *url,
    const char **detail)
{
    size_t               i;
    ngx_str_t            rest;
    ws_redis_scheme_t   *scheme;
    ws_redis_url_ctx_t   ctx;

    ngx_memzero(url, sizeof(ws_redis_url_t));

    ctx.pool = pool;
    ctx.url = url;
    ctx.detail = detail;

    for (i = 0; i < text->len; i++) {

        if (text->data[i] <= ' ' || text->data[i] == 0x7f) {
            return ws_redis_url_expected(&ctx, "no spaces and no control "
                                         "characters");
        }
    }

    for (scheme = ws_redis_schemes; scheme->parse; scheme++) {

        if (text->len < scheme->prefix.len
            || ngx_strncasecmp(text->data, scheme->prefix.data,
                               scheme->prefix.len)
               != 0)
        {
            continue;
        }

        rest.data = text->data + scheme->prefix.len;
        rest.len = text->len - scheme->prefix.len;

        ctx.port = scheme->port;
        url->kind = scheme->kind;
        url->tls = scheme->tls;

        return scheme->parse(&ctx, &rest);
    }

    return ws_redis_url_expected(&ctx, "\"redis://\", \"rediss://\", "
                                 "\"unix:\", \"sentinel://\", "
                                 "\"sentinels://\", \"cluster://\" or "
                                 "\"clusters://\" at the beginning");
}


/* [[user]:password@]host[:port][/db] */

static ngx_int_t
ws_redis_url_tcp(ws_redis_url_ctx_t *ctx, ngx_str_t *rest)
{
    ngx_int_t  rc;
    ngx_str_t  db;

    rc = ws_redis_url_authority(ctx, rest, &db);
    if (rc != NGX_OK) {
        return rc;
    }

    /* a slash at the end with nothing after it is common and harmless */

    if (db.len == 0) {
        return NGX_OK;
    }

    return ws_redis_url_db(ctx, &db);
}


/* [[user]:password@]host[:port][,host[:port]]../name[?db=N] */

static ngx_int_t
ws_redis_url_sentinel(ws_redis_url_ctx_t *ctx, ngx_str_t *rest)
{
    ngx_int_t  rc;
    ngx_str_t  name;

    rc = ws_redis_url_authority(ctx, rest, &name);

    if (rc == NGX_OK) {
        rc = ws_redis_url_query(ctx, &name);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    /* of the characters that "sentinel monitor" takes */

    if (name.len == 0 || name.len > WS_REDIS_HOST_MAX
        || !ws_redis_url_word(&name))
    {
        return ws_redis_url_expected(ctx, "\"/name\" after the hosts: what "
                                     "Sentinel calls the Redis, of letters, "
                                     "digits, \"-\", \".\" and \"_\"");
    }

    return ws_redis_url_copy(ctx, &name, &ctx->url->service);
}


/* [[user]:password@]host[:port][,host[:port]].. */

static ngx_int_t
ws_redis_url_cluster(ws_redis_url_ctx_t *ctx, ngx_str_t *rest)
{
    ngx_int_t  rc;
    ngx_str_t  db;

    rc = ws_redis_url_authority(ctx, rest, &db);

    if (rc == NGX_OK && db.len) {
        rc = ws_redis_url_db(ctx, &db);
    }

    if (rc == NGX_OK && ctx->url->db) {
        return ws_redis_url_expected(ctx, "no database but 0: a cluster has "
                                     "no other");
    }

    return rc;
}


/*
 * Everything up to the first slash: credentials, and hosts.  tail is what
 * follows the slash.
 */

static ngx_int_t
ws_redis_url_authority(ws_redis_url_ctx_t *ctx, ngx_str_t *rest,
    ngx_str_t *tail)
{
    u_char     *slash, *comma;
    ngx_int_t   rc;
    ngx_str_t   hosts, host;

    slash = ngx_strlchr(rest->data, rest->data + rest->len, '/');

    ws_redis_url_split(rest, slash, &hosts, tail);

    if (ngx_strlchr(tail->data, tail->data + tail->len, '@')) {
        return ws_redis_url_expected(ctx, "\"/\" written as \"%2F\" in user "
                                     "and password");
    }

    rc = ws_redis_url_credentials(ctx, &hosts);
    if (rc != NGX_OK) {
        return rc;
    }

    do {
        comma = NULL;

        if (ctx->url->kind != WS_REDIS_ONE) {
            comma = ngx_strlchr(hosts.data, hosts.data + hosts.len, ',');
        }

        ws_redis_url_split(&hosts, comma, &host, &hosts);

        rc = ws_redis_url_host_port(ctx, &host);

    } while (rc == NGX_OK && comma);

    return rc;
}


/* /path[?db=N] or //[[user]:password@]/path[?db=N] */

static ngx_int_t
ws_redis_url_unix(ws_redis_url_ctx_t *ctx, ngx_str_t *rest)
{
    u_char     *slash;
    ngx_int_t   rc;
    ngx_str_t   authority, path;

    path = *rest;

    if (path.len >= 2 && path.data[0] == '/' && path.data[1] == '/') {

        path.data += 2;
        path.len -= 2;

        slash = ngx_strlchr(path.data, path.data + path.len, '/');

        ws_redis_url_split(&path, slash, &authority, &path);

        if (slash) {
            path.data--;
            path.len++;
        }

        rc = ws_redis_url_credentials(ctx, &authority);
        if (rc != NGX_OK) {
            return rc;
        }

        if (authority.len) {
            return ws_redis_url_expected(ctx, "an absolute path: "
                                         "\"unix:/path\" or \"unix:///path\"");
        }
    }

    rc = ws_redis_url_query(ctx, &path);
    if (rc != NGX_OK) {
        return rc;
    }

    if (path.len < 2 || path.data[0] != '/' || path.len > WS_REDIS_PATH_MAX) {
        return ws_redis_url_expected(ctx, "the absolute path of a unix "
                                     "socket, at most 107 bytes");
    }

    return ws_redis_url_copy(ctx, &path, &ctx->url->path);
}


/* takes "?db=N" off the end of path, if it is there */

static ngx_int_t
ws_redis_url_query(ws_redis_url_ctx_t *ctx, ngx_str_t *path)
{
    u_char     *mark;
    ngx_str_t   query;

    mark = ngx_strlchr(path->data, path->data + path->len, '?');

    ws_redis_url_split(path, mark, path, &query);

    if (mark == NULL) {
        return NGX_OK;
    }

    if (query.len < 3 || ngx_strncmp(query.data, "db=", 3) != 0) {
        return ws_redis_url_expected(ctx, "nothing but \"db=N\" after \"?\"");
    }

    query.data += 3;
    query.len -= 3;

    return ws_redis_url_db(ctx, &query);
}


/* takes "[user]:password@" off the front of authority, if it is there */

static ngx_int_t
ws_redis_url_credentials(ws_redis_url_ctx_t *ctx, ngx_str_t *authority)
{
    u_char     *p, *at, *colon;
    ngx_int_t   rc;
    ngx_str_t   userinfo, user, password;

    at = NULL;

    for (p = authority->data; p < authority->data + authority->len; p++) {
        if (*p == '@') {
            at = p;
        }
    }

    if (at == NULL) {
        return NGX_OK;
    }

    ws_redis_url_split(authority, at, &userinfo, authority);

    colon = ngx_strlchr(userinfo.data, userinfo.data + userinfo.len, ':');

    ws_redis_url_split(&userinfo, colon, &user, &password);

    /* clients do not agree on what a single word is, so it is none here */

    if (password.len == 0) {
        return ws_redis_url_expected(ctx, "\"user:password\" or "
                                     "\":password\" before \"@\"");
    }

    rc = ws_redis_url_decode(ctx, &user, &ctx->url->username);
    if (rc != NGX_OK) {
        return rc;
    }

    return ws_redis_url_decode(ctx, &password, &ctx->url->password);
}


/* adds one to the hosts */

static ngx_int_t
ws_redis_url_host_port(ws_redis_url_ctx_t *ctx, ngx_str_t *text)
{
    u_char     *end, *p;
    ngx_int_t   rc, port;
    ngx_str_t   host, tail;

    end = text->data + text->len;

    if (ctx->url->nhosts == WS_REDIS_HOSTS_MAX) {
        return ws_redis_url_expected(ctx, "at most 16 hosts");
    }

    if (text->len && text->data[0] == '[') {

        p = ngx_strlchr(text->data, end, ']');

        if (p == NULL) {
            return ws_redis_url_expected(ctx, "\"]\" after an IPv6 address");
        }

        host.data = text->data + 1;
        host.len = p - host.data;

        p++;

        if (p < end && *p != ':') {
            return ws_redis_url_expected(ctx, "\":port\" or \"/db\" after "
                                         "\"]\"");
        }

        rc = ws_redis_url_ipv6(ctx, &host);

    } else {
        p = ngx_strlchr(text->data, end, ':');

        ws_redis_url_split(text, p, &host, &tail);

        rc = ws_redis_url_host(ctx, &host);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    port = ctx->port;

    if (p && p < end) {
        p++;
        port = ngx_atoi(p, end - p);
    }

    if (port < 1 || port > 65535) {
        return ws_redis_url_expected(ctx, "a port from 1 to 65535 after the "
                                     "host");
    }

    ctx->url->hosts[ctx->url->nhosts++].port = (in_port_t) port;

    return NGX_OK;
}


/* a name or an IPv4 address; the resolver will tell which */

static ngx_int_t
ws_redis_url_host(ws_redis_url_ctx_t *ctx, ngx_str_t *host)
{
    if (host->len == 0 || host->len > WS_REDIS_HOST_MAX) {
        return ws_redis_url_expected(ctx, "a host, at most 253 bytes");
    }

    if (!ws_redis_url_word(host)) {
        return ws_redis_url_expected(ctx, "a host of letters, digits, \"-\", "
                                     "\".\" and \"_\", or \"[address]\" for "
                                     "IPv6");
    }

    return ws_redis_url_copy(ctx, host,
                             &ctx->url->hosts[ctx->url->nhosts].name);
}


static ngx_uint_t
ws_redis_url_word(ngx_str_t *word)
{
    size_t  i;
    u_char  c;

    for (i = 0; i < word->len; i++) {

        c = word->data[i];

        if ((c < '0' || c > '9') && ((c | 0x20) < 'a' || (c | 0x20) > 'z')
            && c != '-' && c != '.' && c != '_')
        {
            return 0;
        }
    }

    return 1;
}


static ngx_int_t
ws_redis_url_ipv6(ws_redis_url_ctx_t *ctx, ngx_str_t *host)
{
    u_char  addr[sizeof(struct in6_addr)], text[INET6_ADDRSTRLEN];

    if (host->len < sizeof(text)) {
        *ngx_cpymem(text, host->data, host->len) = '\0';

        if (inet_pton(AF_INET6, (char *) text, addr) == 1) {
            return ws_redis_url_copy(ctx, host,
                                  &ctx->url->hosts[ctx->url->nhosts].name);
        }
    }

    return ws_redis_url_expected(ctx, "an IPv6 address between \"[\" and "
                                 "\"]\"");
}


static ngx_int_t
ws_redis_url_db(ws_redis_url_ctx_t *ctx, ngx_str_t *text)
{
    ngx_int_t  db;

    db = ngx_atoi(text->data, text->len);

    if (db == NGX_ERROR || db > WS_REDIS_DB_MAX) {
        return ws_redis_url_expected(ctx, "the number of a database, from 0");
    }

    ctx->url->db = db;

    return NGX_OK;
}


static ngx_int_t
ws_redis_url_decode(ws_redis_url_ctx_t *ctx, ngx_str_t *src, ngx_str_t *dst)
{
    u_char     *p, *end, *out;
    ngx_int_t   byte;

    if (ws_redis_url_copy(ctx, src, dst) != NGX_OK) {
        return NGX_ERROR;
    }

    p = dst->data;
    end = p + dst->len;

    /* in place: the output never overtakes the input */

    for (out = p; p < end; /* void */ ) {

        if (*p != '%') {
            *out++ = *p++;
            continue;
        }

        byte = (end - p < 3) ? NGX_ERROR : ngx_hextoi(p + 1, 2);

        if (byte == NGX_ERROR) {
            return ws_redis_url_expected(ctx, "two hexadecimal digits after "
                                         "\"%\" in user and password");
        }

        *out++ = (u_char) byte;
        p += 3;
    }

    *out = '\0';
    dst->len = out - dst->data;

    return NGX_OK;
}


static ngx_int_t
ws_redis_url_copy(ws_redis_url_ctx_t *ctx, ngx_str_t *src, ngx_str_t *dst)
{
    dst->data = ngx_pnalloc(ctx->pool, src->len + 1);
    if (dst->data == NULL) {
        return NGX_ERROR;
    }

    dst->len = src->len;

    if (src->len) {
        ngx_memcpy(dst->data, src->data, src->len);
    }

    dst->data[dst->len] = '\0';

    return NGX_OK;
}


/*
 * Cuts text at one of its bytes, which belongs to neither part; at may be
 * NULL: all is head then.  head or tail may be text.
 */

static void
ws_redis_url_split(ngx_str_t *text, u_char *at, ngx_str_t *head,
    ngx_str_t *tail)
{
    u_char  *start, *end;

    start = text->data;
    end = text->data + text->len;

    head->data = start;
    head->len = (at ? at : end) - start;

    tail->data = at ? at + 1 : end;
    tail->len = end - tail->data;
}


static ngx_int_t
ws_redis_url_expected(ws_redis_url_ctx_t *ctx, const char *what)
{
    *ctx->detail = what;

    return NGX_DECLINED;
}
