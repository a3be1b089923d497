
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
#include <ws_reply.h>
#include <ws_redis_conn.h>
#include <ws_redis_sub.h>


#define WS_SUB_PING    10000        /* ms */
#define WS_SUB_PING_TRACKING  1000
#define WS_SUB_BATCH   500          /* channels in a command */
#define WS_SUB_PREFIX  64           /* bytes: "*501 $9 SUBSCRIBE" */
#define WS_SUB_EXTRA   16           /* bytes: "$1024", two line ends */


typedef struct {
    ws_redis_quit_pt            handler;
    void                       *data;
} ws_redis_sub_hook_t;


struct ws_redis_sub_s {
    ws_redis_conn_t             conn;

    ngx_rbtree_t                entries;
    ngx_rbtree_node_t           sentinel;

    ngx_queue_t                 subscribe;
    ngx_queue_t                 unsubscribe;
    ngx_queue_t                 active;

    ngx_event_t                 retry;
    ngx_event_t                 check;
    ngx_msec_t                  ping_every;

    ws_redis_sub_hook_t         hooks[WS_SUB_HOOKS];
    ngx_uint_t                  nhooks;

    unsigned                    ping:1;         /* to be sent */
    unsigned                    expecting:1;    /* a reply, until check */
    unsigned                    alive:1;        /* a reply came */
};


struct ws_redis_sub_entry_s {
    ngx_str_node_t              node;
    ngx_queue_t                 queue;
    ws_redis_channel_t         *channel;    /* NULL: not wanted any more */
    ngx_uint_t                  pending;    /* confirmations to come */

    unsigned                    subscribed:1;   /* by the last command sent */
    unsigned                    ready:1;
};


static ws_redis_sub_entry_t *ws_redis_sub_find(ws_redis_sub_t *sub,
    ngx_str_t *name);
static ws_redis_sub_entry_t *ws_redis_sub_add(ws_redis_sub_t *sub,
    ngx_str_t *name);
static void ws_redis_sub_free(ws_redis_sub_t *sub,
    ws_redis_sub_entry_t *entry);
static void ws_redis_sub_move(ngx_queue_t *list, ws_redis_sub_entry_t *entry);
static ngx_uint_t ws_redis_sub_empty(ws_redis_sub_t *sub);
static void ws_redis_sub_start(ws_redis_sub_t *sub);
static void ws_redis_sub_retry_handler(ngx_event_t *ev);
static void ws_redis_sub_check_handler(ngx_event_t *ev);
static void ws_redis_sub_expect(ws_redis_sub_t *sub);

static void ws_redis_sub_fill(void *data);
static void ws_redis_sub_send(ws_redis_sub_t *sub, ngx_queue_t *list,
    ngx_uint_t subscribe);
static ngx_int_t ws_redis_sub_reply(void *data, ws_reply_t *reply);
static void ws_redis_sub_message(ws_redis_sub_t *sub, ws_reply_t *elts);
static ngx_int_t ws_redis_sub_confirm(ws_redis_sub_t *sub, ngx_str_t *name,
    ngx_uint_t subscribed);
static void ws_redis_sub_closed(void *data, ngx_uint_t lost);
static void ws_redis_sub_reset(ws_redis_sub_t *sub, ngx_queue_t *losing);
static void ws_redis_sub_quit(void *data);


static ws_redis_conn_ops_t  ws_redis_sub_ops = {
    ws_redis_sub_fill,
    ws_redis_sub_reply,
    ws_redis_sub_closed,
    ws_redis_sub_quit
};


ws_redis_sub_t *
ws_redis_sub_create(ngx_pool_t *pool, ws_redis_conf_t *conf, ngx_log_t *log)
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


static void
ws_redis_sub_quit(void *data)
{
    ws_redis_sub_t  *sub = data;

    ngx_uint_t  i;

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
        return;
    }

    ch->entry = NULL;
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

    ws_redis_sub_free(sub, entry);
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
        ws_redis_sub_free(sub, entry);
    }
}


static ws_redis_sub_entry_t *
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

    entry->node.node.key = ngx_crc32_long(name->data, name->len);

    ngx_rbtree_insert(&sub->entries, &entry->node.node);
    ngx_queue_insert_tail(&sub->active, &entry->queue);

    return entry;
}


static void
ws_redis_sub_free(ws_redis_sub_t *sub, ws_redis_sub_entry_t *entry)
{
    ngx_queue_remove(&entry->queue);
    ngx_rbtree_delete(&sub->entries, &entry->node.node);
    ngx_free(entry);
}


static void
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


/* sends what is to be sent, now or once there is a connection */

static void
ws_redis_sub_start(ws_redis_sub_t *sub)
{
    ngx_msec_t  delay;

    delay = ws_redis_conn_delay(&sub->conn);

    if (delay == 0) {
        ws_redis_conn_wake(&sub->conn);
        return;
    }

    if (!sub->retry.timer_set) {

        /* who waits for the news of a graceful quit may wait for this timer */

        sub->retry.cancelable = (sub->nhooks == 0 || sub->conn.quit);
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


/* a command was sent: there must be a sign of life before long */

static void
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
ws_redis_sub_fill(void *data)
{
    ws_redis_sub_t *sub = data;

    static u_char  ping[] = "*1\r\n$4\r\nPING\r\n";

    while (!ngx_queue_empty(&sub->subscribe)
           && ws_redis_conn_room(&sub->conn) > WS_SUB_PREFIX + WS_SUB_EXTRA
                                               + WS_CHANNEL_MAX)
    {
        ws_redis_sub_send(sub, &sub->subscribe, 1);
    }

    while (!ngx_queue_empty(&sub->unsubscribe)
           && ws_redis_conn_room(&sub->conn) > WS_SUB_PREFIX + WS_SUB_EXTRA
                                               + WS_CHANNEL_MAX)
    {
        ws_redis_sub_send(sub, &sub->unsubscribe, 0);
    }

    if (sub->ping && ws_redis_conn_room(&sub->conn) > sizeof(ping)) {
        sub->ping = 0;
        (void) ws_redis_conn_put(&sub->conn, ping, sizeof(ping) - 1);
        ws_redis_sub_expect(sub);
    }
}


/*
 * One command for as many channels as there is room for.  It is written
 * straight into the send buffer: so nothing can fail half-way.
 */

static void
ws_redis_sub_send(ws_redis_sub_t *sub, ngx_queue_t *list,
    ngx_uint_t subscribe)
{
    u_char                 buf[WS_SUB_PREFIX], *p;
    size_t                 room;
    ngx_str_t             *name;
    ngx_uint_t             n;
    ngx_queue_t           *q;
    ws_redis_sub_entry_t  *entry;

    n = 0;
    room = ws_redis_conn_room(&sub->conn) - WS_SUB_PREFIX;

    for (q = ngx_queue_head(list);
         q != ngx_queue_sentinel(list) && n < WS_SUB_BATCH;
         q = ngx_queue_next(q))
    {
        entry = ngx_queue_data(q, ws_redis_sub_entry_t, queue);

        if (entry->node.str.len + WS_SUB_EXTRA > room) {
            break;
        }

        room -= entry->node.str.len + WS_SUB_EXTRA;
        n++;
    }

    p = ngx_sprintf(buf, "*%ui\r\n%s\r\n", n + 1,
                    subscribe ? "$9\r\nSUBSCRIBE" : "$11\r\nUNSUBSCRIBE");
    (void) ws_redis_conn_put(&sub->conn, buf, p - buf);

    while (n--) {
        q = ngx_queue_head(list);
        entry = ngx_queue_data(q, ws_redis_sub_entry_t, queue);
        name = &entry->node.str;

        p = ngx_sprintf(buf, "$%uz\r\n", name->len);
        (void) ws_redis_conn_put(&sub->conn, buf, p - buf);
        (void) ws_redis_conn_put(&sub->conn, name->data, name->len);
        (void) ws_redis_conn_put(&sub->conn, (u_char *) CRLF, 2);

        entry->pending++;
        entry->subscribed = subscribe ? 1 : 0;

        ws_redis_sub_move(&sub->active, entry);
    }

    ws_redis_sub_expect(sub);
}


static ngx_int_t
ws_redis_sub_reply(void *data, ws_reply_t *reply)
{
    ws_redis_sub_t *sub = data;

    ngx_str_t   *kind;
    ws_reply_t  *elts;

    sub->alive = 1;

    if (reply->type == WS_REPLY_ERROR) {
        ngx_log_error(NGX_LOG_ERR, &sub->conn.log, 0,
                      "subscription was refused: \"%V\"", &reply->str);
        return NGX_DECLINED;
    }

    if (reply->type == WS_REPLY_STATUS) {

        /* PONG, while no channel is subscribed */

        return NGX_OK;
    }

    elts = reply->elts;

    if (reply->type == WS_REPLY_ARRAY && reply->n >= 2
        && elts[0].type == WS_REPLY_STRING
        && elts[1].type == WS_REPLY_STRING)
    {
        kind = &elts[0].str;

        if (reply->n == 3 && ngx_strcmp(kind->data, "message") == 0) {
            ws_redis_sub_message(sub, elts);
            return NGX_OK;
        }

        if (ngx_strcmp(kind->data, "subscribe") == 0) {
            return ws_redis_sub_confirm(sub, &elts[1].str, 1);
        }

        if (ngx_strcmp(kind->data, "unsubscribe") == 0) {
            return ws_redis_sub_confirm(sub, &elts[1].str, 0);
        }

        if (ngx_strcmp(kind->data, "pong") == 0) {
            return NGX_OK;
        }
    }

    ngx_log_error(NGX_LOG_ERR, &sub->conn.log, 0, "unexpected reply");

    return NGX_ERROR;
}


static void
ws_redis_sub_message(ws_redis_sub_t *sub, ws_reply_t *elts)
{
    ws_redis_channel_t    *ch;
    ws_redis_sub_entry_t  *entry;

    entry = ws_redis_sub_find(sub, &elts[1].str);

    if (entry == NULL || !entry->ready) {
        return;
    }

    ch = entry->channel;

    if (ch->changed) {
        ch->changed(ch->data, &elts[2]);

    } else if (elts[2].type == WS_REPLY_STRING) {
        ch->message(ch->data, &elts[2].str);
    }
}


static ngx_int_t
ws_redis_sub_confirm(ws_redis_sub_t *sub, ngx_str_t *name,
    ngx_uint_t subscribed)
{
    ws_redis_channel_t    *ch;
    ws_redis_sub_entry_t  *entry;

    entry = ws_redis_sub_find(sub, name);

    if (entry == NULL || entry->pending == 0) {
        ngx_log_error(NGX_LOG_ERR, &sub->conn.log, 0,
                      "unexpected confirmation");
        return NGX_ERROR;
    }

    entry->pending--;

    if (entry->pending) {
        return NGX_OK;
    }

    if (entry->subscribed != subscribed) {
        ngx_log_error(NGX_LOG_ERR, &sub->conn.log, 0,
                      "unexpected confirmation");
        return NGX_ERROR;
    }

    ch = entry->channel;

    if (!subscribed) {

        /* a new subscriber's SUBSCRIBE may be about to be sent */

        if (ch == NULL) {
            ws_redis_sub_free(sub, entry);
        }

        return NGX_OK;
    }

    /* without a channel UNSUBSCRIBE is about to be sent */

    if (ch) {
        entry->ready = 1;
        ch->ready(ch->data);
    }

    return NGX_OK;
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
            ws_redis_sub_free(sub, entry);
            continue;
        }

        ws_redis_sub_move(entry->ready ? losing : &sub->subscribe, entry);

        entry->pending = 0;
        entry->subscribed = 0;
        entry->ready = 0;
    }
}
