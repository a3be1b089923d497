
/*
 * The first words on a connection: AUTH, SELECT, CLIENT SETNAME, pipelined,
 * and CLIENT TRACKING, which needs the answer to CLIENT ID.
 *
 * Their replies are waited for: had the owner's commands been sent along, they
 * would run as the wrong user or in the wrong database when one is refused.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ws_redis_conn.h>
#include <ws_resp.h>


static ngx_int_t ws_redis_setup_add(ws_redis_conn_t *conn, ngx_pool_t *pool,
    char *name, ngx_uint_t argc, ngx_str_t *argv);
static ngx_int_t ws_redis_setup_refused(ws_redis_conn_t *conn, char *name,
    ws_reply_t *reply);
static void ws_redis_setup_id(ws_redis_conn_t *conn, ws_reply_t *reply);


ngx_int_t
ws_redis_setup_init(ws_redis_conn_t *conn, ngx_pool_t *pool)
{
    u_char            number[NGX_INT_T_LEN];
    ngx_str_t         argv[3];
    ngx_uint_t        argc;
    ws_redis_conf_t  *conf;

    conf = conn->conf;

    if (conf->password.len) {
        ngx_str_set(&argv[0], "AUTH");
        argc = 1;

        if (conf->username.len) {
            argv[argc++] = conf->username;
        }

        argv[argc++] = conf->password;

        if (ws_redis_setup_add(conn, pool, "AUTH", argc, argv)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (conf->db) {
        ngx_str_set(&argv[0], "SELECT");
        argv[1].data = number;
        argv[1].len = ngx_sprintf(number, "%i", conf->db) - number;

        if (ws_redis_setup_add(conn, pool, "SELECT", 2, argv) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    if (conf->client_name.len) {
        ngx_str_set(&argv[0], "CLIENT");
        ngx_str_set(&argv[1], "SETNAME");
        argv[2] = conf->client_name;

        if (ws_redis_setup_add(conn, pool, "CLIENT SETNAME", 3, argv)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ws_redis_setup_add(ws_redis_conn_t *conn, ngx_pool_t *pool, char *name,
    ngx_uint_t argc, ngx_str_t *argv)
{
    u_char  *data, *p;

    if (conn->setup.len + ws_resp_size(argc, argv) > WS_REDIS_CONN_BUFFER) {
        return NGX_ERROR;
    }

    data = ngx_pnalloc(pool, conn->setup.len + ws_resp_size(argc, argv));
    if (data == NULL) {
        return NGX_ERROR;
    }

    p = data;

    if (conn->setup.len) {
        p = ngx_cpymem(p, conn->setup.data, conn->setup.len);
    }

    p = ws_resp_head(p, argc);
    p = ws_resp_bulk(p, argc, argv);

    conn->setup.data = data;
    conn->setup.len = p - data;
    conn->setup_names[conn->setup_n++] = name;

    return NGX_OK;
}


ngx_int_t
ws_redis_setup_track(ws_redis_conn_t *conn, ngx_pool_t *pool,
    ngx_str_t *prefixes, ngx_uint_t n)
{
    u_char      *p;
    size_t       size;
    ngx_str_t    argv[2], pair[2];
    ngx_uint_t   i;

    ngx_str_set(&argv[0], "CLIENT");
    ngx_str_set(&argv[1], "ID");

    if (ws_redis_setup_add(conn, pool, "CLIENT ID", 2, argv) != NGX_OK) {
        return NGX_ERROR;
    }

    /* the end of the command: the id comes before it */

    ngx_str_set(&argv[0], "BCAST");
    ngx_str_set(&pair[0], "PREFIX");

    size = ws_resp_size(1, argv);

    for (i = 0; i < n; i++) {
        pair[1] = prefixes[i];
        size += ws_resp_size(2, pair);
    }

    p = ngx_pnalloc(pool, size);
    if (p == NULL) {
        return NGX_ERROR;
    }

    conn->tracking.data = p;

    p = ws_resp_bulk(p, 1, argv);

    for (i = 0; i < n; i++) {
        pair[1] = prefixes[i];
        p = ws_resp_bulk(p, 2, pair);
    }

    conn->tracking.len = p - conn->tracking.data;
    conn->tracking_argc = 6 + 2 * n;
    conn->setup_names[conn->setup_n++] = "CLIENT TRACKING";

    return NGX_OK;
}


ngx_int_t
ws_redis_setup_reply(ws_redis_conn_t *conn, ws_reply_t *reply)
{
    char  *name;

    name = conn->setup_names[conn->setup_done++];

    if (reply->type == WS_REPLY_ERROR
        && ws_redis_setup_refused(conn, name, reply) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ngx_strcmp(name, "CLIENT ID") == 0) {
        ws_redis_setup_id(conn, reply);

    } else if (ngx_strcmp(name, "CLIENT TRACKING") == 0) {
        conn->tracked = (reply->type == WS_REPLY_STATUS);
    }

    if (conn->setup_done == conn->setup_n) {

        if (conn->pos != conn->last) {
            ngx_log_error(NGX_LOG_ERR, &conn->log, 0,
                          "reply came before its command was sent");
            return NGX_ERROR;
        }

        conn->proven = 1;
        ws_redis_conn_open(conn);
        ws_redis_conn_wake(conn);
    }

    return NGX_OK;
}


static ngx_int_t
ws_redis_setup_refused(ws_redis_conn_t *conn, char *name, ws_reply_t *reply)
{
    ngx_str_t  text;

    text = ws_redis_error_text(reply);

    /* a name is a help in CLIENT LIST, tracking is for a cache: no more */

    if ((ngx_strcmp(name, "CLIENT SETNAME") == 0
         && ws_reply_is_error(reply, "NOPERM"))
        || ngx_strcmp(name, "CLIENT ID") == 0
        || ngx_strcmp(name, "CLIENT TRACKING") == 0)
    {
        ngx_log_error(NGX_LOG_WARN, &conn->log, 0,
                      "%s was refused, ignored: \"%V\"", name, &text);
        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ERR, &conn->log, 0,
                  "%s was refused: \"%V\"", name, &text);

    return NGX_ERROR;
}


/* CLIENT TRACKING ON REDIRECT id BCAST PREFIX .., or nothing without an id */

static void
ws_redis_setup_id(ws_redis_conn_t *conn, ws_reply_t *reply)
{
    u_char     id[NGX_INT64_LEN];
    size_t     room;
    ngx_str_t  argv[5];

    ngx_str_set(&argv[0], "CLIENT");
    ngx_str_set(&argv[1], "TRACKING");
    ngx_str_set(&argv[2], "ON");
    ngx_str_set(&argv[3], "REDIRECT");

    argv[4].data = id;
    argv[4].len = ngx_sprintf(id, "%L", reply->integer) - id;

    room = conn->out + WS_REDIS_CONN_BUFFER - conn->last;

    if (reply->type != WS_REPLY_INTEGER
        || WS_RESP_HEAD_MAX + ws_resp_size(5, argv) + conn->tracking.len
           > room)
    {
        conn->setup_done++;
        return;
    }

    conn->last = ws_resp_head(conn->last, conn->tracking_argc);
    conn->last = ws_resp_bulk(conn->last, 5, argv);
    conn->last = ngx_cpymem(conn->last, conn->tracking.data,
                            conn->tracking.len);

    ws_redis_conn_wake(conn);
}
