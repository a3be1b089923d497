
/*
 * Redis Cluster's arithmetic and words: which slot a key lies in, and what
 * nodes say about who has which.  Plain functions over memory, for the module
 * and wsctl alike.
 */


#ifndef _WS_SLOT_H_INCLUDED_
#define _WS_SLOT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_reply.h"


#define WS_SLOTS  16384


typedef struct {
    ngx_uint_t  first;
    ngx_uint_t  last;
    ngx_str_t   host;               /* of the primary; empty: the node asked */
    in_port_t   port;
} ws_slot_range_t;


/*
 * The slot of a key, 0 .. WS_SLOTS - 1: of what is between its first "{" and
 * the next "}", unless that is nothing, else of the whole
 * (https://redis.io/docs/reference/cluster-spec/, "Hash tags").
 */
ngx_uint_t ws_slot(const ngx_str_t *key);

/*
 * Reads element i of the answer to CLUSTER SLOTS.  host points into reply: an
 * address, or a name where the cluster prefers names and tells no address.
 * NGX_OK or NGX_ERROR: not such an answer, or i is past its end.
 */
ngx_int_t ws_slot_range(const ws_reply_t *reply, ngx_uint_t i,
    ws_slot_range_t *range);

/*
 * Reads "MOVED 3999 127.0.0.1:6381" and the same with ASK: first and last are
 * the slot, host points into text.  NGX_OK or NGX_ERROR.
 */
ngx_int_t ws_slot_redirect(const ngx_str_t *text, ws_slot_range_t *range);


#endif /* _WS_SLOT_H_INCLUDED_ */
