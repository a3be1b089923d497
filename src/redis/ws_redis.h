
#ifndef _WS_REDIS_H_INCLUDED_
#define _WS_REDIS_H_INCLUDED_


/*
 * Commands to Redis from a worker's event loop, without ever blocking it.
 *
 * A ws_redis_t is one pipelined connection.  It connects when there is
 * something to say; commands issued in one turn of the event loop leave in one
 * write; replies are matched first in, first out.
 *
 * Every command ends in exactly one call of its handler, at the latest
 * read_timeout after it was issued, unless it is cancelled.
 *
 * When the connection is lost, what was in flight gets no answer; a
 * WS_REDIS_READ command is sent once more, a command of which no byte had left
 * is kept, both within their own deadline.  The first reconnection is
 * immediate.  When that fails everything waiting gets no answer and, for a
 * while growing from 50 to 500 ms, new commands are refused at once.
 *
 * With a cluster (conf.kind) a ws_redis_t stands for one such connection to
 * each of its primaries.  A command goes where its first key is, argv[1], and
 * follows it when it has moved, within its own deadline (ws_redis_cluster.h);
 * commands with the same hash tag are answered in the order of their issue,
 * others in any order.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ws_redis_tls.h>
#include <ws_redis_url.h>
#include <ws_reply.h>


/* may be sent a second time if the connection is lost before its reply */
#define WS_REDIS_READ  1


typedef struct ws_redis_s      ws_redis_t;
typedef struct ws_redis_cmd_s  ws_redis_cmd_t;

/* what a worker knows of a cluster, see ws_redis_cluster.h */
typedef struct ws_redis_cluster_s  ws_redis_cluster_t;


/*
 * Where Redis is and how patient to be; must outlive what is created from it.
 * Times are milliseconds.  Empty strings and a zero db are left out of the
 * connection's set-up (AUTH, SELECT, CLIENT SETNAME).
 */

typedef struct {
    ws_redis_kind_e             kind;       /* of what is at addrs */
    ngx_addr_t                 *addrs;      /* tried in turn */
    ngx_uint_t                  naddrs;
    ngx_str_t                  *hosts;      /* of addrs each, for TLS: a name
                                               or an address, and a zero byte
                                               that is not counted; NULL for
                                               a unix socket */
    ngx_str_t                   name;       /* for logs: no credentials */
    ngx_str_t                   service;    /* for Sentinel */

    ngx_str_t                   username;
    ngx_str_t                   password;
    ngx_int_t                   db;
    ngx_str_t                   sentinel_username;
    ngx_str_t                   sentinel_password;
    ngx_str_t                   client_name;    /* no spaces */
    ws_redis_tls_t              tls;

    ngx_msec_t                  connect_timeout;    /* set-up included */
    ngx_msec_t                  send_timeout;       /* between two writes */
    ngx_msec_t                  read_timeout;       /* issue to reply */

    ngx_uint_t                  wait_replicas;      /* for commits, 0: none */
    ngx_msec_t                  wait_timeout;

    unsigned                    sharded:1;  /* a cluster's channels are */

    ws_redis_cluster_t         *cluster;    /* in a worker, made by the first
                                               ws_redis_create() */
} ws_redis_conf_t;


/*
 * Gets the reply of a command.  reply is valid during the call only, and is
 * NULL when there is no answer: the connection failed or the time was over; a
 * command without WS_REDIS_READ may have been executed all the same (see
 * ws_redis_cmd_sent()).  Errors of Redis (LOADING, OOM, NOPERM ..) come as
 * WS_REPLY_ERROR and have been logged, see ws_redis_error.h.
 *
 * May issue and cancel commands, and end the request it belongs to; must not
 * call ws_redis_close().
 */
typedef void (*ws_redis_handler_pt)(void *data, ws_reply_t *reply);


/* called once when the worker starts a graceful quit */
typedef void (*ws_redis_quit_pt)(void *data);


/*
 * A Lua script of Redis with its name for EVALSHA.
 */

typedef struct {
    ngx_str_t                   source;     /* as given, not copied */
    u_char                      sha1[40];   /* lower-case hex */
} ws_script_t;


/*
 * Creates a connection's state in pool, which must live as long as the worker
 * does; no socket is opened.  log is copied: lines written through it end in
 * "while .. redis NAME".  NULL: out of memory.
 */
ws_redis_t *ws_redis_create(ngx_pool_t *pool, ws_redis_conf_t *conf,
    ngx_log_t *log);

/*
 * Queues the command argv[0] .. argv[argc - 1]; the arguments are copied.
 * flags: 0 or WS_REDIS_READ.  handler is never called from inside.
 *
 * NULL: the command cannot be queued, and handler will not be called: Redis
 * is down (back-off), too much is pending, or out of memory.
 *
 * The returned command is valid until its handler returns or it is cancelled.
 */
ws_redis_cmd_t *ws_redis_command(ws_redis_t *redis, ngx_uint_t flags,
    ngx_uint_t argc, ngx_str_t *argv, ws_redis_handler_pt handler, void *data);

/*
 * 1 if, with n commands more, an eighth of the room for those that are pending
 * would be taken at most; 0: better later.  The answer to one that is pending
 * makes room.
 */
ngx_uint_t ws_redis_room(ws_redis_t *redis, ngx_uint_t n);

/*
 * Gives a script its SHA-1.  source is kept by reference.
 */
void ws_script_init(ws_script_t *script, ngx_str_t *source);

/*
 * Queues the script with argv: the number of keys (as text), the keys, the
 * arguments.  Sends EVALSHA and, should Redis not know the script (NOSCRIPT:
 * nothing ran), EVAL within the same deadline, unseen by the caller, but that
 * commands issued meanwhile may run before it.  Never resent otherwise.
 * Returns as ws_redis_command(); script must live on.
 */
ws_redis_cmd_t *ws_redis_script(ws_redis_t *redis, ws_script_t *script,
    ngx_uint_t argc, ngx_str_t *argv, ws_redis_handler_pt handler, void *data);

/*
 * The same for a script that answers 0 when it has written something, which
 * is then answered only if conf's wait_replicas have it.  If not, there is no
 * answer, and ws_redis_cmd_sent() is 1.  Its deadline is two wait_timeouts
 * later, in which reads behind it on the same connection wait: redis should
 * be for such scripts alone.
 */
ws_redis_cmd_t *ws_redis_commit(ws_redis_t *redis, ws_script_t *script,
    ngx_uint_t argc, ngx_str_t *argv, ws_redis_handler_pt handler, void *data);

/*
 * The handler will not be called; whether the command is executed is open.
 * Legal from its issue until its handler returns, also from inside any
 * handler; cmd is invalid afterwards.
 */
void ws_redis_cancel(ws_redis_cmd_t *cmd);

/*
 * Microseconds since the command was issued.  Valid as long as cmd is, in
 * its handler included.
 */
uint64_t ws_redis_cmd_elapsed(ws_redis_cmd_t *cmd);

/*
 * 1 if a byte of the command may have reached Redis, else 0.  Asked in the
 * handler: no reply and 0 means that the command was certainly not executed.
 */
ngx_uint_t ws_redis_cmd_sent(ws_redis_cmd_t *cmd);

/*
 * Redis is to be with the same server as its leader, ws_redis_conn_follow();
 * when it is made anew therefore, commands under way are as after a lost
 * connection: reads are sent once more.  writes = 1: it is refused writes by a
 * replica.
 */
void ws_redis_follow(ws_redis_t *redis, ws_redis_t *leader, ngx_uint_t writes);

/*
 * For exit_process: no answer for what is pending, then the socket is closed.
 * Commands are refused from then on.  NULL is ignored.
 */
void ws_redis_close(ws_redis_t *redis);

/*
 * Which server the connection was open to last: a hash of its address; 0: none
 * yet, or a cluster.
 */
uint64_t ws_redis_place(ws_redis_t *redis);


#endif /* _WS_REDIS_H_INCLUDED_ */
