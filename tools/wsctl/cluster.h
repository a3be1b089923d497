
/*
 * The nodes of a cluster: which has a slot, and a command that is sent on.
 * A single Redis is a node that has all.
 */


#ifndef _WSCTL_CLUSTER_H_INCLUDED_
#define _WSCTL_CLUSTER_H_INCLUDED_


#include "link.h"
#include "ws_slot.h"


typedef struct {
    ws_link_t       link;           /* pipelined */
    ws_link_t       aside;          /* for commands that are sent on */
    unsigned        primary:1;
} ws_node_t;


typedef struct {
    ngx_array_t     nodes;          /* ws_node_t * */
    ws_node_t     **slots;          /* NULL: there is one node */
} ws_cluster_t;


/*
 * Connects to the Redis of ctl->url, or to one node of the cluster, and asks
 * it for the map.  Any exit status.
 */
int ws_cluster_open(ws_ctl_t *ctl, ws_cluster_t *cluster);

/* the node for a command, by its key; without one: the first, or NULL when
 * nobody has the slot */
ws_node_t *ws_cluster_node(ws_cluster_t *cluster, ngx_str_t *key);

/*
 * A command was answered by node: if that says that it was not executed and
 * is to be sent elsewhere, or again, it is, and *reply is the answer to that.
 * Any exit status.
 */
int ws_cluster_follow(ws_ctl_t *ctl, ws_cluster_t *cluster, ws_node_t *node,
    ngx_uint_t n, ngx_str_t *argv, ws_reply_t **reply);

void ws_cluster_close(ws_cluster_t *cluster);


#endif /* _WSCTL_CLUSTER_H_INCLUDED_ */
