
/*
 * A ring of slots, one for each document that was asked for and is not yet
 * written.  Replies come in the order of the slots, and are written straight
 * from the reply; only when a template has to be waited for are copies kept,
 * of that document and those that come behind it meanwhile.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ws_dir.h"
#include "ws_json.h"
#include "ws_list_docs.h"
#include "ws_policy.h"
#include "ws_workspace.h"


#define WS_LIST_DOCS_SLOTS   (2 * WS_LIST_DOCS_BATCH)
#define WS_LIST_DOCS_AROUND  64         /* braces, commas, "outdated" */
#define WS_LIST_DOCS_LATER   10         /* ms, when there is no room */


typedef struct {
    ws_uuid_t             id;
    ws_dir_ref_t          ref;
    ngx_uint_t            slots;        /* that wait for it */
} ws_list_template_t;


typedef struct {
    ws_list_docs_t       *docs;
    ws_redis_cmd_t       *cmd;
    ws_list_template_t   *template;     /* it waits for */
    ws_state_t            state;
    ws_meta_t             meta;
    u_char               *copy;         /* what state and meta lie in */

    unsigned              skip:1;       /* to be left out */
    unsigned              last:1;       /* of its batch */
} ws_list_slot_t;


struct ws_list_docs_s {
    ngx_pool_t           *pool;
    ngx_log_t            *log;
    ws_store_t           *store;
    ws_redis_t           *redis;
    ws_list_plan_t       *plan;
    const ws_subject_t   *subject;
    ws_list_ids_t        *ids;          /* not yet asked for */
    ngx_pool_t           *keys;         /* of one batch */

    void                (*handler)(void *data);
    void                 *data;

    ws_list_slot_t        slots[WS_LIST_DOCS_SLOTS];
    ngx_uint_t            head;         /* modulo the number of slots */
    ngx_uint_t            tail;
    ngx_uint_t            batches;      /* under way */
    ngx_uint_t            first;        /* documents of the first batch */

    ws_list_template_t    templates[WS_LIST_DOCS_SLOTS];
    ngx_uint_t            ntemplates;
    ngx_uint_t            recent;

    ws_list_text_t        text;
    ngx_uint_t            shown;
    ngx_uint_t            left_out;
    off_t                 bytes;        /* of those shown */
    ws_list_watch_t       watch;
    ngx_event_t           later;        /* there may be room again */

    unsigned              all:1;        /* no more ids will come */
    unsigned              failed:1;
    unsigned              report:1;     /* the handler is to be called */
};


static void ws_list_docs_cleanup(void *data);
static void ws_list_docs_later(ngx_event_t *ev);
static ngx_int_t ws_list_docs_batch(ws_list_docs_t *docs);
static ngx_int_t ws_list_docs_ask(ws_list_docs_t *docs, ws_uuid_t *id);
static void ws_list_docs_answered(void *data, ws_reply_t *reply);
static void ws_list_docs_arrived(ws_list_slot_t *slot, ws_reply_t *reply);
static ngx_uint_t ws_list_docs_belongs(ws_list_slot_t *slot);
static ngx_int_t ws_list_docs_keep(ws_list_slot_t *slot);
static void ws_list_docs_ready(void *data);
static void ws_list_docs_advance(ws_list_docs_t *docs);
static ngx_int_t ws_list_docs_template(ws_list_docs_t *docs,
    ws_list_slot_t *slot);
static ws_list_template_t *ws_list_docs_find(ws_list_docs_t *docs,
    ws_uuid_t *id);
static ngx_int_t ws_list_docs_show(ws_list_slot_t *slot);
static void ws_list_docs_broken(ws_list_docs_t *docs);
static void ws_list_docs_report(ws_list_docs_t *docs);


#define ws_list_slot(docs, n)  (&(docs)->slots[(n) % WS_LIST_DOCS_SLOTS])


ws_list_docs_t *
ws_list_docs_create(ngx_pool_t *pool, ws_store_t *store, ws_list_plan_t *plan,
    const ws_subject_t *subject, void (*handler)(void *data), void *data)
{
    ws_list_docs_t      *docs;
    ngx_pool_cleanup_t  *cln;

    docs = ngx_pcalloc(pool, sizeof(ws_list_docs_t));
    cln = ngx_pool_cleanup_add(pool, 0);

    if (docs == NULL || cln == NULL) {
        return NULL;
    }

    docs->pool = pool;
    docs->log = pool->log;
    docs->store = store;
    docs->plan = plan;
    docs->subject = subject;
    docs->handler = handler;
    docs->data = data;

    docs->later.handler = ws_list_docs_later;
    docs->later.data = docs;
    docs->later.log = docs->log;

    ws_list_text_init(&docs->text, pool);

    cln->handler = ws_list_docs_cleanup;
    cln->data = docs;

    return docs;
}


static void
ws_list_docs_cleanup(void *data)
{
    ws_list_docs_fail(data);
}


void
ws_list_docs_ids(ws_list_docs_t *docs, ws_list_ids_t *ids, ngx_uint_t all)
{
    docs->ids = ids;
    docs->all = all;

    if (docs->redis) {
        return;
    }

    if (all && ids->n <= WS_LIST_DOCS_BATCH) {
        docs->redis = docs->store->redis;
        docs->first = WS_LIST_DOCS_BATCH;

    } else {
        docs->redis = docs->store->bulk;
        docs->first = WS_LIST_DOCS_FIRST;
    }
}


ngx_int_t
ws_list_docs_more(ws_list_docs_t *docs)
{
    if (docs->later.timer_set) {
        ngx_del_timer(&docs->later);
    }

    while (!docs->failed && docs->ids->n && docs->batches < 2
           && ws_list_text_unsent(&docs->text) < WS_LIST_DOCS_UNSENT)
    {
        if (!ws_redis_room(docs->redis, WS_LIST_DOCS_BATCH)) {

            /* with the end of a batch this is called again anyway */

            if (docs->batches == 0) {
                ngx_add_timer(&docs->later, WS_LIST_DOCS_LATER);
            }

            break;
        }

        if (ws_list_docs_batch(docs) != NGX_OK) {
            ws_list_docs_fail(docs);
        }
    }

    return docs->failed ? NGX_ERROR : NGX_OK;
}


static void
ws_list_docs_later(ngx_event_t *ev)
{
    ws_list_docs_t *docs = ev->data;

    docs->report = 1;

    ws_list_docs_report(docs);
}


static ngx_int_t
ws_list_docs_batch(ws_list_docs_t *docs)
{
    ngx_int_t    rc;
    ngx_uint_t   i, n;
    ws_uuid_t    ids[WS_LIST_DOCS_BATCH];

    n = docs->first;

    if (docs->shown) {
        n = WS_LIST_DOCS_BYTES / (docs->bytes / docs->shown);
        n = ngx_max(n, 1);
        n = ngx_min(n, WS_LIST_DOCS_BATCH);
    }

    docs->keys = ngx_create_pool(NGX_DEFAULT_POOL_SIZE, docs->log);
    if (docs->keys == NULL) {
        return NGX_ERROR;
    }

    n = ws_list_ids_take(docs->ids, ids, n);
    rc = NGX_OK;

    for (i = 0; i < n && rc == NGX_OK; i++) {
        rc = ws_list_docs_ask(docs, &ids[i]);
    }

    ngx_destroy_pool(docs->keys);

    if (rc == NGX_OK) {
        ws_list_slot(docs, docs->tail - 1)->last = 1;
        docs->batches++;
    }

    return rc;
}


static ngx_int_t
ws_list_docs_ask(ws_list_docs_t *docs, ws_uuid_t *id)
{
    ngx_str_t        argv[5];
    ws_list_slot_t  *slot;

    ngx_str_set(&argv[0], "HMGET");
    argv[1] = ws_key_workspace(docs->keys, docs->store->ks, id);
    ngx_str_set(&argv[2], "v");
    ngx_str_set(&argv[3], "m");
    ngx_str_set(&argv[4], "d");

    if (argv[1].data == NULL) {
        return NGX_ERROR;
    }

    slot = ws_list_slot(docs, docs->tail);

    ngx_memzero(slot, sizeof(ws_list_slot_t));

    slot->docs = docs;
    slot->cmd = ws_redis_command(docs->redis, WS_REDIS_READ, 5, argv,
                                 ws_list_docs_answered, slot);
    if (slot->cmd == NULL) {
        return NGX_ERROR;
    }

    docs->tail++;
    ws_list_watch_start(&docs->watch);

    return NGX_OK;
}


static void
ws_list_docs_answered(void *data, ws_reply_t *reply)
{
    ws_list_slot_t *slot = data;

    ws_list_docs_t  *docs;

    docs = slot->docs;

    slot->cmd = NULL;
    ws_list_watch_stop(&docs->watch);

    if (reply && reply->type != WS_REPLY_ERROR) {
        ws_list_docs_arrived(slot, reply);

    } else {
        ws_list_docs_broken(docs);
    }

    ws_list_docs_report(docs);
}


static void
ws_list_docs_arrived(ws_list_slot_t *slot, ws_reply_t *reply)
{
    ngx_int_t        rc;
    ws_list_docs_t  *docs;

    docs = slot->docs;

    rc = ws_state_from_reply(reply, &slot->state);

    if (rc == NGX_OK
        && ws_meta_parse(&slot->state.m, &slot->meta) != NGX_OK)
    {
        rc = NGX_ERROR;
    }

    if (rc == NGX_ERROR) {
        ngx_log_error(NGX_LOG_ERR, docs->log, 0,
                      "a listing leaves out a broken document");
    }

    if (rc != NGX_OK || !ws_list_docs_belongs(slot)) {
        slot->skip = 1;

    } else {
        rc = ws_list_docs_template(docs, slot);

        if (rc == NGX_ERROR) {
            ws_list_docs_broken(docs);
            return;
        }

        if ((rc == NGX_AGAIN || slot != ws_list_slot(docs, docs->head))
            && !slot->skip && ws_list_docs_keep(slot) != NGX_OK)
        {
            ws_list_docs_broken(docs);
            return;
        }
    }

    if (slot == ws_list_slot(docs, docs->head)) {
        ws_list_docs_advance(docs);
    }
}


static ngx_uint_t
ws_list_docs_belongs(ws_list_slot_t *slot)
{
    ws_list_docs_t  *docs;

    docs = slot->docs;

    return ws_list_plan_status(docs->plan, &slot->meta.status,
                               slot->meta.deleted)
           && ws_policy_allows(docs->subject, WS_ACTION_READ,
                               &slot->meta.owner, &slot->meta.org)
              == NGX_OK;
}


/* the reply is about to go */

static ngx_int_t
ws_list_docs_keep(ws_list_slot_t *slot)
{
    ngx_str_t  *d;

    d = &slot->state.d;

    slot->copy = ngx_alloc(d->len + 1, slot->docs->log);
    if (slot->copy == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(slot->copy, d->data, d->len);

    d->data = slot->copy;

    /* they have been looked at */

    ngx_str_null(&slot->state.m);
    ngx_str_null(&slot->meta.status);

    return NGX_OK;
}


/* a template has come, or will not */

static void
ws_list_docs_ready(void *data)
{
    ws_list_docs_t *docs = data;

    ws_list_docs_advance(docs);
    ws_list_docs_report(docs);
}


/* writes all that is to be written next and is there */

static void
ws_list_docs_advance(ws_list_docs_t *docs)
{
    ngx_int_t        rc;
    ws_list_slot_t  *slot;

    while (docs->head != docs->tail && !docs->failed) {

        slot = ws_list_slot(docs, docs->head);

        if (slot->cmd) {
            return;
        }

        if (!slot->skip) {
            rc = ws_list_docs_template(docs, slot);

            if (rc == NGX_AGAIN) {
                return;
            }

            if (rc == NGX_ERROR
                || (!slot->skip && ws_list_docs_show(slot) != NGX_OK))
            {
                ws_list_docs_broken(docs);
                return;
            }
        }

        docs->left_out += slot->skip;
        docs->head++;

        if (slot->template) {
            slot->template->slots--;
        }

        if (slot->copy) {
            ngx_free(slot->copy);
        }

        if (slot->last) {
            docs->batches--;
            docs->report = 1;
        }
    }
}


/* NGX_OK: it is there or, skip being set, will never be; AGAIN, ERROR */

static ngx_int_t
ws_list_docs_template(ws_list_docs_t *docs, ws_list_slot_t *slot)
{
    u_char               text[WS_UUID_LEN];
    ngx_int_t            rc;
    ngx_str_t            key;
    ws_list_template_t  *t;

    t = slot->template;

    if (t == NULL) {
        t = ws_list_docs_find(docs, &slot->meta.template);
        t->slots++;
        slot->template = t;
    }

    if (t->ref.done && t->ref.entry) {
        return NGX_OK;
    }

    key.data = text;
    key.len = ws_uuid_format(text, &t->id) - text;

    rc = ws_dir_get(docs->store->dir, &t->ref, WS_DIR_TEMPLATE, &key);

    if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_ERR, docs->log, 0,
                      "a listing leaves out a workspace: its template \"%V\" "
                      "is missing", &key);

        slot->skip = 1;
        rc = NGX_OK;
    }

    return rc;
}


/*
 * There are as many places as slots, and each slot holds one at most: so one
 * at least is not held.
 */

static ws_list_template_t *
ws_list_docs_find(ws_list_docs_t *docs, ws_uuid_t *id)
{
    ngx_uint_t           i;
    ws_list_template_t  *t;

    for (i = 0; i < docs->ntemplates; i++) {
        t = &docs->templates[(docs->recent + i) % docs->ntemplates];

        if (ws_uuid_eq(&t->id, id)) {
            docs->recent = t - docs->templates;
            return t;
        }
    }

    if (docs->ntemplates < WS_LIST_DOCS_SLOTS) {
        t = &docs->templates[docs->ntemplates++];

    } else {
        do {
            docs->recent = (docs->recent + 1) % WS_LIST_DOCS_SLOTS;
            t = &docs->templates[docs->recent];
        } while (t->slots);

        ws_dir_unref(&t->ref);
    }

    ngx_memzero(t, sizeof(ws_list_template_t));

    t->id = *id;
    t->ref.handler = ws_list_docs_ready;
    t->ref.data = docs;

    docs->recent = t - docs->templates;

    return t;
}


static ngx_int_t
ws_list_docs_show(ws_list_slot_t *slot)
{
    size_t           size;
    ws_json_t        w;
    ws_list_docs_t  *docs;
    ws_dir_entry_t  *template;

    docs = slot->docs;
    template = slot->template->ref.entry;

    if (ws_list_text_begin(&docs->text, &w,
                           slot->state.d.len + template->fragment.len
                           + WS_LIST_DOCS_AROUND)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    size = w.last - w.start;

    if (docs->shown++) {
        ws_json_lit(&w, ",");
    }

    ws_workspace_show(&w, &slot->state, &slot->meta, &template->fragment,
                      &template->u.template.active_version);

    docs->bytes += w.last - w.start - size;

    return ws_list_text_end(&docs->text, &w);
}


ws_list_text_t *
ws_list_docs_text(ws_list_docs_t *docs)
{
    return &docs->text;
}


ngx_uint_t
ws_list_docs_done(ws_list_docs_t *docs, ngx_uint_t *left_out)
{
    *left_out = docs->left_out;

    return docs->all && docs->ids->n == 0 && docs->head == docs->tail;
}


ngx_uint_t
ws_list_docs_failed(ws_list_docs_t *docs)
{
    return docs->failed;
}


uint64_t
ws_list_docs_usec(ws_list_docs_t *docs)
{
    return docs->watch.usec;
}


static void
ws_list_docs_broken(ws_list_docs_t *docs)
{
    ws_list_docs_fail(docs);

    docs->report = 1;
}


/* the last thing an event does: all may be gone afterwards */

static void
ws_list_docs_report(ws_list_docs_t *docs)
{
    if (docs->report) {
        docs->report = 0;
        docs->handler(docs->data);
    }
}


/* drops all that is under way: nothing is heard of it any more */

void
ws_list_docs_fail(ws_list_docs_t *docs)
{
    ws_list_slot_t  *slot;

    for ( /* void */ ; docs->head != docs->tail; docs->head++) {

        slot = ws_list_slot(docs, docs->head);

        if (slot->cmd) {
            ws_redis_cancel(slot->cmd);
            ws_list_watch_stop(&docs->watch);
        }

        if (slot->copy) {
            ngx_free(slot->copy);
        }
    }

    while (docs->ntemplates) {
        ws_dir_unref(&docs->templates[--docs->ntemplates].ref);
    }

    if (docs->later.timer_set) {
        ngx_del_timer(&docs->later);
    }

    docs->failed = 1;
    docs->report = 0;
}
