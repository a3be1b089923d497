
/*
 * From a state of the workspace to the event that its subscribers get.
 *
 * An id is the version of the workspace plus the version of its template:
 * both only rise, so whatever changes of what is shown gives a higher id.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_topic.h"
#include "ws_topic_state.h"


static ngx_int_t ws_topic_render(ws_topic_t *topic, ws_state_t *state,
    ws_meta_t *meta);
static void ws_topic_template_release(ws_topic_template_t *template);
static ngx_int_t ws_topic_show(ws_topic_t *topic, ws_state_t *state,
    ws_meta_t *meta);
static ngx_uint_t ws_topic_lacks(ws_subscriber_t *subscriber, int64_t version,
    int64_t id);
static void ws_topic_publish(ws_topic_t *topic);
static ngx_int_t ws_topic_keep(ws_topic_t *topic, ws_state_t *state);


/* versions only rise: what is older came by a longer way */

void
ws_topic_update(ws_topic_t *topic, ws_state_t *state)
{
    ws_meta_t  meta;

    if (state->version < topic->version
        || (state->version == topic->version && !topic->wanted))
    {
        return;
    }

    if (ws_meta_parse(&state->m, &meta) != NGX_OK) {
        ngx_log_error(NGX_LOG_ERR, topic->topics->store->log, 0,
                      "\"%V\" is not a workspace", &topic->channel.name);
        return;
    }

    /* of two states of one version a reading decides: ws_topic_reread() */

    if (state->version > topic->version) {
        topic->version = state->version;
        topic->digest = ws_topic_digest(state);
    }

    topic->owner = meta.owner;
    topic->org = meta.org;

    if (ws_topic_render(topic, state, &meta) == NGX_AGAIN) {

        if (ws_topic_keep(topic, state) != NGX_OK) {
            topic->wanted = 1;
            ws_reread_later(topic->topics->rereads, &topic->reread);
        }

        return;
    }

    ws_topic_forget(topic);
    ws_topic_template_release(topic->template);
}


uint32_t
ws_topic_digest(ws_state_t *state)
{
    return ngx_murmur_hash2(state->m.data, state->m.len)
           ^ ngx_murmur_hash2(state->d.data, state->d.len);
}


/*
 * NGX_AGAIN: the template is not there yet, ws_topic_template_ready() will
 * be called.  Otherwise ws_topic_template_release() is to follow.
 */

static ngx_int_t
ws_topic_render(ws_topic_t *topic, ws_state_t *state, ws_meta_t *meta)
{
    u_char        text[WS_UUID_LEN];
    ngx_int_t     rc;
    ngx_str_t     key;
    ws_topics_t  *topics;

    topics = topic->topics;

    key.data = text;
    key.len = ws_uuid_format(text, &topic->template->id) - text;

    rc = ws_dir_get(topics->store->dir, &topic->template->ref,
                    WS_DIR_TEMPLATE, &key);

    if (rc == NGX_AGAIN) {
        return NGX_AGAIN;
    }

    if (rc == NGX_OK) {
        topic->wanted = 0;

        rc = ws_topic_show(topic, state, meta);

    } else if (rc == NGX_DECLINED) {
        ngx_log_error(NGX_LOG_ERR, topics->store->log, 0,
                      "\"%V\" is of template \"%V\", which does not exist",
                      &topic->channel.name, &key);
    }

    if (rc == NGX_ERROR) {
        topic->wanted = 1;
        ws_reread_later(topics->rereads, &topic->reread);
    }

    return rc;
}


void
ws_topic_template_ready(void *data)
{
    ws_topic_template_t  *template = data;

    ws_meta_t     meta;
    ws_state_t   *state;
    ngx_queue_t  *q;
    ws_topic_t   *topic;

    for (q = ngx_queue_head(&template->queue);
         q != ngx_queue_sentinel(&template->queue);
         q = ngx_queue_next(q))
    {
        topic = ngx_queue_data(q, ws_topic_t, in_template);
        state = topic->state;

        if (state) {
            topic->state = NULL;

            if (ws_meta_parse(&state->m, &meta) == NGX_OK) {
                (void) ws_topic_render(topic, state, &meta);
            }

            ngx_free(state);
        }
    }

    ws_topic_template_release(template);
}


/* what is there is kept, what is not is asked for again */

static void
ws_topic_template_release(ws_topic_template_t *template)
{
    if (template->ref.entry == NULL) {
        ws_dir_unref(&template->ref);
    }
}


static ngx_int_t
ws_topic_show(ws_topic_t *topic, ws_state_t *state, ws_meta_t *meta)
{
    int64_t           id;
    ngx_uint_t        lacking;
    ws_event_t       *event;
    ngx_queue_t      *q;
    ws_dir_entry_t   *template;
    ws_subscriber_t  *subscriber;

    template = topic->template->ref.entry;
    id = state->version + template->version;

    lacking = 0;

    for (q = ngx_queue_head(&topic->subscribers);
         q != ngx_queue_sentinel(&topic->subscribers);
         q = ngx_queue_next(q))
    {
        subscriber = ngx_queue_data(q, ws_subscriber_t, queue);
        lacking |= ws_topic_lacks(subscriber, state->version, id);
    }

    if (!lacking) {
        return NGX_OK;
    }

    if (topic->event == NULL || topic->event->id < id) {

        event = ws_event_data(id, state, meta, &template->fragment,
                              &template->u.template.active_version,
                              topic->topics->store->log);
        if (event == NULL) {
            return NGX_ERROR;
        }

        ws_event_unref(topic->event);
        topic->event = event;
    }

    ws_topic_publish(topic);

    return NGX_OK;
}


static ngx_uint_t
ws_topic_lacks(ws_subscriber_t *subscriber, int64_t version, int64_t id)
{
    if (!subscriber->placed) {
        subscriber->placed = 1;

        if (subscriber->known ? version <= subscriber->seen
                              : id == subscriber->seen)
        {
            subscriber->sent = id;
        }
    }

    return subscriber->sent < id;
}


static void
ws_topic_publish(ws_topic_t *topic)
{
    ngx_queue_t      *q;
    ws_subscriber_t  *subscriber;

    for (q = ngx_queue_head(&topic->subscribers);
         q != ngx_queue_sentinel(&topic->subscribers);
         q = ngx_queue_next(q))
    {
        subscriber = ngx_queue_data(q, ws_subscriber_t, queue);

        if (!subscriber->dirty && subscriber->sent < topic->event->id) {
            subscriber->dirty = 1;
            topic->dirty++;
            subscriber->wake(subscriber);
        }
    }
}


static ngx_int_t
ws_topic_keep(ws_topic_t *topic, ws_state_t *state)
{
    u_char      *p;
    ws_state_t  *copy;

    copy = ngx_alloc(sizeof(ws_state_t) + state->m.len + state->d.len,
                     topic->topics->store->log);
    if (copy == NULL) {
        return NGX_ERROR;
    }

    p = (u_char *) copy + sizeof(ws_state_t);

    copy->version = state->version;
    copy->m.data = p;
    copy->m.len = state->m.len;
    p = ngx_cpymem(p, state->m.data, state->m.len);

    copy->d.data = p;
    copy->d.len = state->d.len;
    ngx_memcpy(p, state->d.data, state->d.len);

    ws_topic_forget(topic);
    topic->state = copy;

    return NGX_OK;
}


void
ws_topic_forget(ws_topic_t *topic)
{
    if (topic->state) {
        ngx_free(topic->state);
        topic->state = NULL;
    }
}
