
/*
 * A commit moves a workspace between sorted sets.  Both lists of entries, of
 * the document before and after, are short, so they are compared as they are.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_index.h"


static ngx_uint_t ws_index_same_set(ws_index_entry_t *a, ws_index_entry_t *b);
static ws_index_entry_t *ws_index_find(ngx_array_t *list, ws_index_entry_t *e);
static ngx_str_t ws_index_key(ws_txn_t *txn, ws_keyspace_t *ks,
    ngx_uint_t shard, ws_index_entry_t *e);


void
ws_index_diff(ws_txn_t *txn, ws_keyspace_t *ks, ngx_uint_t shard,
    ngx_array_t *before, ngx_array_t *after)
{
    ngx_str_t          score;
    ngx_uint_t         i;
    ws_index_entry_t  *e, *other;

    e = after ? after->elts : NULL;

    for (i = 0; after && i < after->nelts; i++) {
        other = ws_index_find(before, &e[i]);

        if (other && other->score == e[i].score
            && ws_str_eq(&other->member, &e[i].member))
        {
            continue;
        }

        score = ws_int_str(txn->pool, e[i].score);
        if (score.data == NULL) {
            txn->failed = 1;
            return;
        }

        ws_txn_command(txn, "ZADD", ws_index_key(txn, ks, shard, &e[i]), 2,
                       &score, &e[i].member);
    }

    e = before ? before->elts : NULL;

    for (i = 0; before && i < before->nelts; i++) {
        other = ws_index_find(after, &e[i]);

        if (other == NULL || !ws_str_eq(&other->member, &e[i].member)) {
            ws_txn_command(txn, "ZREM", ws_index_key(txn, ks, shard, &e[i]),
                           1, &e[i].member);
        }
    }
}


ngx_int_t
ws_index_member(ngx_str_t *member, ngx_str_t *name, ws_uuid_t *id)
{
    ngx_str_t  text;

    if (member->len < WS_UUID_LEN + 2
        || member->data[member->len - WS_UUID_LEN - 1] != ' ')
    {
        return NGX_DECLINED;
    }

    name->data = member->data;
    name->len = member->len - WS_UUID_LEN - 1;

    text.data = member->data + name->len + 1;
    text.len = WS_UUID_LEN;

    return ws_uuid_parse(&text, id);
}


static ws_index_entry_t *
ws_index_find(ngx_array_t *list, ws_index_entry_t *e)
{
    ngx_uint_t         i;
    ws_index_entry_t  *l;

    if (list == NULL) {
        return NULL;
    }

    l = list->elts;

    for (i = 0; i < list->nelts; i++) {
        if (ws_index_same_set(&l[i], e)) {
            return &l[i];
        }
    }

    return NULL;
}


static ngx_uint_t
ws_index_same_set(ws_index_entry_t *a, ws_index_entry_t *b)
{
    return ngx_strcmp(a->kind, b->kind) == 0
           && ws_str_eq(&a->a, &b->a)
           && ws_str_eq(&a->b, &b->b);
}


static ngx_str_t
ws_index_key(ws_txn_t *txn, ws_keyspace_t *ks, ngx_uint_t shard,
    ws_index_entry_t *e)
{
    return ws_key(txn->pool, ks, shard, e->kind, e->a.len ? &e->a : NULL,
                  e->b.len ? &e->b : NULL);
}
