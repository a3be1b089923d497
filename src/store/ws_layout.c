
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
    ws_redis_cmd_t  *cmd;
    ws_redis_cmd_t  *probe;
    ngx_str_t        shards;        /* as configured */
    ngx_str_t        pubsub;
    unsigned         agrees:1;
    unsigned         differs:1;     /* as has been logged */
};


static void ws_layout_look(ngx_event_t *ev);
static void ws_layout_probe(ws_layout_t *layout);
static void ws_layout_probed(void *data, ws_reply_t *reply);
static void ws_layout_read(void *data, ws_reply_t *reply);
static void ws_layout_judge(ws_layout_t *layout, const char *where,
    ngx_str_t *shards, ngx_str_t *pubsub);


/*
 * The whole text each time: a NOSCRIPT would let others pass.  In a cluster a
 * command goes by its first argument, which this is: so it names the tag.
 */

static ngx_str_t  ws_layout_script = ngx_string(
    "-- {dir}\n"
    "local l = redis.call('HMGET', KEYS[1], 'shards', 'pubsub')\n"
    "local t = redis.call('TIME')\n"
    "return {l[1], l[2], t[1] * 1000 + math.floor(t[2] / 1000)}\n");

/* a script with flags that does not promise to write nothing */

static ngx_str_t  ws_layout_probe_script = ngx_string(
    "#!lua flags=allow-oom\n"
    "return 0\n");


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
    layout->shards = ws_int_str(pool, store->ks->shards);

    if (layout->key.data == NULL || layout->shards.data == NULL) {
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
    return layout->differs;
}


static void
ws_layout_look(ngx_event_t *ev)
{
    ngx_str_t     argv[4];
    ws_layout_t  *layout;

    layout = ev->data;

    ngx_add_timer(ev, layout->agrees ? WS_LAYOUT_EVERY : WS_LAYOUT_SOON);

    if (layout->store->conf->redis.kind != WS_REDIS_CLUSTER) {
        ws_layout_probe(layout);
    }

    if (layout->cmd) {
        return;
    }

    ngx_str_set(&argv[0], "EVAL");
    argv[1] = ws_layout_script;
    ngx_str_set(&argv[2], "1");
    argv[3] = layout->key;

    layout->cmd = ws_redis_command(layout->store->redis, WS_REDIS_READ, 4,
                                   argv, ws_layout_read, layout);
}


/*
 * Who only reads does not notice that what was the primary is a replica now.
 * This is refused by one, whereupon the connection is made anew; those of a
 * cluster tell by themselves.
 */

static void
ws_layout_probe(ws_layout_t *layout)
{
    ngx_str_t  argv[3];

    if (layout->probe) {
        return;
    }

    ngx_str_set(&argv[0], "EVAL");
    argv[1] = ws_layout_probe_script;
    ngx_str_set(&argv[2], "0");

    layout->probe = ws_redis_command(layout->store->redis, WS_REDIS_READ, 3,
                                     argv, ws_layout_probed, layout);
}


static void
ws_layout_probed(void *data, ws_reply_t *reply)
{
    ws_layout_t *layout = data;

    layout->probe = NULL;
}


static void
ws_layout_read(void *data, ws_reply_t *reply)
{
    ws_layout_t *layout = data;

    ngx_str_t        shards, pubsub;
    const char      *where;
    ws_redis_cmd_t  *cmd;

    cmd = layout->cmd;
    layout->cmd = NULL;

    if (reply == NULL || reply->type != WS_REPLY_ARRAY || reply->n != 3
        || reply->elts[2].type != WS_REPLY_INTEGER)
    {
        return;
    }

    /* from now on the node of shard 0 tells the time, ws_clock.c */

    if (!layout->store->timed) {
        ws_store_sync(layout->store, reply->elts[2].integer,
                      ws_redis_cmd_elapsed(cmd));
    }

    where = "without data";
    ngx_str_set(&shards, "1");
    ngx_str_set(&pubsub, "plain");

    if (reply->elts[0].type == WS_REPLY_STRING
        && reply->elts[1].type == WS_REPLY_STRING)
    {
        where = "the data in";
        shards = reply->elts[0].str;
        pubsub = reply->elts[1].str;
    }

    ws_layout_judge(layout, where, &shards, &pubsub);
}


static void
ws_layout_judge(ws_layout_t *layout, const char *where, ngx_str_t *shards,
    ngx_str_t *pubsub)
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
        layout->differs = 0;
        return;
    }

    if (!layout->differs) {
        layout->differs = 1;

        ngx_log_error(NGX_LOG_CRIT, layout->store->log, 0,
                      "%s redis %V has %V shards and %V pubsub, "
                      "\"workspace_shards\" and \"workspace_redis\" say %V "
                      "and %V: nothing is served until they agree", where,
                      &layout->store->conf->redis.name, shards, pubsub,
                      &layout->shards, &layout->pubsub);
    }
}
