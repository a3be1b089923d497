
/*
 * The log of a build: the lines that there are, or a stream of them that goes
 * on until the job has ended (src/watch/ws_follow.h).
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_api.h"
#include "ws_arg.h"
#include "ws_array.h"
#include "ws_build.h"
#include "ws_follow.h"
#include "ws_http.h"
#include "ws_log.h"
#include "ws_policy.h"
#include "ws_request_build.h"
#include "ws_respond.h"
#include "ws_sse.h"


typedef struct {
    ws_array_t         array;           /* must be first */
    ngx_str_t          key;
    int64_t            next;            /* line to be read, from 0 */
    int64_t            end;             /* the one after the last; -1: all */
    int64_t            want;            /* asked for */
    ws_redis_cmd_t    *cmd;
} ws_logs_t;


typedef struct {
    int64_t            after;
    int64_t            before;          /* -1: all */
    ngx_uint_t         follow;
} ws_logs_args_t;


static ngx_int_t ws_logs_args(ws_request_t *req, ws_logs_args_t *args);
static ngx_int_t ws_logs_check(ws_request_t *req, ws_logs_args_t *args);
static ngx_str_t ws_logs_key(ws_request_t *req);
static ngx_int_t ws_logs_start(ws_request_t *req, ws_logs_args_t *args);
static ngx_int_t ws_logs_more(ws_array_t *array);
static void ws_logs_lines(void *data, ws_reply_t *reply);
static void ws_logs_stop(ws_array_t *array);
static ngx_int_t ws_logs_follow(ws_request_t *req, ws_logs_args_t *args,
    ngx_uint_t ended);
static ngx_int_t ws_logs_open(ws_request_t *req, int64_t after);
static ngx_int_t ws_logs_rest(ws_request_t *req, int64_t after);
static void ws_logs_rest_have(void *data, ws_reply_t *reply);
static ngx_int_t ws_logs_resume(ws_request_t *req);


ngx_int_t
ws_api_build_logs(ws_request_t *req)
{
    ngx_int_t         rc;
    ngx_uint_t        ended;
    ws_logs_args_t    args;
    ws_found_build_t  build;

    rc = ws_logs_args(req, &args);

    if (rc == NGX_OK) {
        rc = ws_request_build(req, WS_ACTION_READ, &build);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    if (!args.follow || req->http->method == NGX_HTTP_HEAD) {
        return ws_logs_start(req, &args);
    }

    ended = !build.latest || !ws_build_status_active(&req->meta.status);

    return ws_logs_follow(req, &args, ended);
}


static ngx_int_t
ws_logs_args(ws_request_t *req, ws_logs_args_t *args)
{
    ngx_int_t  rc;

    args->after = 0;
    args->before = -1;
    args->follow = 0;

    rc = ws_arg_number(req, "after", &args->after);

    if (rc == NGX_OK || rc == NGX_DECLINED) {
        rc = ws_arg_number(req, "before", &args->before);
    }

    if (rc == NGX_OK || rc == NGX_DECLINED) {
        rc = ws_arg_flag(req, "follow", &args->follow);
    }

    return rc == NGX_OK || rc == NGX_DECLINED ? ws_logs_check(req, args) : rc;
}


static ngx_int_t
ws_logs_check(ws_request_t *req, ws_logs_args_t *args)
{
    if (args->before < 0) {
        return NGX_OK;
    }

    if (args->follow) {
        return ws_arg_invalid(req, "before", "does not go with \"follow\"");
    }

    return args->before > args->after
           ? NGX_OK
           : ws_arg_invalid(req, "before", "must be greater than \"after\"");
}


static ngx_str_t
ws_logs_key(ws_request_t *req)
{
    ngx_str_t       id;
    ngx_pool_t     *pool;
    ws_keyspace_t  *ks;

    pool = ws_request_pool(req);
    ks = req->store->ks;

    id = ws_uuid_str(pool, &req->build);
    if (id.data == NULL) {
        return id;
    }

    return ws_key(pool, ks, ws_uuid_shard(&req->build, ks->shards), "logs",
                  &id, NULL);
}


/* a line's id is its place in the list, from 1 */

static ngx_int_t
ws_logs_start(ws_request_t *req, ws_logs_args_t *args)
{
    ngx_str_t   none;
    ws_logs_t  *logs;

    logs = ngx_pcalloc(ws_request_pool(req), sizeof(ws_logs_t));
    if (logs == NULL) {
        return NGX_ERROR;
    }

    logs->array.req = req;
    logs->array.more = ws_logs_more;
    logs->array.stop = ws_logs_stop;
    logs->key = ws_logs_key(req);
    logs->next = args->after;
    logs->end = args->before > 0 ? args->before - 1 : args->before;

    if (logs->key.data == NULL) {
        return NGX_ERROR;
    }

    if (logs->next == logs->end) {
        ngx_str_set(&none, "[]");
        return ws_respond_json(req, NGX_HTTP_OK, &none);
    }

    return ws_array_start(&logs->array);
}


static ngx_int_t
ws_logs_more(ws_array_t *array)
{
    ws_logs_t *logs = (ws_logs_t *) array;

    u_char     first[NGX_INT64_LEN], last[NGX_INT64_LEN];
    ngx_str_t  argv[4];

    logs->want = WS_LOG_READ;

    if (logs->end >= 0 && logs->end - logs->next < logs->want) {
        logs->want = logs->end - logs->next;
    }

    ngx_str_set(&argv[0], "LRANGE");
    argv[1] = logs->key;
    argv[2].data = first;
    argv[2].len = ngx_sprintf(first, "%L", logs->next) - first;
    argv[3].data = last;
    argv[3].len = ngx_sprintf(last, "%L", logs->next + logs->want - 1) - last;

    logs->cmd = ws_redis_command(array->req->store->bulk, WS_REDIS_READ, 4,
                                 argv, ws_logs_lines, logs);

    return logs->cmd ? NGX_OK : NGX_ERROR;
}


static void
ws_logs_lines(void *data, ws_reply_t *reply)
{
    ws_logs_t *logs = data;

    ngx_str_t   *line;
    ngx_uint_t   i;

    logs->array.req->redis_usec += ws_redis_cmd_elapsed(logs->cmd);
    logs->cmd = NULL;

    if (reply == NULL || reply->type != WS_REPLY_ARRAY) {
        ws_array_failed(&logs->array, 0);
        return;
    }

    for (i = 0; i < reply->n; i++) {
        line = &reply->elts[i].str;

        ws_json_raw(ws_array_item(&logs->array), line->data, line->len);
    }

    logs->next += reply->n;

    ws_array_batch(&logs->array, (int64_t) reply->n < logs->want
                                 || logs->next == logs->end);
}


static void
ws_logs_stop(ws_array_t *array)
{
    ws_logs_t *logs = (ws_logs_t *) array;

    if (logs->cmd) {
        ws_redis_cancel(logs->cmd);
        logs->cmd = NULL;
    }
}


static ngx_int_t
ws_logs_follow(ws_request_t *req, ws_logs_args_t *args, ngx_uint_t ended)
{
    int64_t    last;
    ngx_str_t  value;

    ngx_str_set(&value, "");

    (void) ws_http_header(req->http, "last-event-id", &value);

    if (ws_sse_parse_id(&value, &last) == NGX_OK) {
        args->after = ngx_max(args->after, last);
    }

    return ended ? ws_logs_rest(req, args->after)
                 : ws_logs_open(req, args->after);
}


static ngx_int_t
ws_logs_open(ws_request_t *req, int64_t after)
{
    ws_follow_open_t  open;

    if (req->http != req->http->main) {
        return ws_respond_part(req);
    }

    open.build = req->build;
    open.workspace = req->id;
    open.owner = req->meta.owner;
    open.org = req->meta.org;
    open.user = req->user->id;
    open.token = req->token_id;
    open.after = after;

    req->answered = 1;
    req->rc = ws_follow_open(req->watch, req->http, &open);

    return NGX_DONE;
}


/*
 * The job has ended.  An EventSource comes back whenever a stream has ended;
 * 204 is how it is told not to (WHATWG HTML, section 9.2.3), once there is
 * nothing for it.
 */

static ngx_int_t
ws_logs_rest(ws_request_t *req, int64_t after)
{
    ngx_str_t   argv[2];
    ws_logs_t  *logs;

    logs = ngx_pcalloc(ws_request_pool(req), sizeof(ws_logs_t));
    if (logs == NULL) {
        return NGX_ERROR;
    }

    logs->next = after;
    req->ctx = logs;

    ngx_str_set(&argv[0], "LLEN");
    argv[1] = ws_logs_key(req);

    return argv[1].data ? ws_request_read(req, 2, argv, ws_logs_rest_have)
                        : NGX_ERROR;
}


static void
ws_logs_rest_have(void *data, ws_reply_t *reply)
{
    ws_request_t *req = data;

    ws_logs_t  *logs;

    logs = req->ctx;

    req->handler = (reply->type == WS_REPLY_INTEGER
                    && reply->integer > logs->next)
                   ? ws_logs_resume : ws_respond_empty;

    ws_request_run(req);
}


static ngx_int_t
ws_logs_resume(ws_request_t *req)
{
    ws_logs_t  *logs;

    logs = req->ctx;

    return ws_logs_open(req, logs->next);
}
