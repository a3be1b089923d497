
/*
 * A topic keeps of its workspace only what tells whether something is news:
 * the newest version and the newest id.  The document itself is there while
 * it waits for its template, and the rendered event while there is somebody
 * who is still to get it.  So ten thousand workspaces that are watched and do
 * not change cost no documents.
 *
 * What is not at hand is read again: after each confirmed subscription, as
 * pub/sub forgets what was published before, after a change of the template,
 * and for a subscriber whose caller has read an older state than was
 * published since.  Reading goes through one queue with a bounded number of
 * commands under way and one timer for all that has failed, so that ten
 * thousand subscriptions restored at once are ten thousand short steps and
 * not one long one.
 *
 * An id is the version of the workspace plus the version of its template:
 * both only rise, so whatever changes of what is shown gives a higher id.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ws_topic.h"
#include "ws_dir.h"


#define WS_TOPIC_READS      128     /* commands under way */
#define WS_TOPIC_RETRY_MIN  100     /* ms */
#define WS_TOPIC_RETRY_MAX  2000

#define WS_TOPIC_POOL       640     /* the structure and a name */


/* a template and the topics that show it */

typedef struct {
    ngx_str_node_t       sn;
    ws_uuid_t            id;
    u_char               text[WS_UUID_LEN];
    ws_topics_t         *topics;
    ngx_queue_t          queue;     /* of ws_topic_t */
    ws_dir_ref_t         ref;
} ws_topic_template_t;


struct ws_topics_s {
    ws_store_t          *store;

    ngx_rbtree_t         tree;
    ngx_rbtree_node_t    sentinel;

    ngx_rbtree_t         templates;
    ngx_rbtree_node_t    templates_sentinel;

    ngx_queue_t          reads;     /* topics to be read */
    ngx_uint_t           reading;   /* commands under way */
    ngx_msec_t           delay;     /* of the last retry; 0: all is well */
    ngx_event_t          retry;
};


struct ws_topic_s {
    ngx_str_node_t       sn;
    ws_uuid_t            id;
    ngx_pool_t          *pool;
    ws_topics_t         *topics;
    ws_redis_channel_t   channel;
    ngx_queue_t          subscribers;

    ws_topic_template_t *template;
    ngx_queue_t          in_template;

    ngx_queue_t          in_reads;
    ws_redis_cmd_t      *cmd;       /* reading */

    ws_uuid_t            owner;
    ws_uuid_t            org;
    int64_t              version;   /* the newest that was seen */

    ws_state_t          *state;     /* waits for its template */
    ws_event_t          *event;     /* there are subscribers without it */
    ngx_uint_t           dirty;     /* so many */

    unsigned             queued:1;  /* in reads */
    unsigned             again:1;   /* to be read once more */
    unsigned             wanted:1;  /* even if the version is no news */
};


static ws_topic_t *ws_topic_find(ws_topics_t *topics, const ws_uuid_t *id);
static ws_topic_t *ws_topic_create(ws_topics_t *topics, const ws_uuid_t *id,
    ws_meta_t *meta);
static void ws_topic_destroy(ws_topic_t *topic);
static ws_topic_template_t *ws_topic_template_get(ws_topics_t *topics,
    const ws_uuid_t *id);
static void ws_topic_template_leave(ws_topic_t *topic);
static void ws_topic_template_ready(void *data);
static ngx_str_node_t *ws_topic_lookup(ngx_rbtree_t *tree,
    const ws_uuid_t *id);
static void ws_topic_insert(ngx_rbtree_t *tree, ngx_str_node_t *node,
    ws_uuid_t *id);

static void ws_topic_ready(void *data);
static void ws_topic_message(void *data, ngx_str_t *payload);
static void ws_topic_update(ws_topic_t *topic, ws_state_t *state);
static void ws_topic_keep(ws_topic_t *topic, ws_state_t *state);
static void ws_topic_show(ws_topic_t *topic, ws_state_t *state,
    ws_dir_entry_t *template);
static ngx_uint_t ws_topic_lacks(ws_subscriber_t *subscriber, int64_t version,
    int64_t id);
static void ws_topic_publish(ws_topic_t *topic, ws_event_t *event);
static void ws_topic_clean(ws_topic_t *topic, ws_subscriber_t *subscriber);

static void ws_topic_want(ws_topic_t *topic);
static void ws_topic_read(ws_topic_t *topic);
static void ws_topic_read_next(ws_topics_t *topics);
static ngx_int_t ws_topic_read_one(ws_topic_t *topic);
static void ws_topic_read_handler(void *data, ws_reply_t *reply);
static void ws_topic_read_failed(ws_topic_t *topic);
static void ws_topic_retry_handler(ngx_event_t *ev);


ws_topics_t *
ws_topics_create(ngx_pool_t *pool, ws_store_t *store)
{
    ws_topics_t  *topics;

    topics = ngx_pcalloc(pool, sizeof(ws_topics_t));
    if (topics == NULL) {
        return NULL;
    }

    topics->store = store;

    ngx_rbtree_init(&topics->tree, &topics->sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_rbtree_init(&topics->templates, &topics->templates_sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_queue_init(&topics->reads);

    topics->retry.handler = ws_topic_retry_handler;
    topics->retry.data = topics;
    topics->retry.log = store->log;
    topics->retry.cancelable = 1;

    return topics;
}


ngx_int_t
ws_topic_join(ws_topics_t *topics, ws_subscriber_t *subscriber,
    const ws_uuid_t *id, ws_state_t *state)
{
    ws_meta_t    meta;
    ws_topic_t  *topic;

    topic = ws_topic_find(topics, id);

    if (topic == NULL) {

        if (ws_meta_parse(&state->m, &meta) != NGX_OK) {
            return NGX_ERROR;
        }

        topic = ws_topic_create(topics, id, &meta);
        if (topic == NULL) {
            return NGX_ERROR;
        }
    }

    subscriber->topic = topic;
    ngx_queue_insert_tail(&topic->subscribers, &subscriber->queue);

    topic->wanted = 1;

    if (state->version < topic->version) {
        ws_topic_read(topic);

    } else {
        ws_topic_update(topic, state);
    }

    return NGX_OK;
}


void
ws_topic_leave(ws_subscriber_t *subscriber)
{
    ws_topic_t  *topic;

    topic = subscriber->topic;

    if (topic == NULL) {
        return;
    }

    subscriber->topic = NULL;

    ws_topic_clean(topic, subscriber);
    ngx_queue_remove(&subscriber->queue);

    if (ngx_queue_empty(&topic->subscribers)) {
        ws_topic_destroy(topic);
    }
}


ws_event_t *
ws_topic_take(ws_subscriber_t *subscriber)
{
    ws_event_t  *event;

    if (!subscriber->dirty) {
        return NULL;
    }

    event = ws_event_ref(subscriber->topic->event);

    subscriber->sent = event->id;
    ws_topic_clean(subscriber->topic, subscriber);

    return event;
}


const ws_uuid_t *
ws_topic_owner(ws_topic_t *topic)
{
    return &topic->owner;
}


const ws_uuid_t *
ws_topic_org(ws_topic_t *topic)
{
    return &topic->org;
}
