
/*
 * How bytes move: the send buffer out, replies in.
 *
 * Everything goes through c->send() and c->recv(), never through the socket
 * itself, so that a layer such as TLS can be put in between.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ws_redis_conn.h>


#define WS_REDIS_IO_READ  65536             /* bytes at once */

/*
 * bytes given to hiredis at once: it moves what it has not parsed yet to the
 * front of its buffer after every reply
 */
#define WS_REDIS_IO_FEED  4096
#define WS_REDIS_IO_TURN  (256 * 1024)      /* bytes before others' turn */


static void ws_redis_io_blocked(ws_redis_conn_t *conn);
static ngx_int_t ws_redis_io_take(ws_redis_conn_t *conn, u_char *data,
    size_t len);
static ngx_int_t ws_redis_io_reply(ws_redis_conn_t *conn, ws_reply_t *reply);


void
ws_redis_io_write_handler(ngx_event_t *wev)
{
    ngx_connection_t  *c;
    ws_redis_conn_t   *conn;

    c = wev->data;
    conn = c->data;

    if (wev->timedout) {

        if (conn->state == WS_REDIS_OPEN) {
            conn->log.action = "sending to";
        }

        ngx_log_error(NGX_LOG_ERR, &conn->log, NGX_ETIMEDOUT, "timed out");
        ws_redis_conn_fail(conn, 0);
        return;
    }

    if (conn->state == WS_REDIS_CONNECTING) {
        ws_redis_conn_connected(conn);
        return;
    }

    ws_redis_io_flush(conn);
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


void
ws_redis_io_flush(ws_redis_conn_t *conn)
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

    ws_redis_io_blocked(conn);
}


/* all is sent or the socket takes no more */

static void
ws_redis_io_blocked(ws_redis_conn_t *conn)
{
    ngx_event_t  *wev;

    wev = conn->connection->write;

    if (conn->state == WS_REDIS_OPEN) {
        conn->log.action = "reading from";

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


void
ws_redis_io_read_handler(ngx_event_t *rev)
{
    u_char             buf[WS_REDIS_IO_READ];
    size_t             total;
    ssize_t            n;
    ngx_int_t          rc;
    ngx_connection_t  *c;
    ws_redis_conn_t   *conn;

    c = rev->data;
    conn = c->data;

    if (c->close) {

        /* graceful quit, not a word from Redis */

        c->close = 0;
        ws_redis_conn_quit(conn);

        /* during a handshake nobody looks at that: this may be an answer */

        if (!rev->ready) {
            return;
        }
    }

    if (conn->state == WS_REDIS_CONNECTING) {
        ws_redis_conn_connected(conn);
        return;
    }

    for (total = 0; total < WS_REDIS_IO_TURN; total += n) {

        n = c->recv(c, buf, sizeof(buf));

        if (n == NGX_AGAIN) {
            goto wait;
        }

        if (n == 0) {
            ngx_log_error(NGX_LOG_ERR, &conn->log, 0,
                          "connection was closed");
        }

        if (n == NGX_ERROR || n == 0) {
            ws_redis_conn_fail(conn, 0);
            return;
        }

        rc = ws_redis_io_take(conn, buf, n);

        if (rc == NGX_DONE) {
            ws_redis_conn_found(conn);
            return;
        }

        if (rc != NGX_OK) {
            ws_redis_conn_fail(conn, rc == NGX_DECLINED);
            return;
        }

        /* nothing more is there: one system call less */

        if (!rev->ready) {
            goto wait;
        }
    }

    /* others are to be served too: the rest is for the next turn */

    ngx_post_event(rev, &ngx_posted_next_events);

    return;

wait:

    if (ngx_handle_read_event(rev, 0) != NGX_OK) {
        ws_redis_conn_fail(conn, 0);
    }
}


/* NGX_OK, NGX_DECLINED or NGX_ERROR, as of ops->reply, or NGX_DONE */

static ngx_int_t
ws_redis_io_take(ws_redis_conn_t *conn, u_char *data, size_t len)
{
    size_t       n;
    ngx_int_t    rc;
    ws_reply_t  *reply;

    for ( ;; ) {
        rc = ws_reader_next(conn->reader, &reply);

        if (rc == NGX_AGAIN) {

            if (len == 0) {
                return NGX_OK;
            }

            n = ngx_min(len, WS_REDIS_IO_FEED);

            if (ws_reader_feed(conn->reader, data, n) != NGX_OK) {
                goto invalid;
            }

            data += n;
            len -= n;
            continue;
        }

        if (rc == NGX_ERROR) {
            goto invalid;
        }

        if (conn->state == WS_REDIS_SETUP) {
            rc = ws_redis_setup_reply(conn, reply);

        } else {
            rc = ws_redis_io_reply(conn, reply);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

invalid:

    ngx_log_error(NGX_LOG_ERR, &conn->log, 0, "invalid reply: %s",
                  ws_reader_error(conn->reader));

    return NGX_ERROR;
}


static ngx_int_t
ws_redis_io_reply(ws_redis_conn_t *conn, ws_reply_t *reply)
{
    if (reply->type != WS_REPLY_ERROR) {
        conn->proven = 1;

        if (conn->broken) {
            ws_redis_conn_working(conn);
        }
    }

    return conn->ops->reply(conn->data, reply);
}
