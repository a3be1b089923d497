/*
 * Watching: streams of server-sent events, one topic for each watched
 * workspace of a worker however many streams there are.
 */


#ifndef _WS_WATCH_H_INCLUDED_
#define _WS_WATCH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_store.h"
#include "ws_workspace.h"


#define WS_WATCH_PING_MS  15000     /* contract: Watch */


typedef struct ws_watch_s  ws_watch_t;      /* of one store in one worker */


typedef struct {
    ws_uuid_t      id;
    ws_uuid_t      user;            /* who watches; re-checked with pings */
    ngx_str_t      token;           /* its token's ID; empty: none was used */
    ngx_str_t      last_event_id;   /* as the client sent it; may be empty */

    /*
     * Contract: Two dialects.  Set: the current state is sent at once.  Else
     * a stream as the official server's: later states only, and without the
     * "id:" lines, which break the official Go client's reader, unless the
     * client knows them.  Such a client sends Last-Event-ID, or Accept with
     * text/event-stream, as EventSource does.
     */
    unsigned       initial:1;
} ws_watch_open_t;


/*
 * Called once in each worker for a store; takes the hooks ws_dir_on_change()
 * and ws_redis_sub_on_quit() of it.  NULL without memory.
 */
ws_watch_t *ws_watch_create(ngx_pool_t *pool, ws_store_t *store);

/*
 * Turns the request into a stream: sends the header and a ping, subscribes,
 * and from then on owns the request (its read and write event handlers); the
 * cleanup of the request ends the stream.  The caller has checked that the
 * user may watch.  "state" is what it read just now (borrowed), everything in
 * "open" is copied.
 *
 * A valid Last-Event-ID takes the place of "initial": unless it is the id of
 * the current state that is sent.
 *
 * Returns what a content handler returns: NGX_DONE, the request's main count
 * being raised already, or NGX_ERROR / an HTTP status, the stream being
 * forgotten.
 */
ngx_int_t ws_watch_open(ws_watch_t *watch, ngx_http_request_t *r,
    ws_watch_open_t *open, ws_state_t *state);


#endif /* _WS_WATCH_H_INCLUDED_ */
