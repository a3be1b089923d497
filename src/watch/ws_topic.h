/*
 * Topics: what streams of one workspace in one worker share, however many
 * there are: one subscription, one reading of what was missed, one rendering
 * of each change.
 */


#ifndef _WS_TOPIC_H_INCLUDED_
#define _WS_TOPIC_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_event.h"
#include "ws_store.h"
#include "ws_uuid.h"
#include "ws_workspace.h"


typedef struct ws_topics_s      ws_topics_t;        /* all of a worker */
typedef struct ws_topic_s       ws_topic_t;
typedef struct ws_subscriber_s  ws_subscriber_t;


/*
 * One of those a topic tells of its workspace; zero it, set the first part.
 *
 * wake is called when there is an event to be had by ws_topic_take(), also
 * from inside ws_topic_join(), and when "lost" has been set; it must not join,
 * leave or take.  A subscriber that takes its time is not called again and
 * finds only the newest event.
 */

struct ws_subscriber_s {
    void           (*wake)(ws_subscriber_t *subscriber);

    /*
     * What it has seen: the id of an event, or 0; or else it has "known" set
     * and this is the version of the workspace that it was shown.
     */
    int64_t          seen;
    unsigned         known:1;

    unsigned         placed:1;      /* sent is valid */
    unsigned         dirty:1;       /* an event waits for it */
    unsigned         lost:1;        /* Redis has no such workspace any more */
    int64_t          sent;          /* the newest id it needs no more */
    ws_topic_t      *topic;
    ngx_queue_t      queue;
};


/*
 * Before a change is shown to subscribers that have been woken for an earlier
 * one in the same turn of the event loop, flush is called, in which those that
 * can are to take it: so a change is skipped for a slow client only.  It may
 * join, leave and take.
 *
 * NULL without memory.
 */
ws_topics_t *ws_topics_create(ngx_pool_t *pool, ws_store_t *store,
    void (*flush)(void *data), void *data);

/*
 * Joins the topic of the workspace; "state" is what the caller has read of it
 * (borrowed).  An event with the current state, and then each later one, wakes
 * the subscriber unless it has seen it.
 * NGX_OK, or NGX_ERROR: no memory.
 */
ngx_int_t ws_topic_join(ws_topics_t *topics, ws_subscriber_t *subscriber,
    const ws_uuid_t *id, ws_state_t *state);

/* legal at any time; a topic without subscribers is dropped */
void ws_topic_leave(ws_subscriber_t *subscriber);

/*
 * The newest event that the subscriber has not seen, which counts as seen from
 * then on, or NULL.  The reference is the caller's.
 */
ws_event_t *ws_topic_take(ws_subscriber_t *subscriber);

/* whose workspace it is */
const ws_uuid_t *ws_topic_owner(ws_topic_t *topic);
const ws_uuid_t *ws_topic_org(ws_topic_t *topic);

/* the template with this id, or with NULL any, may have changed */
void ws_topics_changed(ws_topics_t *topics, ngx_str_t *template);


#endif /* _WS_TOPIC_H_INCLUDED_ */
