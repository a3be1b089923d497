
/*
 * The job of a build as its provisioner sees it: acquired under a lease, kept
 * by heartbeats, completed, failed, canceled or given up.
 *
 * The lease's id is the field "l" of the workspace's hash, so that a heartbeat
 * can be guarded by it without touching the document; "e" is when the lease
 * ends, milliseconds since the epoch, moved by heartbeats.  A provisioner
 * that comes too late finds another lease, or none: that is the fence.
 */


#ifndef _WS_JOB_H_INCLUDED_
#define _WS_JOB_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>
#include "ws_workspace.h"


#define WS_LEASE_MS       30000     /* contract: its worker silent for 30 s */
#define WS_JOB_STATE_MAX  (256 * 1024)
#define WS_JOB_ERROR_MAX  (16 * 1024)


/*
 * Takes the pending job for a provisioner.  "token_hash" is the SHA-256 (hex)
 * of the secret that this build's agents will come with.
 * NGX_OK, NGX_DECLINED (not pending), NGX_ERROR.
 */
ngx_int_t ws_job_acquire(ws_workspace_t *w, const ws_uuid_t *provisioner,
    ngx_str_t *lease, ngx_str_t *token_hash, int64_t now_ms);

/*
 * Whether a provisioner's word still counts: NGX_OK or NGX_DECLINED.
 */
ngx_int_t ws_job_leased(ws_workspace_t *w, ngx_str_t *lease, int64_t now_ms);

/*
 * Ends the job of a lease checked before.  "state" may be NULL: unchanged;
 * otherwise it is what the next build is given.  A status that "resources" has
 * for an agent is taken out: only agents say whether they are connected.
 * As ws_build_finish().
 */
ngx_int_t ws_job_complete(ws_workspace_t *w, json_t *resources,
    ngx_str_t *state, int64_t now_ms, const char **detail);
ngx_int_t ws_job_fail(ws_workspace_t *w, ngx_str_t *error, int64_t now_ms);

/*
 * A job that was acquired but that nobody runs waits again, at its old place;
 * or is canceled, when that was asked meanwhile.  The token of its agents is
 * no good any more.  NGX_OK, NGX_DECLINED (not running), NGX_ERROR.
 */
ngx_int_t ws_job_give_back(ws_workspace_t *w, int64_t now_ms);

/*
 * The lease has run out: the build failed.
 * NGX_OK; NGX_DECLINED: it has not, or there is none; NGX_ERROR.
 */
ngx_int_t ws_job_expire(ws_workspace_t *w, int64_t now_ms);

/*
 * A pending job is canceled at once, a running one is asked to.
 * NGX_OK, NGX_DECLINED (finished), NGX_ERROR.
 */
ngx_int_t ws_job_cancel(ws_workspace_t *w, int64_t now_ms);


#endif /* _WS_JOB_H_INCLUDED_ */
