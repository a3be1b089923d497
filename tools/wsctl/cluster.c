
/*
 * A command that a node does not execute is sent on by a connection of its
 * own: on the others, replies to what was sent before are still to come.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "cluster.h"
#include "sentinel.h"


#define WS_CLUSTER_REDIRECTS  16
#define WS_CLUSTER_WAIT_MS    50    /* before the same is tried again */


static ws_node_t *ws_cluster_add(ws_ctl_t *ctl, ws_cluster_t *cluster,
    ngx_str_t *host, in_port_t port);
static int ws_cluster_map(ws_ctl_t *ctl, ws_cluster_t *cluster,
    ws_node_t *node);
static int ws_cluster_read(ws_ctl_t *ctl, ws_cluster_t *cluster,
    ws_node_t *node, ws_reply_t *reply);
static int ws_cluster_aside(ws_ctl_t *ctl, ws_node_t *node, ngx_uint_t ask,
    ngx_uint_t n, ngx_str_t *argv, ws_reply_t **reply);


int
ws_cluster_open(ws_ctl_t *ctl, ws_cluster_t *cluster)
{
    int               rc;
    in_port_t         port;
    ngx_str_t         none, found;
    ngx_uint_t        i;
    ws_node_t        *node;
    ws_redis_url_t   *url;
    ws_redis_host_t  *host;

    if (ngx_array_init(&cluster->nodes, ctl->pool, 8, sizeof(ws_node_t *))
        != NGX_OK)
    {
        return ws_no_memory();
    }

    url = &ctl->url;

    if (url->kind == WS_REDIS_SENTINEL) {
        rc = ws_sentinel_find(ctl, &found, &port);

        if (rc != WS_EXIT_OK) {
            return rc;
        }

        node = ws_cluster_add(ctl, cluster, &found, port);
        if (node == NULL) {
            return ws_no_memory();
        }

        node->primary = 1;

        return ws_link_open(ctl, &node->link);
    }

    if (url->kind == WS_REDIS_ONE) {
        ngx_str_null(&none);
        host = url->hosts;

        node = ws_cluster_add(ctl, cluster, url->nhosts ? &host->name : &none,
                              url->nhosts ? host->port : 0);
        if (node == NULL) {
            return ws_no_memory();
        }

        node->primary = 1;
        node->link.path = url->path;

        return ws_link_open(ctl, &node->link);
    }

    cluster->slots = ngx_pcalloc(ctl->pool, WS_SLOTS * sizeof(ws_node_t *));
    if (cluster->slots == NULL) {
        return ws_no_memory();
    }

    rc = WS_EXIT_REDIS;

    for (i = 0; i < url->nhosts && rc != WS_EXIT_OK; i++) {

        node = ws_cluster_add(ctl, cluster, &url->hosts[i].name,
                              url->hosts[i].port);
        if (node == NULL) {
            return ws_no_memory();
        }

        rc = ws_cluster_map(ctl, cluster, node);
    }

    return rc;
}


static ws_node_t *
ws_cluster_add(ws_ctl_t *ctl, ws_cluster_t *cluster, ngx_str_t *host,
    in_port_t port)
{
    ngx_uint_t   i;
    ws_link_t   *link;
    ws_node_t   *node, **nodes;

    nodes = cluster->nodes.elts;

    for (i = 0; i < cluster->nodes.nelts; i++) {
        link = &nodes[i]->link;

        if (link->port == port && link->host.len == host->len
            && ngx_memcmp(link->host.data, host->data, host->len) == 0)
        {
            return nodes[i];
        }
    }

    node = ngx_pcalloc(ctl->pool, sizeof(ws_node_t));
    nodes = ngx_array_push(&cluster->nodes);

    if (node == NULL || nodes == NULL) {
        return NULL;
    }

    node->link.port = port;
    node->link.host.len = host->len;
    node->link.host.data = ngx_pcalloc(ctl->pool, host->len + 1);

    if (node->link.host.data == NULL) {
        return NULL;
    }

    if (host->len) {
        ngx_memcpy(node->link.host.data, host->data, host->len);
    }

    node->aside = node->link;

    *nodes = node;

    return node;
}


static int
ws_cluster_map(ws_ctl_t *ctl, ws_cluster_t *cluster, ws_node_t *node)
{
    int          rc;
    ngx_str_t    argv[2];
    ws_reply_t  *reply;

    ngx_str_set(&argv[0], "CLUSTER");
    ngx_str_set(&argv[1], "SLOTS");

    rc = ws_link_open(ctl, &node->link);

    if (rc == WS_EXIT_OK) {
        rc = ws_link_send(&node->link, 2, argv);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_link_receive(&node->link, &reply);
    }

    return rc ? rc : ws_cluster_read(ctl, cluster, node, reply);
}


static int
ws_cluster_read(ws_ctl_t *ctl, ws_cluster_t *cluster, ws_node_t *node,
    ws_reply_t *reply)
{
    ngx_str_t        *host;
    ngx_uint_t        i, k;
    ws_node_t        *other;
    ws_slot_range_t   range;

    if (reply->type == WS_REPLY_ERROR) {
        return ws_fail(WS_EXIT_REDIS, "Redis: %s", reply->str.data);
    }

    for (i = 0; ws_slot_range(reply, i, &range) == NGX_OK; i++) {

        host = range.host.len ? &range.host : &node->link.host;

        other = ws_cluster_add(ctl, cluster, host, range.port);
        if (other == NULL) {
            return ws_no_memory();
        }

        other->primary = 1;

        for (k = range.first; k <= range.last; k++) {
            cluster->slots[k] = other;
        }
    }

    if (i == 0) {
        return ws_fail(WS_EXIT_REDIS, "Redis: the cluster has no slots yet");
    }

    return WS_EXIT_OK;
}


ws_node_t *
ws_cluster_node(ws_cluster_t *cluster, ngx_str_t *key)
{
    ws_node_t  **nodes;

    nodes = cluster->nodes.elts;

    return cluster->slots && key ? cluster->slots[ws_slot(key)] : nodes[0];
}


int
ws_cluster_follow(ws_ctl_t *ctl, ws_cluster_t *cluster, ws_node_t *node,
    ngx_uint_t n, ngx_str_t *argv, ws_reply_t **reply)
{
    int               rc;
    int64_t           until_ms;
    ngx_str_t        *host;
    ngx_uint_t        redirects, ask;
    ws_slot_range_t   range;

    until_ms = ws_now_ms() + WS_CTL_TIMEOUT * 1000;
    rc = WS_EXIT_OK;

    for (redirects = 0; rc == WS_EXIT_OK; /* void */ ) {

        if (ws_reply_is_error(*reply, "TRYAGAIN")
            && ws_now_ms() < until_ms)
        {
            usleep(WS_CLUSTER_WAIT_MS * 1000);
            rc = ws_cluster_aside(ctl, node, 0, n, argv, reply);
            continue;
        }

        ask = ws_reply_is_error(*reply, "ASK");

        if ((!ask && !ws_reply_is_error(*reply, "MOVED"))
            || redirects++ == WS_CLUSTER_REDIRECTS
            || ws_slot_redirect(&(*reply)->str, &range) != NGX_OK)
        {
            return WS_EXIT_OK;
        }

        host = range.host.len ? &range.host : &node->link.host;

        node = ws_cluster_add(ctl, cluster, host, range.port);
        if (node == NULL) {
            return ws_no_memory();
        }

        if (!ask) {
            node->primary = 1;
            cluster->slots[range.first] = node;
        }

        rc = ws_cluster_aside(ctl, node, ask, n, argv, reply);
    }

    return rc;
}


static int
ws_cluster_aside(ws_ctl_t *ctl, ws_node_t *node, ngx_uint_t ask,
    ngx_uint_t n, ngx_str_t *argv, ws_reply_t **reply)
{
    int        rc;
    ngx_str_t  asking = ngx_string("ASKING");

    rc = ws_link_open(ctl, &node->aside);

    if (rc == WS_EXIT_OK && ask) {
        rc = ws_link_send(&node->aside, 1, &asking);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_link_send(&node->aside, n, argv);
    }

    if (rc == WS_EXIT_OK && ask) {
        rc = ws_link_receive(&node->aside, reply);
    }

    return rc ? rc : ws_link_receive(&node->aside, reply);
}


void
ws_cluster_close(ws_cluster_t *cluster)
{
    ngx_uint_t   i;
    ws_node_t  **nodes;

    nodes = cluster->nodes.elts;

    for (i = 0; i < cluster->nodes.nelts; i++) {
        ws_link_close(&nodes[i]->link);
        ws_link_close(&nodes[i]->aside);
    }
}
