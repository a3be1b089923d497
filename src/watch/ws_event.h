/*
 * A rendered event, shared by all streams that it is sent to: the bytes are
 * made once and live until the last stream has sent them.
 */


#ifndef _WS_EVENT_H_INCLUDED_
#define _WS_EVENT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_workspace.h"


typedef struct {
    ngx_pool_t    *pool;
    ngx_uint_t     refs;
    int64_t        id;              /* 0: none */
    u_char        *start;           /* the line with the id */
    u_char        *bare;            /* what follows it */
    u_char        *last;
} ws_event_t;


/*
 * "event: data" with a workspace (see ws_workspace_show()).  The caller holds
 * the one reference.  NULL: no memory.
 */
ws_event_t *ws_event_data(int64_t id, ws_state_t *state, ws_meta_t *meta,
    ngx_str_t *fragment, const ws_uuid_t *active, ngx_log_t *log);

/* "event: error" with an error body; otherwise as ws_event_data() */
ws_event_t *ws_event_error(const char *message, ngx_log_t *log);

/*
 * For events whose text somebody else writes: into the event's own pool, and
 * then ws_event_finish() with "bare", the length of what a stream without ids
 * leaves out at the beginning.  It returns the event, or NULL: no memory, and
 * the event is gone.
 */
ws_event_t *ws_event_create(ngx_log_t *log);
ws_event_t *ws_event_finish(ws_event_t *event, ws_json_t *w, size_t bare);

/* one reference more; returns the event */
ws_event_t *ws_event_ref(ws_event_t *event);

/* gives a reference back; NULL is ignored */
void ws_event_unref(ws_event_t *event);


#endif /* _WS_EVENT_H_INCLUDED_ */
