/*
 * Following the log of a build: a stream of its lines, those that are there
 * and those that come, which ends when the job has ended.
 *
 *     id: 17
 *     event: data
 *     data: {"id":17,"created_at":...}
 *
 * Messages on the log's channel only say that there is something to read: a
 * follower reads the list from where it is, a piece at a time, as fast as its
 * client takes them.  So no line is lost or sent twice, whatever the channel
 * does, and a slow client costs no memory.
 */


#ifndef _WS_FOLLOW_H_INCLUDED_
#define _WS_FOLLOW_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_watch.h"


typedef struct {
    ws_uuid_t      build;
    ws_uuid_t      workspace;
    ws_uuid_t      owner;
    ws_uuid_t      org;
    ws_uuid_t      user;            /* who reads; re-checked with pings */
    ngx_str_t      token;           /* its token's ID; empty: none was used */
    int64_t        after;           /* lines with a greater id are sent */
} ws_follow_open_t;


/*
 * Turns the request into a stream, as ws_watch_open() does, and returns as it
 * does.  Everything in "open" is copied.
 */
ngx_int_t ws_follow_open(ws_watch_t *watch, ngx_http_request_t *r,
    ws_follow_open_t *open);


#endif /* _WS_FOLLOW_H_INCLUDED_ */
