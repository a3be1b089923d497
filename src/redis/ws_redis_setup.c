
/*
 * The first words on a connection: AUTH, SELECT, CLIENT SETNAME, pipelined.
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
ws_redis_setup_reply(ws_redis_conn_t *conn, ws_reply_t *reply)
{
    char       *name;
    u_char     *p;
    ngx_str_t   text;

    name = conn->setup_names[conn->setup_done++];

    if (reply->type == WS_REPLY_ERROR) {

        /*
         * Redis quotes the arguments of a command that it does not know, and
         * those of AUTH are secret: nothing from the first comma on is shown
         */

        text = reply->str;
        p = ngx_strlchr(text.data, text.data + text.len, ',');

        if (p) {
            text.len = p - text.data;
        }

        if (ngx_strcmp(name, "CLIENT SETNAME") == 0
            && ws_reply_is_error(reply, "NOPERM"))
        {

            /* a name is a help in CLIENT LIST, no more */

            ngx_log_error(NGX_LOG_WARN, &conn->log, 0,
                          "%s was refused, ignored: \"%V\"", name, &text);

        } else {
            ngx_log_error(NGX_LOG_ERR, &conn->log, 0,
                          "%s was refused: \"%V\"", name, &text);
            return NGX_ERROR;
        }
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
