
/*
 * What a listing reads: the filters of a request and the rights of its user
 * as sorted sets of the index (ws_index.h).
 *
 * A plan is terms, all of which must hold; a term is sets, of which a
 * workspace must be a member of one; a set exists once in each shard, but
 * for those of an owner, which exist in the owner's shard only.
 */


#ifndef _WS_LIST_PLAN_H_INCLUDED_
#define _WS_LIST_PLAN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_key.h"
#include "ws_policy.h"


/*
 * What is asked for, names being resolved to ids.  Strings are lower case.
 * Everything is borrowed, and must outlive the plan.
 */

typedef struct {
    const ws_subject_t  *subject;       /* who asks */
    const ws_uuid_t     *owner;         /* NULL: anyone */
    const ws_uuid_t     *templates;     /* NULL: any */
    ngx_uint_t           ntemplates;    /* any of these */
    ngx_str_t            status;        /* empty: any but deleted */
    ngx_array_t          agents;        /* ngx_str_t, all of them */
    ngx_array_t          names;         /* ngx_str_t, all of them */
} ws_list_filter_t;


typedef struct {
    ngx_str_t            key;
    ngx_uint_t           shard;
    ngx_int_t            card;          /* members; set by who has asked */

    unsigned             own:1;         /* may share members with others of
                                           its term; only one set is so */
    unsigned             shared:1;      /* not read: what the own set shares
                                           with one other, to be subtracted */
} ws_list_set_t;


typedef struct {
    ngx_array_t          sets;          /* ws_list_set_t */
    unsigned             overlap:1;     /* one of them is "own" */
} ws_list_term_t;


typedef struct {
    ngx_array_t          terms;         /* ws_list_term_t, 1 at least */
    ngx_array_t          names;         /* ngx_str_t */
    ngx_str_t            status;        /* of the filter */
    ngx_uint_t           nsets;         /* of all terms */

    unsigned             deleted:1;     /* deleted ones are asked for */
    unsigned             nothing:1;     /* nothing can match: no terms */
} ws_list_plan_t;


/*
 * Makes the plan in the pool.  NGX_OK, or NGX_ERROR without memory.
 *
 * What the user may read is part of the plan (contract: Who may do what): no
 * document has to be fetched to find out that it must not be shown.
 */
ngx_int_t ws_list_plan(ngx_pool_t *pool, ws_keyspace_t *ks,
    ws_list_filter_t *filter, ws_list_plan_t *plan);

/* the number of members of a term, once each set has its "card" */
ngx_uint_t ws_list_term_count(ws_list_term_t *term);

/* the term with the fewest members */
ws_list_term_t *ws_list_plan_driver(ws_list_plan_t *plan);

/* 1 when a name, in lower case, contains all that is asked for; else 0 */
ngx_uint_t ws_list_plan_named(ws_list_plan_t *plan, u_char *name, size_t len);

/*
 * 1 when a document with this status, as it is now, still belongs to the
 * listing, else 0.
 */
ngx_uint_t ws_list_plan_status(ws_list_plan_t *plan, ngx_str_t *status,
    ngx_uint_t deleted);


#endif /* _WS_LIST_PLAN_H_INCLUDED_ */
