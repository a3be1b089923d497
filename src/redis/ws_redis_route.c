
/*
 * Where a cluster's commands go.
 *
 * A front stands for the connections of a role to all nodes.  A command goes
 * to the node that has its slot; MOVED and ASK mean that it was not executed
 * and where it is to go, TRYAGAIN that half of its keys are on their way.
 *
 * Commands of one slot end in the order of their issue, which those who issue
 * several at once rely on.  A node's connection sees to that, but not where
 * one command was sent on to another node, by ASK, and a later one was not, as
 * its key is still here.  So a command that is sent on is displaced until it
 * ends, and the ends of later ones of its slot, with a reply or without, are
 * held back.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ws_redis_cluster.h>
#include <ws_redis_cmd.h>


#define WS_ROUTE_REDIRECTS  16      /* of one command */
#define WS_ROUTE_AGAIN      20      /* ms, when it may help to wait */


static ngx_int_t ws_redis_route_redirect(ws_redis_cmd_t *cmd,
    ws_reply_t *reply);
static ngx_int_t ws_redis_route_send(ws_redis_cmd_t *cmd, ws_redis_t *target,
    ngx_uint_t ask);
static void ws_redis_route_wait(ws_redis_cmd_t *cmd);
static ws_redis_t *ws_redis_route_front(ws_redis_cmd_t *cmd);
static ngx_uint_t ws_redis_route_displaced(ws_redis_t *front,
    ws_redis_cmd_t *cmd);
static ngx_uint_t ws_redis_route_early(ws_redis_t *front,
    ws_redis_cmd_t *cmd);
static void ws_redis_route_hold(ws_redis_t *front, ws_redis_cmd_t *cmd);
static void ws_redis_route_again(ngx_event_t *ev);
static void ws_redis_route_settle(ngx_event_t *ev);


ngx_int_t
ws_redis_route_init(ws_redis_t *front, ngx_pool_t *pool,
    ws_redis_conf_t *conf, ngx_log_t *log)
{
    ws_redis_cluster_t  *cluster;

    cluster = ws_redis_cluster(pool, conf, log);

    if (cluster == NULL || cluster->nfronts == WS_ROLES) {
        return NGX_ERROR;
    }

    front->cluster = cluster;
    front->role = cluster->nfronts++;
    cluster->fronts[front->role] = front;

    ngx_queue_init(&front->displaced);
    ngx_queue_init(&front->held);

    /* data as of events of connections: what nginx logs of them is in it */

    front->settle.handler = ws_redis_route_settle;
    front->settle.data = &front->conn;
    front->settle.log = &front->conn.log;

    front->again.handler = ws_redis_route_again;
    front->again.data = &front->conn;
    front->again.log = &front->conn.log;

    return NGX_OK;
}


ws_redis_t *
ws_redis_route(ws_redis_t *front, ngx_uint_t slot)
{
    ws_redis_t          *redis;
    ws_redis_node_t     *node;
    ws_redis_cluster_t  *cluster;

    cluster = front->cluster;
    node = cluster->slots[slot];

    if (node == NULL) {
        ws_redis_cluster_refresh(cluster);

        return (cluster->known || cluster->failed) ? NULL : front;
    }

    redis = ws_redis_node_redis(node, front->role);

    if (redis && ws_redis_conn_delay(&redis->conn)) {

        /* a replica may have taken its place */

        ws_redis_cluster_refresh(cluster);
        return NULL;
    }

    return redis;
}


ngx_uint_t
ws_redis_route_room(ws_redis_t *front, ngx_uint_t n)
{
    ws_redis_t       *redis;
    ngx_queue_t      *q, *nodes;
    ws_redis_node_t  *node;

    nodes = &front->cluster->nodes;

    for (q = ngx_queue_head(nodes);
         q != ngx_queue_sentinel(nodes);
         q = ngx_queue_next(q))
    {
        node = ngx_queue_data(q, ws_redis_node_t, queue);
        redis = node->redis[front->role];

        if (redis && !ws_redis_room(redis, n)) {
            return 0;
        }
    }

    return 1;
}


ngx_int_t
ws_redis_route_reply(ws_redis_cmd_t *cmd, ws_reply_t *reply)
{
    ws_redis_t  *redis;

    if (cmd->handler == NULL) {
        return NGX_OK;
    }

    if (reply->type == WS_REPLY_ERROR
        && ws_redis_route_redirect(cmd, reply) == NGX_OK)
    {
        return NGX_DONE;
    }

    redis = cmd->redis;

    if (!ws_redis_route_early(redis->front, cmd)) {
        return NGX_OK;
    }

    cmd->reply = *reply;
    cmd->arena = ws_reader_keep(redis->conn.reader);

    ws_redis_route_hold(redis->front, cmd);

    return NGX_DONE;
}


void
ws_redis_unanswered(ws_redis_cmd_t *cmd)
{
    ws_redis_t  *front;

    front = ws_redis_route_front(cmd);

    if (front && cmd->handler && ws_redis_route_early(front, cmd)) {
        ws_redis_route_hold(front, cmd);
        return;
    }

    ws_redis_finish(cmd, NULL);
}


/* NGX_OK: it is on its way; NGX_DECLINED: the error is its answer */

static ngx_int_t
ws_redis_route_redirect(ws_redis_cmd_t *cmd, ws_reply_t *reply)
{
    ngx_uint_t           moved;
    ws_redis_node_t     *node;
    ws_slot_range_t      range;
    ws_redis_cluster_t  *cluster;

    cluster = cmd->redis->front->cluster;

    if (ws_reply_is_error(reply, "CLUSTERDOWN")) {
        ws_redis_cluster_refresh(cluster);
        return NGX_DECLINED;
    }

    if (ws_reply_is_error(reply, "TRYAGAIN")) {

        /* its deadline ends this */

        ws_redis_route_wait(cmd);
        return NGX_OK;
    }

    moved = ws_reply_is_error(reply, "MOVED");

    if (!moved && !ws_reply_is_error(reply, "ASK")) {
        return NGX_DECLINED;
    }

    if (moved) {
        ws_redis_cluster_refresh(cluster);
    }

    if (cmd->redirects++ == WS_ROUTE_REDIRECTS
        || ws_slot_redirect(&reply->str, &range) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    node = ws_redis_cluster_node(cluster, &range, cmd->redis->node);

    if (node == NULL) {

        /* a name: the map is going to tell the address */

        ws_redis_route_wait(cmd);
        return NGX_OK;
    }

    if (moved) {
        cluster->slots[range.first] = node;
    }

    return ws_redis_route_send(cmd,
                   ws_redis_node_redis(node, cmd->redis->front->role), !moved);
}


static ngx_int_t
ws_redis_route_send(ws_redis_cmd_t *cmd, ws_redis_t *target, ngx_uint_t ask)
{
    ws_redis_t  *front;

    if (target == NULL || ws_redis_conn_delay(&target->conn)) {
        return NGX_DECLINED;
    }

    front = target->front;

    if (!cmd->displaced) {
        cmd->displaced = 1;
        ngx_queue_insert_tail(&front->displaced, &cmd->order);
    }

    cmd->ask = ask;

    ws_redis_dequeue(cmd);
    ws_redis_enqueue(target, cmd);

    return NGX_OK;
}


/* it goes on when the map has been read or a moment is over */

static void
ws_redis_route_wait(ws_redis_cmd_t *cmd)
{
    ws_redis_t  *front;

    front = cmd->redis->front;

    if (!cmd->displaced) {
        cmd->displaced = 1;
        ngx_queue_insert_tail(&front->displaced, &cmd->order);
    }

    cmd->ask = 0;

    ws_redis_dequeue(cmd);
    ws_redis_enqueue(front, cmd);

    if (!front->again.timer_set) {
        ngx_add_timer(&front->again, WS_ROUTE_AGAIN);
    }
}


/* NULL: it is not of a cluster */

static ws_redis_t *
ws_redis_route_front(ws_redis_cmd_t *cmd)
{
    return cmd->redis->cluster ? cmd->redis : cmd->redis->front;
}


/* whether a command of the same slot that came before it is displaced */

static ngx_uint_t
ws_redis_route_displaced(ws_redis_t *front, ws_redis_cmd_t *cmd)
{
    ngx_queue_t     *q;
    ws_redis_cmd_t  *other;

    for (q = ngx_queue_head(&front->displaced);
         q != ngx_queue_sentinel(&front->displaced);
         q = ngx_queue_next(q))
    {
        other = ngx_queue_data(q, ws_redis_cmd_t, order);

        if (other->slot == cmd->slot && other->serial < cmd->serial) {
            return 1;
        }
    }

    return 0;
}


/* or is held back itself */

static ngx_uint_t
ws_redis_route_early(ws_redis_t *front, ws_redis_cmd_t *cmd)
{
    ngx_queue_t     *q;
    ws_redis_cmd_t  *other;

    for (q = ngx_queue_head(&front->held);
         q != ngx_queue_sentinel(&front->held);
         q = ngx_queue_next(q))
    {
        other = ngx_queue_data(q, ws_redis_cmd_t, queue);

        if (other->slot == cmd->slot && other->serial < cmd->serial) {
            return 1;
        }
    }

    return ws_redis_route_displaced(front, cmd);
}


/*
 * Its deadline is kept by the one that it waits for, which is earlier.  The
 * list is in the order of issue.
 */

static void
ws_redis_route_hold(ws_redis_t *front, ws_redis_cmd_t *cmd)
{
    ngx_queue_t     *q;
    ws_redis_cmd_t  *other;

    ngx_queue_remove(&cmd->by_deadline);
    ngx_queue_init(&cmd->by_deadline);
    ngx_queue_remove(&cmd->queue);

    for (q = ngx_queue_last(&front->held);
         q != ngx_queue_sentinel(&front->held);
         q = ngx_queue_prev(q))
    {
        other = ngx_queue_data(q, ws_redis_cmd_t, queue);

        if (other->serial < cmd->serial) {
            break;
        }
    }

    ngx_queue_insert_after(q, &cmd->queue);
}


void
ws_redis_route_end(ws_redis_cmd_t *cmd)
{
    ws_redis_t  *front;

    front = ws_redis_route_front(cmd);

    cmd->displaced = 0;
    ngx_queue_remove(&cmd->order);
    ngx_queue_init(&cmd->order);

    /* not from here: this may be a call of ws_redis_cancel() */

    if (!ngx_queue_empty(&front->held)) {
        ngx_post_event(&front->settle, &ngx_posted_events);
    }
}


/* answers those whose turn has come */

static void
ws_redis_route_settle(ngx_event_t *ev)
{
    ws_redis_t       *front;
    ngx_queue_t      *q;
    ws_redis_cmd_t   *cmd;
    ws_redis_conn_t  *conn;

    conn = ev->data;
    front = conn->data;

    q = ngx_queue_head(&front->held);

    while (q != ngx_queue_sentinel(&front->held)) {

        cmd = ngx_queue_data(q, ws_redis_cmd_t, queue);

        if (ws_redis_route_displaced(front, cmd)) {
            q = ngx_queue_next(q);
            continue;
        }

        ws_redis_finish(cmd, cmd->arena ? &cmd->reply : NULL);

        /* its handler may have done anything to the list */

        q = ngx_queue_head(&front->held);
    }
}


static void
ws_redis_route_again(ngx_event_t *ev)
{
    ws_redis_conn_t  *conn;

    conn = ev->data;

    ws_redis_route_known(conn->data);
}


void
ws_redis_route_known(ws_redis_t *front)
{
    ws_redis_t      *target;
    ngx_queue_t     *q, waiting;
    ws_redis_cmd_t  *cmd;

    ngx_queue_init(&waiting);
    ngx_queue_add(&waiting, &front->waiting);
    ngx_queue_init(&front->waiting);

    while (!ngx_queue_empty(&waiting)) {

        q = ngx_queue_head(&waiting);
        cmd = ngx_queue_data(q, ws_redis_cmd_t, queue);

        target = ws_redis_route(front, cmd->slot);

        if (target == front) {
            ngx_queue_remove(q);
            ngx_queue_insert_tail(&front->waiting, q);
            continue;
        }

        if (target == NULL) {
            ws_redis_unanswered(cmd);
            continue;
        }

        ws_redis_dequeue(cmd);
        ws_redis_enqueue(target, cmd);
    }

    ws_redis_timer(front);
}


void
ws_redis_route_close(ws_redis_t *front)
{
    ngx_queue_t  *q;

    ws_redis_cluster_close(front->cluster, front->role);

    while (!ngx_queue_empty(&front->held)) {
        q = ngx_queue_head(&front->held);
        ws_redis_finish(ngx_queue_data(q, ws_redis_cmd_t, queue), NULL);
    }

    if (front->again.timer_set) {
        ngx_del_timer(&front->again);
    }

    if (front->settle.posted) {
        ngx_delete_posted_event(&front->settle);
    }
}
