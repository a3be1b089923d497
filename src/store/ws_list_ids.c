
/*
 * A chain of chunks.  Ids that turn out to be one too many become nil where
 * they are, since pointers to others must stay valid.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_list_ids.h"


typedef struct {
    ws_uuid_t          **slots;
    ngx_uint_t           mask;
} ws_list_table_t;


static ngx_int_t ws_list_table_init(ws_list_table_t *t, ngx_pool_t *pool,
    ngx_uint_t n);
static ws_uuid_t **ws_list_table_slot(ws_list_table_t *t, ws_uuid_t *id);


void
ws_list_ids_init(ws_list_ids_t *ids, ngx_log_t *log)
{
    ngx_memzero(ids, sizeof(ws_list_ids_t));

    ids->log = log;
}


ws_uuid_t *
ws_list_ids_append(ws_list_ids_t *ids, const ws_uuid_t *id)
{
    ws_uuid_t        *place;
    ws_list_chunk_t  *chunk;

    chunk = ids->last;

    if (chunk == NULL || chunk->tail == WS_LIST_CHUNK) {

        chunk = ngx_alloc(sizeof(ws_list_chunk_t), ids->log);
        if (chunk == NULL) {
            return NULL;
        }

        chunk->next = NULL;
        chunk->head = 0;
        chunk->tail = 0;

        if (ids->last) {
            ids->last->next = chunk;

        } else {
            ids->first = chunk;
            ids->next = chunk;
        }

        ids->last = chunk;
    }

    place = &chunk->ids[chunk->tail++];
    *place = *id;
    ids->n++;

    return place;
}


void
ws_list_ids_prepend(ws_list_ids_t *ids, ws_list_ids_t *more)
{
    ws_list_ids_t  rest;

    rest = *ids;
    *ids = *more;
    ws_list_ids_init(more, ids->log);

    ws_list_ids_join(ids, &rest);
}


void
ws_list_ids_join(ws_list_ids_t *ids, ws_list_ids_t *more)
{
    if (more->first == NULL) {
        return;
    }

    if (ids->last) {
        ids->last->next = more->first;

    } else {
        ids->first = more->first;
        ids->next = more->first;
    }

    ids->last = more->last;
    ids->n += more->n;

    ws_list_ids_init(more, more->log);
}


ngx_uint_t
ws_list_ids_take(ws_list_ids_t *ids, ws_uuid_t *out, ngx_uint_t max)
{
    ngx_uint_t        n;
    ws_uuid_t        *id;
    ws_list_chunk_t  *chunk;

    n = 0;

    while (n < max && ids->n) {

        chunk = ids->next;

        if (chunk->head == chunk->tail) {
            ids->next = chunk->next;

            if (!ids->keep) {
                ids->first = chunk->next;
                ngx_free(chunk);
            }

            continue;
        }

        id = &chunk->ids[chunk->head++];

        if (!ws_uuid_is_nil(id)) {
            if (out) {
                out[n] = *id;
            }

            n++;
            ids->n--;
            ids->taken++;
        }
    }

    if (ids->n == 0 && !ids->keep) {
        ws_list_ids_free(ids);
    }

    return n;
}


void
ws_list_ids_release(ws_list_ids_t *ids)
{
    ws_list_chunk_t  *chunk;

    ids->keep = 0;

    if (ids->n == 0) {
        ws_list_ids_free(ids);
        return;
    }

    while (ids->first != ids->next) {
        chunk = ids->first;
        ids->first = chunk->next;
        ngx_free(chunk);
    }
}


void
ws_list_ids_skip(ws_list_ids_t *ids, ngx_uint_t n)
{
    (void) ws_list_ids_take(ids, NULL, n);
}


void
ws_list_ids_limit(ws_list_ids_t *ids, ngx_uint_t n)
{
    ngx_uint_t        i, kept;
    ws_list_ids_t     rest;
    ws_list_chunk_t  *chunk;

    if (n >= ids->n) {
        return;
    }

    if (n == 0) {
        ws_list_ids_free(ids);
        return;
    }

    kept = 0;

    for (chunk = ids->first; /* void */ ; chunk = chunk->next) {

        for (i = chunk->head; i < chunk->tail && kept < n; i++) {
            kept += !ws_uuid_is_nil(&chunk->ids[i]);
        }

        if (kept == n) {
            break;
        }
    }

    chunk->tail = i;

    rest.first = chunk->next;
    ws_list_ids_free(&rest);

    chunk->next = NULL;
    ids->last = chunk;
    ids->n = n;
}


ngx_int_t
ws_list_ids_unique(ws_list_ids_t *ids, ngx_array_t *suspects)
{
    ngx_uint_t         i;
    ws_uuid_t        **suspect, **slot, *id;
    ws_list_chunk_t   *chunk;
    ws_list_table_t    table;

    if (suspects->nelts == 0) {
        return NGX_OK;
    }

    if (ws_list_table_init(&table, suspects->pool, suspects->nelts)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    suspect = suspects->elts;

    for (i = 0; i < suspects->nelts; i++) {
        slot = ws_list_table_slot(&table, suspect[i]);

        if (*slot) {
            ngx_memzero(suspect[i], sizeof(ws_uuid_t));
            ids->n--;

        } else {
            *slot = suspect[i];
        }
    }

    for (chunk = ids->first; chunk; chunk = chunk->next) {
        for (i = 0; i < chunk->tail; i++) {
            id = &chunk->ids[i];

            if (ws_uuid_is_nil(id)) {
                continue;
            }

            slot = ws_list_table_slot(&table, id);

            /* one that goes keeps its slot: it is found no more, being nil */

            if (*slot && *slot != id) {
                ngx_memzero(*slot, sizeof(ws_uuid_t));
                ids->n--;
            }
        }
    }

    (void) ngx_pfree(suspects->pool, table.slots);

    return NGX_OK;
}


static ngx_int_t
ws_list_table_init(ws_list_table_t *t, ngx_pool_t *pool, ngx_uint_t n)
{
    ngx_uint_t  size;

    for (size = 16; size < 2 * n; size *= 2) { /* void */ }

    t->mask = size - 1;
    t->slots = ngx_pcalloc(pool, size * sizeof(ws_uuid_t *));

    return t->slots ? NGX_OK : NGX_ERROR;
}


/* where the id is, or is to be put */

static ws_uuid_t **
ws_list_table_slot(ws_list_table_t *t, ws_uuid_t *id)
{
    uint32_t     hash;
    ngx_uint_t   i;

    /* the last bytes of a version 4 UUID are random */

    ngx_memcpy(&hash, &id->b[12], sizeof(uint32_t));

    for (i = hash & t->mask; t->slots[i]; i = (i + 1) & t->mask) {
        if (ws_uuid_eq(t->slots[i], id)) {
            break;
        }
    }

    return &t->slots[i];
}


void
ws_list_ids_free(ws_list_ids_t *ids)
{
    ws_list_chunk_t  *chunk;

    while (ids->first) {
        chunk = ids->first;
        ids->first = chunk->next;
        ngx_free(chunk);
    }

    ids->next = NULL;
    ids->last = NULL;
    ids->n = 0;
}
