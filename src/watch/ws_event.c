
/*
 * An event is a small pool of its own with the text as a large block in it:
 * the whole goes in one step, whichever stream is the last.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_event.h"
#include "ws_sse.h"


/* the structure and what the pool itself needs; never the text */
#define WS_EVENT_POOL  256


ws_event_t *
ws_event_data(int64_t id, ws_state_t *state, ws_meta_t *meta,
    ngx_str_t *fragment, const ws_uuid_t *active, ngx_log_t *log)
{
    size_t       bare, data;
    ws_json_t    w;
    ws_event_t  *event;

    event = ws_event_create(log);
    if (event == NULL) {
        return NULL;
    }

    event->id = id;

    ws_json_init(&w, event->pool,
                 WS_SSE_ROOM + fragment->len + state->d.len + 32);

    ws_sse_id(&w, id);
    bare = w.last - w.start;

    ws_sse_begin(&w, "data");
    data = w.last - w.start;

    ws_workspace_show(&w, state, meta, fragment, active);

    if (!w.failed && ws_sse_one_line(w.start + data, w.last)) {
        ngx_log_error(NGX_LOG_ERR, log, 0,
                      "the document of a workspace had line ends in it");
    }

    ws_sse_end(&w);

    return ws_event_finish(event, &w, bare);
}


ws_event_t *
ws_event_error(const char *message, ngx_log_t *log)
{
    ngx_str_t    s;
    ws_json_t    w;
    ws_event_t  *event;

    event = ws_event_create(log);
    if (event == NULL) {
        return NULL;
    }

    s.data = (u_char *) message;
    s.len = ngx_strlen(message);

    ws_json_init(&w, event->pool, WS_SSE_ROOM + s.len);

    ws_sse_begin(&w, "error");
    ws_json_lit(&w, "{\"message\":");
    ws_json_string(&w, &s);
    ws_json_lit(&w, "}");
    ws_sse_end(&w);

    return ws_event_finish(event, &w, 0);
}


ws_event_t *
ws_event_create(ngx_log_t *log)
{
    ngx_pool_t  *pool;
    ws_event_t  *event;

    pool = ngx_create_pool(WS_EVENT_POOL, log);
    if (pool == NULL) {
        return NULL;
    }

    event = ngx_pcalloc(pool, sizeof(ws_event_t));

    if (event == NULL) {
        ngx_destroy_pool(pool);
        return NULL;
    }

    event->pool = pool;
    event->refs = 1;

    return event;
}


ws_event_t *
ws_event_finish(ws_event_t *event, ws_json_t *w, size_t bare)
{
    ngx_str_t  text;

    if (ws_json_str(w, &text) != NGX_OK) {
        ngx_destroy_pool(event->pool);
        return NULL;
    }

    event->start = text.data;
    event->bare = text.data + bare;
    event->last = text.data + text.len;

    return event;
}


ws_event_t *
ws_event_ref(ws_event_t *event)
{
    event->refs++;

    return event;
}


void
ws_event_unref(ws_event_t *event)
{
    if (event && --event->refs == 0) {
        ngx_destroy_pool(event->pool);
    }
}
