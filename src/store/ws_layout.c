
/* Looking, comparing, and looking again. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ws_layout.h"


#define WS_LAYOUT_EVERY  5000       /* ms, when all is well */
#define WS_LAYOUT_SOON   250        /* ms, when it is not */


struct ws_layout_s {
    ws_store_t      *store;
    ngx_event_t      timer;
    ngx_str_t        key;
    ngx_str_t        users;
    ws_redis_cmd_t  *cmds[2];
    ngx_str_t        shards;        /* as configured */
    ngx_str_t        pubsub;
    unsigned         agrees:1;
    unsigned         found:1;       /* there is a layout, which was judged */
    unsigned         failed:1;
    unsigned         logged:1;
};


static void ws_layout_look(ngx_event_t *ev);
static void ws_layout_read(void *data, ws_reply_t *reply);
static void ws_layout_users(void *data, ws_reply_t *reply);
static void ws_layout_judge(ws_layout_t *layout, ngx_str_t *shards,
    ngx_str_t *pubsub);


ws_layout_t *
ws_layout_create(ngx_pool_t *pool, ws_store_t *store)
{
    ws_layout_t  *layout;

    layout = ngx_pcalloc(pool, sizeof(ws_layout_t));
    if (layout == NULL) {
        return NULL;
    }

    layout->store = store;
    layout->key = ws_key_dir(pool, store->ks, "layout", NULL);
    layout->users = ws_key_dir(pool, store->ks, "users", NULL);
    layout->shards = ws_int_str(pool, store->ks->shards);

    if (layout->key.data == NULL || layout->users.data == NULL
        || layout->shards.data == NULL)
    {
        return NULL;
    }

    layout->pubsub = ws_keyspace_pubsub(store->ks);

    layout->timer.handler = ws_layout_look;
    layout->timer.data = layout;
    layout->timer.log = store->log;
    layout->timer.cancelable = 1;

    ws_layout_look(&layout->timer);

    return layout;
}


ngx_uint_t
ws_layout_agrees(ws_layout_t *layout)
{
    return layout->agrees;
}


ngx_uint_t
ws_layout_differs(ws_layout_t *layout)
{
    return layout->logged;
}


static void
ws_layout_look(ngx_event_t *ev)
{
    ngx_str_t     argv[4];
    ws_redis_t   *redis;
    ws_layout_t  *layout;

    layout = ev->data;
    redis = layout->store->redis;

    ngx_add_timer(ev, layout->agrees ? WS_LAYOUT_EVERY : WS_LAYOUT_SOON);

    if (layout->cmds[0] || layout->cmds[1]) {
        return;
    }

    layout->failed = 0;

    ngx_str_set(&argv[0], "HMGET");
    argv[1] = layout->key;
    ngx_str_set(&argv[2], "shards");
    ngx_str_set(&argv[3], "pubsub");

    layout->cmds[0] = ws_redis_command(redis, WS_REDIS_READ, 4, argv,
                                       ws_layout_read, layout);

    ngx_str_set(&argv[0], "EXISTS");
    argv[1] = layout->users;

    layout->cmds[1] = ws_redis_command(redis, WS_REDIS_READ, 2, argv,
                                       ws_layout_users, layout);
}


static void
ws_layout_read(void *data, ws_reply_t *reply)
{
    ws_layout_t *layout = data;

    layout->cmds[0] = NULL;
    layout->found = 0;

    if (reply == NULL || reply->type != WS_REPLY_ARRAY || reply->n != 2) {
        layout->failed = 1;
        return;
    }

    if (reply->elts[0].type == WS_REPLY_STRING
        && reply->elts[1].type == WS_REPLY_STRING)
    {
        layout->found = 1;
        ws_layout_judge(layout, &reply->elts[0].str, &reply->elts[1].str);
    }
}


/* the answer comes after the other one */

static void
ws_layout_users(void *data, ws_reply_t *reply)
{
    ws_layout_t *layout = data;

    ngx_str_t  shards, pubsub;

    layout->cmds[1] = NULL;

    if (layout->found || layout->failed || reply == NULL
        || reply->type != WS_REPLY_INTEGER)
    {
        return;
    }

    if (reply->integer == 0) {
        layout->agrees = 1;
        return;
    }

    ngx_str_set(&shards, "1");
    ngx_str_set(&pubsub, "plain");

    ws_layout_judge(layout, &shards, &pubsub);
}


static void
ws_layout_judge(ws_layout_t *layout, ngx_str_t *shards, ngx_str_t *pubsub)
{
    layout->agrees = (shards->len == layout->shards.len
                      && ngx_strncmp(shards->data, layout->shards.data,
                                     shards->len)
                         == 0
                      && pubsub->len == layout->pubsub.len
                      && ngx_strncmp(pubsub->data, layout->pubsub.data,
                                     pubsub->len)
                         == 0);

    if (layout->agrees) {
        layout->logged = 0;
        return;
    }

    if (!layout->logged) {
        layout->logged = 1;

        ngx_log_error(NGX_LOG_CRIT, layout->store->log, 0,
                      "the data in redis %V has %V shards and %V pubsub, "
                      "\"workspace_shards\" and \"workspace_redis\" say %V "
                      "and %V: nothing is served until they agree",
                      &layout->store->conf->redis.name, shards, pubsub,
                      &layout->shards, &layout->pubsub);
    }
}
