
#ifndef _WS_REDIS_WAIT_H_INCLUDED_
#define _WS_REDIS_WAIT_H_INCLUDED_


/*
 * Commits that are not answered before replicas have them (WAIT,
 * https://redis.io/commands/wait/).  Between ws_redis.c and ws_redis_cmd.c.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ws_redis_cmd.h>


struct ws_redis_wait_s {
    ws_redis_cmd_t              cmd;        /* WAIT itself */
    ngx_queue_t                 kept;       /* carried out, not confirmed */
    time_t                      logged;
    ngx_uint_t                  unlogged;
    unsigned                    wanted:1;   /* a commit was put since WAIT */
    unsigned                    flying:1;   /* WAIT is in flight */
};


/* makes redis->wait if conf has it; NGX_OK or NGX_ERROR (out of memory) */
ngx_int_t ws_redis_wait_init(ws_redis_t *redis, ngx_pool_t *pool);

/* all that waited was put: puts WAIT behind commits */
void ws_redis_wait_put(ws_redis_t *redis);

/*
 * A reply to cmd.  NGX_OK: it was taken, by WAIT or until WAIT is answered;
 * NGX_DECLINED: it is none of those.
 */
ngx_int_t ws_redis_wait_reply(ws_redis_t *redis, ws_redis_cmd_t *cmd,
    ws_reply_t *reply);

/* the connection is gone: commits that were kept go to failed */
void ws_redis_wait_closed(ws_redis_t *redis, ngx_queue_t *failed);


#endif /* _WS_REDIS_WAIT_H_INCLUDED_ */
