/*
 * The answer to one request as a stream, of events or of the pieces of a JSON
 * text: bytes go out whenever there are some, and only one piece is under way
 * at a time.  What a piece is, and when the stream is to end, is decided by
 * whoever owns it.
 */


#ifndef _WS_STREAM_H_INCLUDED_
#define _WS_STREAM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_event.h"


typedef struct ws_stream_s  ws_stream_t;

typedef void (*ws_stream_pt)(ws_stream_t *stream);


/*
 * In the memory of the owner, which must be the request's pool; zero it, set
 * the callbacks.
 *
 * drained  what was under way has been sent
 * gone     the request is ending, for whatever reason: nothing may be sent
 *          any more; the stream stays in place until freed
 * freed    the request's pool is being destroyed; always after gone
 */

struct ws_stream_s {
    ngx_http_request_t    *request;

    ws_stream_pt           drained;
    ws_stream_pt           gone;
    ws_stream_pt           freed;

    unsigned               json:1;      /* a JSON text, not events */

    ngx_buf_t              bufs[2];     /* used in turn */
    ws_event_t            *events[2];   /* whose bytes they show */

    unsigned               turn:1;
    unsigned               busy:1;      /* a piece is under way */
    unsigned               ended:1;     /* gone has been called */
};


/*
 * Sends the header of an answer that has no end yet and the first piece, and
 * takes over the request's event handlers.  "first" is kept by reference.
 *
 * NGX_OK, or what the content handler is to return, NGX_ERROR or an HTTP
 * status; gone has been called then.
 */
ngx_int_t ws_stream_open(ws_stream_t *stream, ngx_http_request_t *r,
    ngx_str_t *first);

/*
 * Sends an event, with its id or without, or a constant text.  Only if the
 * stream is not busy.  The reference to the event is the stream's own.
 *
 * NGX_OK sent, NGX_AGAIN under way, NGX_ERROR: the stream must be ended by
 * ws_stream_close().
 */
ngx_int_t ws_stream_send(ws_stream_t *stream, ws_event_t *event,
    ngx_uint_t bare);
ngx_int_t ws_stream_send_text(ws_stream_t *stream, ngx_str_t *text);

/*
 * Three ways to end a stream; it may be gone and freed when they return, and
 * they must not be called from an event handler of the request itself.
 *
 * ws_stream_finish  sends a last event (NULL: none), and the end, which may
 *                   take its time;
 *                   the connection is not offered for another request after
 *                   events.  Only if the stream is not busy
 * ws_stream_quit    sends a last text, allocated from the request's pool, and
 *                   the end as far as that is possible now, and closes
 * ws_stream_close   closes
 */
void ws_stream_finish(ws_stream_t *stream, ws_event_t *event);
void ws_stream_quit(ws_stream_t *stream, ngx_str_t *text);
void ws_stream_close(ws_stream_t *stream);

/*
 * Cuts the connection of a stream that is gone but not freed yet, if it is
 * one that HTTP/2 shares: for an end in spite of a client that takes nothing.
 */
void ws_stream_cut(ws_stream_t *stream);

/* looks again for a client that has left: cheap, for now and then */
void ws_stream_watch_client(ws_stream_t *stream);


#endif /* _WS_STREAM_H_INCLUDED_ */
