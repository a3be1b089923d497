
/*
 * The ids that a listing has found: 16 bytes each, in chunks of memory that
 * are freed while they are used up, so that the list of a whole deployment
 * costs little and shrinks as it is sent.
 */


#ifndef _WS_LIST_IDS_H_INCLUDED_
#define _WS_LIST_IDS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_uuid.h"


#define WS_LIST_CHUNK  1023         /* ids: 16 kB with the head */


typedef struct ws_list_chunk_s  ws_list_chunk_t;

struct ws_list_chunk_s {
    ws_list_chunk_t     *next;
    uint32_t             head;      /* those before it were taken */
    uint32_t             tail;
    ws_uuid_t            ids[WS_LIST_CHUNK];
};


typedef struct {
    ws_list_chunk_t     *first;
    ws_list_chunk_t     *next;      /* the one to take from */
    ws_list_chunk_t     *last;
    ngx_uint_t           n;         /* to be taken; nil ones do not count */
    ngx_uint_t           taken;
    ngx_log_t           *log;
    unsigned             keep:1;    /* what is taken is not freed yet */
} ws_list_ids_t;


/* an empty list; no memory is taken before the first id */
void ws_list_ids_init(ws_list_ids_t *ids, ngx_log_t *log);

/*
 * Appends an id.  Returns its place, valid until it is taken or the list is
 * freed, or NULL without memory.
 */
ws_uuid_t *ws_list_ids_append(ws_list_ids_t *ids, const ws_uuid_t *id);

/*
 * Moves all ids of "more" before, or behind, those of "ids".  Before: nothing
 * has been taken yet.
 */
void ws_list_ids_prepend(ws_list_ids_t *ids, ws_list_ids_t *more);
void ws_list_ids_join(ws_list_ids_t *ids, ws_list_ids_t *more);

/*
 * Takes up to "max" ids out of the front; returns how many.
 */
ngx_uint_t ws_list_ids_take(ws_list_ids_t *ids, ws_uuid_t *out,
    ngx_uint_t max);

/* drops the first "n" ids; keeps no more than the first "n" */
void ws_list_ids_skip(ws_list_ids_t *ids, ngx_uint_t n);
void ws_list_ids_limit(ws_list_ids_t *ids, ngx_uint_t n);

/*
 * Sees to it that each id is there once.  Only those in "suspects", an array
 * of pointers to places in the list, can be there twice; of such a pair the
 * suspect goes (becomes nil), of several suspects all but one.  Ids that were
 * taken count when the list was told to keep them; suspects are not taken.
 * NGX_OK or NGX_ERROR (no memory).
 */
ngx_int_t ws_list_ids_unique(ws_list_ids_t *ids, ngx_array_t *suspects);

/* from now on what is taken is freed, and what was taken is */
void ws_list_ids_release(ws_list_ids_t *ids);

/* frees everything; the list is empty and can be used again */
void ws_list_ids_free(ws_list_ids_t *ids);


#endif /* _WS_LIST_IDS_H_INCLUDED_ */
