
#ifndef _WS_REDIS_CLUSTER_H_INCLUDED_
#define _WS_REDIS_CLUSTER_H_INCLUDED_


/*
 * What a worker knows of a Redis Cluster: its nodes, and which of them has
 * which slot.  Below ws_redis.h and ws_redis_sub.h, for nobody else.
 *
 * The map is read by CLUSTER SLOTS from any node, when it is first needed and
 * whenever something shows that it is old: MOVED, a connection lost, a slot
 * nobody has, CLUSTERDOWN; not more often than ten times a second.
 *
 * A node has a connection for each role, made when there is something to say.
 * A node that is neither in the map nor in the configuration is forgotten
 * once nothing is under way there.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ws_redis.h>
#include <ws_redis_sub.h>
#include <ws_slot.h>


/*
 * What a front is for is known by the order in which they are created: short
 * commands first, which is what asks for the map, then listings, commits.
 */
#define WS_ROLE_SHORT  0
#define WS_ROLES       3


typedef struct ws_redis_node_s  ws_redis_node_t;

struct ws_redis_node_s {
    ngx_queue_t                 queue;
    ngx_pool_t                 *pool;       /* with all that is the node's */
    ws_redis_cluster_t         *cluster;
    ws_redis_conf_t             conf;
    ngx_addr_t                  addr;
    ngx_str_t                   host;       /* the address without its port */
    ws_redis_t                 *redis[WS_ROLES];
    ws_redis_sub_t             *sub;
    unsigned                    seed:1;     /* of the configuration */
    unsigned                    primary:1;  /* in the map */
    unsigned                    before:1;   /* in the one before it */
};


struct ws_redis_cluster_s {
    ws_redis_conf_t            *conf;
    ngx_pool_t                 *pool;
    ngx_log_t                  *log;

    ngx_queue_t                 nodes;      /* the first is asked next */
    ws_redis_node_t           **slots;      /* NULL: nobody has it */

    ws_redis_t                 *fronts[WS_ROLES];
    ngx_uint_t                  nfronts;
    ws_redis_sub_t             *sub;

    ws_redis_node_t            *asked;      /* its answer is under way */
    ngx_uint_t                  tries;      /* nodes left to ask */
    ngx_msec_t                  refreshed;  /* when it was last begun */
    ngx_event_t                 timer;      /* begins a refresh */
    time_t                      logged;     /* that no node tells */
    time_t                      doubted;    /* an answer, in the log */

    unsigned                    known:1;    /* there has been a map */
    unsigned                    failed:1;   /* the last refresh */
    unsigned                    again:1;    /* another one is wanted */
    unsigned                    shut:1;
};


/*
 * The cluster of conf, made at the first call in a worker.  pool lives as long
 * as the worker.  NULL: out of memory.
 */
ws_redis_cluster_t *ws_redis_cluster(ngx_pool_t *pool, ws_redis_conf_t *conf,
    ngx_log_t *log);

/* the map may be old: it is read again, soon */
void ws_redis_cluster_refresh(ws_redis_cluster_t *cluster);

/*
 * The node at an address as another node tells it; one that tells no host has
 * its own.  NULL: it is not an address, or out of memory.
 */
ws_redis_node_t *ws_redis_cluster_node(ws_redis_cluster_t *cluster,
    ws_slot_range_t *range, ws_redis_node_t *teller);

/* a node's connections, made if need be; NULL: out of memory */
ws_redis_t *ws_redis_node_redis(ws_redis_node_t *node, ngx_uint_t role);
ws_redis_sub_t *ws_redis_node_sub(ws_redis_node_t *node);

/* closes all connections of a role, or those for subscriptions, for exit */
void ws_redis_cluster_close(ws_redis_cluster_t *cluster, ngx_uint_t role);
void ws_redis_cluster_close_sub(ws_redis_cluster_t *cluster);

/* ws_redis_create() for a single connection */
ws_redis_t *ws_redis_create_one(ngx_pool_t *pool, ws_redis_conf_t *conf,
    ngx_log_t *log);


#endif /* _WS_REDIS_CLUSTER_H_INCLUDED_ */
