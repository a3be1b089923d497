
/* The number of shards, and how changes are told of. */


#include <ngx_config.h>
#include <ngx_core.h>
#include "client.h"
#include "layout.h"


static int ws_layout_take(ws_ctl_t *ctl, ngx_str_t *shards,
    ngx_str_t *pubsub);


int
ws_layout_read(ws_ctl_t *ctl)
{
    int          rc;
    ngx_str_t    key, users, fs, fp, shards, pubsub;
    ws_reply_t  *reply;

    ctl->fresh = 0;

    ngx_str_set(&fs, "shards");
    ngx_str_set(&fp, "pubsub");

    key = ws_key_dir(ctl->pool, &ctl->ks, "layout", NULL);
    users = ws_key_dir(ctl->pool, &ctl->ks, "users", NULL);

    rc = ws_client_command(ctl, &reply, "HMGET", &key, &fs, &fp, NULL);

    if (rc != WS_EXIT_OK) {
        return rc;
    }

    if (reply->type == WS_REPLY_ARRAY && reply->n == 2
        && reply->elts[0].type == WS_REPLY_STRING
        && reply->elts[1].type == WS_REPLY_STRING)
    {
        shards = ws_client_copy(ctl->pool, &reply->elts[0]);
        pubsub = ws_client_copy(ctl->pool, &reply->elts[1]);

        return ws_layout_take(ctl, &shards, &pubsub);
    }

    rc = ws_client_command(ctl, &reply, "EXISTS", &users, NULL);

    if (rc != WS_EXIT_OK) {
        return rc;
    }

    if (reply->integer) {
        ngx_str_set(&shards, "1");
        ngx_str_set(&pubsub, "plain");

        return ws_layout_take(ctl, &shards, &pubsub);
    }

    ctl->fresh = 1;

    return WS_EXIT_OK;
}


static int
ws_layout_take(ws_ctl_t *ctl, ngx_str_t *shards, ngx_str_t *pubsub)
{
    ngx_int_t   n;
    ngx_uint_t  sharded;

    if (shards->data == NULL || pubsub->data == NULL) {
        return ws_no_memory();
    }

    if (ngx_strcmp(pubsub->data, WS_LAYOUT_IMPORTING) == 0) {
        return ws_fail(WS_EXIT_FAILED, "an import into this store has not "
                       "come to its end: delete what is there and begin "
                       "again");
    }

    n = ngx_atoi(shards->data, shards->len);
    sharded = ngx_strcmp(pubsub->data, "sharded") == 0;

    if (n < 1 || n > WS_UUID_SHARDS_MAX) {
        return ws_fail(WS_EXIT_FAILED, "the store does not tell its shards");
    }

    if (ws_arg(ctl, "shards") && (ngx_uint_t) n != ctl->ks.shards) {
        return ws_fail(WS_EXIT_FAILED, "the data has %ld shard%s, not %lu: "
                       "leave --shards out", (long) n, n == 1 ? "" : "s",
                       (unsigned long) ctl->ks.shards);
    }

    if (ws_arg(ctl, "pubsub") && sharded != ctl->ks.sharded) {
        return ws_fail(WS_EXIT_FAILED, "the store's pubsub is %s: leave "
                       "--pubsub out", pubsub->data);
    }

    ctl->ks.shards = n;
    ctl->ks.sharded = sharded;

    return WS_EXIT_OK;
}


void
ws_layout_add(ws_ctl_t *ctl, ws_txn_t *txn)
{
    ngx_str_t  key, fs, fp, shards, pubsub;

    if (!ctl->fresh) {
        return;
    }

    ngx_str_set(&fs, "shards");
    ngx_str_set(&fp, "pubsub");

    key = ws_key_dir(ctl->pool, &ctl->ks, "layout", NULL);
    shards = ws_int_str(ctl->pool, ctl->ks.shards);
    pubsub = ws_keyspace_pubsub(&ctl->ks);

    ws_txn_require_absent(txn, key, fp);
    ws_txn_command(txn, "HSET", key, 4, &fs, &shards, &fp, &pubsub);
}


int
ws_layout_write(ws_ctl_t *ctl, ngx_str_t pubsub)
{
    ngx_str_t    key, fs, fp, shards;
    ws_reply_t  *reply;

    ngx_str_set(&fs, "shards");
    ngx_str_set(&fp, "pubsub");

    key = ws_key_dir(ctl->pool, &ctl->ks, "layout", NULL);
    shards = ws_int_str(ctl->pool, ctl->ks.shards);

    return ws_client_command(ctl, &reply, "HSET", &key, &fs, &shards, &fp,
                             &pubsub, NULL);
}
