
/* Opening a watch; the stream itself is the business of src/watch/. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_api.h"
#include "ws_http.h"
#include "ws_policy.h"
#include "ws_respond.h"


ngx_int_t
ws_api_watch(ws_request_t *req)
{
    ngx_int_t        rc;
    ws_watch_open_t  open;

    rc = ws_request_workspace(req, WS_ACTION_WATCH);
    if (rc != NGX_OK) {
        return rc;
    }

    if (req->meta.deleted) {
        return ws_respond_deleted(req);
    }

    if (req->http != req->http->main) {
        return ws_respond_part(req);
    }

    ngx_memzero(&open, sizeof(ws_watch_open_t));

    open.id = req->id;
    open.user = req->user->id;
    open.token = req->token_id;
    open.initial = (req->conf->dialect == WS_DIALECT_PUBLISHED);

    (void) ws_http_header(req->http, "last-event-id", &open.last_event_id);

    req->answered = 1;
    req->rc = ws_watch_open(req->watch, req->http, &open, &req->state);

    return NGX_DONE;
}
