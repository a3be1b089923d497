
/*
 * The sorted sets that listings read.  A workspace is a member of one set for
 * each value that a listing can be filtered by; all have the same score and
 * member, so that the order of a listing is the order of any set:
 * last_used_at, newest first, ties by name, then id.
 *
 * Live workspaces are in the sets "live:...", deleted ones in "deleted:...":
 *     all, owner:<o>, org:<g>, oo:<o>:<g>, template:<t>, status:<status>,
 *     agent:<status of an agent of a latest build that is a start>
 * (the last two only for live ones).
 */


#ifndef _WS_INDEX_H_INCLUDED_
#define _WS_INDEX_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_key.h"
#include "ws_txn.h"


typedef struct {
    const char  *kind;              /* "live:owner", ... */
    ngx_str_t    a;                 /* empty: none */
    ngx_str_t    b;
    ngx_str_t    member;            /* "<lower-case name> <id>" */
    int64_t      score;             /* - last_used_ms */
} ws_index_entry_t;


/*
 * Appends what changes between two lists of entries (either may be NULL):
 * ZREM of those gone, ZADD of those new or moved.
 */
void ws_index_diff(ws_txn_t *txn, ws_keyspace_t *ks, ngx_uint_t shard,
    ngx_array_t *before, ngx_array_t *after);

/*
 * Splits a member into its name and id.  NGX_OK or NGX_DECLINED.
 */
ngx_int_t ws_index_member(ngx_str_t *member, ngx_str_t *name, ws_uuid_t *id);


#endif /* _WS_INDEX_H_INCLUDED_ */
