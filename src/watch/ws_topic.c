
/*
 * A topic keeps of its workspace only what tells whether something is news:
 * the newest version.  The document itself is there while it waits for its
 * template, and the rendered event while there is somebody who is still to get
 * it.  So ten thousand workspaces that are watched and do not change cost no
 * documents.
 *
 * What is not at hand is read again: after each confirmed subscription, as
 * pub/sub forgets what was published before, after a change of the template,
 * and for a subscriber that has read an older state than was published since.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_cache.h"
#include "ws_topic.h"
#include "ws_topic_state.h"


#define WS_TOPIC_POOL  640          /* the structure and its key */


static ws_topic_t *ws_topic_create(ws_topics_t *topics, const ws_uuid_t *id,
    ws_meta_t *meta);
static void ws_topic_destroy(ws_topic_t *topic);
static void ws_topic_clean(ws_topic_t *topic, ws_subscriber_t *subscriber);
static void ws_topic_read(ws_topic_t *topic);
static void ws_topic_restored(ws_topic_t *topic);
static void ws_topic_lost(ws_topic_t *topic);
static void ws_topic_ready(void *data);
static void ws_topic_message(void *data, ngx_str_t *payload);
static void ws_topic_reread(void *data, ws_state_t *state);

static ngx_int_t ws_topic_template_join(ws_topic_t *topic,
    const ws_uuid_t *id);
static void ws_topic_template_leave(ws_topic_t *topic);
static void ws_topic_template_changed(ws_topic_template_t *template);

static void ws_topic_insert(ngx_rbtree_t *tree, ngx_str_node_t *node,
    ws_uuid_t *id);
static ngx_str_node_t *ws_topic_lookup(ngx_rbtree_t *tree,
    const ws_uuid_t *id);
static uint32_t ws_topic_hash(const ws_uuid_t *id);


ws_topics_t *
ws_topics_create(ngx_pool_t *pool, ws_store_t *store,
    void (*flush)(void *data), void *data)
{
    ws_topics_t  *topics;

    topics = ngx_pcalloc(pool, sizeof(ws_topics_t));
    if (topics == NULL) {
        return NULL;
    }

    topics->store = store;
    topics->flush = flush;
    topics->data = data;

    ngx_rbtree_init(&topics->tree, &topics->sentinel,
                    ngx_str_rbtree_insert_value);
    ngx_rbtree_init(&topics->templates, &topics->templates_sentinel,
                    ngx_str_rbtree_insert_value);

    topics->rereads = ws_rereads_create(pool, store);

    return topics->rereads ? topics : NULL;
}


ngx_int_t
ws_topic_join(ws_topics_t *topics, ws_subscriber_t *subscriber,
    const ws_uuid_t *id, ws_state_t *state)
{
    ws_meta_t    meta;
    ws_topic_t  *topic;

    topic = (ws_topic_t *) ws_topic_lookup(&topics->tree, id);

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


void
ws_topics_changed(ws_topics_t *topics, ngx_str_t *template)
{
    ws_uuid_t           id;
    ngx_str_node_t     *sn;
    ngx_rbtree_node_t  *node;

    if (template) {

        if (ws_uuid_parse(template, &id) != NGX_OK) {
            return;
        }

        sn = ws_topic_lookup(&topics->templates, &id);

        if (sn) {
            ws_topic_template_changed((ws_topic_template_t *) sn);
        }

        return;
    }

    if (topics->templates.root == &topics->templates_sentinel) {
        return;
    }

    for (node = ngx_rbtree_min(topics->templates.root,
                               &topics->templates_sentinel);
         node;
         node = ngx_rbtree_next(&topics->templates, node))
    {
        ws_topic_template_changed((ws_topic_template_t *) node);
    }
}


static ws_topic_t *
ws_topic_create(ws_topics_t *topics, const ws_uuid_t *id, ws_meta_t *meta)
{
    ngx_pool_t  *pool;
    ws_topic_t  *topic;

    pool = ngx_create_pool(WS_TOPIC_POOL, topics->store->log);
    if (pool == NULL) {
        return NULL;
    }

    topic = ngx_pcalloc(pool, sizeof(ws_topic_t));
    if (topic == NULL) {
        goto failed;
    }

    topic->id = *id;
    topic->pool = pool;
    topic->topics = topics;
    topic->owner = meta->owner;
    topic->org = meta->org;

    ngx_queue_init(&topic->subscribers);

    topic->channel.name = ws_key_workspace(pool, topics->store->ks, id);
    topic->channel.ready = ws_topic_ready;
    topic->channel.message = ws_topic_message;
    topic->channel.data = topic;

    topic->reread.key = topic->channel.name;
    topic->reread.handler = ws_topic_reread;
    topic->reread.data = topic;

    if (topic->channel.name.data == NULL
        || ws_topic_template_join(topic, &meta->template) != NGX_OK)
    {
        goto failed;
    }

    if (ws_redis_subscribe(topics->store->sub, &topic->channel) != NGX_OK) {
        ws_topic_template_leave(topic);
        goto failed;
    }

    ws_topic_insert(&topics->tree, &topic->sn, &topic->id);

    return topic;

failed:

    ngx_destroy_pool(pool);

    return NULL;
}


static void
ws_topic_destroy(ws_topic_t *topic)
{
    ws_redis_unsubscribe(topic->topics->store->sub, &topic->channel);
    ws_reread_cancel(&topic->reread);
    ws_topic_template_leave(topic);
    ws_topic_forget(topic);

    ngx_rbtree_delete(&topic->topics->tree, &topic->sn.node);

    ngx_destroy_pool(topic->pool);
}


/* the last one to get the event is the last to need it */

static void
ws_topic_clean(ws_topic_t *topic, ws_subscriber_t *subscriber)
{
    if (!subscriber->dirty) {
        return;
    }

    subscriber->dirty = 0;

    if (--topic->dirty == 0) {
        ws_event_unref(topic->event);
        topic->event = NULL;
    }
}


static void
ws_topic_ready(void *data)
{
    ws_topic_read(data);
}


static void
ws_topic_read(ws_topic_t *topic)
{
    topic->floor = topic->version;

    ws_reread_start(topic->topics->rereads, &topic->reread);
}


static void
ws_topic_message(void *data, ngx_str_t *payload)
{
    ws_topic_t  *topic = data;

    ws_uuid_t     id;
    ws_state_t    state;
    ws_topics_t  *topics;

    topics = topic->topics;

    if (topic->dirty) {
        id = topic->id;

        topics->flush(topics->data);

        topic = (ws_topic_t *) ws_topic_lookup(&topics->tree, &id);
        if (topic == NULL) {
            return;
        }
    }

    if (ws_state_from_message(payload, &state) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, topics->store->log, 0,
                      "what was published on \"%V\" is not a workspace",
                      &topic->channel.name);
        return;
    }

    /* who is told by us must not read older news from us */

    ws_cache_forget(topics->store->cache, &topic->id);

    ws_topic_update(topic, &state);
}


static void
ws_topic_reread(void *data, ws_state_t *state)
{
    ws_topic_t  *topic = data;

    ngx_uint_t  sure;

    /*
     * What was known when the reading began, and has not been told of since,
     * is in Redis, unless Redis has lost it, and perhaps given its version to
     * another change since then.  Of a reading that has been begun anew the
     * first answer says nothing.
     */

    sure = topic->version == topic->floor
           && !topic->reread.queued && topic->reread.cmd == NULL;

    if (state == NULL) {

        if (sure) {
            ws_topic_lost(topic);
        }

        return;
    }

    if (sure && (state->version < topic->floor
                 || (state->version == topic->floor
                     && ws_topic_digest(state) != topic->digest)))
    {
        ws_topic_restored(topic);
    }

    ws_topic_update(topic, state);
}


/* Redis came back with older data: that counts, whatever was shown before */

static void
ws_topic_restored(ws_topic_t *topic)
{
    ngx_queue_t      *q;
    ws_subscriber_t  *subscriber;

    topic->version = 0;
    topic->floor = 0;
    topic->wanted = 1;

    ws_topic_forget(topic);

    for (q = ngx_queue_head(&topic->subscribers);
         q != ngx_queue_sentinel(&topic->subscribers);
         q = ngx_queue_next(q))
    {
        subscriber = ngx_queue_data(q, ws_subscriber_t, queue);

        ws_topic_clean(topic, subscriber);

        subscriber->sent = 0;
    }
}


/* Redis came back without it */

static void
ws_topic_lost(ws_topic_t *topic)
{
    ngx_queue_t      *q;
    ws_subscriber_t  *subscriber;

    for (q = ngx_queue_head(&topic->subscribers);
         q != ngx_queue_sentinel(&topic->subscribers);
         q = ngx_queue_next(q))
    {
        subscriber = ngx_queue_data(q, ws_subscriber_t, queue);

        subscriber->lost = 1;
        subscriber->wake(subscriber);
    }
}


static ngx_int_t
ws_topic_template_join(ws_topic_t *topic, const ws_uuid_t *id)
{
    ws_topics_t          *topics;
    ws_topic_template_t  *template;

    topics = topic->topics;

    template = (ws_topic_template_t *) ws_topic_lookup(&topics->templates, id);

    if (template == NULL) {
        template = ngx_calloc(sizeof(ws_topic_template_t),
                              topics->store->log);
        if (template == NULL) {
            return NGX_ERROR;
        }

        template->id = *id;
        template->topics = topics;
        template->ref.handler = ws_topic_template_ready;
        template->ref.data = template;

        ngx_queue_init(&template->queue);
        ws_topic_insert(&topics->templates, &template->sn, &template->id);
    }

    topic->template = template;
    ngx_queue_insert_tail(&template->queue, &topic->in_template);

    return NGX_OK;
}


static void
ws_topic_template_leave(ws_topic_t *topic)
{
    ws_topic_template_t  *template;

    template = topic->template;

    ngx_queue_remove(&topic->in_template);

    if (ngx_queue_empty(&template->queue)) {
        ws_dir_unref(&template->ref);
        ngx_rbtree_delete(&topic->topics->templates, &template->sn.node);
        ngx_free(template);
    }
}


/* a reading for each topic, one behind the other, see ws_reread.c */

static void
ws_topic_template_changed(ws_topic_template_t *template)
{
    ngx_queue_t  *q;
    ws_topic_t   *topic;

    /* one that is being read is read again by the directory itself */

    if (!template->ref.waiting) {
        ws_dir_unref(&template->ref);
    }

    for (q = ngx_queue_head(&template->queue);
         q != ngx_queue_sentinel(&template->queue);
         q = ngx_queue_next(q))
    {
        topic = ngx_queue_data(q, ws_topic_t, in_template);

        topic->wanted = 1;
        ws_topic_read(topic);
    }
}


static void
ws_topic_insert(ngx_rbtree_t *tree, ngx_str_node_t *sn, ws_uuid_t *id)
{
    sn->str.data = id->b;
    sn->str.len = sizeof(id->b);
    sn->node.key = ws_topic_hash(id);

    ngx_rbtree_insert(tree, &sn->node);
}


static ngx_str_node_t *
ws_topic_lookup(ngx_rbtree_t *tree, const ws_uuid_t *id)
{
    ngx_str_t  key;

    key.data = (u_char *) id->b;
    key.len = sizeof(id->b);

    return ngx_str_rbtree_lookup(tree, &key, ws_topic_hash(id));
}


/* the end of an id is random already */

static uint32_t
ws_topic_hash(const ws_uuid_t *id)
{
    uint32_t  hash;

    ngx_memcpy(&hash, id->b + sizeof(id->b) - sizeof(hash), sizeof(hash));

    return hash;
}
