
/*
 * The agents that may report, in brief: the field "ag" of a workspace's hash,
 * written by the commit whenever it changes.  It is there as long as the
 * latest build is a start that succeeded, and it tells all that a heartbeat
 * has to know, so that ten thousand of them need not read, let alone write,
 * ten thousand documents.
 *
 *     <id> <status> <length>:<name> <length>:<version>;
 *
 * for each agent, in the order of the document.  Names and versions are any
 * text, hence the lengths, in bytes.
 */


#ifndef _WS_ROSTER_H_INCLUDED_
#define _WS_ROSTER_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_workspace.h"


typedef struct {
    ws_uuid_t    id;
    ngx_str_t    status;
    ngx_str_t    name;
    ngx_str_t    version;
} ws_roster_agent_t;


/*
 * The roster of the document as it is now, in the workspace's pool.  Empty
 * with data: a running build without agents; data is NULL: no build whose
 * agents may report.  NGX_OK or NGX_ERROR (no memory).
 */
ngx_int_t ws_roster_write(ws_workspace_t *w, ngx_str_t *roster);

/*
 * Takes the next agent off the roster: *rest is what follows it, the strings
 * point into it.  NGX_OK; NGX_DONE: there are no more; NGX_DECLINED: that is
 * not a roster.
 */
ngx_int_t ws_roster_next(ngx_str_t *rest, ws_roster_agent_t *agent);

/*
 * The agent of that name or id; with an empty name the only one.  NGX_OK;
 * NGX_DECLINED: there is none; NGX_ABORT: there are several; NGX_ERROR: that
 * is not a roster.
 */
ngx_int_t ws_roster_find(ngx_str_t *roster, ngx_str_t *name,
    ws_roster_agent_t *agent);

/* whether an agent with that id is in it; 1 or 0 */
ngx_uint_t ws_roster_has(ngx_str_t *roster, const ws_uuid_t *id);


#endif /* _WS_ROSTER_H_INCLUDED_ */
