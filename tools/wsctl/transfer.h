
/*
 * What export writes and import reads: the whole of a deployment's data, one
 * JSON array a line.  docs/wsctl.md describes the format.
 */


#ifndef _WSCTL_TRANSFER_H_INCLUDED_
#define _WSCTL_TRANSFER_H_INCLUDED_


#include "wsctl.h"


#define WS_TRANSFER_VERSION  1


/* what tells the shard of an element */

typedef enum {
    WS_BY_NOTHING = 0,              /* it belongs to the directory */
    WS_BY_KEY,                      /* the id behind the key's kind */
    WS_BY_MEMBER,                   /* the member is an id */
    WS_BY_END,                      /* the member ends in one */
    WS_BY_DUE                       /* the member's second word is one */
} ws_transfer_by_e;


typedef struct {
    const char        *kind;        /* with ":": more follows */
    const char        *type;        /* hash, set, zset or list */
    ws_transfer_by_e   by;
} ws_transfer_kind_t;


/*
 * The kind of a key, given without prefix and tag: "w:<id>"; NULL: there is
 * no such kind.  dir: of the directory.  *arg is what follows the ":".
 */
const ws_transfer_kind_t *ws_transfer_kind(ngx_uint_t dir, ngx_str_t *name,
    ngx_str_t *arg);

/*
 * The shard of an element (of a hash that has only one owner: any).
 * NGX_OK, or NGX_ERROR: there is no id where one has to be.
 */
ngx_int_t ws_transfer_shard(ws_ctl_t *ctl, const ws_transfer_kind_t *kind,
    ngx_str_t *arg, ngx_str_t *member, ngx_uint_t *shard);


#endif /* _WSCTL_TRANSFER_H_INCLUDED_ */
