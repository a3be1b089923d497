/*
 * What a stream in a worker consists of; for ws_watch.c, ws_watch_run.c and
 * ws_follow.c, nobody else.
 */


#ifndef _WS_WATCHER_H_INCLUDED_
#define _WS_WATCHER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_http.h>
#include "ws_watch.h"
#include "ws_permit.h"
#include "ws_stream.h"
#include "ws_topic.h"


#define WS_WATCH_TICK    250        /* ms */
#define WS_WATCH_SLOTS   (WS_WATCH_PING_MS / WS_WATCH_TICK)


typedef enum {
    WS_WATCH_GOES_ON = 0,
    WS_WATCH_REFUSED,               /* its right has ended */
    WS_WATCH_QUIT                   /* the worker quits */
} ws_watch_end_e;


typedef struct ws_watcher_s  ws_watcher_t;


/*
 * Where the events of a stream come from.
 *
 * take     the next event, whose reference is the caller's, or NULL: none
 *          now.  With *last set the stream ends, after the event if there is
 *          one
 * leave    the stream is gone: nothing will be taken
 * subject  whose workspace it is about
 * action   what one must be allowed to do with it, ws_action_e
 *
 * ws_watch_wake() tells that there may be something to take.
 */

typedef struct {
    ws_event_t       *(*take)(ws_watcher_t *w, ngx_uint_t *last);
    void              (*leave)(ws_watcher_t *w);
    void              (*subject)(ws_watcher_t *w, const ws_uuid_t **owner,
                                 const ws_uuid_t **org);
    ngx_uint_t          action;
} ws_watch_source_t;


struct ws_watcher_s {
    ws_stream_t         stream;     /* must be first */
    const ws_watch_source_t  *source;
    ws_watch_t         *watch;
    ws_watcher_id_t     who;
    ws_permit_t        *permit;     /* being asked */
    ngx_queue_t         slot;       /* of the wheel; or closing */
    ngx_queue_t         run;

    unsigned            end:2;      /* ws_watch_end_e */
    unsigned            bare:1;     /* no ids */
    unsigned            ping:1;     /* it is time for one */
    unsigned            queued:1;   /* in run */
    unsigned            closing:1;  /* in closing */
};


struct ws_watch_s {
    ws_store_t         *store;
    ws_topics_t        *topics;
    ngx_queue_t         tails;      /* of logs that are followed */
    ngx_uint_t          streams;

    ngx_queue_t         slots[WS_WATCH_SLOTS];
    ngx_uint_t          slot;       /* served last */
    ngx_msec_t          due;        /* the next tick */
    ngx_event_t         tick;

    ngx_queue_t         queue;      /* streams with something to do */
    ngx_event_t         run;

    ngx_queue_t         closing;    /* gone but not freed */
    ngx_msec_t          quit_time;
    unsigned            quit:1;
    unsigned            cut:1;      /* patience is over */
};


/*
 * Begins a stream: ws_watch_init() in zeroed memory of the request's pool,
 * then ws_watch_begin(), which returns what ws_watch_open() does, or
 * ws_watch_gone().
 */
void ws_watch_init(ws_watcher_t *w, ws_watch_t *watch,
    const ws_watch_source_t *source, const ws_uuid_t *user, ngx_str_t *token);
ngx_int_t ws_watch_begin(ws_watcher_t *w, ngx_http_request_t *r);
void ws_watch_gone(ws_stream_t *stream);

/* has the stream served in this turn of the event loop */
void ws_watch_wake(ws_watcher_t *w);

/* serves all that are to be served, now */
void ws_watch_flush(void *data);

/* gives up asking for its right; legal at any time */
void ws_watch_check_end(ws_watcher_t *w);

/* says goodbye to all streams, now and to come */
void ws_watch_quit(void *data);

/* handlers of the two events */
void ws_watch_run_handler(ngx_event_t *ev);
void ws_watch_tick_handler(ngx_event_t *ev);


#endif /* _WS_WATCHER_H_INCLUDED_ */
