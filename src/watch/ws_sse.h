/*
 * Server-sent events as bytes (WHATWG HTML, section 9.2; contract: Watch).
 *
 *     id: 17
 *     event: data
 *     data: {"id":"...",...}
 *
 * and an empty line.  The line with the id, where there is one, stands first:
 * a frame without it is the same bytes from a later start.
 *
 * An event without data is ignored by EventSource, and the official Go
 * client's reader fails on a data line after "event: ping", as on any line
 * that is not the "event" or "data" it waits for, "id" included.  So a ping
 * has no data, and there are clients that must not be sent ids.
 */


#ifndef _WS_SSE_H_INCLUDED_
#define _WS_SSE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_json.h"


#define WS_SSE_TYPE  "text/event-stream"
#define WS_SSE_PING  "event: ping\n\n"

/* room for all of a frame but its data, whatever the id */
#define WS_SSE_ROOM  64


/* appends the line with the id */
void ws_sse_id(ws_json_t *w, int64_t id);

/*
 * Append the beginning of an event of that name, up to where its data, one
 * line, is to be written, and its end.
 */
void ws_sse_begin(ws_json_t *w, const char *name);
void ws_sse_end(ws_json_t *w);

/* appends the order to come back after so many milliseconds */
void ws_sse_retry(ws_json_t *w, ngx_uint_t ms);

/*
 * Sees to it that JSON text is one line: line feeds and carriage returns,
 * which it can have only between its tokens, become blanks.  Returns how many
 * there were.
 */
ngx_uint_t ws_sse_one_line(u_char *p, u_char *last);

/*
 * Reads the value of Last-Event-ID: an id exactly as ws_sse_id() writes it,
 * from 1.  NGX_OK, or NGX_DECLINED and *id is 0, which no event has.
 */
ngx_int_t ws_sse_parse_id(ngx_str_t *text, int64_t *id);

/*
 * Whether a value of Accept names text/event-stream, as EventSource's always
 * does; case, blanks and parameters do not matter.  1 or 0.
 */
ngx_uint_t ws_sse_accepted(ngx_str_t *accept);


#endif /* _WS_SSE_H_INCLUDED_ */
