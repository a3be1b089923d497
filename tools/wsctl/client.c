
/*
 * hiredis connects and writes; replies are read by the same reader that the
 * module uses.  Nothing is ever sent twice: when the connection is lost with
 * a commit on its way, nobody knows whether it happened, and that is said.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <hiredis/hiredis.h>
#include <stdarg.h>
#include "client.h"


#define WS_CLIENT_ARGS    16        /* of commands given by argument lists */


struct ws_client_s {
    redisContext  *redis;
    ws_reader_t   *reader;
};


static int ws_client_open(ws_ctl_t *ctl);
static redisContext *ws_client_connect(ws_ctl_t *ctl);
static int ws_client_hello(ws_ctl_t *ctl);
static int ws_client_sendv(ws_ctl_t *ctl, const char *name, va_list ap);
static int ws_client_send_argv(ws_ctl_t *ctl, ngx_uint_t n, ngx_str_t *argv);
static int ws_client_flush(ws_ctl_t *ctl);
static int ws_client_lost(ws_ctl_t *ctl, const char *what);
static int ws_client_error(ws_reply_t *reply);
static int ws_client_page(ws_ctl_t *ctl, ws_reply_t *reply,
    ngx_str_t *cursor, ws_scan_pt handler, void *data);


static int
ws_client_open(ws_ctl_t *ctl)
{
    ws_client_t  *client;

    client = ngx_pcalloc(ctl->pool, sizeof(ws_client_t));
    if (client == NULL) {
        return ws_no_memory();
    }

    client->reader = ws_reader_create(ctl->pool);
    if (client->reader == NULL) {
        return ws_no_memory();
    }

    ctl->client = client;

    client->redis = ws_client_connect(ctl);

    if (client->redis == NULL) {
        return ws_no_memory();
    }

    if (client->redis->err) {
        return ws_client_lost(ctl, client->redis->errstr);
    }

    return ws_client_hello(ctl);
}


static redisContext *
ws_client_connect(ws_ctl_t *ctl)
{
    redisContext    *redis;
    struct timeval   tv;

    tv.tv_sec = WS_CTL_TIMEOUT;
    tv.tv_usec = 0;

    if (ctl->url.path.len) {
        redis = redisConnectUnixWithTimeout((char *) ctl->url.path.data, tv);

    } else {
        redis = redisConnectWithTimeout((char *) ctl->url.hosts[0].name.data,
                                        ctl->url.hosts[0].port, tv);
    }

    if (redis && redis->err == 0) {
        (void) redisSetTimeout(redis, tv);
    }

    return redis;
}


/* whatever keeps wsctl out is the same to a script: Redis is not there */

static int
ws_client_hello(ws_ctl_t *ctl)
{
    int          rc;
    ngx_str_t    db;
    ws_reply_t  *reply;

    if (ctl->url.password.len) {
        rc = ws_client_send(ctl, "AUTH",
                            ctl->url.username.len ? &ctl->url.username
                                                  : &ctl->url.password,
                            ctl->url.username.len ? &ctl->url.password : NULL,
                            NULL);

        if (rc == WS_EXIT_OK) {
            rc = ws_client_receive(ctl, &reply);
        }

        if (rc != WS_EXIT_OK) {
            return rc;
        }

        if (reply->type == WS_REPLY_ERROR) {
            return ws_client_lost(ctl, (char *) reply->str.data);
        }
    }

    db = ws_int_str(ctl->pool, ctl->url.db);

    rc = ws_client_send(ctl, "SELECT", &db, NULL);

    if (rc == WS_EXIT_OK) {
        rc = ws_client_receive(ctl, &reply);
    }

    if (rc == WS_EXIT_OK && reply->type == WS_REPLY_ERROR) {
        return ws_client_lost(ctl, (char *) reply->str.data);
    }

    return rc;
}


void
ws_client_close(ws_ctl_t *ctl)
{
    if (ctl->client == NULL) {
        return;
    }

    if (ctl->client->redis) {
        redisFree(ctl->client->redis);
    }

    ws_reader_destroy(ctl->client->reader);
}


int
ws_client_command(ws_ctl_t *ctl, ws_reply_t **reply, const char *name, ...)
{
    int      rc;
    va_list  ap;

    va_start(ap, name);
    rc = ws_client_sendv(ctl, name, ap);
    va_end(ap);

    if (rc == WS_EXIT_OK) {
        rc = ws_client_receive(ctl, reply);
    }

    if (rc == WS_EXIT_OK && (*reply)->type == WS_REPLY_ERROR) {
        return ws_client_error(*reply);
    }

    return rc;
}


int
ws_client_send(ws_ctl_t *ctl, const char *name, ...)
{
    int      rc;
    va_list  ap;

    va_start(ap, name);
    rc = ws_client_sendv(ctl, name, ap);
    va_end(ap);

    return rc;
}


static int
ws_client_sendv(ws_ctl_t *ctl, const char *name, va_list ap)
{
    ngx_str_t    argv[WS_CLIENT_ARGS], *arg;
    ngx_uint_t   n;

    argv[0].data = (u_char *) name;
    argv[0].len = ngx_strlen(name);

    for (n = 1; n < WS_CLIENT_ARGS; n++) {
        arg = va_arg(ap, ngx_str_t *);

        if (arg == NULL) {
            break;
        }

        /* a name that found no memory */

        if (arg->data == NULL) {
            return ws_no_memory();
        }

        argv[n] = *arg;
    }

    return ws_client_send_argv(ctl, n, argv);
}


static int
ws_client_send_argv(ws_ctl_t *ctl, ngx_uint_t n, ngx_str_t *argv)
{
    int           rc;
    size_t       *len;
    ngx_uint_t    i;
    const char  **arg;

    if (ctl->client == NULL) {
        rc = ws_client_open(ctl);
        if (rc != WS_EXIT_OK) {
            return rc;
        }
    }

    arg = malloc(n * (sizeof(char *) + sizeof(size_t)));
    if (arg == NULL) {
        return ws_no_memory();
    }

    len = (size_t *) (arg + n);

    for (i = 0; i < n; i++) {
        arg[i] = (char *) argv[i].data;
        len[i] = argv[i].len;
    }

    rc = redisAppendCommandArgv(ctl->client->redis, n, arg, len);

    free(arg);

    if (rc != REDIS_OK) {
        return ws_client_lost(ctl, ctl->client->redis->errstr);
    }

    return WS_EXIT_OK;
}


static int
ws_client_flush(ws_ctl_t *ctl)
{
    int            done;
    redisContext  *redis;

    redis = ctl->client->redis;
    done = 0;

    while (!done) {
        if (redisBufferWrite(redis, &done) != REDIS_OK) {
            return ws_client_lost(ctl, redis->errstr);
        }
    }

    return WS_EXIT_OK;
}


int
ws_client_receive(ws_ctl_t *ctl, ws_reply_t **reply)
{
    int           rc;
    u_char        buf[64 * 1024];
    ssize_t       n;
    ngx_int_t     next;
    ws_client_t  *client;

    client = ctl->client;

    rc = ws_client_flush(ctl);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    for ( ;; ) {
        next = ws_reader_next(client->reader, reply);

        if (next == NGX_OK) {
            return WS_EXIT_OK;
        }

        if (next == NGX_ERROR) {
            return ws_client_lost(ctl, ws_reader_error(client->reader));
        }

        n = read(client->redis->fd, buf, sizeof(buf));

        if (n == 0) {
            return ws_client_lost(ctl, "it closed the connection");
        }

        if (n == -1) {
            if (errno == EINTR) {
                continue;
            }

            return ws_client_lost(ctl, errno == EAGAIN ? "no answer in time"
                                                       : strerror(errno));
        }

        if (ws_reader_feed(client->reader, buf, n) != NGX_OK) {
            return ws_client_lost(ctl, ws_reader_error(client->reader));
        }
    }
}


static int
ws_client_lost(ws_ctl_t *ctl, const char *what)
{
    ws_redis_url_t  *url;

    url = &ctl->url;

    if (url->path.len) {
        return ws_fail(WS_EXIT_REDIS, "Redis at unix:%s: %s", url->path.data,
                       what);
    }

    return ws_fail(WS_EXIT_REDIS, "Redis at %s, port %d: %s",
                   url->hosts[0].name.data, (int) url->hosts[0].port, what);
}


static int
ws_client_error(ws_reply_t *reply)
{
    /* the states that end by themselves: the same call may succeed later */

    if (ws_reply_is_error(reply, "LOADING")
        || ws_reply_is_error(reply, "BUSY")
        || ws_reply_is_error(reply, "MASTERDOWN")
        || ws_reply_is_error(reply, "CLUSTERDOWN")
        || ws_reply_is_error(reply, "NOAUTH"))
    {
        return ws_fail(WS_EXIT_REDIS, "Redis: %s", reply->str.data);
    }

    return ws_fail(WS_EXIT_FAILED, "Redis: %s", reply->str.data);
}


int
ws_client_commit(ws_ctl_t *ctl, ws_txn_t *txn, ngx_int_t *guard)
{
    int          rc;
    ngx_str_t   *argv, *all;
    ngx_uint_t   n, failed;
    ws_reply_t  *reply;

    if (ws_txn_argv(txn, &n, &argv) != NGX_OK) {
        return ws_no_memory();
    }

    all = ngx_palloc(txn->pool, (n + 2) * sizeof(ngx_str_t));
    if (all == NULL) {
        return ws_no_memory();
    }

    ngx_str_set(&all[0], "EVAL");
    all[1] = ws_txn_script;
    ngx_memcpy(all + 2, argv, n * sizeof(ngx_str_t));

    rc = ws_client_send_argv(ctl, n + 2, all);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    rc = ws_client_receive(ctl, &reply);
    if (rc != WS_EXIT_OK) {
        return ws_fail(rc, "whether the change was made is not known");
    }

    *guard = -1;

    switch (ws_txn_result(reply, &failed)) {

    case NGX_OK:
        return WS_EXIT_OK;

    case NGX_DECLINED:
        *guard = failed;
        return WS_EXIT_OK;
    }

    if (reply->type == WS_REPLY_ERROR) {
        return ws_client_error(reply);
    }

    return ws_fail(WS_EXIT_FAILED, "Redis: an answer of the wrong kind");
}


int
ws_client_scan(ws_ctl_t *ctl, const char *name, ngx_str_t *what,
    ws_scan_pt handler, void *data)
{
    int          rc;
    u_char       buf[32];
    ngx_str_t    cursor, match, count, n;
    ws_reply_t  *reply;

    ngx_str_set(&match, "MATCH");
    ngx_str_set(&count, "COUNT");
    ngx_str_set(&n, "200");

    cursor.data = buf;
    cursor.len = 1;
    buf[0] = '0';

    do {
        if (ngx_strcmp(name, "SCAN") == 0) {
            rc = ws_client_command(ctl, &reply, name, &cursor, &match, what,
                                   &count, &n, NULL);

        } else {
            rc = ws_client_command(ctl, &reply, name, what, &cursor, &count,
                                   &n, NULL);
        }

        if (rc == WS_EXIT_OK) {
            rc = ws_client_page(ctl, reply, &cursor, handler, data);
        }

    } while (rc == WS_EXIT_OK && (cursor.len != 1 || buf[0] != '0'));

    return rc;
}


static int
ws_client_page(ws_ctl_t *ctl, ws_reply_t *reply, ngx_str_t *cursor,
    ws_scan_pt handler, void *data)
{
    int          rc;
    ngx_str_t   *items;
    ngx_uint_t   i, n;
    ngx_pool_t  *pool;
    ws_reply_t  *list;

    if (reply->type != WS_REPLY_ARRAY || reply->n != 2
        || reply->elts[0].type != WS_REPLY_STRING
        || reply->elts[0].str.len == 0 || reply->elts[0].str.len > 20
        || reply->elts[1].type != WS_REPLY_ARRAY)
    {
        return ws_fail(WS_EXIT_FAILED, "Redis: an answer of the wrong kind");
    }

    cursor->len = reply->elts[0].str.len;
    ngx_memcpy(cursor->data, reply->elts[0].str.data, cursor->len);

    list = &reply->elts[1];
    n = list->n;

    pool = ngx_create_pool(4096, NULL);
    if (pool == NULL) {
        return ws_no_memory();
    }

    rc = WS_EXIT_OK;

    items = ngx_palloc(pool, (n + 1) * sizeof(ngx_str_t));

    for (i = 0; items && i < n; i++) {
        items[i] = ws_client_copy(pool, &list->elts[i]);

        if (items[i].data == NULL) {
            items = NULL;
        }
    }

    rc = items ? handler(ctl, pool, items, n, data) : ws_no_memory();

    ngx_destroy_pool(pool);

    return rc;
}


ngx_str_t
ws_client_copy(ngx_pool_t *pool, ws_reply_t *reply)
{
    ngx_str_t  s;

    s.len = 0;

    if (reply->type != WS_REPLY_STRING) {
        s.data = (u_char *) "";
        return s;
    }

    s.data = ngx_pnalloc(pool, reply->str.len + 1);
    if (s.data == NULL) {
        return s;
    }

    s.len = reply->str.len;
    *ngx_cpymem(s.data, reply->str.data, s.len) = '\0';

    return s;
}
