
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


struct ws_redis_s {
    ws_redis_conn_t             conn;

    ngx_queue_t                 waiting;
    ngx_queue_t                 flight;
    ngx_queue_t                 deadlines;
    ngx_event_t                 timer;

    ngx_uint_t                  pending;
    size_t                      pending_bytes;
    ngx_uint_t                  max_pending;
    size_t                      max_pending_bytes;

    ws_redis_quit_pt            quit;
    void                       *quit_data;
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
};


/*
 * Ends a command: calls its handler with reply, unless cancelled, frees it.
 */
void ws_redis_finish(ws_redis_cmd_t *cmd, ws_reply_t *reply);

/*
 * Turns a script's EVALSHA that got NOSCRIPT into EVAL, to be sent.  NGX_OK
 * or NGX_ERROR (out of memory, nothing changed).
 */
ngx_int_t ws_redis_eval(ws_redis_cmd_t *cmd);

/*
 * Sets the timer when there are commands, deletes it when there are none.
 */
void ws_redis_timer(ws_redis_t *redis);


#endif /* _WS_REDIS_CMD_H_INCLUDED_ */
