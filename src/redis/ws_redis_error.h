
#ifndef _WS_REDIS_ERROR_H_INCLUDED_
#define _WS_REDIS_ERROR_H_INCLUDED_


/*
 * Errors that Redis answers because of the state it is in, whatever was asked
 * (the codes are in src/server.c of Redis, createSharedObjects(), that of a
 * cluster in src/cluster.c, clusterRedirectClient()): it is
 * loading, full, a replica, ..
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ws_reply.h>


typedef enum {
    WS_REDIS_ERROR_OTHER = 0,           /* about the command itself */
    WS_REDIS_ERROR_LOADING,
    WS_REDIS_ERROR_BUSY,
    WS_REDIS_ERROR_OOM,
    WS_REDIS_ERROR_MISCONF,
    WS_REDIS_ERROR_READONLY,
    WS_REDIS_ERROR_MASTERDOWN,
    WS_REDIS_ERROR_NOREPLICAS,
    WS_REDIS_ERROR_CLUSTERDOWN,
    WS_REDIS_ERROR_NOAUTH,
    WS_REDIS_ERROR_NOPERM,
    WS_REDIS_ERRORS
} ws_redis_error_e;


/* which of them it is; reply is a WS_REPLY_ERROR */
ws_redis_error_e ws_redis_error(const ws_reply_t *reply);

/* what it means, to end a log line; a constant string */
const char *ws_redis_error_meaning(ws_redis_error_e error);

/*
 * 1 if another connection may fare better: the primary has moved, or the
 * connection's user is not signed in any more.
 */
ngx_uint_t ws_redis_error_moved(ws_redis_error_e error);

/*
 * The part of an error's text that may be logged, a piece of it: Redis quotes
 * the arguments of a command that it does not know, and those of AUTH are
 * secret, so it ends before the first comma.
 */
ngx_str_t ws_redis_error_text(const ws_reply_t *reply);


#endif /* _WS_REDIS_ERROR_H_INCLUDED_ */
