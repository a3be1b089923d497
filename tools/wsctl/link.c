
/*
 * hiredis connects and writes; replies are read by the same reader that the
 * module uses.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <hiredis/hiredis.h>
#include "link.h"
#include "tls.h"


static int ws_link_connected(ws_ctl_t *ctl, ws_link_t *link);
static redisContext *ws_link_connect(ws_link_t *link);
static int ws_link_hello(ws_ctl_t *ctl, ws_link_t *link);
static int ws_link_ask(ws_link_t *link, ngx_uint_t n, ngx_str_t *argv);
static int ws_link_flush(ws_link_t *link);
static int ws_link_lost(ws_link_t *link, const char *what);


int
ws_link_open(ws_ctl_t *ctl, ws_link_t *link)
{
    int  rc;

    if (link->redis) {
        return WS_EXIT_OK;
    }

    rc = ws_link_connected(ctl, link);

    return rc == WS_EXIT_OK ? ws_link_hello(ctl, link) : rc;
}


static int
ws_link_connected(ws_ctl_t *ctl, ws_link_t *link)
{
    const char  *what;

    link->reader = ws_reader_create(ctl->pool);
    if (link->reader == NULL) {
        return ws_no_memory();
    }

    link->redis = ws_link_connect(link);

    if (link->redis == NULL) {
        return ws_no_memory();
    }

    if (link->redis->err) {
        return ws_link_lost(link, link->redis->errstr);
    }

    what = ctl->url.tls ? ws_tls_open(ctl, link) : NULL;

    return what ? ws_link_lost(link, what) : WS_EXIT_OK;
}


static redisContext *
ws_link_connect(ws_link_t *link)
{
    redisContext    *redis;
    struct timeval   tv;

    tv.tv_sec = WS_CTL_TIMEOUT;
    tv.tv_usec = 0;

    if (link->path.len) {
        redis = redisConnectUnixWithTimeout((char *) link->path.data, tv);

    } else {
        redis = redisConnectWithTimeout((char *) link->host.data, link->port,
                                        tv);
    }

    if (redis && redis->err == 0) {
        (void) redisSetTimeout(redis, tv);
    }

    return redis;
}


/* whatever keeps wsctl out is the same to a script: Redis is not there */

static int
ws_link_hello(ws_ctl_t *ctl, ws_link_t *link)
{
    int              rc;
    ngx_str_t        argv[3], *username, *password;
    ngx_uint_t       n;

    username = link->sentinel ? &ctl->sentinel_username : &ctl->url.username;
    password = link->sentinel ? &ctl->sentinel_password : &ctl->url.password;

    if (password->len) {
        ngx_str_set(&argv[0], "AUTH");
        n = 1;

        if (username->len) {
            argv[n++] = *username;
        }

        argv[n++] = *password;

        rc = ws_link_ask(link, n, argv);
        if (rc != WS_EXIT_OK) {
            return rc;
        }
    }

    if (link->sentinel) {
        return WS_EXIT_OK;
    }

    ngx_str_set(&argv[0], "SELECT");
    argv[1] = ws_int_str(ctl->pool, ctl->url.db);

    return argv[1].data ? ws_link_ask(link, 2, argv) : ws_no_memory();
}


static int
ws_link_ask(ws_link_t *link, ngx_uint_t n, ngx_str_t *argv)
{
    int          rc;
    ws_reply_t  *reply;

    rc = ws_link_send(link, n, argv);

    if (rc == WS_EXIT_OK) {
        rc = ws_link_receive(link, &reply);
    }

    if (rc == WS_EXIT_OK && reply->type == WS_REPLY_ERROR) {
        return ws_link_lost(link, (char *) reply->str.data);
    }

    return rc;
}


void
ws_link_close(ws_link_t *link)
{
    ws_tls_close(link);

    if (link->redis) {
        redisFree(link->redis);
        link->redis = NULL;
    }

    ws_reader_destroy(link->reader);
}


int
ws_link_send(ws_link_t *link, ngx_uint_t n, ngx_str_t *argv)
{
    int           rc;
    size_t       *len;
    ngx_uint_t    i;
    const char  **arg;

    arg = malloc(n * (sizeof(char *) + sizeof(size_t)));
    if (arg == NULL) {
        return ws_no_memory();
    }

    len = (size_t *) (arg + n);

    for (i = 0; i < n; i++) {
        arg[i] = (char *) argv[i].data;
        len[i] = argv[i].len;
    }

    rc = redisAppendCommandArgv(link->redis, n, arg, len);

    free(arg);

    if (rc != REDIS_OK) {
        return ws_link_lost(link, link->redis->errstr);
    }

    return WS_EXIT_OK;
}


static int
ws_link_flush(ws_link_t *link)
{
    int          done;
    const char  *what;

    if (link->ssl) {
        what = ws_tls_write(link, link->redis->obuf,
                            sdslen(link->redis->obuf));
        if (what) {
            return ws_link_lost(link, what);
        }

        sdsclear(link->redis->obuf);

        return WS_EXIT_OK;
    }

    done = 0;

    while (!done) {
        if (redisBufferWrite(link->redis, &done) != REDIS_OK) {
            return ws_link_lost(link, link->redis->errstr);
        }
    }

    return WS_EXIT_OK;
}


int
ws_link_receive(ws_link_t *link, ws_reply_t **reply)
{
    int          rc;
    u_char       buf[64 * 1024];
    ssize_t      n;
    ngx_int_t    next;
    const char  *what;

    rc = ws_link_flush(link);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    for ( ;; ) {
        next = ws_reader_next(link->reader, reply);

        if (next == NGX_OK) {
            return WS_EXIT_OK;
        }

        if (next == NGX_ERROR) {
            return ws_link_lost(link, ws_reader_error(link->reader));
        }

        if (link->ssl) {
            n = ws_tls_read(link, buf, sizeof(buf), &what);

            if (n == -1) {
                return ws_link_lost(link, what);
            }

        } else {
            n = read(link->redis->fd, buf, sizeof(buf));
        }

        if (n == 0) {
            return ws_link_lost(link, "it closed the connection");
        }

        if (n == -1) {
            if (errno == EINTR) {
                continue;
            }

            return ws_link_lost(link, errno == EAGAIN ? "no answer in time"
                                                       : strerror(errno));
        }

        if (ws_reader_feed(link->reader, buf, n) != NGX_OK) {
            return ws_link_lost(link, ws_reader_error(link->reader));
        }
    }
}


static int
ws_link_lost(ws_link_t *link, const char *what)
{
    if (link->path.len) {
        return ws_fail(WS_EXIT_REDIS, "Redis at unix:%s: %s", link->path.data,
                       what);
    }

    return ws_fail(WS_EXIT_REDIS, "%s at %s, port %d: %s",
                   link->sentinel ? "Sentinel" : "Redis", link->host.data,
                   (int) link->port, what);
}
