
/*
 * WAIT answers once so many replicas have what its connection has written, or
 * its time is over, and until then Redis does not look at what follows it on
 * that connection.  So it is on one that only commits use; what is put in one
 * turn has one WAIT behind it, and no other is put before that is answered.
 * A commit thus waits for two of them at worst: one that was under way, and
 * its own.
 *
 * A commit's reply is 0 when it has written (ws_txn.c); it is kept until WAIT,
 * which is for all that was answered before it, as replies come in order.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ws_redis_wait.h>
#include <ws_resp.h>


#define WS_REDIS_WAIT_QUIET  10             /* s between log lines */


static void ws_redis_wait_over(ws_redis_t *redis, ws_reply_t *reply);
static void ws_redis_wait_log(ws_redis_t *redis, ws_reply_t *reply);


ngx_int_t
ws_redis_wait_init(ws_redis_t *redis, ngx_pool_t *pool)
{
    u_char             n[NGX_INT_T_LEN], ms[NGX_INT_T_LEN], *p;
    ngx_str_t          argv[3];
    ws_redis_conf_t   *conf;
    ws_redis_wait_t   *wait;

    conf = redis->conn.conf;

    if (conf->wait_replicas == 0) {
        return NGX_OK;
    }

    wait = ngx_pcalloc(pool, sizeof(ws_redis_wait_t));
    if (wait == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&argv[0], "WAIT");
    argv[1].data = n;
    argv[1].len = ngx_sprintf(n, "%ui", conf->wait_replicas) - n;
    argv[2].data = ms;
    argv[2].len = ngx_sprintf(ms, "%M", conf->wait_timeout) - ms;

    p = ngx_pnalloc(pool, ws_resp_size(3, argv));
    if (p == NULL) {
        return NGX_ERROR;
    }

    wait->cmd.bytes = p;
    wait->cmd.redis = redis;

    p = ws_resp_head(p, 3);
    p = ws_resp_bulk(p, 3, argv);

    wait->cmd.len = p - wait->cmd.bytes;

    ngx_queue_init(&wait->kept);

    redis->wait = wait;

    return NGX_OK;
}


void
ws_redis_wait_put(ws_redis_t *redis)
{
    ws_redis_cmd_t   *cmd;
    ws_redis_wait_t  *wait;

    wait = redis->wait;

    if (wait == NULL || !wait->wanted || wait->flying
        || ws_redis_conn_room(&redis->conn) < wait->cmd.len)
    {
        return;
    }

    cmd = &wait->cmd;
    cmd->begin = redis->conn.put;
    cmd->put = ws_redis_conn_put(&redis->conn, cmd->bytes, cmd->len);

    ngx_queue_insert_tail(&redis->flight, &cmd->queue);

    wait->wanted = 0;
    wait->flying = 1;
}


ngx_int_t
ws_redis_wait_reply(ws_redis_t *redis, ws_redis_cmd_t *cmd, ws_reply_t *reply)
{
    ws_redis_wait_t  *wait;

    wait = redis->wait;

    if (wait == NULL) {
        return NGX_DECLINED;
    }

    if (cmd == &wait->cmd) {
        ws_redis_wait_over(redis, reply);
        return NGX_OK;
    }

    if (cmd->confirm && cmd->handler && reply->type == WS_REPLY_INTEGER
        && reply->integer == 0)
    {
        ngx_queue_remove(&cmd->queue);
        ngx_queue_insert_tail(&wait->kept, &cmd->queue);
        return NGX_OK;
    }

    return NGX_DECLINED;
}


static void
ws_redis_wait_over(ws_redis_t *redis, ws_reply_t *reply)
{
    ngx_uint_t        enough;
    ws_reply_t        zero;
    ngx_queue_t      *q, kept;
    ws_redis_cmd_t   *cmd;
    ws_redis_wait_t  *wait;

    wait = redis->wait;

    ngx_queue_remove(&wait->cmd.queue);
    wait->flying = 0;

    if (wait->wanted) {
        ws_redis_conn_wake(&redis->conn);
    }

    enough = (reply->type == WS_REPLY_INTEGER
              && reply->integer >= (int64_t) redis->conn.conf->wait_replicas);

    if (!enough) {
        ws_redis_wait_log(redis, reply);
    }

    ngx_memzero(&zero, sizeof(ws_reply_t));
    zero.type = WS_REPLY_INTEGER;

    ngx_queue_init(&kept);
    ngx_queue_add(&kept, &wait->kept);
    ngx_queue_init(&wait->kept);

    while (!ngx_queue_empty(&kept)) {
        q = ngx_queue_head(&kept);
        cmd = ngx_queue_data(q, ws_redis_cmd_t, queue);

        if (enough) {
            ws_redis_answer(cmd, &zero);

        } else {
            cmd->touched = 1;
            ws_redis_finish(cmd, NULL);
        }
    }
}


static void
ws_redis_wait_log(ws_redis_t *redis, ws_reply_t *reply)
{
    u_char            more[NGX_INT_T_LEN + sizeof(" ( more since)")], *p;
    ws_redis_wait_t  *wait;

    wait = redis->wait;

    if (ngx_time() - wait->logged < WS_REDIS_WAIT_QUIET) {
        wait->unlogged++;
        return;
    }

    p = more;

    if (wait->unlogged) {
        p = ngx_sprintf(p, " (%ui more since)", wait->unlogged);
    }

    if (reply->type == WS_REPLY_INTEGER) {
        ngx_log_error(NGX_LOG_ERR, &redis->conn.log, 0,
                      "%L replicas instead of %ui have confirmed a change%*s",
                      reply->integer, redis->conn.conf->wait_replicas,
                      p - more, more);

    } else {
        ngx_log_error(NGX_LOG_ERR, &redis->conn.log, 0,
                      "WAIT was refused: \"%V\"%*s", &reply->str,
                      p - more, more);
    }

    wait->logged = ngx_time();
    wait->unlogged = 0;
}


void
ws_redis_wait_closed(ws_redis_t *redis, ngx_queue_t *failed)
{
    ws_redis_wait_t  *wait;

    wait = redis->wait;

    if (wait == NULL) {
        return;
    }

    if (wait->flying) {
        ngx_queue_remove(&wait->cmd.queue);
    }

    wait->flying = 0;
    wait->wanted = 0;

    ngx_queue_add(failed, &wait->kept);
    ngx_queue_init(&wait->kept);
}
