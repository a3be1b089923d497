
/*
 * A connection to Redis on nginx's events.
 *
 *     CLOSED -> CONNECTING, with TLS -> SETUP -> OPEN -> CLOSED
 *
 * With Sentinel there is another one before it, from CONNECTING to SETUP.
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
#include <ws_redis_conn.h>


#define WS_REDIS_CONN_BACKOFF      50       /* ms, doubled up to .. */
#define WS_REDIS_CONN_BACKOFF_MAX  500      /* ms */
#define WS_REDIS_CONN_LASTING      1000     /* ms */
#define WS_REDIS_CONN_QUIET        10       /* s between log lines */


static void ws_redis_conn_wake_handler(ngx_event_t *ev);
static void ws_redis_conn_next(ws_redis_conn_t *conn);
static void ws_redis_conn_try(ws_redis_conn_t *conn);
static ngx_int_t ws_redis_conn_socket(ws_redis_conn_t *conn);
static void ws_redis_conn_close(ws_redis_conn_t *conn);
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

    return ws_redis_setup_init(conn, pool);
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

    if (conn->state == WS_REDIS_OPEN && conn->told) {
        conn->moved = 1;

        if (conn->ops->idle(conn->data)) {
            ws_redis_conn_fail(conn, 0);
        }

        return;
    }

    if (conn->state == WS_REDIS_OPEN || conn->state == WS_REDIS_SETUP) {
        ws_redis_io_flush(conn);
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

    ws_redis_follow_connect(conn);
    ws_redis_conn_next(conn);
}


/* connects to the next address that does not fail at once */

static void
ws_redis_conn_next(ws_redis_conn_t *conn)
{
    conn->tries--;
    conn->asking = (conn->conf->kind == WS_REDIS_SENTINEL);

    ws_redis_conn_try(conn);
}


void
ws_redis_conn_found(ws_redis_conn_t *conn)
{
    ws_redis_conn_close(conn);

    conn->asking = 0;

    ws_redis_conn_try(conn);
}


static void
ws_redis_conn_try(ws_redis_conn_t *conn)
{
    ngx_int_t  rc;

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

    addr = ws_redis_conn_addr(conn);

    conn->next = (conn->address + 1) % conn->conf->naddrs;

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
    c->read->handler = ws_redis_io_read_handler;
    c->write->handler = ws_redis_io_write_handler;
    c->write->cancelable = conn->cancelable;

    conn->connection = c;
    conn->log.connection = c->number;

    ngx_add_timer(c->write, conn->conf->connect_timeout);

    return rc;
}


void
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

    if (conn->conf->tls.ssl) {
        ws_redis_tls_start(conn);
        return;
    }

    ws_redis_conn_begin(conn);
}


ngx_addr_t *
ws_redis_conn_addr(ws_redis_conn_t *conn)
{
    return (conn->conf->kind == WS_REDIS_SENTINEL && !conn->asking)
           ? &conn->primary.addr : &conn->conf->addrs[conn->address];
}


ngx_str_t *
ws_redis_conn_host(ws_redis_conn_t *conn)
{
    return (conn->conf->kind == WS_REDIS_SENTINEL && !conn->asking)
           ? &conn->primary.host : &conn->conf->hosts[conn->address];
}


void
ws_redis_conn_begin(ws_redis_conn_t *conn)
{
    conn->words = conn->asking ? &conn->question : &conn->setup;

    if (conn->words->n) {
        conn->state = WS_REDIS_SETUP;
        conn->log.action = "setting up";
        conn->words_done = 0;
        conn->tracked = 0;
        conn->last = ngx_cpymem(conn->last, conn->words->bytes.data,
                                conn->words->bytes.len);

        ws_redis_io_flush(conn);
        return;
    }

    ws_redis_conn_open(conn);
    ws_redis_io_flush(conn);
}


void
ws_redis_conn_open(ws_redis_conn_t *conn)
{
    conn->state = WS_REDIS_OPEN;
    conn->opened = ngx_current_msec;
    conn->log.action = "reading from";
    conn->put = 0;
    conn->sent = 0;

    if (conn->connection->write->timer_set) {
        ngx_del_timer(conn->connection->write);
    }

    ws_redis_follow_open(conn);
}


void
ws_redis_conn_fail(ws_redis_conn_t *conn, ngx_uint_t blame)
{
    ngx_uint_t        lost, moved;
    ngx_msec_t        delay;
    ws_redis_state_e  state;

    state = conn->state;
    moved = conn->moved;
    lost = 0;

    if (state == WS_REDIS_OPEN) {
        conn->ended = ngx_current_msec;
    }

    if (state == WS_REDIS_OPEN && conn->proven) {

        if (ws_redis_conn_lasting(conn)) {
            conn->failures = 0;
            conn->hops = 0;
            conn->spared = 1;
        }

        lost = conn->spared && !blame;
    }

    if (moved) {

        /* it was not the connection that failed */

        conn->place = 0;
        lost = 1;
    }

    ws_redis_conn_close(conn);

    if (!conn->quiet) {
        conn->logged = lost ? 0 : ngx_time();
    }

    if (lost) {

        if (moved) {
            conn->address = conn->next;
        }

        conn->spared = 0;
        conn->broken = 1;
        conn->ops->closed(conn->data, 1);
        return;
    }

    conn->address = conn->next;

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
    ngx_pool_t        *pool;
    ngx_connection_t  *c;

    c = conn->connection;

    if (c) {
        ws_redis_tls_close(c);

        pool = c->pool;

        ngx_close_connection(c);

        if (pool) {
            ngx_destroy_pool(pool);
        }

        conn->connection = NULL;
    }

    if (conn->out) {
        ngx_free(conn->out);
        conn->out = NULL;
    }

    ws_reader_destroy(conn->reader);

    conn->state = WS_REDIS_CLOSED;
    conn->proven = 0;
    conn->moved = 0;
    conn->told = 0;
}


void
ws_redis_conn_shut(ws_redis_conn_t *conn)
{
    conn->shut = 1;

    ws_redis_conn_close(conn);
    ws_redis_tls_forget(conn);

    if (conn->wake.posted) {
        ngx_delete_posted_event(&conn->wake);
    }
}


void
ws_redis_conn_refused(ws_redis_conn_t *conn, ws_reply_t *reply)
{
    u_char            more[NGX_INT_T_LEN + sizeof(" ( more since)")], *p;
    ngx_str_t         text;
    ngx_uint_t        level;
    ws_redis_error_e  error;

    error = ws_redis_error(reply);

    if (ngx_time() - conn->refused[error] >= WS_REDIS_CONN_QUIET) {

        text = ws_redis_error_text(reply);

        p = more;

        if (conn->unlogged[error]) {
            p = ngx_sprintf(p, " (%ui more since)", conn->unlogged[error]);
        }

        /* these lines have a limit of their own */

        level = conn->log.log_level;
        conn->log.log_level = conn->log_level;

        ngx_log_error(NGX_LOG_ERR, &conn->log, 0,
                      "redis answered \"%V\": %s%*s", &text,
                      ws_redis_error_meaning(error), p - more, more);

        conn->log.log_level = level;

        conn->refused[error] = ngx_time();
        conn->unlogged[error] = 0;

    } else {
        conn->unlogged[error]++;
    }

    if (!ws_redis_error_moved(error) || conn->moved) {
        return;
    }

    /* a new one is given up once for each of the other addresses */

    if (!ws_redis_conn_lasting(conn)
        && ++conn->hops >= conn->conf->naddrs)
    {
        return;
    }

    conn->moved = 1;

    ws_redis_follow_moved(conn, error);
}


ngx_uint_t
ws_redis_conn_lasting(ws_redis_conn_t *conn)
{
    return ngx_current_msec - conn->opened >= WS_REDIS_CONN_LASTING;
}


void
ws_redis_conn_quit(ws_redis_conn_t *conn)
{
    if (!conn->quit) {
        conn->quit = 1;

        if (conn->ops->quit) {
            conn->ops->quit(conn->data);
        }
    }
}


/* the first answer since something failed */

void
ws_redis_conn_working(ws_redis_conn_t *conn)
{
    conn->broken = 0;
    conn->quiet = 0;
    conn->log.log_level = conn->log_level;

    conn->log.action = NULL;
    ngx_log_error(NGX_LOG_NOTICE, &conn->log, 0, "connection works again");
    conn->log.action = "reading from";
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

    p = log->action ? ngx_snprintf(buf, len, " while %s", log->action)
                    : ngx_snprintf(buf, len, ",");

    p = ngx_snprintf(p, buf + len - p, " redis %V%s", &conn->conf->name,
                     conn->kind);

    if (conn->conf->kind == WS_REDIS_SENTINEL) {
        addr = ws_redis_conn_addr(conn);
        p = ngx_snprintf(p, buf + len - p, "; %s %V",
                         conn->asking ? "asking Sentinel" : "primary",
                         &addr->name);

    } else if (conn->conf->naddrs > 1) {
        addr = ws_redis_conn_addr(conn);
        p = ngx_snprintf(p, buf + len - p, " (%V)", &addr->name);
    }

    return p;
}
