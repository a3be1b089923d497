
/*
 * The same as ws_redis_sentinel.c does in nginx, but that it may wait.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "client.h"
#include "link.h"
#include "sentinel.h"


static int ws_sentinel_ask(ws_ctl_t *ctl, ws_redis_host_t *sentinel,
    ngx_str_t *host, in_port_t *port);
static int ws_sentinel_role(ws_ctl_t *ctl, ngx_str_t *host, in_port_t port);


int
ws_sentinel_find(ws_ctl_t *ctl, ngx_str_t *host, in_port_t *port)
{
    int         rc;
    ngx_uint_t  i;

    rc = WS_EXIT_REDIS;

    for (i = 0; i < ctl->url.nhosts && rc != WS_EXIT_OK; i++) {
        rc = ws_sentinel_ask(ctl, &ctl->url.hosts[i], host, port);

        if (rc == WS_EXIT_OK) {
            rc = ws_sentinel_role(ctl, host, *port);
        }
    }

    return rc;
}


static int
ws_sentinel_ask(ws_ctl_t *ctl, ws_redis_host_t *sentinel, ngx_str_t *host,
    in_port_t *port)
{
    int          rc;
    ngx_int_t    n;
    ngx_str_t    argv[3];
    ws_link_t    link;
    ws_reply_t  *reply;

    ngx_memzero(&link, sizeof(ws_link_t));

    link.host = sentinel->name;
    link.port = sentinel->port;
    link.sentinel = 1;

    ngx_str_set(&argv[0], "SENTINEL");
    ngx_str_set(&argv[1], "GET-MASTER-ADDR-BY-NAME");
    argv[2] = ctl->url.service;

    rc = ws_link_open(ctl, &link);

    if (rc == WS_EXIT_OK) {
        rc = ws_link_send(&link, 3, argv);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_link_receive(&link, &reply);
    }

    if (rc == WS_EXIT_OK) {
        n = NGX_ERROR;

        if (reply->type == WS_REPLY_ARRAY && reply->n == 2) {
            *host = ws_client_copy(ctl->pool, &reply->elts[0]);
            n = ngx_atoi(reply->elts[1].str.data, reply->elts[1].str.len);
        }

        if (n < 1 || n > 65535 || host->len == 0) {
            rc = ws_fail(WS_EXIT_REDIS, "the Sentinel at %s, port %d, knows "
                         "no \"%s\"", link.host.data, (int) link.port,
                         ctl->url.service.data);
        } else {
            *port = n;
        }
    }

    ws_link_close(&link);

    return rc;
}


static int
ws_sentinel_role(ws_ctl_t *ctl, ngx_str_t *host, in_port_t port)
{
    int          rc;
    ngx_str_t    argv;
    ws_link_t    link;
    ws_reply_t  *reply;

    ngx_memzero(&link, sizeof(ws_link_t));

    link.host = *host;
    link.port = port;

    ngx_str_set(&argv, "ROLE");

    reply = NULL;
    rc = ws_link_open(ctl, &link);

    if (rc == WS_EXIT_OK) {
        rc = ws_link_send(&link, 1, &argv);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_link_receive(&link, &reply);
    }

    if (rc == WS_EXIT_OK && reply->type == WS_REPLY_ERROR) {
        rc = ws_fail(WS_EXIT_REDIS, "Redis at %s, port %d: %.*s", host->data,
                     (int) port, (int) reply->str.len, reply->str.data);

    } else if (rc == WS_EXIT_OK
               && (reply->type != WS_REPLY_ARRAY || reply->n == 0
                   || ngx_strcmp(reply->elts[0].str.data, "master") != 0))
    {
        rc = ws_fail(WS_EXIT_REDIS, "Redis at %s, port %d, is no primary",
                     host->data, (int) port);
    }

    ws_link_close(&link);

    return rc;
}
