
/*
 * A connection to Redis on nginx's events.
 *
 *     CLOSED -> CONNECTING -> SETUP -> OPEN -> CLOSED
 *
 * SETUP (AUTH, SELECT, CLIENT SETNAME) is waited for: had the owner's
 * commands been sent along, they would run as the wrong user or in the wrong
 * database when it is refused.
 *
 * The write event's timer is the timer of the state: connect_timeout until
 * the connection is open, send_timeout while the socket takes no more.  An
 * idle connection has no timer, so that it does not hold a quitting worker.
 *
 * A connection that had worked may be made again at once, but only one that
 * lasted: else a server that accepts and drops would be called in a loop.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>
#include <hiredis/hiredis.h>
#include <ws_redis_conn.h>


#define WS_REDIS_CONN_READ     16384            /* bytes at once */
#define WS_REDIS_CONN_TURN     (1024 * 1024)    /* bytes before others */
#define WS_REDIS_CONN_BACKOFF  50               /* ms, doubled up to .. */
#define WS_REDIS_CONN_BACKOFF_MAX  500
#define WS_REDIS_CONN_LASTING  1000             /* ms */
#define WS_REDIS_CONN_QUIET    10               /* s between log lines */


static ngx_int_t ws_redis_conn_setup(ws_redis_conn_t *conn, ngx_pool_t *pool);
static ngx_int_t ws_redis_conn_setup_add(ws_redis_conn_t *conn,
    ngx_pool_t *pool, char *name, ngx_uint_t argc, ngx_str_t *argv);

static void ws_redis_conn_next(ws_redis_conn_t *conn);
static ngx_int_t ws_redis_conn_socket(ws_redis_conn_t *conn);
static void ws_redis_conn_close(ws_redis_conn_t *conn);
static void ws_redis_conn_connected(ws_redis_conn_t *conn);
static void ws_redis_conn_open(ws_redis_conn_t *conn);

static void ws_redis_conn_wake_handler(ngx_event_t *ev);
static void ws_redis_conn_write_handler(ngx_event_t *wev);
static void ws_redis_conn_read_handler(ngx_event_t *rev);
static void ws_redis_conn_flush(ws_redis_conn_t *conn);
static void ws_redis_conn_blocked(ws_redis_conn_t *conn);
static ngx_int_t ws_redis_conn_replies(ws_redis_conn_t *conn);
static ngx_int_t ws_redis_conn_reply(ws_redis_conn_t *conn,
    ws_reply_t *reply);
static ngx_int_t ws_redis_conn_setup_reply(ws_redis_conn_t *conn,
    ws_reply_t *reply);
static void ws_redis_conn_working(ws_redis_conn_t *conn);

static void ws_redis_conn_hush(ws_redis_conn_t *conn);
static u_char *ws_redis_conn_log(ngx_log_t *log, u_char *buf, size_t len);


ngx_int_t
ws_redis_conn_init(ws_redis_conn_t *conn, ngx_pool_t *pool,
    ws_redis_conf_t *conf, ngx_log_t *log)
{
    conn->conf = conf;
    conn->ident = -1;
    conn->spared = 1;

    if (conn->kind == NULL) {
        conn->kind = "";
    }

    conn->log = *log;
    conn->log_level = log->log_level;
    conn->log.handler = ws_redis_conn_log;
    conn->log.data = conn;
    conn->log.action = "connecting to";

    conn->wake.handler = ws_redis_conn_wake_handler;
    conn->wake.data = conn;
    conn->wake.log = &conn->log;

    conn->reader = ws_reader_create(pool);
    if (conn->reader == NULL) {
        return NGX_ERROR;
    }

    return ws_redis_conn_setup(conn, pool);
}


/* the commands sent first on every connection, as bytes */

static ngx_int_t
ws_redis_conn_setup(ws_redis_conn_t *conn, ngx_pool_t *pool)
{
    u_char            number[NGX_INT_T_LEN];
    ngx_str_t         argv[3];
    ngx_uint_t        argc;
    ws_redis_conf_t  *conf;

    conf = conn->conf;

    if (conf->password.len) {
        argc = 0;
        ngx_str_set(&argv[argc++], "AUTH");

        if (conf->username.len) {
            argv[argc++] = conf->username;
        }

        argv[argc++] = conf->password;

        if (ws_redis_conn_setup_add(conn, pool, "AUTH", argc, argv)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (conf->db) {
        ngx_str_set(&argv[0], "SELECT");
        argv[1].data = number;
        argv[1].len = ngx_sprintf(number, "%i", conf->db) - number;

        if (ws_redis_conn_setup_add(conn, pool, "SELECT", 2, argv) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (conf->client_name.len) {
        ngx_str_set(&argv[0], "CLIENT");
        ngx_str_set(&argv[1], "SETNAME");
        argv[2] = conf->client_name;

        if (ws_redis_conn_setup_add(conn, pool, "CLIENT SETNAME", 3, argv)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ws_redis_conn_setup_add(ws_redis_conn_t *conn, ngx_pool_t *pool, char *name,
    ngx_uint_t argc, ngx_str_t *argv)
{
    char        *command;
    size_t       lens[3];
    u_char      *data;
    ngx_int_t    len;
    ngx_uint_t   i;
    const char  *args[3];

    for (i = 0; i < argc; i++) {
        args[i] = (const char *) argv[i].data;
        lens[i] = argv[i].len;
    }

    len = redisFormatCommandArgv(&command, argc, args, lens);
    if (len < 0) {
        return NGX_ERROR;
    }

    data = NULL;

    if (conn->setup.len + len <= WS_REDIS_CONN_BUFFER) {
        data = ngx_pnalloc(pool, conn->setup.len + len);
    }

    if (data) {
        ngx_memcpy(data, conn->setup.data, conn->setup.len);
        ngx_memcpy(data + conn->setup.len, command, len);

        conn->setup.data = data;
        conn->setup.len += len;
        conn->setup_names[conn->setup_n++] = name;
    }

    redisFreeCommand(command);

    return data ? NGX_OK : NGX_ERROR;
}


void
ws_redis_conn_wake(ws_redis_conn_t *conn)
{
    /* what is posted while posted events are processed runs in this turn */

    if (!conn->shut) {
        ngx_post_event(&conn->wake, &ngx_posted_events);
    }
}


static void
ws_redis_conn_wake_handler(ngx_event_t *ev)
{
    ws_redis_conn_t  *conn;

    conn = ev->data;

    if (conn->state == WS_REDIS_OPEN) {
        ws_redis_conn_flush(conn);
        return;
    }

    if (conn->state == WS_REDIS_CLOSED && ws_redis_conn_delay(conn) == 0) {
        ws_redis_conn_connect(conn);
    }
}


ngx_msec_t
ws_redis_conn_delay(ws_redis_conn_t *conn)
{
    ngx_msec_int_t  left;

    if (conn->failures == 0 || conn->state != WS_REDIS_CLOSED) {
        return 0;
    }

    left = (ngx_msec_int_t) (conn->retry - ngx_current_msec);

    return left > 0 ? (ngx_msec_t) left : 0;
}


void
ws_redis_conn_connect(ws_redis_conn_t *conn)
{
    if (ngx_exiting) {
        ws_redis_conn_quit(conn);
    }

    ws_redis_conn_hush(conn);

    conn->tries = conn->conf->naddrs;

    ws_redis_conn_next(conn);
}


/* connects to the next address that does not fail at once */

static void
ws_redis_conn_next(ws_redis_conn_t *conn)
{
    ngx_int_t  rc;

    conn->tries--;

    rc = ws_redis_conn_socket(conn);

    if (rc == NGX_AGAIN) {
        return;
    }

    if (rc == NGX_OK) {
        ws_redis_conn_connected(conn);
        return;
    }

    ws_redis_conn_fail(conn, 0);
}


static ngx_int_t
ws_redis_conn_socket(ws_redis_conn_t *conn)
{
    ngx_int_t               rc;
    ngx_addr_t             *addr;
    ngx_connection_t       *c;
    ngx_peer_connection_t   peer;

    conn->state = WS_REDIS_CONNECTING;
    conn->log.action = "connecting to";
    conn->log.connection = 0;

    if (ws_reader_reset(conn->reader) != NGX_OK) {
        return NGX_ERROR;
    }

    conn->out = ngx_alloc(WS_REDIS_CONN_BUFFER, &conn->log);
    if (conn->out == NULL) {
        return NGX_ERROR;
    }

    conn->pos = conn->out;
    conn->last = conn->out;

    addr = &conn->conf->addrs[conn->address];

    ngx_memzero(&peer, sizeof(ngx_peer_connection_t));

    peer.sockaddr = addr->sockaddr;
    peer.socklen = addr->socklen;
    peer.name = &addr->name;
    peer.get = ngx_event_get_peer;
    peer.log = &conn->log;
    peer.log_error = NGX_ERROR_ERR;
    peer.so_keepalive = (addr->sockaddr->sa_family != AF_UNIX);

    rc = ngx_event_connect_peer(&peer);

    if (rc != NGX_OK && rc != NGX_AGAIN) {
        return NGX_ERROR;
    }

    c = peer.connection;

    c->data = conn;
    c->idle = 1;
    c->read->handler = ws_redis_conn_read_handler;
    c->write->handler = ws_redis_conn_write_handler;
    c->write->cancelable = conn->cancelable;

    conn->connection = c;
    conn->log.connection = c->number;

    ngx_add_timer(c->write, conn->conf->connect_timeout);

    return rc;
}


static void
ws_redis_conn_connected(ws_redis_conn_t *conn)
{
    int                err;
    socklen_t          len;
    ngx_connection_t  *c;

    c = conn->connection;

    err = 0;
    len = sizeof(int);

    if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, (void *) &err, &len) == -1) {
        err = ngx_socket_errno;
    }

    if (err) {
        (void) ngx_connection_error(c, err, "connect() failed");
        ws_redis_conn_fail(conn, 0);
        return;
    }

    if (ngx_tcp_nodelay(c) != NGX_OK) {
        ws_redis_conn_fail(conn, 0);
        return;
    }

    if (conn->setup_n) {
        conn->state = WS_REDIS_SETUP;
        conn->log.action = "setting up";
        conn->setup_done = 0;
        conn->last = ngx_cpymem(conn->last, conn->setup.data,
                                conn->setup.len);

        ws_redis_conn_flush(conn);
        return;
    }

    ws_redis_conn_open(conn);
    ws_redis_conn_flush(conn);
}


static void
ws_redis_conn_open(ws_redis_conn_t *conn)
{
    conn->state = WS_REDIS_OPEN;
    conn->opened = ngx_current_msec;
    conn->log.action = "waiting for";
    conn->put = 0;
    conn->sent = 0;

    if (conn->connection->write->timer_set) {
        ngx_del_timer(conn->connection->write);
    }
}


void
ws_redis_conn_fail(ws_redis_conn_t *conn, ngx_uint_t blame)
{
    ngx_uint_t        lost;
    ngx_msec_t        delay;
    ws_redis_state_e  state;

    state = conn->state;
    lost = 0;

    if (state == WS_REDIS_OPEN && conn->proven) {

        if (ngx_current_msec - conn->opened >= WS_REDIS_CONN_LASTING) {
            conn->failures = 0;
            conn->spared = 1;
        }

        lost = conn->spared && !blame;
    }

    ws_redis_conn_close(conn);

    if (!conn->quiet) {
        conn->logged = lost ? 0 : ngx_time();
    }

    if (lost) {
        conn->spared = 0;
        conn->broken = 1;
        conn->ops->closed(conn->data, 1);
        return;
    }

    conn->address = (conn->address + 1) % conn->conf->naddrs;

    if (state != WS_REDIS_OPEN && conn->tries) {
        ws_redis_conn_next(conn);
        return;
    }

    conn->broken = 1;

    /* half of the delay is by chance: workers should not come all at once */

    delay = WS_REDIS_CONN_BACKOFF << ngx_min(conn->failures, 4);
    delay = ngx_min(delay, WS_REDIS_CONN_BACKOFF_MAX);
    delay = delay / 2 + ngx_random() % (delay / 2 + 1);

    conn->failures++;
    conn->retry = ngx_current_msec + delay;

    conn->ops->closed(conn->data, 0);
}


static void
ws_redis_conn_close(ws_redis_conn_t *conn)
{
    if (conn->connection) {
        ngx_close_connection(conn->connection);
        conn->connection = NULL;
    }

    if (conn->out) {
        ngx_free(conn->out);
        conn->out = NULL;
    }

    conn->state = WS_REDIS_CLOSED;
    conn->proven = 0;
}


void
ws_redis_conn_shut(ws_redis_conn_t *conn)
{
    conn->shut = 1;

    ws_redis_conn_close(conn);
    ws_reader_destroy(conn->reader);

    if (conn->wake.posted) {
        ngx_delete_posted_event(&conn->wake);
    }
}


void
ws_redis_conn_quit(ws_redis_conn_t *conn)
{
    if (!conn->quit) {
        conn->quit = 1;
        conn->ops->quit(conn->data);
    }
}


static void
ws_redis_conn_write_handler(ngx_event_t *wev)
{
    ngx_connection_t  *c;
    ws_redis_conn_t   *conn;

    c = wev->data;
    conn = c->data;

    if (wev->timedout) {

        if (conn->state == WS_REDIS_OPEN) {
            conn->log.action = "sending to";
        }

        ngx_log_error(NGX_LOG_ERR, &conn->log, NGX_ETIMEDOUT,
                      "redis timed out");
        ws_redis_conn_fail(conn, 0);
        return;
    }

    if (conn->state == WS_REDIS_CONNECTING) {
        ws_redis_conn_connected(conn);
        return;
    }

    ws_redis_conn_flush(conn);
}


size_t
ws_redis_conn_room(ws_redis_conn_t *conn)
{
    return conn->out + WS_REDIS_CONN_BUFFER - conn->last;
}


size_t
ws_redis_conn_put(ws_redis_conn_t *conn, const u_char *data, size_t len)
{
    size_t  room;

    room = ws_redis_conn_room(conn);
    len = ngx_min(len, room);

    conn->last = ngx_cpymem(conn->last, data, len);
    conn->put += len;

    return len;
}


static void
ws_redis_conn_flush(ws_redis_conn_t *conn)
{
    ssize_t            n;
    ngx_connection_t  *c;

    c = conn->connection;

    for ( ;; ) {

        if (conn->pos == conn->last) {
            conn->pos = conn->out;
            conn->last = conn->out;
        }

        if (conn->state == WS_REDIS_OPEN) {
            conn->ops->fill(conn->data);
        }

        if (conn->pos == conn->last || !c->write->ready) {
            break;
        }

        conn->log.action = (conn->state == WS_REDIS_OPEN) ? "sending to"
                                                          : "setting up";

        n = c->send(c, conn->pos, conn->last - conn->pos);

        if (n == NGX_ERROR) {
            ws_redis_conn_fail(conn, 0);
            return;
        }

        if (n == NGX_AGAIN || n == 0) {
            break;
        }

        conn->pos += n;
        conn->sent += n;

        if (conn->state == WS_REDIS_OPEN && c->write->timer_set) {

            /* it moves: the time starts anew */

            ngx_del_timer(c->write);
        }
    }

    ws_redis_conn_blocked(conn);
}


/* all is sent or the socket takes no more */

static void
ws_redis_conn_blocked(ws_redis_conn_t *conn)
{
    ngx_event_t  *wev;

    wev = conn->connection->write;

    if (conn->state == WS_REDIS_OPEN) {
        conn->log.action = "waiting for";

        if (conn->pos == conn->last) {

            if (wev->timer_set) {
                ngx_del_timer(wev);
            }

        } else if (!wev->timer_set) {
            ngx_add_timer(wev, conn->conf->send_timeout);
        }
    }

    if (ngx_handle_write_event(wev, 0) != NGX_OK) {
        ws_redis_conn_fail(conn, 0);
    }
}


static void
ws_redis_conn_read_handler(ngx_event_t *rev)
{
    u_char             buf[WS_REDIS_CONN_READ];
    size_t             total;
    ssize_t            n;
    ngx_connection_t  *c;
    ws_redis_conn_t   *conn;

    c = rev->data;
    conn = c->data;

    if (c->close) {

        /* graceful quit, not a word from Redis */

        c->close = 0;
        ws_redis_conn_quit(conn);
        return;
    }

    if (conn->state == WS_REDIS_CONNECTING) {
        ws_redis_conn_connected(conn);
        return;
    }

    for (total = 0; total < WS_REDIS_CONN_TURN; total += n) {

        n = c->recv(c, buf, sizeof(buf));

        if (n == NGX_AGAIN) {

            if (ngx_handle_read_event(rev, 0) != NGX_OK) {
                ws_redis_conn_fail(conn, 0);
            }

            return;
        }

        if (n == 0) {
            ngx_log_error(NGX_LOG_ERR, &conn->log, 0,
                          "redis closed connection");
        }

        if (n == NGX_ERROR || n == 0) {
            ws_redis_conn_fail(conn, 0);
            return;
        }

        if (ws_reader_feed(conn->reader, buf, n) != NGX_OK) {
            ngx_log_error(NGX_LOG_ERR, &conn->log, 0,
                          "redis sent invalid reply: %s",
                          ws_reader_error(conn->reader));
            ws_redis_conn_fail(conn, 0);
            return;
        }

        switch (ws_redis_conn_replies(conn)) {

        case NGX_OK:
            break;

        case NGX_DECLINED:
            ws_redis_conn_fail(conn, 1);
            return;

        default: /* NGX_ERROR */
            ws_redis_conn_fail(conn, 0);
            return;
        }
    }

    /* others are to be served too: the rest is for the next turn */

    ngx_post_event(rev, &ngx_posted_next_events);
}


static ngx_int_t
ws_redis_conn_replies(ws_redis_conn_t *conn)
{
    ngx_int_t    rc;
    ws_reply_t  *reply;

    for ( ;; ) {
        rc = ws_reader_next(conn->reader, &reply);

        if (rc == NGX_AGAIN) {
            return NGX_OK;
        }

        if (rc == NGX_ERROR) {
            ngx_log_error(NGX_LOG_ERR, &conn->log, 0,
                          "redis sent invalid reply: %s",
                          ws_reader_error(conn->reader));
            return NGX_ERROR;
        }

        if (conn->state == WS_REDIS_SETUP) {
            rc = ws_redis_conn_setup_reply(conn, reply);

        } else {
            rc = ws_redis_conn_reply(conn, reply);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }
}


static ngx_int_t
ws_redis_conn_reply(ws_redis_conn_t *conn, ws_reply_t *reply)
{
    if (reply->type != WS_REPLY_ERROR) {
        conn->proven = 1;

        if (conn->broken) {
            ws_redis_conn_working(conn);
        }
    }

    return conn->ops->reply(conn->data, reply);
}


static ngx_int_t
ws_redis_conn_setup_reply(ws_redis_conn_t *conn, ws_reply_t *reply)
{
    char       *name;
    u_char     *p;
    ngx_str_t   text;

    name = conn->setup_names[conn->setup_done++];

    if (reply->type == WS_REPLY_ERROR) {

        /*
         * Redis quotes the arguments of a command that it does not know, and
         * those of AUTH are secret: nothing from the first comma on is shown
         */

        text = reply->str;
        p = ngx_strlchr(text.data, text.data + text.len, ',');

        if (p) {
            text.len = p - text.data;
        }

        if (name[0] == 'C' && ws_reply_is_error(reply, "NOPERM")) {

            /* a name is a help in CLIENT LIST, no more */

            ngx_log_error(NGX_LOG_WARN, &conn->log, 0,
                          "redis refused %s: \"%V\", ignored", name, &text);

        } else {
            ngx_log_error(NGX_LOG_ERR, &conn->log, 0,
                          "redis refused %s: \"%V\"", name, &text);
            return NGX_ERROR;
        }
    }

    if (conn->setup_done == conn->setup_n) {
        conn->proven = 1;
        ws_redis_conn_open(conn);
        ws_redis_conn_wake(conn);
    }

    return NGX_OK;
}


/* the first answer since something failed */

static void
ws_redis_conn_working(ws_redis_conn_t *conn)
{
    conn->broken = 0;
    conn->quiet = 0;
    conn->log.log_level = conn->log_level;

    ngx_log_error(NGX_LOG_NOTICE, &conn->log, 0, "redis is back");
}


/*
 * A server that is down is not worth a line for every attempt.  Alerts, about
 * this machine, are let through.
 */

static void
ws_redis_conn_hush(ws_redis_conn_t *conn)
{
    conn->quiet = conn->broken
                  && ngx_time() - conn->logged < WS_REDIS_CONN_QUIET;

    conn->log.log_level = conn->log_level;

    if (conn->quiet && conn->log_level <= NGX_LOG_DEBUG) {
        conn->log.log_level = ngx_min(conn->log_level, NGX_LOG_ALERT);
    }
}


static u_char *
ws_redis_conn_log(ngx_log_t *log, u_char *buf, size_t len)
{
    u_char           *p;
    ngx_addr_t       *addr;
    ws_redis_conn_t  *conn;

    conn = log->data;

    p = ngx_snprintf(buf, len, " while %s redis %V%s", log->action,
                     &conn->conf->name, conn->kind);

    if (conn->conf->naddrs > 1) {
        addr = &conn->conf->addrs[conn->address];
        p = ngx_snprintf(p, buf + len - p, " (%V)", &addr->name);
    }

    return p;
}
