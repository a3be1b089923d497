
/*
 * The terms that are not read: a batch of the driver's members is looked up
 * in each of their sets.  Two batches take turns, one being filled while the
 * other is on its way; what comes of them is taken in the order in which they
 * left: shards answer in any order.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_list_op.h"


static void ws_list_check_set(ws_list_t *list, ws_list_check_t *check,
    ngx_uint_t term, ws_list_set_t *set);
static void ws_list_checked(void *data, ws_reply_t *reply);
static void ws_list_check_take(ws_list_t *list);
static void ws_list_check_done(ws_list_t *list, ws_list_check_t *check);


ngx_int_t
ws_list_check_init(ws_list_t *list)
{
    ngx_uint_t  i;

    for (i = 0; i < WS_LIST_CHECKS; i++) {
        list->checks[i] = ngx_palloc(list->pool, sizeof(ws_list_check_t));
        if (list->checks[i] == NULL) {
            return NGX_ERROR;
        }

        list->checks[i]->n = 0;
        list->checks[i]->pending = 0;
        list->checks[i]->sent = 0;
    }

    return NGX_OK;
}


ws_list_check_t *
ws_list_check_room(ws_list_t *list)
{
    ws_list_check_t  *check;

    check = list->checks[list->filling];

    if (!check->sent && check->n == WS_LIST_BATCH) {
        ws_list_check(list);
        check = list->checks[list->filling];
    }

    return check->sent || list->failed ? NULL : check;
}


void
ws_list_check(ws_list_t *list)
{
    ngx_uint_t        i, k;
    ws_list_set_t    *set;
    ws_list_term_t   *term;
    ws_list_check_t  *check;

    check = list->checks[list->filling];

    if (check->sent || check->n == 0) {
        return;
    }

    term = list->plan->terms.elts;

    for (i = 0; i < list->plan->terms.nelts; i++) {

        if (&term[i] == list->driver) {
            continue;
        }

        set = term[i].sets.elts;

        for (k = 0; k < term[i].sets.nelts; k++) {
            if (!set[k].shared) {
                ws_list_check_set(list, check, i, &set[k]);
            }
        }
    }

    if (check->pending == 0) {

        /* no term has a set in the shards of these */

        check->n = 0;
        return;
    }

    check->sent = 1;
    list->filling = (list->filling + 1) % WS_LIST_CHECKS;
}


static void
ws_list_check_set(ws_list_t *list, ws_list_check_t *check, ngx_uint_t term,
    ws_list_set_t *set)
{
    ngx_uint_t       i, argc;
    ws_list_op_t    *op;
    ws_list_item_t  *item;

    argc = 2;

    for (i = 0; i < check->n; i++) {
        item = &check->items[i];

        if (item->shard == set->shard) {
            list->argv[argc].data = item->member;
            list->argv[argc++].len = item->len;
        }
    }

    if (argc == 2 || list->failed) {
        return;
    }

    ngx_str_set(&list->argv[0], "ZMSCORE");
    list->argv[1] = set->key;

    op = ws_list_send(list, argc, ws_list_checked);

    if (op) {
        op->set = set;
        op->check = check;
        op->term = term;
        check->pending++;
    }
}


static void
ws_list_checked(void *data, ws_reply_t *reply)
{
    ws_list_op_t *op = data;

    ngx_uint_t        i, k, term;
    ws_list_t        *list;
    ws_list_set_t    *set;
    ws_list_check_t  *check;

    set = op->set;
    check = op->check;
    term = op->term;

    list = ws_list_reply(op, reply);
    if (list == NULL) {
        return;
    }

    k = 0;

    for (i = 0; i < check->n && k < reply->n; i++) {

        if (check->items[i].shard == set->shard
            && reply->elts[k++].type != WS_REPLY_NIL)
        {
            check->met[i] |= 1 << term;
        }
    }

    if (--check->pending == 0) {
        ws_list_check_take(list);
        ws_list_advance(list);
    }

    ws_list_report(list);
}


/* the one to be filled next is the one that left first, if it has left */

static void
ws_list_check_take(ws_list_t *list)
{
    ngx_uint_t        i;
    ws_list_check_t  *check;

    for (i = 0; i < WS_LIST_CHECKS && !list->failed; i++) {
        check = list->checks[(list->filling + i) % WS_LIST_CHECKS];

        if (!check->sent) {
            continue;
        }

        if (check->pending) {
            return;
        }

        check->sent = 0;
        ws_list_check_done(list, check);
    }
}


static void
ws_list_check_done(ws_list_t *list, ws_list_check_t *check)
{
    uint32_t         all;
    ngx_uint_t       i;
    ws_list_term_t  *term;

    term = list->plan->terms.elts;

    all = (1 << list->plan->terms.nelts) - 1;
    all &= ~(1 << (list->driver - term));

    for (i = 0; i < check->n && !list->failed; i++) {
        if (check->met[i] == all) {
            ws_list_append(list, &check->items[i]);
        }
    }

    check->n = 0;
}
