
/*
 * The plan is carried out in stages: count the sets; read the driver, the
 * smallest term, in batches; check each batch against the other terms; read
 * the front again when that took more than one batch.  All that is under way
 * is in one queue, so that it can be cancelled at any time.
 *
 * Replies come in the order of their commands, as all of a stage go through
 * one connection: the short one while a single batch will do, else the bulk
 * one, so that nobody's short read waits behind a long listing.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_index.h"
#include "ws_list_op.h"


#define WS_LIST_FLIGHTS   2             /* batches being read of a source */
#define WS_LIST_SPREAD    64            /* members of a source, at least,
                                           when there are many sources */


static void ws_list_begin(ws_list_t *list);
static void ws_list_count(ws_list_t *list);
static void ws_list_counted(void *data, ws_reply_t *reply);
static void ws_list_choose(ws_list_t *list);
static ngx_int_t ws_list_open(ws_list_t *list, ws_list_term_t *driver);
static void ws_list_merge(ws_list_t *list);
static void ws_list_pass_done(ws_list_t *list);
static void ws_list_finish(ws_list_t *list);


ws_list_t *
ws_list_create(ws_store_t *store, ngx_log_t *log, ws_list_plan_t *plan,
    ngx_uint_t offset, ngx_uint_t limit, void (*handler)(void *data),
    void *data)
{
    ws_list_t   *list;
    ngx_pool_t  *pool;

    pool = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, log);
    if (pool == NULL) {
        return NULL;
    }

    list = ngx_pcalloc(pool, sizeof(ws_list_t));

    if (list == NULL
        || ngx_array_init(&list->suspects, pool, 16, sizeof(ws_uuid_t *))
           != NGX_OK)
    {
        ngx_destroy_pool(pool);
        return NULL;
    }

    list->pool = pool;
    list->log = log;
    list->store = store;
    list->redis = store->redis;
    list->plan = plan;
    list->offset = offset;
    list->limit = limit;
    list->handler = handler;
    list->data = data;
    list->single = (plan->terms.nelts == 1);
    list->paged = (list->single && plan->names.nelts == 0);

    ngx_queue_init(&list->ops);
    ngx_queue_init(&list->spare);
    ws_list_ids_init(&list->found, log);
    ws_list_ids_init(&list->ids, log);

    return list;
}


void
ws_list_destroy(ws_list_t *list)
{
    if (list == NULL) {
        return;
    }

    ws_list_cancel(list);
    ws_list_ids_free(&list->found);
    ws_list_ids_free(&list->ids);

    ngx_destroy_pool(list->pool);
}


ngx_int_t
ws_list_find(ws_list_t *list, ngx_uint_t *count)
{
    if (!list->started) {
        list->started = 1;
        ws_list_begin(list);
    }

    if (list->failed) {
        return NGX_ERROR;
    }

    if (!list->done) {
        return list->told ? NGX_BUSY : NGX_AGAIN;
    }

    *count = list->count;

    return NGX_OK;
}


ws_list_ids_t *
ws_list_ids(ws_list_t *list)
{
    return &list->ids;
}


uint64_t
ws_list_usec(ws_list_t *list)
{
    return list->watch.usec;
}


static void
ws_list_begin(ws_list_t *list)
{
    if (list->plan->nothing) {
        list->done = 1;
        return;
    }

    /* the longest command checks a batch */

    list->argv = ngx_palloc(list->pool,
                            (WS_LIST_BATCH + 2) * sizeof(ngx_str_t));
    if (list->argv == NULL) {
        ws_list_fail(list);
        return;
    }

    if (!list->single && ws_list_check_init(list) != NGX_OK) {
        ws_list_fail(list);
        return;
    }

    ws_list_count(list);

    if (list->single && !list->failed) {

        /* nothing to choose: it is read by the same round trip */

        if (ws_list_open(list, list->plan->terms.elts) != NGX_OK) {
            ws_list_fail(list);
            return;
        }

        ws_list_ask(list);
    }
}


static void
ws_list_count(ws_list_t *list)
{
    ngx_uint_t       i, k;
    ws_list_op_t    *op;
    ws_list_set_t   *set;
    ws_list_term_t  *term;

    term = list->plan->terms.elts;

    for (i = 0; i < list->plan->terms.nelts; i++) {
        set = term[i].sets.elts;

        for (k = 0; k < term[i].sets.nelts; k++) {
            ngx_str_set(&list->argv[0], "ZCARD");
            list->argv[1] = set[k].key;

            op = ws_list_send(list, 2, ws_list_counted);
            if (op == NULL) {
                return;
            }

            op->set = &set[k];
            list->counting++;
        }
    }
}


static void
ws_list_counted(void *data, ws_reply_t *reply)
{
    ws_list_op_t *op = data;

    ws_list_t      *list;
    ws_list_set_t  *set;

    set = op->set;

    list = ws_list_reply(op, reply);
    if (list == NULL) {
        return;
    }

    set->card = reply->integer;

    if (--list->counting == 0 && !list->single) {
        ws_list_choose(list);
    }

    ws_list_report(list);
}


static void
ws_list_choose(ws_list_t *list)
{
    ngx_uint_t       n;
    ws_list_term_t  *driver;

    driver = ws_list_plan_driver(list->plan);
    n = ws_list_term_count(driver);

    if (n == 0) {
        list->done = 1;
        return;
    }

    if (ws_list_open(list, driver) != NGX_OK) {
        ws_list_fail(list);
        return;
    }

    list->settled = 1;

    if (n > WS_LIST_BATCH) {
        list->redis = list->store->bulk;
        list->flights = WS_LIST_FLIGHTS;
    }

    ws_list_ask(list);
}


/* prepares the first pass */

static ngx_int_t
ws_list_open(ws_list_t *list, ws_list_term_t *driver)
{
    ngx_uint_t  batch, sources;

    sources = driver->sets.nelts;

    batch = ngx_max(4 * WS_LIST_BATCH / sources, WS_LIST_SPREAD);
    batch = ngx_min(batch, WS_LIST_BATCH);

    list->driver = driver;
    list->need = NGX_MAX_INT_T_VALUE;
    list->flights = 1;
    list->begun_ms = ws_store_now_ms(list->store);

    if (list->paged && list->limit) {
        list->direct = (sources == 1);
        list->need = list->limit + (list->direct ? 0 : list->offset);
    }

    /* of two sets that share members, doubles are found at the end only */

    if (list->limit == 0 && list->offset == 0 && !driver->overlap) {
        list->early = 1;
        list->ids.keep = 1;
    }

    if (ws_list_merge_init(&list->merge, list->pool, driver,
                           ngx_min(batch, list->need),
                           list->need <= batch ? 1 : WS_LIST_FLIGHTS)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (list->direct) {
        ws_list_merge_rewind(&list->merge, list->offset);
    }

    return NGX_OK;
}


void
ws_list_advance(ws_list_t *list)
{
    ws_list_merge(list);

    if (list->failed) {
        return;
    }

    if (!list->scanned) {

        if (!list->settled) {

            /* a longer one, and nothing of it is under way */

            list->settled = 1;
            list->redis = list->store->bulk;
            list->flights = WS_LIST_FLIGHTS;
        }

        ws_list_ask(list);

        if (list->early && list->ids.n > (list->told ? 0 : WS_LIST_EARLY)) {
            list->told = 1;
            list->progress = 1;
        }

        return;
    }

    /* what was asked for in advance */

    ws_list_cancel_ranges(list);

    if (!list->single) {
        ws_list_check(list);
    }

    if (ngx_queue_empty(&list->ops) && !list->failed) {
        ws_list_pass_done(list);
    }
}


/* takes out of the merge what it has, as long as it can be put somewhere */

static void
ws_list_merge(ws_list_t *list)
{
    ngx_int_t         rc;
    ws_list_item_t   *item;
    ws_list_check_t  *check;

    check = NULL;

    while (!list->scanned && !list->failed) {

        if (list->pass == 0 && list->found.n == list->need) {
            list->scanned = 1;
            list->stopped = 1;
            return;
        }

        if (!list->single) {
            check = ws_list_check_room(list);
            if (check == NULL) {
                return;
            }
        }

        rc = ws_list_merge_next(&list->merge, &item);

        if (rc == NGX_AGAIN) {
            return;
        }

        if (rc == NGX_DONE || (list->pass && item->score > list->front)) {
            list->scanned = 1;
            return;
        }

        if (!ws_list_plan_named(list->plan, item->member,
                                item->len - WS_UUID_LEN - 1))
        {
            continue;
        }

        if (check) {
            check->items[check->n] = *item;
            check->met[check->n++] = 0;

        } else {
            ws_list_append(list, item);
        }
    }
}


void
ws_list_append(ws_list_t *list, ws_list_item_t *item)
{
    ngx_str_t    member, name;
    ws_uuid_t    id, *place, **suspect;

    member.data = item->member;
    member.len = item->len;

    if (ws_index_member(&member, &name, &id) != NGX_OK) {
        return;
    }

    place = ws_list_ids_append(list->early && list->pass == 0 ? &list->ids
                                                              : &list->found,
                               &id);
    if (place == NULL) {
        ws_list_fail(list);
        return;
    }

    if (list->pass || item->own) {

        suspect = ngx_array_push(&list->suspects);
        if (suspect == NULL) {
            ws_list_fail(list);
            return;
        }

        *suspect = place;
    }
}


static void
ws_list_pass_done(ws_list_t *list)
{
    /* what may be there twice is not to be taken yet */

    if (!list->early) {
        ws_list_ids_prepend(&list->ids, &list->found);
    }

    if (list->offset || ws_list_merge_atomic(&list->merge)
        || list->pass == WS_LIST_PASSES)
    {
        ws_list_finish(list);
        return;
    }

    /* those that were used since this pass began are in front now */

    list->front = -(list->begun_ms - WS_LIST_SKEW_MS);
    list->begun_ms = ws_store_now_ms(list->store);
    list->pass++;
    list->scanned = 0;
    list->flights = 1;

    ws_list_merge_rewind(&list->merge, 0);
    ws_list_ask(list);
}


static void
ws_list_finish(ws_list_t *list)
{
    ngx_uint_t  n, count, before;

    ws_list_ids_join(&list->ids, &list->found);

    if (ws_list_ids_unique(&list->ids, &list->suspects) != NGX_OK) {
        ws_list_fail(list);
        return;
    }

    n = list->ids.taken + list->ids.n;
    before = list->direct ? list->offset : 0;
    count = ws_list_term_count(list->driver);

    if (list->stopped) {
        count = ngx_max(count, before + n);

    } else if (n || before == 0) {
        count = before + n;

    } else {
        count = ngx_min(count, before);
    }

    list->count = count;

    if (!list->direct) {
        ws_list_ids_skip(&list->ids, list->offset);
    }

    if (list->limit) {
        ws_list_ids_limit(&list->ids, list->limit);
    }

    ws_list_ids_release(&list->ids);

    list->done = 1;
}
