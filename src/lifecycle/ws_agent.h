
/*
 * The agents of a workspace: what they report, and what their silence means.
 * contract: Where a status comes from
 *
 * Signs of life are kept in a hash of their own, alive:<workspace>, agent to
 * milliseconds since the epoch, and do not touch the workspace's, so that they
 * are no news to anybody who caches it; the document changes when a status
 * does.
 */


#ifndef _WS_AGENT_H_INCLUDED_
#define _WS_AGENT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>
#include "ws_workspace.h"


#define WS_AGENT_TIMEOUT_MS  30000  /* default of the inactivity timeout */


/* An agent of the latest build by its id; NULL: no such.  Borrowed. */
json_t *ws_agent_by_id(ws_workspace_t *w, const ws_uuid_t *id);

/*
 * Connected.  "version" may be empty: unchanged.  "timeout_ms" is the
 * inactivity timeout from now on.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ws_agent_connect(ws_workspace_t *w, json_t *agent,
    ngx_str_t *version, int64_t timeout_ms, int64_t now_ms);

/* It said goodbye, or was silent since "last_ms".  NGX_OK or NGX_ERROR. */
ngx_int_t ws_agent_disconnect(ws_workspace_t *w, json_t *agent,
    int64_t last_ms, int64_t now_ms);

/*
 * Its time is over: "last_ms" is its last sign of life, 0 if there was none.
 * NGX_OK: the document has changed; NGX_DECLINED: nothing is due before
 * *next_ms (0: nothing at all); NGX_ERROR.
 */
ngx_int_t ws_agent_expire(ws_workspace_t *w, json_t *agent, int64_t last_ms,
    int64_t now_ms, int64_t *next_ms);

/*
 * The build is superseded: nobody will report for it any more, so what time
 * would have brought is brought now.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ws_agent_retire(ws_workspace_t *w, int64_t now_ms);

/* A lifecycle state: NGX_OK, NGX_DECLINED (unknown), NGX_ERROR. */
ngx_int_t ws_agent_lifecycle(ws_workspace_t *w, json_t *agent,
    ngx_str_t *state, int64_t now_ms);

/*
 * {"<slug or id of an app>": "<health>"}, {"<region>": {"latency_ms": n,
 * "preferred": b}}.  NGX_OK; NGX_DECLINED with a detail, nothing changed;
 * NGX_ERROR.
 */
ngx_int_t ws_agent_apps(ws_workspace_t *w, json_t *agent, json_t *healths,
    int64_t now_ms, const char **detail);
ngx_int_t ws_agent_latency(ws_workspace_t *w, json_t *agent, json_t *latency,
    int64_t now_ms, const char **detail);

/*
 * Somebody uses the workspace: last_used_at, and the deadline when more than
 * 5% of the TTL has passed since it was last moved.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ws_agent_activity(ws_workspace_t *w, int64_t now_ms);


#endif /* _WS_AGENT_H_INCLUDED_ */
