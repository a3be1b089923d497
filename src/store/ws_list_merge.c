
/*
 * A heap of sources by their first item.  It knows all there is to know only
 * while no source starves: an item may go out when every set has shown what
 * it has at that place.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_list_merge.h"


/* how far a batch that left something out goes back at first */
#define WS_LIST_BACK  64


static ngx_int_t ws_list_item_read(ws_list_source_t *s, ws_reply_t *elts,
    ws_list_item_t *item);
static ngx_int_t ws_list_score(ngx_str_t *text, int64_t *score);
static ngx_int_t ws_list_item_cmp(ws_list_item_t *a, ws_list_item_t *b);
static void ws_list_source_back(ws_list_source_t *s, ngx_uint_t start);
static void ws_list_source_room(ws_list_source_t *s);
static void ws_list_source_filled(ws_list_merge_t *m, ws_list_source_t *s);
static void ws_list_heap_down(ws_list_merge_t *m);
static ngx_uint_t ws_list_heap_less(ws_list_source_t *a, ws_list_source_t *b);


ngx_int_t
ws_list_merge_init(ws_list_merge_t *m, ngx_pool_t *pool, ws_list_term_t *term,
    ngx_uint_t batch, ngx_uint_t batches)
{
    ngx_uint_t         i;
    ws_list_set_t     *set;
    ws_list_source_t  *s;

    ngx_memzero(m, sizeof(ws_list_merge_t));

    m->batch = ngx_max(batch, WS_LIST_BATCH_MIN);
    m->room = m->batch * batches;
    m->overlap = term->overlap;

    m->sources = ngx_pcalloc(pool,
                             term->sets.nelts * sizeof(ws_list_source_t));
    m->heap = ngx_palloc(pool,
                         term->sets.nelts * sizeof(ws_list_source_t *));

    if (m->sources == NULL || m->heap == NULL) {
        return NGX_ERROR;
    }

    set = term->sets.elts;

    for (i = 0; i < term->sets.nelts; i++) {

        if (set[i].shared) {
            continue;
        }

        s = &m->sources[m->nsources++];

        s->set = &set[i];
        s->items = ngx_palloc(pool, m->room * sizeof(ws_list_item_t));

        if (s->items == NULL) {
            return NGX_ERROR;
        }
    }

    ws_list_merge_rewind(m, 0);

    return NGX_OK;
}


void
ws_list_merge_rewind(ws_list_merge_t *m, ngx_uint_t rank)
{
    ngx_uint_t         i;
    ws_list_source_t  *s;

    for (i = 0; i < m->nsources; i++) {
        s = &m->sources[i];

        s->head = 0;
        s->tail = 0;
        s->next = rank;
        s->back = WS_LIST_BACK;
        s->epoch++;
        s->flying = 0;
        s->replies = 0;
        s->started = 0;
        s->asked = 0;
        s->ended = 0;
    }

    m->nheap = 0;
    m->starving = m->nsources;
    m->started = 0;
}


ngx_int_t
ws_list_source_ask(ws_list_merge_t *m, ws_list_source_t *s,
    ngx_uint_t flights, ws_list_range_t *range)
{
    ngx_uint_t  expected;

    expected = s->tail - s->head + (s->flying + 1) * m->batch;

    if (s->ended || s->flying >= flights || expected > m->room) {
        return NGX_DECLINED;
    }

    range->source = s;
    range->epoch = s->epoch;
    range->n = m->batch;
    range->start = s->next;

    if (s->asked) {
        range->start -= ngx_min(s->next, WS_LIST_OVERLAP);
    }

    s->next = range->start + m->batch;
    s->asked = 1;
    s->flying++;

    return NGX_OK;
}


ngx_int_t
ws_list_source_feed(ws_list_merge_t *m, ws_list_range_t *range,
    ws_reply_t *reply)
{
    ngx_int_t          c;
    ngx_uint_t         i, first, anchored;
    ws_list_item_t     item;
    ws_list_source_t  *s;

    s = range->source;

    if (reply->type != WS_REPLY_ARRAY || reply->n % 2
        || reply->n / 2 > range->n)
    {
        return NGX_ERROR;
    }

    if (range->epoch != s->epoch) {
        return NGX_DECLINED;
    }

    s->flying--;

    if (s->ended) {
        return NGX_OK;
    }

    ws_list_source_room(s);

    first = s->tail;

    /* nothing can be before the first rank, or before the first batch */

    anchored = (range->start == 0 || !s->started);

    for (i = 0; i < reply->n; i += 2) {

        if (ws_list_item_read(s, &reply->elts[i], &item) != NGX_OK) {
            continue;
        }

        if (s->started) {
            c = ws_list_item_cmp(&item, &s->last);

            if (c <= 0) {
                anchored = 1;
                continue;
            }
        }

        if (!anchored) {
            break;
        }

        s->items[s->tail++] = item;
        s->last = item;
        s->started = 1;
    }

    if (!anchored) {
        ws_list_source_back(s, range->start);
        return NGX_DECLINED;
    }

    s->back = WS_LIST_BACK;
    s->replies++;
    s->ended = (reply->n / 2 < range->n);

    if (first == s->head) {
        ws_list_source_filled(m, s);
    }

    return NGX_OK;
}


static void
ws_list_source_back(ws_list_source_t *s, ngx_uint_t start)
{
    s->next = start - ngx_min(start, s->back);
    s->back *= 8;
    s->epoch++;
    s->flying = 0;
}


/* what has been merged makes room at the end */

static void
ws_list_source_room(ws_list_source_t *s)
{
    if (s->head) {
        ngx_memmove(s->items, &s->items[s->head],
                    (s->tail - s->head) * sizeof(ws_list_item_t));
        s->tail -= s->head;
        s->head = 0;
    }
}


/* a source that had no items has some now, or none any more */

static void
ws_list_source_filled(ws_list_merge_t *m, ws_list_source_t *s)
{
    ngx_uint_t         i, parent;
    ws_list_source_t  *swap;

    if (s->head == s->tail) {
        m->starving -= s->ended;
        return;
    }

    m->starving--;

    i = m->nheap++;
    m->heap[i] = s;

    while (i) {
        parent = (i - 1) / 2;

        if (!ws_list_heap_less(m->heap[i], m->heap[parent])) {
            break;
        }

        swap = m->heap[i];
        m->heap[i] = m->heap[parent];
        m->heap[parent] = swap;
        i = parent;
    }
}


ngx_int_t
ws_list_merge_next(ws_list_merge_t *m, ws_list_item_t **item)
{
    ws_list_source_t  *s;

    for ( ;; ) {

        if (m->starving) {
            return NGX_AGAIN;
        }

        if (m->nheap == 0) {
            return NGX_DONE;
        }

        s = m->heap[0];
        *item = &s->items[s->head++];

        if (s->head == s->tail) {
            m->heap[0] = m->heap[--m->nheap];

            if (!s->ended) {
                m->starving++;
            }
        }

        ws_list_heap_down(m);

        if (!m->overlap) {
            return NGX_OK;
        }

        /* the same member of two sets */

        if (m->started && ws_list_item_cmp(*item, &m->last) == 0) {
            continue;
        }

        m->last = **item;
        m->started = 1;

        return NGX_OK;
    }
}


static void
ws_list_heap_down(ws_list_merge_t *m)
{
    ngx_uint_t         i, child;
    ws_list_source_t  *swap;

    for (i = 0; /* void */ ; i = child) {

        child = 2 * i + 1;

        if (child >= m->nheap) {
            return;
        }

        if (child + 1 < m->nheap
            && ws_list_heap_less(m->heap[child + 1], m->heap[child]))
        {
            child++;
        }

        if (!ws_list_heap_less(m->heap[child], m->heap[i])) {
            return;
        }

        swap = m->heap[i];
        m->heap[i] = m->heap[child];
        m->heap[child] = swap;
    }
}


static ngx_uint_t
ws_list_heap_less(ws_list_source_t *a, ws_list_source_t *b)
{
    return ws_list_item_cmp(&a->items[a->head], &b->items[b->head]) < 0;
}


/* the order in which Redis keeps them */

static ngx_int_t
ws_list_item_cmp(ws_list_item_t *a, ws_list_item_t *b)
{
    ngx_int_t  c;

    if (a->score != b->score) {
        return a->score < b->score ? -1 : 1;
    }

    c = ngx_memcmp(a->member, b->member, ngx_min(a->len, b->len));

    return c ? c : (ngx_int_t) a->len - (ngx_int_t) b->len;
}


/* NGX_OK, or NGX_DECLINED: this is not a member as the index has them */

static ngx_int_t
ws_list_item_read(ws_list_source_t *s, ws_reply_t *elts, ws_list_item_t *item)
{
    ngx_str_t  *member;

    member = &elts[0].str;

    if (elts[0].type != WS_REPLY_STRING || elts[1].type != WS_REPLY_STRING
        || member->len < WS_UUID_LEN + 2 || member->len > WS_LIST_MEMBER_MAX
        || member->data[member->len - WS_UUID_LEN - 1] != ' '
        || ws_list_score(&elts[1].str, &item->score) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    item->shard = s->set->shard;
    item->own = s->set->own;
    item->len = member->len;
    ngx_memcpy(item->member, member->data, member->len);

    return NGX_OK;
}


/* an integer; doubles keep those of this size exactly */

static ngx_int_t
ws_list_score(ngx_str_t *text, int64_t *score)
{
    u_char      *p;
    size_t       len;
    ngx_int_t    n;
    ngx_uint_t   negative;

    p = text->data;
    len = text->len;
    negative = (len && *p == '-');

    n = ngx_atoi(p + negative, len - negative);
    if (n == NGX_ERROR) {
        return NGX_DECLINED;
    }

    *score = negative ? -n : n;

    return NGX_OK;
}


ngx_uint_t
ws_list_merge_atomic(ws_list_merge_t *m)
{
    ngx_uint_t  i;

    for (i = 0; i < m->nsources; i++) {
        if (m->sources[i].replies > 1) {
            return 0;
        }
    }

    return 1;
}
