
/*
 * A single command: its bytes, its life.
 *
 * It is allocated apart from any request, as it may outlive its request by
 * the time that Redis takes to answer.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ngx_sha1.h>
#include <ws_redis_cmd.h>
#include <ws_resp.h>
#include <ws_slot.h>
#include <ws_time.h>


/* what waits, of one connection: commands, bytes */
#define WS_REDIS_PENDING        16384
#define WS_REDIS_PENDING_BYTES  (16 * 1024 * 1024)


static ws_redis_cmd_t *ws_redis_add(ws_redis_t *redis, ws_script_t *script,
    ngx_uint_t argc, ngx_str_t *argv);
static ngx_int_t ws_redis_format(ws_redis_t *redis, ws_redis_cmd_t *cmd,
    ngx_uint_t argc, ngx_str_t *argv);
static void ws_redis_free(ws_redis_cmd_t *cmd);


ws_redis_cmd_t *
ws_redis_command(ws_redis_t *redis, ngx_uint_t flags, ngx_uint_t argc,
    ngx_str_t *argv, ws_redis_handler_pt handler, void *data)
{
    ws_redis_cmd_t  *cmd;

    cmd = ws_redis_add(redis, NULL, argc, argv);

    if (cmd) {
        cmd->handler = handler;
        cmd->data = data;
        cmd->read = (flags & WS_REDIS_READ) ? 1 : 0;
    }

    return cmd;
}


ws_redis_cmd_t *
ws_redis_script(ws_redis_t *redis, ws_script_t *script, ngx_uint_t argc,
    ngx_str_t *argv, ws_redis_handler_pt handler, void *data)
{
    ws_redis_cmd_t  *cmd;

    cmd = ws_redis_add(redis, script, argc, argv);

    if (cmd) {
        cmd->handler = handler;
        cmd->data = data;
    }

    return cmd;
}


ws_redis_cmd_t *
ws_redis_commit(ws_redis_t *redis, ws_script_t *script, ngx_uint_t argc,
    ngx_str_t *argv, ws_redis_handler_pt handler, void *data)
{
    ws_redis_cmd_t   *cmd;
    ws_redis_conf_t  *conf;

    cmd = ws_redis_script(redis, script, argc, argv, handler, data);
    conf = redis->conn.conf;

    if (cmd && conf->wait_replicas) {
        cmd->confirm = 1;
        cmd->deadline += 2 * conf->wait_timeout;

        /* the connection has only such commands, this is the last deadline */

        ngx_queue_remove(&cmd->by_deadline);
        ngx_queue_insert_tail(&cmd->redis->deadlines, &cmd->by_deadline);
    }

    return cmd;
}


ngx_uint_t
ws_redis_room(ws_redis_t *redis, ngx_uint_t n)
{
    if (redis->cluster && !ws_redis_route_room(redis, n)) {
        return 0;
    }

    return redis->pending + n <= WS_REDIS_PENDING / 8;
}


void
ws_script_init(ws_script_t *script, ngx_str_t *source)
{
    u_char      digest[20];
    ngx_sha1_t  sha1;

    ngx_sha1_init(&sha1);
    ngx_sha1_update(&sha1, source->data, source->len);
    ngx_sha1_final(digest, &sha1);

    script->source = *source;
    ngx_hex_dump(script->sha1, digest, sizeof(digest));
}


static ws_redis_cmd_t *
ws_redis_add(ws_redis_t *redis, ws_script_t *script, ngx_uint_t argc,
    ngx_str_t *argv)
{
    ws_redis_t      *front;
    ngx_uint_t       slot;
    ws_redis_cmd_t  *cmd;

    if (redis->conn.shut) {
        return NULL;
    }

    front = redis->cluster ? redis : NULL;
    slot = 0;

    if (front) {
        slot = ws_slot(&argv[1]);
        redis = ws_redis_route(front, slot);
    }

    if (redis == NULL || ws_redis_conn_delay(&redis->conn)
        || redis->pending >= WS_REDIS_PENDING)
    {
        return NULL;
    }

    cmd = ngx_calloc(sizeof(ws_redis_cmd_t), &redis->conn.log);
    if (cmd == NULL) {
        return NULL;
    }

    cmd->script = script;

    if (ws_redis_format(redis, cmd, argc, argv) != NGX_OK) {
        ngx_free(cmd);
        return NULL;
    }

    cmd->start = ws_time_monotonic_usec();
    cmd->deadline = ngx_current_msec + redis->conn.conf->read_timeout;
    cmd->slot = slot;
    cmd->serial = front ? ++front->serial : 0;

    ngx_queue_init(&cmd->order);

    ws_redis_enqueue(redis, cmd);

    return cmd;
}


void
ws_redis_enqueue(ws_redis_t *redis, ws_redis_cmd_t *cmd)
{
    ngx_queue_t     *q;
    ws_redis_cmd_t  *other;

    cmd->redis = redis;

    /* a new one's deadline is the last, one that comes from elsewhere .. */

    for (q = ngx_queue_last(&redis->deadlines);
         q != ngx_queue_sentinel(&redis->deadlines);
         q = ngx_queue_prev(q))
    {
        other = ngx_queue_data(q, ws_redis_cmd_t, by_deadline);

        if ((ngx_msec_int_t) (cmd->deadline - other->deadline) >= 0) {
            break;
        }
    }

    ngx_queue_insert_after(q, &cmd->by_deadline);
    ngx_queue_insert_tail(&redis->waiting, &cmd->queue);

    /* .. may be the first: the timer was set for a later one */

    if (ngx_queue_head(&redis->deadlines) == &cmd->by_deadline
        && redis->timer.timer_set)
    {
        ngx_del_timer(&redis->timer);
    }

    redis->pending++;
    redis->pending_bytes += cmd->len;

    ws_redis_timer(redis);

    if (redis->cluster == NULL) {
        ws_redis_conn_wake(&redis->conn);
    }
}


void
ws_redis_dequeue(ws_redis_cmd_t *cmd)
{
    ngx_queue_remove(&cmd->queue);
    ngx_queue_init(&cmd->queue);
    ngx_queue_remove(&cmd->by_deadline);
    ngx_queue_init(&cmd->by_deadline);

    cmd->redis->pending--;
    cmd->redis->pending_bytes -= cmd->len;

    cmd->put = 0;
    cmd->asked = 0;
}


static ngx_int_t
ws_redis_format(ws_redis_t *redis, ws_redis_cmd_t *cmd, ngx_uint_t argc,
    ngx_str_t *argv)
{
    size_t      size;
    u_char     *p;
    ngx_str_t   evalsha[2];

    size = ws_resp_size(argc, argv);

    if (cmd->script) {
        ngx_str_set(&evalsha[0], "EVALSHA");
        evalsha[1].data = cmd->script->sha1;
        evalsha[1].len = sizeof(cmd->script->sha1);

        size += ws_resp_size(2, evalsha);
    }

    if (redis->pending_bytes >= WS_REDIS_PENDING_BYTES
        || size > WS_REDIS_PENDING_BYTES - redis->pending_bytes)
    {
        return NGX_ERROR;
    }

    cmd->bytes = ngx_alloc(size, &redis->conn.log);
    if (cmd->bytes == NULL) {
        return NGX_ERROR;
    }

    if (cmd->script) {
        p = ws_resp_head(cmd->bytes, argc + 2);
        p = ws_resp_bulk(p, 2, evalsha);

    } else {
        p = ws_resp_head(cmd->bytes, argc);
    }

    p = ws_resp_bulk(p, argc, argv);

    cmd->len = p - cmd->bytes;

    return NGX_OK;
}


/*
 * Rewrites EVALSHA into EVAL: only the beginning differs,
 *
 *     *N $7 EVALSHA $40 sha1 ..   =>   *N $4 EVAL $len source ..
 */

ngx_int_t
ws_redis_eval(ws_redis_cmd_t *cmd)
{
    u_char      *bytes, *p, *rest;
    size_t       count, len;
    ngx_str_t   *source;
    ws_redis_t  *redis;

    redis = cmd->redis;
    source = &cmd->script->source;

    /* the count of arguments and its line's end are the same in both */

    count = (u_char *) ngx_strchr(cmd->bytes, '$') - cmd->bytes;
    rest = cmd->bytes + count + sizeof("$7\r\nEVALSHA\r\n$40\r\n") - 1 + 40;
    len = cmd->bytes + cmd->len - rest;

    bytes = ngx_alloc(count + sizeof("$4\r\nEVAL\r\n$\r\n") - 1
                      + NGX_SIZE_T_LEN + source->len + len,
                      &redis->conn.log);
    if (bytes == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(bytes, cmd->bytes, count);
    p = ngx_sprintf(p, "$4\r\nEVAL\r\n$%uz\r\n", source->len);
    p = ngx_cpymem(p, source->data, source->len);
    p = ngx_cpymem(p, rest, len);

    ngx_free(cmd->bytes);

    redis->pending_bytes -= cmd->len;

    cmd->bytes = bytes;
    cmd->len = p - bytes;
    cmd->put = 0;
    cmd->script = NULL;

    redis->pending_bytes += cmd->len;

    ngx_queue_remove(&cmd->queue);
    ngx_queue_insert_tail(&redis->waiting, &cmd->queue);

    ws_redis_conn_wake(&redis->conn);

    return NGX_OK;
}


void
ws_redis_cancel(ws_redis_cmd_t *cmd)
{
    ws_redis_t  *redis;

    if (cmd->done) {
        return;
    }

    redis = cmd->redis;
    cmd->handler = NULL;

    if (cmd->put == 0) {
        ws_redis_free(cmd);
        ws_redis_timer(redis);
    }
}


void
ws_redis_finish(ws_redis_cmd_t *cmd, ws_reply_t *reply)
{
    /* the handler is to find the lists without it */

    ngx_queue_remove(&cmd->queue);
    ngx_queue_init(&cmd->queue);
    ngx_queue_remove(&cmd->by_deadline);
    ngx_queue_init(&cmd->by_deadline);

    cmd->done = 1;

    if (cmd->handler) {
        cmd->handler(cmd->data, reply);
    }

    ws_redis_free(cmd);
}


static void
ws_redis_free(ws_redis_cmd_t *cmd)
{
    ws_redis_dequeue(cmd);

    if (cmd->displaced) {
        ws_redis_route_end(cmd);
    }

    ngx_queue_remove(&cmd->order);

    if (cmd->arena) {
        ngx_destroy_pool(cmd->arena);
    }

    ngx_free(cmd->bytes);
    ngx_free(cmd);
}


uint64_t
ws_redis_cmd_elapsed(ws_redis_cmd_t *cmd)
{
    return ws_time_monotonic_usec() - cmd->start;
}


ngx_uint_t
ws_redis_cmd_sent(ws_redis_cmd_t *cmd)
{
    return cmd->touched
           || (cmd->put && cmd->redis->conn.sent > cmd->begin);
}
