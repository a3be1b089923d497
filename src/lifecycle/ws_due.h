
/*
 * What has to happen to a workspace because time passes.  Each is a member of
 * the sorted set "due" of the workspace's shard, scored by when, in
 * milliseconds since the epoch:
 *
 *     autostart <workspace>        start it by its schedule
 *     autostop <workspace>         stop it at its deadline
 *     lease <workspace>            its provisioner was silent
 *     agent <workspace> <agent>    the agent has not connected, or is silent
 *
 * The entries follow from the document, as those of the indexes do.  Signs of
 * life do not touch the set: they are kept beside the document (the field "e",
 * the hash alive:<workspace>), and whoever finds an item due looks there first
 * and, if there was one, puts the item off.
 */


#ifndef _WS_DUE_H_INCLUDED_
#define _WS_DUE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_key.h"
#include "ws_txn.h"
#include "ws_workspace.h"


typedef enum {
    WS_DUE_AUTOSTART = 0,
    WS_DUE_AUTOSTOP,
    WS_DUE_LEASE,
    WS_DUE_AGENT,
    WS_DUE_KINDS
} ws_due_kind_e;


typedef struct {
    ngx_str_t    member;
    int64_t      at_ms;
} ws_due_entry_t;


typedef struct {
    ngx_uint_t   kind;              /* ws_due_kind_e */
    ws_uuid_t    workspace;
    ws_uuid_t    agent;             /* WS_DUE_AGENT */
} ws_due_t;


/*
 * The entries of the document as it is now; NULL without memory.
 */
ngx_array_t *ws_due_entries(ws_workspace_t *w);

/*
 * Before a commit: works out when the schedule fires next and keeps it with
 * the document; what is kept there stays when the zone is not known here.
 * NGX_OK or NGX_ERROR.
 */
ngx_int_t ws_due_arm(ws_workspace_t *w, ws_keyspace_t *ks);

/* Appends what changes between two lists: ZREM and ZADD. */
void ws_due_diff(ws_txn_t *txn, ws_keyspace_t *ks, ngx_uint_t shard,
    ngx_array_t *before, ngx_array_t *after);

/* Reads a member.  NGX_OK or NGX_DECLINED. */
ngx_int_t ws_due_parse(ngx_str_t *member, ws_due_t *due);


#endif /* _WS_DUE_H_INCLUDED_ */
