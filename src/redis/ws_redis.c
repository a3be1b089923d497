
/*
 * Pipelined commands.
 *
 * A command is in one of two lists: waiting, not yet copied into the
 * connection's send buffer with its last byte, or in flight, where the head
 * is the one that the next reply belongs to.  Whatever happens to its issuer,
 * a command of which Redis may have seen a byte keeps its place until its
 * reply: else all later replies would go to the wrong commands.
 *
 * A third list holds all commands in the order of their issue, that is, of
 * their deadlines.  One timer serves it: set lazily for the first deadline,
 * and only while there are commands.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ws_reply.h>
#include <ws_redis.h>
#include <ws_redis_cluster.h>
#include <ws_redis_cmd.h>
#include <ws_redis_wait.h>


static void ws_redis_timer_handler(ngx_event_t *ev);

static void ws_redis_fill(void *data);
static ngx_int_t ws_redis_asking(ws_redis_t *redis);
static ws_redis_cmd_t *ws_redis_expecting(ws_redis_t *redis);
static ngx_int_t ws_redis_reply(void *data, ws_reply_t *reply);
static ngx_uint_t ws_redis_moved(ws_redis_t *redis);
static ngx_uint_t ws_redis_idle(void *data);
static void ws_redis_closed(void *data, ngx_uint_t lost);


static ws_redis_conn_ops_t  ws_redis_ops = {
    ws_redis_fill,
    ws_redis_reply,
    ws_redis_closed,
    NULL,
    ws_redis_idle
};


ws_redis_t *
ws_redis_create(ngx_pool_t *pool, ws_redis_conf_t *conf, ngx_log_t *log)
{
    ws_redis_t  *redis;

    redis = ws_redis_create_one(pool, conf, log);

    if (redis && conf->kind == WS_REDIS_CLUSTER
        && ws_redis_route_init(redis, pool, conf, log) != NGX_OK)
    {
        return NULL;
    }

    return redis;
}


ws_redis_t *
ws_redis_create_one(ngx_pool_t *pool, ws_redis_conf_t *conf, ngx_log_t *log)
{
    ws_redis_t  *redis;

    redis = ngx_pcalloc(pool, sizeof(ws_redis_t));
    if (redis == NULL) {
        return NULL;
    }

    redis->conn.ops = &ws_redis_ops;
    redis->conn.data = redis;

    if (ws_redis_conn_init(&redis->conn, pool, conf, log) != NGX_OK) {
        return NULL;
    }

    ngx_queue_init(&redis->waiting);
    ngx_queue_init(&redis->flight);
    ngx_queue_init(&redis->deadlines);

    redis->timer.handler = ws_redis_timer_handler;
    redis->timer.data = &redis->conn;
    redis->timer.log = &redis->conn.log;

    if (ws_redis_wait_init(redis, pool) != NGX_OK) {
        return NULL;
    }

    return redis;
}


void
ws_redis_follow(ws_redis_t *redis, ws_redis_t *leader, ngx_uint_t writes)
{
    ws_redis_conn_follow(&redis->conn, &leader->conn, writes);
}


void
ws_redis_close(ws_redis_t *redis)
{
    if (redis == NULL || redis->conn.shut) {
        return;
    }

    ws_redis_conn_shut(&redis->conn);
    ws_redis_closed(redis, 0);

    if (redis->cluster) {
        ws_redis_route_close(redis);
    }
}


static void
ws_redis_fill(void *data)
{
    ws_redis_t *redis = data;

    ngx_queue_t     *q;
    ws_redis_cmd_t  *cmd;

    while (!ngx_queue_empty(&redis->waiting)) {

        q = ngx_queue_head(&redis->waiting);
        cmd = ngx_queue_data(q, ws_redis_cmd_t, queue);

        if (cmd->put == 0) {

            if (redis->conn.moved) {
                return;
            }

            if (cmd->ask && !cmd->asked && ws_redis_asking(redis) != NGX_OK) {
                return;
            }

            cmd->asked = cmd->ask;
            cmd->begin = redis->conn.put;
        }

        cmd->put += ws_redis_conn_put(&redis->conn,
                                      cmd->bytes + cmd->put,
                                      cmd->len - cmd->put);

        if (cmd->put < cmd->len) {
            return;
        }

        ngx_queue_remove(q);
        ngx_queue_insert_tail(&redis->flight, q);

        if (cmd->confirm && redis->wait) {
            redis->wait->wanted = 1;
        }
    }

    ws_redis_wait_put(redis);
}


/* allows the next command to see a slot that is being imported */

static ngx_int_t
ws_redis_asking(ws_redis_t *redis)
{
    static u_char  asking[] = "*1\r\n$6\r\nASKING\r\n";

    /* and a byte of the command: one without would count as not begun */

    if (ws_redis_conn_room(&redis->conn) < sizeof(asking)) {
        return NGX_AGAIN;
    }

    (void) ws_redis_conn_put(&redis->conn, asking, sizeof(asking) - 1);

    return NGX_OK;
}


/* the command that the next reply belongs to, or NULL */

static ws_redis_cmd_t *
ws_redis_expecting(ws_redis_t *redis)
{
    ngx_queue_t     *q;
    ws_redis_cmd_t  *cmd;

    if (!ngx_queue_empty(&redis->flight)) {
        q = ngx_queue_head(&redis->flight);
        cmd = ngx_queue_data(q, ws_redis_cmd_t, queue);

        return (cmd->asked || redis->conn.sent >= cmd->begin + cmd->len)
               ? cmd : NULL;
    }

    if (!ngx_queue_empty(&redis->waiting)) {
        q = ngx_queue_head(&redis->waiting);
        cmd = ngx_queue_data(q, ws_redis_cmd_t, queue);

        return cmd->asked ? cmd : NULL;
    }

    return NULL;
}


static ngx_int_t
ws_redis_reply(void *data, ws_reply_t *reply)
{
    ws_redis_t *redis = data;

    ws_redis_cmd_t  *cmd;

    cmd = ws_redis_expecting(redis);

    if (cmd == NULL) {
        ngx_log_error(NGX_LOG_ERR, &redis->conn.log, 0,
                      "reply to no command: \"%V\"", &reply->str);
        return NGX_ERROR;
    }

    if (cmd->asked) {
        cmd->asked = 0;
        return NGX_OK;
    }

    if (cmd->script && cmd->handler && ws_reply_is_error(reply, "NOSCRIPT")
        && ws_redis_eval(cmd) == NGX_OK)
    {
        return ws_redis_moved(redis) ? NGX_ERROR : NGX_OK;
    }

    if (ws_redis_wait_reply(redis, cmd, reply) != NGX_OK) {
        ws_redis_answer(cmd, reply);
    }

    ws_redis_timer(redis);

    /* what has not begun to be sent is kept for the next connection */

    return ws_redis_moved(redis) ? NGX_ERROR : NGX_OK;
}


void
ws_redis_answer(ws_redis_cmd_t *cmd, ws_reply_t *reply)
{
    ws_redis_t  *redis;

    redis = cmd->redis;

    if (redis->front && ws_redis_route_reply(cmd, reply) != NGX_OK) {
        return;
    }

    if (reply->type == WS_REPLY_ERROR) {
        ws_redis_conn_refused(&redis->conn, reply);
    }

    ws_redis_finish(cmd, reply);
}


/* the connection is to be left, and may be */

static ngx_uint_t
ws_redis_moved(ws_redis_t *redis)
{
    return redis->conn.moved && ws_redis_idle(redis);
}


static ngx_uint_t
ws_redis_idle(void *data)
{
    ws_redis_t *redis = data;

    ngx_queue_t     *q;
    ws_redis_cmd_t  *cmd;

    if (!ngx_queue_empty(&redis->flight)) {
        return 0;
    }

    if (ngx_queue_empty(&redis->waiting)) {
        return 1;
    }

    q = ngx_queue_head(&redis->waiting);
    cmd = ngx_queue_data(q, ws_redis_cmd_t, queue);

    return cmd->put == 0;
}


static void
ws_redis_closed(void *data, ngx_uint_t lost)
{
    ws_redis_t *redis = data;

    ngx_uint_t       sent;
    ngx_queue_t     *q, failed;
    ws_redis_cmd_t  *cmd;

    if (redis->front && !redis->conn.shut) {
        ws_redis_cluster_refresh(redis->front->cluster);
    }

    ngx_queue_init(&failed);
    ws_redis_wait_closed(redis, &failed);
    ngx_queue_add(&failed, &redis->flight);
    ngx_queue_init(&redis->flight);
    ngx_queue_add(&failed, &redis->waiting);
    ngx_queue_init(&redis->waiting);

    q = ngx_queue_head(&failed);

    while (q != ngx_queue_sentinel(&failed)) {

        cmd = ngx_queue_data(q, ws_redis_cmd_t, queue);
        q = ngx_queue_next(q);

        sent = cmd->put && redis->conn.sent > cmd->begin;

        if (sent) {
            cmd->touched = 1;
        }

        cmd->put = 0;
        cmd->asked = 0;

        if (!lost || cmd->handler == NULL
            || (ngx_msec_int_t) (cmd->deadline - ngx_current_msec) <= 0)
        {
            continue;
        }

        if (sent) {
            if (!cmd->read || cmd->resent) {
                continue;
            }

            cmd->resent = 1;
        }

        ngx_queue_remove(&cmd->queue);
        ngx_queue_insert_tail(&redis->waiting, &cmd->queue);
    }

    if (!ngx_queue_empty(&redis->waiting)) {
        ws_redis_conn_wake(&redis->conn);
    }

    /* handlers may issue new commands, and cancel those in this list */

    while (!ngx_queue_empty(&failed)) {
        q = ngx_queue_head(&failed);
        ws_redis_unanswered(ngx_queue_data(q, ws_redis_cmd_t, queue));
    }

    ws_redis_timer(redis);
}


/*
 * A timer that is set fires at a first deadline of some time ago, early at
 * worst: so a reply need not move it.
 */

void
ws_redis_timer(ws_redis_t *redis)
{
    ngx_queue_t     *q;
    ngx_msec_int_t   left;
    ws_redis_cmd_t  *cmd;

    if (ngx_queue_empty(&redis->deadlines)) {

        if (redis->timer.timer_set) {
            ngx_del_timer(&redis->timer);
        }

        return;
    }

    if (redis->timer.timer_set) {
        return;
    }

    q = ngx_queue_head(&redis->deadlines);
    cmd = ngx_queue_data(q, ws_redis_cmd_t, by_deadline);

    left = (ngx_msec_int_t) (cmd->deadline - ngx_current_msec);

    ngx_add_timer(&redis->timer, ngx_max(left, 1));
}


static void
ws_redis_timer_handler(ngx_event_t *ev)
{
    ws_redis_t       *redis;
    ngx_queue_t      *q;
    ws_redis_cmd_t   *cmd;
    ws_redis_conn_t  *conn;

    conn = ev->data;
    redis = conn->data;

    while (!ngx_queue_empty(&redis->deadlines)) {

        q = ngx_queue_head(&redis->deadlines);
        cmd = ngx_queue_data(q, ws_redis_cmd_t, by_deadline);

        if ((ngx_msec_int_t) (cmd->deadline - ngx_current_msec) > 0) {
            break;
        }

        if (cmd->put == 0) {
            ws_redis_unanswered(cmd);
            continue;
        }

        /* its reply may still come, but nobody can wait for it any longer */

        ngx_log_error(NGX_LOG_ERR, &conn->log, NGX_ETIMEDOUT, "timed out");

        ws_redis_conn_fail(conn, 0);
    }

    ws_redis_timer(redis);
}


uint64_t
ws_redis_place(ws_redis_t *redis)
{
    return redis->conn.place;
}
