
/*
 * Builds: the transitions of a workspace, and the job that carries each out.
 * The latest build lies inside the workspace's document; ones before it are
 * archived to keys of their own when the next one is made.
 *
 * job.status:    pending running succeeded canceling canceled failed
 * build.status:  from job and transition, contract: Where a status comes from
 */


#ifndef _WS_BUILD_H_INCLUDED_
#define _WS_BUILD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>
#include "ws_workspace.h"


typedef struct {
    const char      *transition;    /* start stop delete */
    const char      *reason;        /* initiator autostart autostop */
    ws_user_t       *initiator;
    ws_version_t    *version;
    json_t          *parameters;    /* array of {name, value}; borrowed */
    int64_t          now_ms;
} ws_build_new_t;


/*
 * Makes the next build, its job pending.
 * NGX_OK; NGX_DECLINED: the latest build is still active, or the workspace
 * is deleted; NGX_ERROR.
 */
ngx_int_t ws_build_create(ws_workspace_t *w, ws_build_new_t *nb);

/* whether the latest build's job is not finished */
ngx_uint_t ws_build_active(ws_workspace_t *w);

/* the same, from the status of a build */
ngx_uint_t ws_build_status_active(ngx_str_t *status);

/*
 * Moves the latest build's job from pending to running.
 * NGX_OK, NGX_DECLINED (not pending), NGX_ERROR.
 */
ngx_int_t ws_build_begin(ws_workspace_t *w, const ws_uuid_t *worker,
    int64_t now_ms);

/*
 * Ends it: failed with an error text, or succeeded (canceled when a cancel
 * was asked) with "resources", an array as wsctl --resources takes it (NULL:
 * none; borrowed): ids, times and statuses that are missing are filled in.
 * A start that succeeded gets its deadline: now + the TTL when it was made.
 * A delete that succeeded marks the workspace deleted.
 * NGX_OK; NGX_DECLINED: not active, or bad resources, *detail says;
 * NGX_ERROR.
 */
ngx_int_t ws_build_finish(ws_workspace_t *w, ngx_str_t *error,
    json_t *resources, int64_t now_ms, const char **detail);

/*
 * Moves the deadline: contract: Extend.
 * NGX_OK; NGX_DECLINED with *status 409 or 400 and a *detail; NGX_ERROR.
 */
ngx_int_t ws_build_extend(ws_workspace_t *w, int64_t deadline_ms,
    int64_t now_ms, ngx_uint_t *status, const char **detail);

/* Sets the job's status, and what follows from it.  NGX_OK or NGX_ERROR. */
ngx_int_t ws_build_set_job(ws_workspace_t *w, const char *status,
    int64_t now_ms);

/*
 * Writes a build as the API shows it: its document "d" as it was archived, but
 * for the name of the workspace, which may have changed since.
 * NGX_OK, or NGX_ERROR: that is not such a document.
 */
ngx_int_t ws_build_show(ws_json_t *w, ngx_str_t *d, ngx_str_t *name);

/* the table of the contract; a constant string, "" if not in the table */
const char *ws_build_status(const char *job_status, const char *transition);


#endif /* _WS_BUILD_H_INCLUDED_ */
