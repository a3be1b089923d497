
#ifndef _WS_REDIS_SUB_H_INCLUDED_
#define _WS_REDIS_SUB_H_INCLUDED_


/*
 * Subscriptions to channels of Redis (https://redis.io/docs/manual/pubsub/):
 * one connection per worker, restored by itself for as long as anything is
 * subscribed.
 *
 * With a cluster there is a connection to each of its primaries, and a channel
 * is subscribed where its hash tag is (SSUBSCRIBE), or on one node, if
 * conf.sharded is 0: what is published plainly reaches them all.
 *
 * Pub/sub forgets: what is published while the connection is away never
 * comes.  So a subscriber is told at every confirmed subscription, the first
 * and each later one, that it is to read again what it watches.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ws_redis.h>


#define WS_CHANNEL_MAX  1024        /* bytes of a channel's name */

/* where a connection that tracks keys is told what has changed */
#define WS_CHANNEL_INVALIDATE  "__redis__:invalidate"


typedef struct ws_redis_sub_s        ws_redis_sub_t;
typedef struct ws_redis_sub_entry_s  ws_redis_sub_entry_t;


/*
 * A subscriber's side of a channel, in the subscriber's memory; zero it, set
 * name and the callbacks.  It must stay in place until ws_redis_unsubscribe()
 * or ws_redis_sub_close().
 *
 * ready    subscribed, or subscribed again: read now what you watch.  That
 *          read may still fail (Redis loading, another connection): try again
 * message  something was published; only between ready and lost; payload is
 *          valid during the call only
 * changed  instead of message on WS_CHANNEL_INVALIDATE alone: an array of the
 *          names of keys, or nil: any key
 * lost     may be NULL; the connection is gone, ready will come again
 *
 * All callbacks may subscribe and unsubscribe, their own channel included.
 * None is called from inside ws_redis_subscribe() or ws_redis_unsubscribe().
 */

typedef struct {
    ngx_str_t                   name;

    void                      (*ready)(void *data);
    void                      (*message)(void *data, ngx_str_t *payload);
    void                      (*changed)(void *data, ws_reply_t *keys);
    void                      (*lost)(void *data);
    void                       *data;

    /* private */
    ws_redis_sub_entry_t       *entry;
    ngx_queue_t                 queue;
    unsigned                    parked:1;   /* in a cluster's list */
} ws_redis_channel_t;


/*
 * Creates the state in pool, which must live as long as the worker does; no
 * socket is opened before there is a channel.  read_timeout of conf is the
 * patience for confirmations and for the answer to the PING sent every 10 s.
 * NULL: out of memory.
 */
ws_redis_sub_t *ws_redis_sub_create(ngx_pool_t *pool, ws_redis_conf_t *conf,
    ngx_log_t *log);

/*
 * Has Redis tell of changes of all keys with one of n prefixes, none of which
 * may begin with another: subscribe to WS_CHANNEL_INVALIDATE.  The connection
 * is then asked for a sign of life every second: a silent one is given up
 * after that and twice read_timeout at most.  Only before anything is
 * subscribed.  NGX_OK or NGX_ERROR (out of memory).
 */
ngx_int_t ws_redis_sub_track(ws_redis_sub_t *sub, ngx_pool_t *pool,
    ngx_str_t *prefixes, ngx_uint_t n);

/*
 * Whether it does, as of the channel's ready until its lost: it may have been
 * refused, which is logged.
 */
ngx_uint_t ws_redis_sub_tracked(ws_redis_sub_t *sub);

/*
 * Adds a hook for graceful quit: called exactly once in a worker that quits
 * gracefully while anything is subscribed, whether Redis is there or not, and
 * within 500 ms.  It may unsubscribe.  Hooks are called in the order in which
 * they were added.  NGX_OK, or NGX_ERROR: there are too many.
 */
#define WS_SUB_HOOKS  8

ngx_int_t ws_redis_sub_on_quit(ws_redis_sub_t *sub, ws_redis_quit_pt handler,
    void *data);

/*
 * Subscribes ch.  Never fails because Redis is away.
 *
 * NGX_OK        ready will be called
 * NGX_DECLINED  another ws_redis_channel_t holds this name (share that one)
 * NGX_ERROR     out of memory, a name empty or longer than WS_CHANNEL_MAX, or
 *               closed
 */
ngx_int_t ws_redis_subscribe(ws_redis_sub_t *sub, ws_redis_channel_t *ch);

/*
 * Ends the subscription: no callback of ch will be called, its memory may go.
 * A channel that is not subscribed is ignored.
 */
void ws_redis_unsubscribe(ws_redis_sub_t *sub, ws_redis_channel_t *ch);

/*
 * For exit_process: closes the socket; no callback is called.  NULL is
 * ignored.
 */
void ws_redis_sub_close(ws_redis_sub_t *sub);

/*
 * What is missed is read again through "redis", which after a failover may
 * have been with the old server for longer: whenever it is with another one,
 * or, without sharded channels, a node of a cluster has taken over,
 * sub is made anew, and so everything is read again.
 */
void ws_redis_sub_follow(ws_redis_sub_t *sub, ws_redis_t *redis);

/* as ws_redis_place(), of the connection for subscriptions */
uint64_t ws_redis_sub_place(ws_redis_sub_t *sub);


#endif /* _WS_REDIS_SUB_H_INCLUDED_ */
