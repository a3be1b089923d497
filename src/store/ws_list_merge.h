
/*
 * Reading several sorted sets as one: each set is a source that is read in
 * batches, and the members come out in the order of a listing (by score, then
 * by bytes: see ws_index.h).
 *
 * A set changes while it is read.  What was read is therefore remembered by
 * value: a batch continues behind the last member whatever its rank is now.
 * Ranks only say where to look; each batch begins a few ranks before its
 * place, and one whose first member already lies behind the last one may have
 * left something out: it is read again from further back.
 *
 * Nothing here talks to Redis.
 */


#ifndef _WS_LIST_MERGE_H_INCLUDED_
#define _WS_LIST_MERGE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_name.h"
#include "ws_reply.h"
#include "ws_list_plan.h"


#define WS_LIST_MEMBER_MAX  (WS_NAME_MAX + 1 + WS_UUID_LEN)

/* ranks a batch is read twice, and the least that a batch may have */
#define WS_LIST_OVERLAP     4
#define WS_LIST_BATCH_MIN   16


typedef struct {
    int64_t              score;
    unsigned             shard:16;
    unsigned             own:1;         /* of the set that is marked so */
    unsigned             len:8;
    u_char               member[WS_LIST_MEMBER_MAX];
} ws_list_item_t;


typedef struct {
    ws_list_set_t       *set;
    ws_list_item_t      *items;         /* [head, tail) wait to be merged */
    ngx_uint_t           head;
    ngx_uint_t           tail;
    ws_list_item_t       last;          /* the last one read */
    ngx_uint_t           next;          /* rank to read from */
    ngx_uint_t           back;          /* ranks to go back, should it fail */
    ngx_uint_t           epoch;         /* replies to older ones are void */
    ngx_uint_t           flying;        /* requests of this epoch */
    ngx_uint_t           replies;       /* taken in since the beginning */

    unsigned             started:1;     /* "last" is set */
    unsigned             asked:1;
    unsigned             ended:1;
} ws_list_source_t;


typedef struct {
    ws_list_source_t    *sources;
    ngx_uint_t           nsources;
    ws_list_source_t   **heap;          /* those with items */
    ngx_uint_t           nheap;
    ngx_uint_t           starving;      /* sources without, and not ended */
    ngx_uint_t           batch;         /* members at once of each source */
    ngx_uint_t           room;          /* items each source has room for */
    ws_list_item_t       last;
    unsigned             overlap:1;     /* of the term */
    unsigned             started:1;
} ws_list_merge_t;


/* what to ask for, and what the answer is to be read with */

typedef struct {
    ws_list_source_t    *source;
    ngx_uint_t           start;         /* first rank */
    ngx_uint_t           n;             /* members at most */
    ngx_uint_t           epoch;
} ws_list_range_t;


/*
 * Prepares the sources of a term, each to be read in batches of "batch"
 * members (WS_LIST_BATCH_MIN at least), with room for that number of batches.
 * NGX_OK or NGX_ERROR (no memory).
 */
ngx_int_t ws_list_merge_init(ws_list_merge_t *m, ngx_pool_t *pool,
    ws_list_term_t *term, ngx_uint_t batch, ngx_uint_t batches);

/* begins again, each source from that rank; what is under way is void */
void ws_list_merge_rewind(ws_list_merge_t *m, ngx_uint_t rank);

/*
 * The next range of a source to ask for, which counts as under way from then
 * on; at most "flights" at once.  NGX_OK or NGX_DECLINED: not now.
 */
ngx_int_t ws_list_source_ask(ws_list_merge_t *m, ws_list_source_t *s,
    ngx_uint_t flights, ws_list_range_t *range);

/*
 * Takes the reply: members and scores.
 * NGX_OK; NGX_DECLINED: it was of no use, ask again; NGX_ERROR: it is no such
 * reply.
 */
ngx_int_t ws_list_source_feed(ws_list_merge_t *m, ws_list_range_t *range,
    ws_reply_t *reply);

/*
 * NGX_OK: *item is the next one, valid until the next call for this merge;
 * NGX_AGAIN: some source has to be read first; NGX_DONE: there are no more.
 */
ngx_int_t ws_list_merge_next(ws_list_merge_t *m, ws_list_item_t **item);

/* 1 when every source was read as a whole by one command, else 0 */
ngx_uint_t ws_list_merge_atomic(ws_list_merge_t *m);


#endif /* _WS_LIST_MERGE_H_INCLUDED_ */
