
/*
 * The map of a cluster: asking for it, and what becomes of its nodes.
 *
 * Nodes are asked one after the other, each refresh beginning with the next
 * one, until one answers.  The answer is a view: where it is wrong nodes say
 * so by MOVED, and those words go into the map at once.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ws_redis_cluster.h>
#include <ws_redis_cmd.h>
#include <ws_redis_subs.h>


#define WS_CLUSTER_EVERY   100      /* ms between two refreshes, at least */
#define WS_CLUSTER_RETRY   250      /* ms after one that failed */
#define WS_CLUSTER_QUIET   10       /* s between log lines */


#define ws_redis_node(q)  ((ws_redis_node_t *)                                \
                           ngx_queue_data(q, ws_redis_node_t, queue))


static void ws_redis_cluster_cleanup(void *data);
static ws_redis_node_t *ws_redis_cluster_add(ws_redis_cluster_t *cluster,
    struct sockaddr *sockaddr, socklen_t socklen);
static void ws_redis_cluster_timer(ngx_event_t *ev);
static void ws_redis_cluster_ask(ws_redis_cluster_t *cluster);
static void ws_redis_cluster_answered(void *data, ws_reply_t *reply);
static ngx_int_t ws_redis_cluster_read(ws_redis_cluster_t *cluster,
    ws_reply_t *reply);
static void ws_redis_cluster_follow(ws_redis_cluster_t *cluster);
static ngx_uint_t ws_redis_cluster_log(time_t *logged);
static void ws_redis_cluster_gone(ws_redis_cluster_t *cluster);
static void ws_redis_cluster_tell(ws_redis_cluster_t *cluster);
static void ws_redis_cluster_sweep(ws_redis_cluster_t *cluster);
static void ws_redis_node_destroy(ws_redis_node_t *node);
static ngx_uint_t ws_redis_node_idle(ws_redis_node_t *node);


ws_redis_cluster_t *
ws_redis_cluster(ngx_pool_t *pool, ws_redis_conf_t *conf, ngx_log_t *log)
{
    ngx_uint_t           i;
    ws_redis_node_t     *node;
    ngx_pool_cleanup_t  *cln;
    ws_redis_cluster_t  *cluster;

    if (conf->cluster) {
        return conf->cluster;
    }

    cluster = ngx_pcalloc(pool, sizeof(ws_redis_cluster_t));
    cln = ngx_pool_cleanup_add(pool, 0);

    if (cluster == NULL || cln == NULL) {
        return NULL;
    }

    cluster->slots = ngx_pcalloc(pool, WS_SLOTS * sizeof(ws_redis_node_t *));
    if (cluster->slots == NULL) {
        return NULL;
    }

    cluster->conf = conf;
    cluster->log = log;
    cluster->refreshed = ngx_current_msec - WS_CLUSTER_EVERY;

    cluster->timer.handler = ws_redis_cluster_timer;
    cluster->timer.data = cluster;
    cluster->timer.log = log;
    cluster->timer.cancelable = 1;

    ngx_queue_init(&cluster->nodes);

    cln->handler = ws_redis_cluster_cleanup;
    cln->data = cluster;

    for (i = 0; i < conf->naddrs; i++) {
        node = ws_redis_cluster_add(cluster, conf->addrs[i].sockaddr,
                                    conf->addrs[i].socklen);
        if (node == NULL) {
            return NULL;
        }

        node->seed = 1;
        node->host = conf->hosts[i];
    }

    /* workers begin with different ones */

    for (i = ngx_random() % conf->naddrs; i; i--) {
        node = ws_redis_node(ngx_queue_head(&cluster->nodes));
        ngx_queue_remove(&node->queue);
        ngx_queue_insert_tail(&cluster->nodes, &node->queue);
    }

    conf->cluster = cluster;

    return cluster;
}


static void
ws_redis_cluster_cleanup(void *data)
{
    ws_redis_cluster_t *cluster = data;

    ngx_queue_t  *q;

    while (!ngx_queue_empty(&cluster->nodes)) {
        q = ngx_queue_head(&cluster->nodes);
        ws_redis_node_destroy(ws_redis_node(q));
    }
}


/* the node of an address, a new one if there is none; NULL: out of memory */

static ws_redis_node_t *
ws_redis_cluster_add(ws_redis_cluster_t *cluster, struct sockaddr *sockaddr,
    socklen_t socklen)
{
    ngx_pool_t       *pool;
    ngx_queue_t      *q;
    ws_redis_node_t  *node;

    for (q = ngx_queue_head(&cluster->nodes);
         q != ngx_queue_sentinel(&cluster->nodes);
         q = ngx_queue_next(q))
    {
        node = ws_redis_node(q);

        if (ngx_cmp_sockaddr(node->addr.sockaddr, node->addr.socklen,
                             sockaddr, socklen, 1)
            == NGX_OK)
        {
            return node;
        }
    }

    pool = ngx_create_pool(1024, cluster->log);
    if (pool == NULL) {
        return NULL;
    }

    node = ngx_pcalloc(pool, sizeof(ws_redis_node_t));
    if (node == NULL) {
        goto failed;
    }

    node->pool = pool;
    node->cluster = cluster;

    node->addr.socklen = socklen;
    node->addr.sockaddr = ngx_pcalloc(pool, sizeof(ngx_sockaddr_t));
    node->addr.name.data = ngx_pnalloc(pool, NGX_SOCKADDR_STRLEN);
    node->host.data = ngx_pcalloc(pool, NGX_SOCKADDR_STRLEN + 1);

    if (node->addr.sockaddr == NULL || node->addr.name.data == NULL
        || node->host.data == NULL)
    {
        goto failed;
    }

    ngx_memcpy(node->addr.sockaddr, sockaddr, socklen);

    node->addr.name.len = ngx_sock_ntop(node->addr.sockaddr, socklen,
                                        node->addr.name.data,
                                        NGX_SOCKADDR_STRLEN, 1);
    node->host.len = ngx_sock_ntop(node->addr.sockaddr, socklen,
                                   node->host.data, NGX_SOCKADDR_STRLEN, 0);

    node->conf = *cluster->conf;
    node->conf.kind = WS_REDIS_ONE;
    node->conf.addrs = &node->addr;
    node->conf.naddrs = 1;
    node->conf.hosts = &node->host;
    node->conf.name = node->addr.name;

    ngx_queue_insert_tail(&cluster->nodes, &node->queue);

    return node;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


ws_redis_node_t *
ws_redis_cluster_node(ws_redis_cluster_t *cluster, ws_slot_range_t *range,
    ws_redis_node_t *teller)
{
    in_addr_t       inaddr;
    socklen_t       socklen;
    ngx_sockaddr_t  sa;

    ngx_memzero(&sa, sizeof(ngx_sockaddr_t));

    inaddr = ngx_inet_addr(range->host.data, range->host.len);

    if (range->host.len == 0) {
        socklen = teller->addr.socklen;
        ngx_memcpy(&sa, teller->addr.sockaddr, socklen);

    } else if (inaddr != INADDR_NONE) {
        sa.sockaddr_in.sin_family = AF_INET;
        sa.sockaddr_in.sin_addr.s_addr = inaddr;
        socklen = sizeof(struct sockaddr_in);

#if (NGX_HAVE_INET6)
    } else if (ngx_inet6_addr(range->host.data, range->host.len,
                              sa.sockaddr_in6.sin6_addr.s6_addr)
               == NGX_OK)
    {
        sa.sockaddr_in6.sin6_family = AF_INET6;
        socklen = sizeof(struct sockaddr_in6);
#endif

    } else {
        return NULL;
    }

    ngx_inet_set_port(&sa.sockaddr, range->port);

    return ws_redis_cluster_add(cluster, &sa.sockaddr, socklen);
}


ws_redis_t *
ws_redis_node_redis(ws_redis_node_t *node, ngx_uint_t role)
{
    ws_redis_t  *redis;

    redis = node->redis[role];

    if (redis) {
        return redis;
    }

    redis = ws_redis_create_one(node->pool, &node->conf, node->cluster->log);

    if (redis) {
        redis->front = node->cluster->fronts[role];
        redis->node = node;

        node->redis[role] = redis;
    }

    return redis;
}


void
ws_redis_cluster_refresh(ws_redis_cluster_t *cluster)
{
    ngx_msec_t      every;
    ngx_msec_int_t  wait;

    if (cluster->shut || cluster->timer.timer_set) {
        return;
    }

    if (cluster->asked) {
        cluster->again = 1;
        return;
    }

    every = cluster->failed ? WS_CLUSTER_RETRY : WS_CLUSTER_EVERY;
    wait = (ngx_msec_int_t) (cluster->refreshed + every - ngx_current_msec);

    ngx_add_timer(&cluster->timer, ngx_max(wait, 1));
}


static void
ws_redis_cluster_timer(ngx_event_t *ev)
{
    ngx_queue_t         *q;
    ws_redis_cluster_t  *cluster;

    cluster = ev->data;

    /* no connection is in the middle of anything */

    ws_redis_cluster_sweep(cluster);

    cluster->refreshed = ngx_current_msec;
    cluster->tries = 0;

    for (q = ngx_queue_head(&cluster->nodes);
         q != ngx_queue_sentinel(&cluster->nodes);
         q = ngx_queue_next(q))
    {
        cluster->tries++;
    }

    ws_redis_cluster_ask(cluster);
}


static void
ws_redis_cluster_ask(ws_redis_cluster_t *cluster)
{
    ngx_str_t         argv[2];
    ws_redis_t       *redis;
    ws_redis_node_t  *node;

    ngx_str_set(&argv[0], "CLUSTER");
    ngx_str_set(&argv[1], "SLOTS");

    cluster->asked = NULL;

    while (cluster->tries && !cluster->shut) {

        cluster->tries--;

        node = ws_redis_node(ngx_queue_head(&cluster->nodes));
        ngx_queue_remove(&node->queue);
        ngx_queue_insert_tail(&cluster->nodes, &node->queue);

        redis = ws_redis_node_redis(node, WS_ROLE_SHORT);

        if (redis
            && ws_redis_command(redis, WS_REDIS_READ, 2, argv,
                                ws_redis_cluster_answered, cluster))
        {
            cluster->asked = node;
            return;
        }
    }

    ws_redis_cluster_gone(cluster);
}


static void
ws_redis_cluster_answered(void *data, ws_reply_t *reply)
{
    ws_redis_cluster_t *cluster = data;

    if (cluster->shut) {
        return;
    }

    if (reply && reply->type == WS_REPLY_ERROR) {

        if (ws_redis_cluster_log(&cluster->doubted)) {
            ngx_log_error(NGX_LOG_ERR, cluster->log, 0,
                          "redis %V did not tell of its cluster: \"%V\"",
                          &cluster->asked->conf.name, &reply->str);
        }

        reply = NULL;
    }

    if (reply == NULL || ws_redis_cluster_read(cluster, reply) != NGX_OK) {
        ws_redis_cluster_ask(cluster);
        return;
    }

    if (cluster->failed) {
        ngx_log_error(NGX_LOG_NOTICE, cluster->log, 0,
                      "redis cluster %V can be reached again",
                      &cluster->conf->name);
    }

    cluster->asked = NULL;
    cluster->known = 1;
    cluster->failed = 0;
    cluster->logged = 0;

    ws_redis_cluster_tell(cluster);

    if (cluster->again) {
        cluster->again = 0;
        ws_redis_cluster_refresh(cluster);
    }
}


/* NGX_ERROR: nothing has changed */

static ngx_int_t
ws_redis_cluster_read(ws_redis_cluster_t *cluster, ws_reply_t *reply)
{
    ngx_uint_t         i, k, promoted;
    ngx_queue_t       *q;
    ws_redis_node_t   *node;
    ws_slot_range_t    range;

    for (i = 0; i < reply->n; i++) {
        if (ws_slot_range(reply, i, &range) != NGX_OK) {

            if (ws_redis_cluster_log(&cluster->doubted)) {
                ngx_log_error(NGX_LOG_ERR, cluster->log, 0,
                              "redis %V: not an answer to CLUSTER SLOTS",
                              &cluster->asked->conf.name);
            }

            return NGX_ERROR;
        }
    }

    if (i == 0) {
        return NGX_ERROR;
    }

    ngx_memzero(cluster->slots, WS_SLOTS * sizeof(ws_redis_node_t *));

    for (q = ngx_queue_head(&cluster->nodes);
         q != ngx_queue_sentinel(&cluster->nodes);
         q = ngx_queue_next(q))
    {
        node = ws_redis_node(q);

        node->before = node->primary;
        node->primary = 0;
    }

    promoted = 0;

    for (i = 0; i < reply->n; i++) {

        (void) ws_slot_range(reply, i, &range);

        node = ws_redis_cluster_node(cluster, &range, cluster->asked);

        if (node == NULL) {

            if (ws_redis_cluster_log(&cluster->doubted)) {
                ngx_log_error(NGX_LOG_ERR, cluster->log, 0,
                              "redis %V tells of a node at \"%V\", which is "
                              "not an address", &cluster->asked->conf.name,
                              &range.host);
            }

            continue;
        }

        node->primary = 1;

        if (!node->before) {
            promoted = 1;
        }

        for (k = range.first; k <= range.last; k++) {
            cluster->slots[k] = node;
        }
    }

    if (promoted && cluster->known) {
        ws_redis_cluster_follow(cluster);
    }

    return NGX_OK;
}


/*
 * A node has taken over, perhaps with older data.  What is published plainly
 * comes from any node, so that the subscription may not have noticed: it is
 * made anew, for everything to be read again.
 */

static void
ws_redis_cluster_follow(ws_redis_cluster_t *cluster)
{
    ws_redis_conn_t  *follower;

    if (cluster->conf->sharded) {
        return;
    }

    follower = cluster->fronts[WS_ROLE_SHORT]->conn.followers;

    for ( /* void */ ; follower; follower = follower->sibling) {

        if (follower->state == WS_REDIS_OPEN) {
            ws_redis_conn_fail(follower, 0);
        }
    }
}


/* whether there may be a line again, now */

static ngx_uint_t
ws_redis_cluster_log(time_t *logged)
{
    if (ngx_time() - *logged < WS_CLUSTER_QUIET) {
        return 0;
    }

    *logged = ngx_time();

    return 1;
}


/* no node answered: what is in the map stays, it may be right */

static void
ws_redis_cluster_gone(ws_redis_cluster_t *cluster)
{
    if (cluster->shut) {
        return;
    }

    cluster->failed = 1;
    cluster->again = 0;

    if (ws_redis_cluster_log(&cluster->logged)) {
        ngx_log_error(NGX_LOG_ERR, cluster->log, 0,
                      "no node of redis cluster %V tells of it",
                      &cluster->conf->name);
    }

    ws_redis_cluster_tell(cluster);
}


/* those who wait for the map: there is a new one, or none */

static void
ws_redis_cluster_tell(ws_redis_cluster_t *cluster)
{
    ngx_uint_t  i;

    for (i = 0; i < cluster->nfronts; i++) {
        ws_redis_route_known(cluster->fronts[i]);
    }

    if (cluster->sub) {
        ws_redis_subs_known(cluster->sub);
    }
}


static void
ws_redis_cluster_sweep(ws_redis_cluster_t *cluster)
{
    ngx_uint_t        i;
    ngx_queue_t      *q, *next;
    ws_redis_node_t  *node;

    for (q = ngx_queue_head(&cluster->nodes);
         q != ngx_queue_sentinel(&cluster->nodes);
         q = next)
    {
        next = ngx_queue_next(q);
        node = ws_redis_node(q);

        if (node->seed || node->primary || !ws_redis_node_idle(node)) {
            continue;
        }

        /* MOVED may have put it there */

        for (i = 0; i < WS_SLOTS && cluster->slots[i] != node; i++) {
            /* void */
        }

        if (i == WS_SLOTS) {
            ws_redis_node_destroy(node);
        }
    }
}


static ngx_uint_t
ws_redis_node_idle(ws_redis_node_t *node)
{
    ngx_uint_t  i;

    for (i = 0; i < WS_ROLES; i++) {
        if (node->redis[i] && node->redis[i]->pending) {
            return 0;
        }
    }

    return node->sub == NULL || ws_redis_subs_empty(node->sub);
}


static void
ws_redis_node_destroy(ws_redis_node_t *node)
{
    ngx_uint_t  i;

    for (i = 0; i < WS_ROLES; i++) {
        ws_redis_close(node->redis[i]);
    }

    ws_redis_sub_close(node->sub);

    ngx_queue_remove(&node->queue);
    ngx_destroy_pool(node->pool);
}


void
ws_redis_cluster_close(ws_redis_cluster_t *cluster, ngx_uint_t role)
{
    ngx_queue_t  *q;

    cluster->shut = 1;

    if (cluster->timer.timer_set) {
        ngx_del_timer(&cluster->timer);
    }

    for (q = ngx_queue_head(&cluster->nodes);
         q != ngx_queue_sentinel(&cluster->nodes);
         q = ngx_queue_next(q))
    {
        ws_redis_close(ws_redis_node(q)->redis[role]);
    }
}


void
ws_redis_cluster_close_sub(ws_redis_cluster_t *cluster)
{
    ngx_queue_t  *q;

    for (q = ngx_queue_head(&cluster->nodes);
         q != ngx_queue_sentinel(&cluster->nodes);
         q = ngx_queue_next(q))
    {
        ws_redis_sub_close(ws_redis_node(q)->sub);
    }
}
