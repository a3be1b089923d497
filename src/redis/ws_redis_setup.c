
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


static ngx_int_t ws_redis_setup_auth(ws_redis_setup_t *setup,
    ngx_pool_t *pool, ngx_str_t *username, ngx_str_t *password);
static ngx_int_t ws_redis_setup_question(ws_redis_conn_t *conn,
    ngx_pool_t *pool);
static ngx_int_t ws_redis_setup_add(ws_redis_setup_t *setup, ngx_pool_t *pool,
    char *name, ngx_uint_t argc, ngx_str_t *argv);
static ngx_int_t ws_redis_setup_take(ws_redis_conn_t *conn, char *name,
    ws_reply_t *reply);
static ngx_int_t ws_redis_setup_refused(ws_redis_conn_t *conn, char *name,
    ws_reply_t *reply);
static void ws_redis_setup_id(ws_redis_conn_t *conn, ws_reply_t *reply);


ngx_int_t
ws_redis_setup_init(ws_redis_conn_t *conn, ngx_pool_t *pool)
{
    u_char            number[NGX_INT_T_LEN];
    ngx_str_t         argv[3];
    ws_redis_conf_t  *conf;

    conf = conn->conf;

    if (ws_redis_setup_auth(&conn->setup, pool, &conf->username,
                            &conf->password)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (conf->db) {
        ngx_str_set(&argv[0], "SELECT");
        argv[1].data = number;
        argv[1].len = ngx_sprintf(number, "%i", conf->db) - number;

        if (ws_redis_setup_add(&conn->setup, pool, "SELECT", 2, argv)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    if (conf->client_name.len) {
        ngx_str_set(&argv[0], "CLIENT");
        ngx_str_set(&argv[1], "SETNAME");
        argv[2] = conf->client_name;

        if (ws_redis_setup_add(&conn->setup, pool, "CLIENT SETNAME", 3, argv)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return (conf->kind == WS_REDIS_SENTINEL)
           ? ws_redis_setup_question(conn, pool) : NGX_OK;
}


static ngx_int_t
ws_redis_setup_auth(ws_redis_setup_t *setup, ngx_pool_t *pool,
    ngx_str_t *username, ngx_str_t *password)
{
    ngx_str_t   argv[3];
    ngx_uint_t  argc;

    if (password->len == 0) {
        return NGX_OK;
    }

    ngx_str_set(&argv[0], "AUTH");
    argc = 1;

    if (username->len) {
        argv[argc++] = *username;
    }

    argv[argc++] = *password;

    return ws_redis_setup_add(setup, pool, "AUTH", argc, argv);
}


/* what is asked of Sentinel, and of the Redis that it names */

static ngx_int_t
ws_redis_setup_question(ws_redis_conn_t *conn, ngx_pool_t *pool)
{
    ngx_str_t         argv[3];
    ws_redis_conf_t  *conf;

    conf = conn->conf;

    if (ws_redis_setup_auth(&conn->question, pool, &conf->sentinel_username,
                            &conf->sentinel_password)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&argv[0], "SENTINEL");
    ngx_str_set(&argv[1], "GET-MASTER-ADDR-BY-NAME");
    argv[2] = conf->service;

    if (ws_redis_setup_add(&conn->question, pool, "SENTINEL", 3, argv)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    ngx_str_set(&argv[0], "ROLE");

    return ws_redis_setup_add(&conn->setup, pool, "ROLE", 1, argv);
}


static ngx_int_t
ws_redis_setup_add(ws_redis_setup_t *setup, ngx_pool_t *pool, char *name,
    ngx_uint_t argc, ngx_str_t *argv)
{
    size_t   size;
    u_char  *data, *p;

    size = setup->bytes.len + ws_resp_size(argc, argv);

    if (size > WS_REDIS_CONN_BUFFER) {
        return NGX_ERROR;
    }

    data = ngx_pnalloc(pool, size);
    if (data == NULL) {
        return NGX_ERROR;
    }

    p = data;

    if (setup->bytes.len) {
        p = ngx_cpymem(p, setup->bytes.data, setup->bytes.len);
    }

    p = ws_resp_head(p, argc);
    p = ws_resp_bulk(p, argc, argv);

    setup->bytes.data = data;
    setup->bytes.len = p - data;
    setup->names[setup->n++] = name;

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

    if (ws_redis_setup_add(&conn->setup, pool, "CLIENT ID", 2, argv)
        != NGX_OK)
    {
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
    conn->setup.names[conn->setup.n++] = "CLIENT TRACKING";

    return NGX_OK;
}


ngx_int_t
ws_redis_setup_reply(ws_redis_conn_t *conn, ws_reply_t *reply)
{
    char  *name;

    name = conn->words->names[conn->words_done++];

    if (reply->type == WS_REPLY_ERROR
        && ws_redis_setup_refused(conn, name, reply) != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ws_redis_setup_take(conn, name, reply) != NGX_OK) {
        return NGX_ERROR;
    }

    if (conn->words_done == conn->words->n) {

        if (conn->pos != conn->last) {
            ngx_log_error(NGX_LOG_ERR, &conn->log, 0,
                          "reply came before its command was sent");
            return NGX_ERROR;
        }

        if (conn->asking) {
            return NGX_DONE;
        }

        conn->proven = 1;
        ws_redis_conn_open(conn);
        ws_redis_conn_wake(conn);
    }

    return NGX_OK;
}


/* what is to be known from a reply */

static ngx_int_t
ws_redis_setup_take(ws_redis_conn_t *conn, char *name, ws_reply_t *reply)
{
    if (ngx_strcmp(name, "SENTINEL") == 0) {
        return ws_redis_sentinel_answer(conn, reply);
    }

    if (ngx_strcmp(name, "ROLE") == 0) {
        return ws_redis_sentinel_role(conn, reply);
    }

    if (ngx_strcmp(name, "CLIENT ID") == 0) {
        ws_redis_setup_id(conn, reply);

    } else if (ngx_strcmp(name, "CLIENT TRACKING") == 0) {
        conn->tracked = (reply->type == WS_REPLY_STATUS);
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
        conn->words_done++;
        return;
    }

    conn->last = ws_resp_head(conn->last, conn->tracking_argc);
    conn->last = ws_resp_bulk(conn->last, 5, argv);
    conn->last = ngx_cpymem(conn->last, conn->tracking.data,
                            conn->tracking.len);

    ws_redis_conn_wake(conn);
}
