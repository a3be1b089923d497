
/*
 * Subscriptions.
 *
 * There is an entry for every channel that is wanted or that Redis has still
 * something to say about; a subscriber may come and go meanwhile, so that
 * entries are ours and channels are theirs.  An entry is always in one list:
 *
 *     subscribe    SUBSCRIBE is to be sent
 *     unsubscribe  UNSUBSCRIBE is to be sent
 *     active       nothing is to be sent
 *
 * Redis confirms every channel of every command in order.  Each command sent
 * adds one to an entry's pending confirmations, and only the last one says how
 * things stand: earlier ones belong to subscribers that have gone.  For each
 * new subscriber SUBSCRIBE is sent, even if Redis has the channel, as its
 * confirmation is what tells the subscriber.
 *
 * Whether the peer lives is asked by PING if nothing else was; any reply is a
 * sign of life.  Timers are cancelable: streams, not we, hold the worker.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ws_redis_cluster.h>
#include <ws_redis_cmd.h>
#include <ws_redis_subs.h>


#define WS_SUB_PING           10000     /* ms */
#define WS_SUB_PING_TRACKING  1000


static ws_redis_sub_entry_t *ws_redis_sub_add(ws_redis_sub_t *sub,
    ngx_str_t *name);
static ngx_uint_t ws_redis_sub_empty(ws_redis_sub_t *sub);
static void ws_redis_sub_retry_handler(ngx_event_t *ev);
static void ws_redis_sub_check_handler(ngx_event_t *ev);
static void ws_redis_sub_closed(void *data, ngx_uint_t lost);
static void ws_redis_sub_reset(ws_redis_sub_t *sub, ngx_queue_t *losing);


static ws_redis_conn_ops_t  ws_redis_sub_ops = {
    ws_redis_sub_fill,
    ws_redis_sub_reply,
    ws_redis_sub_closed,
    ws_redis_sub_quit,
    NULL
};


ws_redis_sub_t *
ws_redis_sub_create(ngx_pool_t *pool, ws_redis_conf_t *conf, ngx_log_t *log)
{
    ws_redis_sub_t  *sub;

    sub = ws_redis_sub_create_one(pool, conf, log);

    /* what is published plainly reaches every node: any will do */

    if (sub && conf->kind == WS_REDIS_CLUSTER && conf->sharded
        && ws_redis_subs_init(sub, pool, conf, log) != NGX_OK)
    {
        return NULL;
    }

    return sub;
}


ws_redis_sub_t *
ws_redis_sub_create_one(ngx_pool_t *pool, ws_redis_conf_t *conf,
    ngx_log_t *log)
{
    ws_redis_sub_t  *sub;

    sub = ngx_pcalloc(pool, sizeof(ws_redis_sub_t));
    if (sub == NULL) {
        return NULL;
    }

    sub->conn.ops = &ws_redis_sub_ops;
    sub->conn.data = sub;
    sub->conn.kind = " (subscriptions)";
    sub->conn.cancelable = 1;
    sub->ping_every = WS_SUB_PING;

    if (ws_redis_conn_init(&sub->conn, pool, conf, log) != NGX_OK) {
        return NULL;
    }

    ngx_rbtree_init(&sub->entries, &sub->sentinel,
                    ngx_str_rbtree_insert_value);

    ngx_queue_init(&sub->subscribe);
    ngx_queue_init(&sub->unsubscribe);
    ngx_queue_init(&sub->active);

    sub->retry.handler = ws_redis_sub_retry_handler;
    sub->retry.data = &sub->conn;
    sub->retry.log = &sub->conn.log;

    sub->check.handler = ws_redis_sub_check_handler;
    sub->check.data = &sub->conn;
    sub->check.log = &sub->conn.log;
    sub->check.cancelable = 1;

    return sub;
}


ngx_int_t
ws_redis_sub_track(ws_redis_sub_t *sub, ngx_pool_t *pool, ngx_str_t *prefixes,
    ngx_uint_t n)
{
    sub->ping_every = WS_SUB_PING_TRACKING;

    return ws_redis_setup_track(&sub->conn, pool, prefixes, n);
}


ngx_uint_t
ws_redis_sub_tracked(ws_redis_sub_t *sub)
{
    return sub->conn.tracked;
}


ngx_int_t
ws_redis_sub_on_quit(ws_redis_sub_t *sub, ws_redis_quit_pt handler,
    void *data)
{
    ws_redis_sub_hook_t  *hook;

    if (sub->nhooks == WS_SUB_HOOKS) {
        return NGX_ERROR;
    }

    hook = &sub->hooks[sub->nhooks++];
    hook->handler = handler;
    hook->data = data;

    return NGX_OK;
}


void
ws_redis_sub_quit(void *data)
{
    ws_redis_sub_t  *sub = data;

    ngx_uint_t  i;

    if (sub->front) {
        ws_redis_conn_quit(&sub->front->conn);
        return;
    }

    for (i = 0; i < sub->nhooks; i++) {
        sub->hooks[i].handler(sub->hooks[i].data);
    }
}


ngx_int_t
ws_redis_subscribe(ws_redis_sub_t *sub, ws_redis_channel_t *ch)
{
    ws_redis_sub_entry_t  *entry;

    if (sub->conn.shut || ch->name.len == 0 || ch->name.len > WS_CHANNEL_MAX) {
        return NGX_ERROR;
    }

    if (sub->cluster) {
        return ws_redis_subs_subscribe(sub, ch);
    }

    entry = ws_redis_sub_find(sub, &ch->name);

    if (entry == NULL) {
        entry = ws_redis_sub_add(sub, &ch->name);
        if (entry == NULL) {
            return NGX_ERROR;
        }

    } else if (entry->channel) {
        return NGX_DECLINED;
    }

    entry->channel = ch;
    ch->entry = entry;

    ws_redis_sub_move(&sub->subscribe, entry);
    ws_redis_sub_start(sub);

    return NGX_OK;
}


void
ws_redis_unsubscribe(ws_redis_sub_t *sub, ws_redis_channel_t *ch)
{
    ws_redis_sub_entry_t  *entry;

    entry = ch->entry;

    if (entry == NULL) {

        if (ch->parked) {
            ch->parked = 0;
            ngx_queue_remove(&ch->queue);
        }

        return;
    }

    ch->entry = NULL;

    ws_redis_sub_drop(entry);
}


void
ws_redis_sub_drop(ws_redis_sub_entry_t *entry)
{
    ws_redis_sub_t  *sub;

    sub = entry->sub;

    entry->channel = NULL;
    entry->ready = 0;

    if (entry->subscribed) {
        ws_redis_sub_move(&sub->unsubscribe, entry);
        ws_redis_conn_wake(&sub->conn);
        return;
    }

    if (entry->pending) {
        ws_redis_sub_move(&sub->active, entry);
        return;
    }

    ws_redis_sub_free(entry);
}


void
ws_redis_sub_close(ws_redis_sub_t *sub)
{
    ngx_queue_t            losing;
    ws_redis_sub_entry_t  *entry;

    if (sub == NULL || sub->conn.shut) {
        return;
    }

    ws_redis_conn_shut(&sub->conn);

    if (sub->cluster) {
        ws_redis_subs_close(sub);
    }

    if (sub->retry.timer_set) {
        ngx_del_timer(&sub->retry);
    }

    if (sub->check.timer_set) {
        ngx_del_timer(&sub->check);
    }

    ngx_queue_init(&losing);
    ws_redis_sub_reset(sub, &losing);
    ngx_queue_add(&sub->subscribe, &losing);

    while (!ngx_queue_empty(&sub->subscribe)) {
        entry = ngx_queue_data(ngx_queue_head(&sub->subscribe),
                               ws_redis_sub_entry_t, queue);
        entry->channel->entry = NULL;
        ws_redis_sub_free(entry);
    }
}


ws_redis_sub_entry_t *
ws_redis_sub_find(ws_redis_sub_t *sub, ngx_str_t *name)
{
    /* the node is the first member */

    return (ws_redis_sub_entry_t *)
               ngx_str_rbtree_lookup(&sub->entries, name,
                                     ngx_crc32_long(name->data, name->len));
}


static ws_redis_sub_entry_t *
ws_redis_sub_add(ws_redis_sub_t *sub, ngx_str_t *name)
{
    ws_redis_sub_entry_t  *entry;

    entry = ngx_alloc(sizeof(ws_redis_sub_entry_t) + name->len,
                      &sub->conn.log);
    if (entry == NULL) {
        return NULL;
    }

    ngx_memzero(entry, sizeof(ws_redis_sub_entry_t));

    entry->node.str.len = name->len;
    entry->node.str.data = (u_char *) (entry + 1);
    ngx_memcpy(entry->node.str.data, name->data, name->len);

    entry->sub = sub;
    entry->slot = sub->front ? ws_slot(name) : 0;
    entry->node.node.key = ngx_crc32_long(name->data, name->len);

    ngx_rbtree_insert(&sub->entries, &entry->node.node);
    ngx_queue_insert_tail(&sub->active, &entry->queue);

    return entry;
}


void
ws_redis_sub_free(ws_redis_sub_entry_t *entry)
{
    ngx_queue_remove(&entry->queue);
    ngx_rbtree_delete(&entry->sub->entries, &entry->node.node);
    ngx_free(entry);
}


void
ws_redis_sub_move(ngx_queue_t *list, ws_redis_sub_entry_t *entry)
{
    ngx_queue_remove(&entry->queue);
    ngx_queue_insert_tail(list, &entry->queue);
}


static ngx_uint_t
ws_redis_sub_empty(ws_redis_sub_t *sub)
{
    return sub->entries.root == &sub->sentinel;
}


void
ws_redis_sub_start(ws_redis_sub_t *sub)
{
    ngx_msec_t       delay;
    ws_redis_sub_t  *front;

    front = sub->front ? sub->front : sub;
    delay = ws_redis_conn_delay(&sub->conn);

    if (delay == 0) {
        ws_redis_conn_wake(&sub->conn);
        return;
    }

    if (!sub->retry.timer_set) {

        /* who waits for the news of a graceful quit may wait for this timer */

        sub->retry.cancelable = (front->nhooks == 0 || front->conn.quit);
        ngx_add_timer(&sub->retry, delay);
    }
}


static void
ws_redis_sub_retry_handler(ngx_event_t *ev)
{
    ws_redis_sub_t   *sub;
    ws_redis_conn_t  *conn;

    conn = ev->data;
    sub = conn->data;

    if (ngx_exiting) {
        ws_redis_conn_quit(conn);
    }

    if (conn->state == WS_REDIS_CLOSED && !ws_redis_sub_empty(sub)) {
        ws_redis_conn_connect(conn);
    }
}


void
ws_redis_sub_expect(ws_redis_sub_t *sub)
{
    if (sub->expecting) {
        return;
    }

    sub->expecting = 1;
    sub->alive = 0;

    if (sub->check.timer_set) {
        ngx_del_timer(&sub->check);
    }

    ngx_add_timer(&sub->check, sub->conn.conf->read_timeout);
}


static void
ws_redis_sub_check_handler(ngx_event_t *ev)
{
    ws_redis_sub_t   *sub;
    ws_redis_conn_t  *conn;

    conn = ev->data;
    sub = conn->data;

    if (!sub->expecting) {

        if (!ws_redis_sub_empty(sub)) {
            sub->ping = 1;
            ws_redis_conn_wake(conn);
        }

        return;
    }

    if (!sub->alive) {
        ngx_log_error(NGX_LOG_ERR, &conn->log, NGX_ETIMEDOUT, "timed out");
        ws_redis_conn_fail(conn, 0);
        return;
    }

    sub->expecting = 0;

    if (!ws_redis_sub_empty(sub)) {
        ngx_add_timer(&sub->check, sub->ping_every);
    }
}


static void
ws_redis_sub_closed(void *data, ngx_uint_t lost)
{
    ws_redis_sub_t *sub = data;

    ngx_queue_t           *q, losing;
    ws_redis_channel_t    *ch;
    ws_redis_sub_entry_t  *entry;

    sub->ping = 0;
    sub->expecting = 0;

    if (sub->check.timer_set) {
        ngx_del_timer(&sub->check);
    }

    if (sub->front) {
        ws_redis_cluster_refresh(sub->front->cluster);
    }

    ngx_queue_init(&losing);
    ws_redis_sub_reset(sub, &losing);

    /* callbacks may remove entries from any list */

    while (!ngx_queue_empty(&losing)) {

        q = ngx_queue_head(&losing);
        entry = ngx_queue_data(q, ws_redis_sub_entry_t, queue);
        ch = entry->channel;

        ws_redis_sub_move(&sub->subscribe, entry);

        if (ch->lost) {
            ch->lost(ch->data);
        }
    }

    if (!ws_redis_sub_empty(sub)) {
        ws_redis_sub_start(sub);
    }
}


/*
 * As if nothing had been sent: what is not wanted goes, what was ready is
 * moved to losing, the rest to subscribe.
 */

static void
ws_redis_sub_reset(ws_redis_sub_t *sub, ngx_queue_t *losing)
{
    ngx_queue_t            all;
    ws_redis_sub_entry_t  *entry;

    ngx_queue_init(&all);

    ngx_queue_add(&all, &sub->active);
    ngx_queue_init(&sub->active);

    ngx_queue_add(&all, &sub->unsubscribe);
    ngx_queue_init(&sub->unsubscribe);

    ngx_queue_add(&all, &sub->subscribe);
    ngx_queue_init(&sub->subscribe);

    while (!ngx_queue_empty(&all)) {

        entry = ngx_queue_data(ngx_queue_head(&all), ws_redis_sub_entry_t,
                               queue);

        if (entry->channel == NULL) {
            ws_redis_sub_free(entry);
            continue;
        }

        ws_redis_sub_move(entry->ready ? losing : &sub->subscribe, entry);

        entry->pending = 0;
        entry->leaving = 0;
        entry->subscribed = 0;
        entry->ready = 0;
    }
}


void
ws_redis_sub_follow(ws_redis_sub_t *sub, ws_redis_t *redis)
{
    ws_redis_conn_follow(&sub->conn, &redis->conn, 0);
}


uint64_t
ws_redis_sub_place(ws_redis_sub_t *sub)
{
    return sub->conn.place;
}
