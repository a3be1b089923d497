/*
 * What a topic consists of; for ws_topic.c and ws_topic_show.c, nobody else.
 */


#ifndef _WS_TOPIC_STATE_H_INCLUDED_
#define _WS_TOPIC_STATE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_topic.h"
#include "ws_dir.h"
#include "ws_reread.h"


/*
 * A template and the topics that show it.  Its entry of the directory is kept
 * until a change is announced.
 */

typedef struct {
    ngx_str_node_t        sn;
    ws_uuid_t             id;
    ws_topics_t          *topics;
    ngx_queue_t           queue;    /* of ws_topic_t */
    ws_dir_ref_t          ref;
} ws_topic_template_t;


struct ws_topics_s {
    ws_store_t           *store;
    ws_rereads_t         *rereads;

    void                (*flush)(void *data);
    void                 *data;

    ngx_rbtree_t          tree;
    ngx_rbtree_node_t     sentinel;

    ngx_rbtree_t          templates;
    ngx_rbtree_node_t     templates_sentinel;
};


struct ws_topic_s {
    ngx_str_node_t        sn;
    ws_uuid_t             id;
    ngx_pool_t           *pool;
    ws_topics_t          *topics;
    ngx_queue_t           subscribers;

    ws_topic_template_t  *template;
    ngx_queue_t           in_template;

    ws_redis_channel_t    channel;
    ws_reread_t           reread;

    ws_uuid_t             owner;
    ws_uuid_t             org;
    int64_t               version;  /* the newest one */
    int64_t               floor;    /* that, when reading began */
    uint32_t              digest;   /* of the newest one's state */

    ws_state_t           *state;    /* waits for its template */
    ws_event_t           *event;    /* while there are subscribers without */
    ngx_uint_t            dirty;    /* so many */

    unsigned              wanted:1; /* even if the version is no news */
};


/* shows a state that was read or published (borrowed), if it is news */
void ws_topic_update(ws_topic_t *topic, ws_state_t *state);

/* tells states of one version apart, in all likelihood */
uint32_t ws_topic_digest(ws_state_t *state);

/* drops the state that waits for its template */
void ws_topic_forget(ws_topic_t *topic);

/* handler of a template's reference: shows all that has waited for it */
void ws_topic_template_ready(void *data);


#endif /* _WS_TOPIC_STATE_H_INCLUDED_ */
