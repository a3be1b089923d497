
/*
 * What Redis says when it cannot serve, and what that means for us.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ws_redis_error.h>


typedef struct {
    const char  *code;
    const char  *meaning;
    unsigned     moved:1;
} ws_redis_error_t;


static const ws_redis_error_t  ws_redis_errors[WS_REDIS_ERRORS] = {
    { NULL,          "it refuses the command", 0 },
    { "LOADING",     "it is loading its data", 0 },
    { "BUSY",        "a script keeps it busy", 0 },
    { "OOM",         "its memory is full, it takes no changes", 0 },
    { "MISCONF",     "it cannot write to its disk, it takes no changes", 0 },
    { "READONLY",    "it is a replica, it takes no changes", 1 },
    { "MASTERDOWN",  "it is a replica that has lost its primary", 1 },
    { "NOREPLICAS",  "it has too few replicas, it takes no changes", 0 },
    { "CLUSTERDOWN", "a slot has no node, or the cluster no majority", 0 },
    { "NOAUTH",      "it wants a password", 1 },
    { "NOPERM",      "the user lacks a permission", 0 }
};


ws_redis_error_e
ws_redis_error(const ws_reply_t *reply)
{
    ngx_uint_t  i;

    for (i = WS_REDIS_ERROR_OTHER + 1; i < WS_REDIS_ERRORS; i++) {
        if (ws_reply_is_error(reply, ws_redis_errors[i].code)) {
            return i;
        }
    }

    return WS_REDIS_ERROR_OTHER;
}


const char *
ws_redis_error_meaning(ws_redis_error_e error)
{
    return ws_redis_errors[error].meaning;
}


ngx_uint_t
ws_redis_error_moved(ws_redis_error_e error)
{
    return ws_redis_errors[error].moved;
}


ngx_str_t
ws_redis_error_text(const ws_reply_t *reply)
{
    u_char     *p;
    ngx_str_t   text;

    text = reply->str;
    p = ngx_strlchr(text.data, text.data + text.len, ',');

    if (p) {
        text.len = p - text.data;
    }

    return text;
}
