
#ifndef _WS_REDIS_CMD_H_INCLUDED_
#define _WS_REDIS_CMD_H_INCLUDED_


/*
 * What ws_redis.c (the lists) and ws_redis_cmd.c (a single command) share;
 * for nobody else.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ws_redis.h>
#include <ws_redis_conn.h>


typedef struct ws_redis_wait_s  ws_redis_wait_t;


struct ws_redis_s {
    ws_redis_conn_t             conn;

    ngx_queue_t                 waiting;
    ngx_queue_t                 flight;
    ngx_queue_t                 deadlines;
    ws_redis_wait_t            *wait;       /* NULL: replicas do not matter */
    ngx_event_t                 timer;

    ngx_uint_t                  pending;
    size_t                      pending_bytes;

    /*
     * One of a cluster's connections has a front: what the module issues its
     * commands to.  That has the cluster, and no connection; its waiting
     * commands are those that do not know yet where to go.
     */
    ws_redis_t                 *front;
    ws_redis_cluster_t         *cluster;
    struct ws_redis_node_s     *node;
    ngx_uint_t                  role;
    ngx_queue_t                 displaced;  /* see ws_redis_route.c */
    ngx_queue_t                 held;
    uint64_t                    serial;     /* of the last command issued */
    ngx_event_t                 settle;
    ngx_event_t                 again;
};


struct ws_redis_cmd_s {
    ngx_queue_t                 queue;      /* waiting or flight */
    ngx_queue_t                 by_deadline;
    ws_redis_t                 *redis;

    ws_redis_handler_pt         handler;    /* NULL: cancelled */
    void                       *data;
    ws_script_t                *script;

    u_char                     *bytes;
    size_t                      len;
    size_t                      put;
    uint64_t                    begin;      /* conn.put before the first */

    ngx_msec_t                  deadline;
    uint64_t                    start;      /* microseconds */

    unsigned                    read:1;
    unsigned                    resent:1;
    unsigned                    touched:1;  /* was sent on a connection lost */
    unsigned                    done:1;     /* its handler runs */
    unsigned                    confirm:1;  /* replicas have to have it */

    /* of a cluster: */

    unsigned                    ask:1;      /* ASKING has to precede it */
    unsigned                    asked:1;    /* and did; its reply is to come */
    unsigned                    displaced:1;
    unsigned                    slot:14;
    ngx_uint_t                  redirects;
    uint64_t                    serial;
    ngx_queue_t                 order;      /* displaced */
    ws_reply_t                  reply;      /* held back, .. */
    ngx_pool_t                 *arena;      /* .. what it points into, or NULL:
                                             * there is none */
};


/*
 * Ends a command: calls its handler with reply, unless cancelled, frees it.
 */
void ws_redis_finish(ws_redis_cmd_t *cmd, ws_reply_t *reply);

/*
 * No reply will come for cmd: ends it, in a cluster as soon as the commands
 * before it have ended.
 */
void ws_redis_unanswered(ws_redis_cmd_t *cmd);

/*
 * A reply has come for cmd: ends it, unless the cluster has a say in that.
 */
void ws_redis_answer(ws_redis_cmd_t *cmd, ws_reply_t *reply);

/*
 * Turns a script's EVALSHA that got NOSCRIPT into EVAL, to be sent.  NGX_OK
 * or NGX_ERROR (out of memory, nothing changed).
 */
ngx_int_t ws_redis_eval(ws_redis_cmd_t *cmd);

/*
 * Sets the timer when there are commands, deletes it when there are none.
 */
void ws_redis_timer(ws_redis_t *redis);

/*
 * Has redis send cmd, which is in no list; takes it out of redis' lists, as if
 * it had never been sent.
 */
void ws_redis_enqueue(ws_redis_t *redis, ws_redis_cmd_t *cmd);
void ws_redis_dequeue(ws_redis_cmd_t *cmd);


/*
 * ws_redis_route.c: a cluster's commands.
 */

/* prepares the front of a role (ws_redis_cluster.h) */
ngx_int_t ws_redis_route_init(ws_redis_t *front, ngx_pool_t *pool,
    ws_redis_conf_t *conf, ngx_log_t *log);

/*
 * The connection for commands of a slot; the front itself if that is not known
 * yet; NULL: there is none now.
 */
ws_redis_t *ws_redis_route(ws_redis_t *front, ngx_uint_t slot);

/*
 * A reply has come for cmd.  NGX_OK: it goes on to its handler; NGX_DONE: not
 * now, cmd is on its way to another node or waits for commands before it.
 */
ngx_int_t ws_redis_route_reply(ws_redis_cmd_t *cmd, ws_reply_t *reply);

/* cmd, which was displaced, is about to end */
void ws_redis_route_end(ws_redis_cmd_t *cmd);

/* ws_redis_room() for a front: on each of its connections */
ngx_uint_t ws_redis_route_room(ws_redis_t *front, ngx_uint_t n);

/* what waits in the front is sent, if it is known where to */
void ws_redis_route_known(ws_redis_t *front);

/* the same for exit: all that the front has gets no answer */
void ws_redis_route_close(ws_redis_t *front);


#endif /* _WS_REDIS_CMD_H_INCLUDED_ */
