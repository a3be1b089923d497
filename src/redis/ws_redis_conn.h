
#ifndef _WS_REDIS_CONN_H_INCLUDED_
#define _WS_REDIS_CONN_H_INCLUDED_


/*
 * One connection to Redis: how it is made, set up, written, read and lost.
 * Below ws_redis.h (commands) and ws_redis_sub.h (subscriptions), for nobody
 * else.
 *
 * It knows bytes and replies, not what they mean: its owner supplies bytes
 * when asked to (fill), gets replies (reply) and is told when the connection
 * is gone (closed).  The owner decides whether to connect again.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_event_connect.h>
#include <ws_reply.h>
#include <ws_redis.h>
#include <ws_redis_error.h>


/* bytes of the send buffer, there while a connection is */
#define WS_REDIS_CONN_BUFFER  65536


typedef struct {

    /* put bytes, ws_redis_conn_put(); may leave it */
    void                      (*fill)(void *data);

    /*
     * One reply.  NGX_ERROR: it makes no sense, NGX_DECLINED: Redis refuses
     * to serve; both, logged by the owner, end the connection.
     */
    ngx_int_t                 (*reply)(void *data, ws_reply_t *reply);

    /*
     * The connection is gone.  lost = 1: it had worked, connecting at once
     * is in order; 0: it could not be made or does not last, there is a
     * ws_redis_conn_delay() now.
     */
    void                      (*closed)(void *data, ngx_uint_t lost);

    /* graceful quit has begun, at most once; NULL: does not matter */
    void                      (*quit)(void *data);

    /* 1: no reply is waited for; of leaders only, ws_redis_conn_follow() */
    ngx_uint_t                (*idle)(void *data);
} ws_redis_conn_ops_t;


typedef enum {
    WS_REDIS_CLOSED = 0,
    WS_REDIS_CONNECTING,
    WS_REDIS_SETUP,
    WS_REDIS_OPEN
} ws_redis_state_e;


/* first words on a connection: commands, pipelined, and their names */

typedef struct {
    ngx_str_t                   bytes;
    char                       *names[6];
    ngx_uint_t                  n;
} ws_redis_setup_t;


typedef struct {
    ngx_addr_t                  addr;
    ngx_sockaddr_t              sockaddr;
    u_char                      name[NGX_SOCKADDR_STRLEN];
    ngx_str_t                   host;
    u_char                      text[NGX_SOCKADDR_STRLEN];
} ws_redis_primary_t;


typedef struct ws_redis_conn_s  ws_redis_conn_t;

struct ws_redis_conn_s {
    ngx_connection_t           *connection;
    ws_redis_conf_t            *conf;
    ws_redis_conn_ops_t        *ops;

    /* ident of the events must be after 3 pointers as in ngx_connection_t */
    ngx_int_t                   ident;

    void                       *data;       /* the owner */
    char                       *kind;       /* for logs: "" or "; .." */

    ws_redis_state_e            state;
    ws_reader_t                *reader;
    ngx_event_t                 wake;
    void                       *session;    /* of TLS, for the next time */

    ngx_log_t                   log;
    ngx_uint_t                  log_level;  /* as configured */
    time_t                      logged;     /* a failure, last time */

    /* errors answered, by kind: the last line, and how many since */
    time_t                      refused[WS_REDIS_ERRORS];
    ngx_uint_t                  unlogged[WS_REDIS_ERRORS];

    /* the send buffer, [pos, last) is to be sent */
    u_char                     *out;
    u_char                     *pos;
    u_char                     *last;

    /* bytes put and bytes sent since the connection is open */
    uint64_t                    put;
    uint64_t                    sent;

    ws_redis_setup_t            setup;
    ws_redis_setup_t            question;   /* to Sentinel */
    ws_redis_setup_t           *words;      /* of the two, now */
    ngx_uint_t                  words_done;
    ngx_str_t                   tracking;   /* sent once the id is known */
    ngx_uint_t                  tracking_argc;

    ws_redis_primary_t          primary;    /* by Sentinel */

    ngx_uint_t                  address;    /* in conf->addrs */
    ngx_uint_t                  next;       /* to be tried after it */
    ngx_uint_t                  tries;      /* left in this attempt */
    ngx_uint_t                  hops;       /* given up while it was new */
    ngx_uint_t                  failures;   /* attempts in a row */
    ngx_msec_t                  retry;      /* not to be tried before */
    ngx_msec_t                  opened;
    ngx_msec_t                  ended;      /* the last one that was open; 0:
                                               none */

    unsigned                    proven:1;   /* Redis answered */
    unsigned                    spared:1;   /* one loss without back-off */
    unsigned                    broken:1;   /* failed, and no reply since */
    unsigned                    tracked:1;  /* Redis does as "tracking" says */
    unsigned                    quiet:1;    /* failures are not logged */
    unsigned                    moved:1;    /* it serves elsewhere */
    unsigned                    told:1;     /* that, by a follower */
    unsigned                    writes:1;   /* a follower that would notice */
    unsigned                    asking:1;   /* the other side is Sentinel */
    unsigned                    cancelable:1;   /* timers hold no worker */
    unsigned                    quit:1;
    unsigned                    shut:1;

    uint64_t                    place;      /* a hash of the address that it
                                               was open to last; 0: none, or
                                               it has moved from there */
    ws_redis_conn_t            *leader;
    ws_redis_conn_t            *followers;
    ws_redis_conn_t            *sibling;    /* the next one of its leader's */
};


/*
 * Prepares conn, zeroed by the caller; connects nothing.  pool must live as
 * long as the worker.  NGX_OK or NGX_ERROR (out of memory).
 */
ngx_int_t ws_redis_conn_init(ws_redis_conn_t *conn, ngx_pool_t *pool,
    ws_redis_conf_t *conf, ngx_log_t *log);

/*
 * Later in this turn of the event loop: connects, or asks for bytes (fill)
 * and sends them.  During back-off it does nothing.
 */
void ws_redis_conn_wake(ws_redis_conn_t *conn);

/*
 * Starts to connect now, whatever the back-off says; closed may be called
 * from inside.  Only in the state WS_REDIS_CLOSED.
 */
void ws_redis_conn_connect(ws_redis_conn_t *conn);

/*
 * Milliseconds of back-off left, 0 if there is none.
 */
ngx_msec_t ws_redis_conn_delay(ws_redis_conn_t *conn);

/*
 * Room in the send buffer, and copies into it as much of len as there is room
 * for; returns that.  Only from fill.
 */
size_t ws_redis_conn_room(ws_redis_conn_t *conn);
size_t ws_redis_conn_put(ws_redis_conn_t *conn, const u_char *data,
    size_t len);

/*
 * Gives the connection up, the reason being logged by the caller; closed is
 * called from inside.  blame = 1: counts as a failed attempt even if it had
 * worked.  Not from within ops->reply, which returns NGX_ERROR instead.
 */
void ws_redis_conn_fail(ws_redis_conn_t *conn, ngx_uint_t blame);

/*
 * For an error reply: logs it, one line in 10 s for each kind of error.  If
 * another connection may fare better, and this one is not so new that it would
 * be closed in a loop, sets conn->moved: the owner is then to put nothing more
 * and to end the connection, as after a failure, when it waits for no reply.
 * The next one is made to another address, if there are several.
 */
void ws_redis_conn_refused(ws_redis_conn_t *conn, ws_reply_t *reply);

/*
 * Which of several addresses is the primary's, and that behind one address
 * another server serves now, is noticed by whoever is refused a write.  From
 * now on conn is where its leader is, and made anew when that comes to be
 * open to another server; with writes = 1 unless it was made since the leader
 * left the old one.  It tells the leader when it is refused itself, or when
 * there are other addresses and it cannot connect.  Of one configuration both;
 * once.
 */
void ws_redis_conn_follow(ws_redis_conn_t *conn, ws_redis_conn_t *leader,
    ngx_uint_t writes);

/*
 * Tells the owner about a graceful quit unless that was done.
 */
void ws_redis_conn_quit(ws_redis_conn_t *conn);

/*
 * Closes for good, without a call to the owner.
 */
void ws_redis_conn_shut(ws_redis_conn_t *conn);


/*
 * The rest is between ws_redis_conn.c and the files of its steps:
 * ws_redis_sentinel.c, ws_redis_tls.c, ws_redis_setup.c, ws_redis_follow.c and
 * ws_redis_io.c.
 */

/* it is going to connect: where its leader is, if that is open */
void ws_redis_follow_connect(ws_redis_conn_t *conn);

/* it is open: takes note of where, and sees to those who follow it */
void ws_redis_follow_open(ws_redis_conn_t *conn);

/* it has been told to look elsewhere by an error, and tells its leader */
void ws_redis_follow_moved(ws_redis_conn_t *conn, ws_redis_error_e error);

/* the address that it is connected to */
ngx_addr_t *ws_redis_conn_addr(ws_redis_conn_t *conn);

/* 1: open for so long that it may be given up without making a loop */
ngx_uint_t ws_redis_conn_lasting(ws_redis_conn_t *conn);

/*
 * Makes conn->setup and conn->question from conf; NGX_OK or NGX_ERROR (out of
 * memory)
 */
ngx_int_t ws_redis_setup_init(ws_redis_conn_t *conn, ngx_pool_t *pool);

/*
 * Adds CLIENT TRACKING in broadcasting mode for n prefixes of keys, redirected
 * to the connection itself, which makes RESP2 do: what changes is published
 * to it alone on WS_CHANNEL_INVALIDATE
 * (https://redis.io/docs/manual/client-side-caching/).  Should Redis refuse,
 * the connection works all the same, and conn->tracked is 0.  Only before it
 * is first connected.  NGX_OK or NGX_ERROR (out of memory).
 */
ngx_int_t ws_redis_setup_track(ws_redis_conn_t *conn, ngx_pool_t *pool,
    ngx_str_t *prefixes, ngx_uint_t n);

/*
 * One reply in WS_REDIS_SETUP; NGX_OK; NGX_DONE: Sentinel has told where the
 * primary is; NGX_ERROR: refused, logged
 */
ngx_int_t ws_redis_setup_reply(ws_redis_conn_t *conn, ws_reply_t *reply);

/* Sentinel's answer becomes conn->primary; NGX_OK or NGX_ERROR, logged */
ngx_int_t ws_redis_sentinel_answer(ws_redis_conn_t *conn, ws_reply_t *reply);

/* NGX_OK: the other side says that it is a primary; NGX_ERROR, logged */
ngx_int_t ws_redis_sentinel_role(ws_redis_conn_t *conn, ws_reply_t *reply);

/* the connection to Sentinel is followed by the one to conn->primary */
void ws_redis_conn_found(ws_redis_conn_t *conn);

/* handlers of the connection's events */
void ws_redis_io_read_handler(ngx_event_t *rev);
void ws_redis_io_write_handler(ngx_event_t *wev);

/* asks for bytes and sends them as far as possible; may fail conn */
void ws_redis_io_flush(ws_redis_conn_t *conn);

/* the socket is connected, or an error is to be had from it */
void ws_redis_conn_connected(ws_redis_conn_t *conn);

/* the other side's name or address, as it was given */
ngx_str_t *ws_redis_conn_host(ws_redis_conn_t *conn);

/* starts the handshake; ends in ws_redis_conn_begin() or .._fail() */
void ws_redis_tls_start(ws_redis_conn_t *conn);

/* before the connection is closed; whether there is TLS or not */
void ws_redis_tls_close(ngx_connection_t *c);

/* drops the session that was kept for the next connection */
void ws_redis_tls_forget(ws_redis_conn_t *conn);

/* bytes may pass: the set-up starts */
void ws_redis_conn_begin(ws_redis_conn_t *conn);

/* the set-up is over */
void ws_redis_conn_open(ws_redis_conn_t *conn);

/* the first reply since something had failed: says so, logs as before */
void ws_redis_conn_working(ws_redis_conn_t *conn);


#endif /* _WS_REDIS_CONN_H_INCLUDED_ */
