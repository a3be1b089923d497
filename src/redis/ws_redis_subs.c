
/*
 * Subscriptions on the nodes of a cluster.
 *
 * A front stands for the connections to all nodes.  A channel is subscribed
 * on the connection to the node that has its slot.  When the slot has moved,
 * the channel is lost there and parked until it is known where to; then it is
 * subscribed anew, and its subscriber reads again what it watches.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ws_redis_cluster.h>
#include <ws_redis_subs.h>


#define WS_SUBS_RETRY  250          /* ms between looks for a parked one */


static ws_redis_sub_t *ws_redis_subs_of(ws_redis_sub_t *front,
    ngx_str_t *name);
static void ws_redis_subs_park(ws_redis_sub_t *front, ws_redis_channel_t *ch);
static void ws_redis_subs_collect(ws_redis_sub_t *sub, ngx_queue_t *list,
    ngx_int_t slot, ngx_queue_t *lost, ngx_queue_t *idle);
static void ws_redis_subs_leave(ws_redis_sub_t *sub, ngx_int_t slot);
static void ws_redis_subs_retry(ngx_event_t *ev);


ngx_int_t
ws_redis_subs_init(ws_redis_sub_t *sub, ngx_pool_t *pool,
    ws_redis_conf_t *conf, ngx_log_t *log)
{
    sub->cluster = ws_redis_cluster(pool, conf, log);
    if (sub->cluster == NULL) {
        return NGX_ERROR;
    }

    sub->cluster->sub = sub;

    ngx_queue_init(&sub->parked);

    /* there is no connection behind it */

    sub->retry.handler = ws_redis_subs_retry;
    sub->conn.wake.handler = ws_redis_subs_retry;

    return NGX_OK;
}


ws_redis_sub_t *
ws_redis_node_sub(ws_redis_node_t *node)
{
    if (node->sub == NULL) {
        node->sub = ws_redis_sub_create_one(node->pool, &node->conf,
                                            node->cluster->log);
        if (node->sub == NULL) {
            return NULL;
        }

        node->sub->front = node->cluster->sub;
        node->sub->node = node;
    }

    return node->sub;
}


/* the connection for a channel; NULL: not known, or out of memory */

static ws_redis_sub_t *
ws_redis_subs_of(ws_redis_sub_t *front, ngx_str_t *name)
{
    ws_redis_node_t  *node;

    node = front->cluster->slots[ws_slot(name)];

    return node ? ws_redis_node_sub(node) : NULL;
}


ngx_int_t
ws_redis_subs_subscribe(ws_redis_sub_t *front, ws_redis_channel_t *ch)
{
    ws_redis_sub_t  *sub;

    sub = ws_redis_subs_of(front, &ch->name);

    if (sub) {
        return ws_redis_subscribe(sub, ch);
    }

    ws_redis_subs_park(front, ch);

    return NGX_OK;
}


static void
ws_redis_subs_park(ws_redis_sub_t *front, ws_redis_channel_t *ch)
{
    ch->parked = 1;
    ngx_queue_insert_tail(&front->parked, &ch->queue);

    ws_redis_cluster_refresh(front->cluster);

    if (!front->retry.timer_set) {
        front->retry.cancelable = (front->nhooks == 0 || front->conn.quit);
        ngx_add_timer(&front->retry, WS_SUBS_RETRY);
    }
}


static void
ws_redis_subs_retry(ngx_event_t *ev)
{
    ws_redis_sub_t   *front;
    ws_redis_conn_t  *conn;

    conn = ev->data;
    front = conn->data;

    if (ngx_exiting) {
        ws_redis_conn_quit(conn);
    }

    ws_redis_subs_known(front);
}


void
ws_redis_subs_known(ws_redis_sub_t *front)
{
    ngx_queue_t         *q, parked;
    ws_redis_node_t     *node;
    ws_redis_channel_t  *ch;

    for (q = ngx_queue_head(&front->cluster->nodes);
         q != ngx_queue_sentinel(&front->cluster->nodes);
         q = ngx_queue_next(q))
    {
        node = ngx_queue_data(q, ws_redis_node_t, queue);

        if (node->sub) {
            ws_redis_subs_leave(node->sub, -1);
        }
    }

    ngx_queue_init(&parked);
    ngx_queue_add(&parked, &front->parked);
    ngx_queue_init(&front->parked);

    while (!ngx_queue_empty(&parked)) {

        ch = ngx_queue_data(ngx_queue_head(&parked), ws_redis_channel_t,
                            queue);
        ngx_queue_remove(&ch->queue);
        ch->parked = 0;

        if (ws_redis_subs_subscribe(front, ch) == NGX_ERROR) {
            ws_redis_subs_park(front, ch);
        }
    }
}


void
ws_redis_subs_moved(ws_redis_sub_t *sub, ngx_uint_t slot)
{
    ws_redis_subs_leave(sub, slot);

    /* by MOVED it may be known where to; what is not is parked again */

    ws_redis_cluster_refresh(sub->front->cluster);
    ws_redis_conn_wake(&sub->front->conn);
}


/*
 * Parks the channels of one slot, or, slot being -1, of all slots that are not
 * the node's any more.
 */

static void
ws_redis_subs_leave(ws_redis_sub_t *sub, ngx_int_t slot)
{
    ngx_queue_t         *q, lost, idle;
    ws_redis_channel_t  *ch;

    ngx_queue_init(&lost);
    ngx_queue_init(&idle);

    ws_redis_subs_collect(sub, &sub->active, slot, &lost, &idle);
    ws_redis_subs_collect(sub, &sub->subscribe, slot, &lost, &idle);
    ws_redis_subs_collect(sub, &sub->unsubscribe, slot, &lost, &idle);

    while (!ngx_queue_empty(&idle)) {
        q = ngx_queue_head(&idle);
        ngx_queue_remove(q);
        ws_redis_subs_park(sub->front,
                           ngx_queue_data(q, ws_redis_channel_t, queue));
    }

    /* callbacks may end the subscription of any */

    while (!ngx_queue_empty(&lost)) {
        q = ngx_queue_head(&lost);
        ngx_queue_remove(q);

        ch = ngx_queue_data(q, ws_redis_channel_t, queue);

        ws_redis_subs_park(sub->front, ch);

        if (ch->lost) {
            ch->lost(ch->data);
        }
    }
}


static void
ws_redis_subs_collect(ws_redis_sub_t *sub, ngx_queue_t *list, ngx_int_t slot,
    ngx_queue_t *lost, ngx_queue_t *idle)
{
    ngx_queue_t           *q, *next;
    ws_redis_channel_t    *ch;
    ws_redis_sub_entry_t  *entry;

    for (q = ngx_queue_head(list); q != ngx_queue_sentinel(list); q = next) {

        next = ngx_queue_next(q);
        entry = ngx_queue_data(q, ws_redis_sub_entry_t, queue);

        ch = entry->channel;

        if (slot == -1) {
            if (ch == NULL || ws_redis_subs_of(sub->front, &ch->name) == sub) {
                continue;
            }

        } else if (entry->slot != (ngx_uint_t) slot) {
            continue;
        }

        if (ch) {
            ch->entry = NULL;
            ch->parked = 1;
            ngx_queue_insert_tail(entry->ready ? lost : idle, &ch->queue);
        }

        if (slot == -1) {
            ws_redis_sub_drop(entry);

        } else {
            ws_redis_sub_free(entry);
        }
    }
}


ngx_uint_t
ws_redis_subs_empty(ws_redis_sub_t *sub)
{
    return ngx_queue_empty(&sub->active) && ngx_queue_empty(&sub->subscribe)
           && ngx_queue_empty(&sub->unsubscribe);
}


void
ws_redis_subs_close(ws_redis_sub_t *front)
{
    ngx_queue_t         *q;
    ws_redis_channel_t  *ch;

    ws_redis_cluster_close_sub(front->cluster);

    while (!ngx_queue_empty(&front->parked)) {
        q = ngx_queue_head(&front->parked);
        ngx_queue_remove(q);

        ch = ngx_queue_data(q, ws_redis_channel_t, queue);
        ch->parked = 0;
    }
}
