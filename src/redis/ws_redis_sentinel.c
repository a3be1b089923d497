
/*
 * Where the primary is, by Redis Sentinel
 * (https://redis.io/docs/reference/sentinel-clients/).
 *
 * Every connection asks anew when it is made, the Sentinels in turn, over a
 * connection that is closed with the answer; then the Redis at the address
 * answered has to say itself that it is a primary (ROLE): a Sentinel may have
 * slept through a failover.  So nothing has to be kept up to date, and a
 * connection that works does not depend on any Sentinel.
 *
 * Nothing else tells of a failover, as each ends the connections to the old
 * primary: it is dead; or it does not answer in time; or Sentinel, which makes
 * it a replica, closes them; or it answers READONLY.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ws_redis_conn.h>


static ngx_int_t ws_redis_sentinel_address(ws_redis_conn_t *conn,
    ngx_str_t *host, ngx_str_t *port);


ngx_int_t
ws_redis_sentinel_answer(ws_redis_conn_t *conn, ws_reply_t *reply)
{
    ws_reply_t  *elts;

    if (reply->type == WS_REPLY_NIL) {
        ngx_log_error(NGX_LOG_ERR, &conn->log, 0,
                      "Sentinel knows no \"%V\"", &conn->conf->service);
        return NGX_ERROR;
    }

    elts = reply->elts;

    if (reply->type != WS_REPLY_ARRAY || reply->n != 2
        || elts[0].type != WS_REPLY_STRING
        || elts[1].type != WS_REPLY_STRING)
    {
        ngx_log_error(NGX_LOG_ERR, &conn->log, 0,
                      "unexpected answer of Sentinel");
        return NGX_ERROR;
    }

    if (ws_redis_sentinel_address(conn, &elts[0].str, &elts[1].str)
        != NGX_OK)
    {
        ngx_log_error(NGX_LOG_ERR, &conn->log, 0,
                      "Sentinel says that \"%V\" is at \"%V\" port \"%V\": "
                      "expected an IP address and a port",
                      &conn->conf->service, &elts[0].str, &elts[1].str);
        return NGX_ERROR;
    }

    return NGX_OK;
}


static ngx_int_t
ws_redis_sentinel_address(ws_redis_conn_t *conn, ngx_str_t *host,
    ngx_str_t *port)
{
    ngx_int_t             n;
    struct sockaddr_in   *sin;
#if (NGX_HAVE_INET6)
    struct sockaddr_in6  *sin6;
#endif
    ws_redis_primary_t   *primary;

    primary = &conn->primary;

    n = ngx_atoi(port->data, port->len);

    if (n < 1 || n > 65535 || host->len >= sizeof(primary->text)) {
        return NGX_DECLINED;
    }

    ngx_memzero(&primary->sockaddr, sizeof(ngx_sockaddr_t));

    sin = &primary->sockaddr.sockaddr_in;
    sin->sin_addr.s_addr = ngx_inet_addr(host->data, host->len);

    if (sin->sin_addr.s_addr != INADDR_NONE) {
        sin->sin_family = AF_INET;
        primary->addr.socklen = sizeof(struct sockaddr_in);

    } else {

#if (NGX_HAVE_INET6)

        sin6 = &primary->sockaddr.sockaddr_in6;

        if (ngx_inet6_addr(host->data, host->len, sin6->sin6_addr.s6_addr)
            != NGX_OK)
        {
            return NGX_DECLINED;
        }

        sin6->sin6_family = AF_INET6;
        primary->addr.socklen = sizeof(struct sockaddr_in6);

#else
        return NGX_DECLINED;
#endif
    }

    ngx_inet_set_port(&primary->sockaddr.sockaddr, (in_port_t) n);

    primary->addr.sockaddr = &primary->sockaddr.sockaddr;
    primary->addr.name.data = primary->name;
    primary->addr.name.len = ngx_sock_ntop(primary->addr.sockaddr,
                                           primary->addr.socklen,
                                           primary->name,
                                           NGX_SOCKADDR_STRLEN, 1);

    primary->host.data = primary->text;
    primary->host.len = host->len;
    *ngx_cpymem(primary->text, host->data, host->len) = '\0';

    return NGX_OK;
}


ngx_int_t
ws_redis_sentinel_role(ws_redis_conn_t *conn, ws_reply_t *reply)
{
    ws_reply_t  *role;

    role = reply->elts;

    if (reply->type != WS_REPLY_ARRAY || reply->n == 0
        || role->type != WS_REPLY_STRING)
    {
        ngx_log_error(NGX_LOG_ERR, &conn->log, 0, "unexpected reply to ROLE");
        return NGX_ERROR;
    }

    /* Redis' own word (https://redis.io/commands/role/) */

    if (ngx_strcmp(role->str.data, "master") != 0) {
        ngx_log_error(NGX_LOG_ERR, &conn->log, 0,
                      "Sentinel says that it is the primary, its role is "
                      "\"%V\"", &role->str);
        return NGX_ERROR;
    }

    return NGX_OK;
}
