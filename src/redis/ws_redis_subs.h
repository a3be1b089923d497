
#ifndef _WS_REDIS_SUBS_H_INCLUDED_
#define _WS_REDIS_SUBS_H_INCLUDED_


/*
 * What the files of subscriptions share: ws_redis_sub.c (who wants what),
 * ws_redis_sub_io.c (what is sent and comes), ws_redis_subs.c (many nodes);
 * for nobody else.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ws_redis_conn.h>
#include <ws_redis_sub.h>


typedef struct {
    ws_redis_quit_pt            handler;
    void                       *data;
} ws_redis_sub_hook_t;


struct ws_redis_sub_s {
    ws_redis_conn_t             conn;

    /* one of a cluster's connections has a front, see ws_redis_subs.c */
    ws_redis_sub_t             *front;
    struct ws_redis_node_s     *node;

    /* the front's: */
    ws_redis_cluster_t         *cluster;
    ngx_queue_t                 parked;     /* ws_redis_channel_t */

    ngx_rbtree_t                entries;
    ngx_rbtree_node_t           sentinel;

    ngx_queue_t                 subscribe;
    ngx_queue_t                 unsubscribe;
    ngx_queue_t                 active;

    ngx_event_t                 retry;
    ngx_event_t                 check;
    ngx_msec_t                  ping_every;

    ws_redis_sub_hook_t         hooks[WS_SUB_HOOKS];
    ngx_uint_t                  nhooks;

    unsigned                    ping:1;         /* to be sent */
    unsigned                    expecting:1;    /* a reply, until check */
    unsigned                    alive:1;        /* a reply came */
};


struct ws_redis_sub_entry_s {
    ngx_str_node_t              node;
    ngx_queue_t                 queue;
    ws_redis_sub_t             *sub;
    ws_redis_channel_t         *channel;    /* NULL: not wanted any more */
    ngx_uint_t                  pending;    /* confirmations to come, .. */
    ngx_uint_t                  leaving;    /* .. of UNSUBSCRIBE among them */
    ngx_uint_t                  slot;

    unsigned                    subscribed:1;   /* by the last command sent */
    unsigned                    ready:1;
};


/* a connection's state, without a socket; NULL: out of memory */
ws_redis_sub_t *ws_redis_sub_create_one(ngx_pool_t *pool,
    ws_redis_conf_t *conf, ngx_log_t *log);

/* the entry of a channel's name, or NULL */
ws_redis_sub_entry_t *ws_redis_sub_find(ws_redis_sub_t *sub, ngx_str_t *name);

/*
 * Ends an entry at once; ends it once Redis has nothing more to say about it;
 * moves it to another of its connection's lists.
 */
void ws_redis_sub_free(ws_redis_sub_entry_t *entry);
void ws_redis_sub_drop(ws_redis_sub_entry_t *entry);
void ws_redis_sub_move(ngx_queue_t *list, ws_redis_sub_entry_t *entry);

/* sends what is to be sent, now or once there is a connection */
void ws_redis_sub_start(ws_redis_sub_t *sub);

/* a command was sent: there must be a sign of life before long */
void ws_redis_sub_expect(ws_redis_sub_t *sub);

/* calls the hooks for graceful quit, once */
void ws_redis_sub_quit(void *data);

/* of ws_redis_conn_ops_t */
void ws_redis_sub_fill(void *data);
ngx_int_t ws_redis_sub_reply(void *data, ws_reply_t *reply);


/*
 * ws_redis_subs.c
 */

/* makes a front of sub; NGX_OK or NGX_ERROR (out of memory) */
ngx_int_t ws_redis_subs_init(ws_redis_sub_t *sub, ngx_pool_t *pool,
    ws_redis_conf_t *conf, ngx_log_t *log);

/* ws_redis_subscribe() where the slot of ch is, once that is known */
ngx_int_t ws_redis_subs_subscribe(ws_redis_sub_t *front,
    ws_redis_channel_t *ch);

/* the slot of channels has left a connection's node */
void ws_redis_subs_moved(ws_redis_sub_t *sub, ngx_uint_t slot);

/* there is a new map, or none could be had */
void ws_redis_subs_known(ws_redis_sub_t *front);

/* nothing is subscribed on the connection */
ngx_uint_t ws_redis_subs_empty(ws_redis_sub_t *sub);

/* for exit */
void ws_redis_subs_close(ws_redis_sub_t *front);


#endif /* _WS_REDIS_SUBS_H_INCLUDED_ */
