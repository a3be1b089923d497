
/*
 * Subscriptions on the wire: commands out, confirmations and messages in.
 *
 * On a cluster's connections the words are SSUBSCRIBE and so on, for one
 * channel at a time (all of one command would have to be of one slot).  When a
 * slot leaves a node, Redis says so unasked, by an sunsubscribe for each of
 * its channels, or by MOVED to a command that was on its way; what else is
 * still to come for those channels is about nobody.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ws_reply.h>
#include <ws_redis_cluster.h>
#include <ws_redis_subs.h>


#define WS_SUB_BATCH   500          /* channels in a command */
#define WS_SUB_PREFIX  64           /* bytes: "*501 $9 SUBSCRIBE" */
#define WS_SUB_EXTRA   16           /* bytes: "$1024", two line ends */


static void ws_redis_sub_send(ws_redis_sub_t *sub, ngx_queue_t *list,
    ngx_uint_t subscribe);
static ngx_int_t ws_redis_sub_array(ws_redis_sub_t *sub, ws_reply_t *reply);
static ngx_int_t ws_redis_sub_refused(ws_redis_sub_t *sub, ws_reply_t *reply);
static void ws_redis_sub_message(ws_redis_sub_t *sub, ws_reply_t *elts);
static ngx_int_t ws_redis_sub_confirm(ws_redis_sub_t *sub, ngx_str_t *name,
    ngx_uint_t subscribed);
static ngx_int_t ws_redis_sub_unexpected(ws_redis_sub_t *sub);


void
ws_redis_sub_fill(void *data)
{
    ws_redis_sub_t *sub = data;

    static u_char  ping[] = "*1\r\n$4\r\nPING\r\n";

    while (!ngx_queue_empty(&sub->subscribe)
           && ws_redis_conn_room(&sub->conn) > WS_SUB_PREFIX + WS_SUB_EXTRA
                                               + WS_CHANNEL_MAX)
    {
        ws_redis_sub_send(sub, &sub->subscribe, 1);
    }

    while (!ngx_queue_empty(&sub->unsubscribe)
           && ws_redis_conn_room(&sub->conn) > WS_SUB_PREFIX + WS_SUB_EXTRA
                                               + WS_CHANNEL_MAX)
    {
        ws_redis_sub_send(sub, &sub->unsubscribe, 0);
    }

    if (sub->ping && ws_redis_conn_room(&sub->conn) > sizeof(ping)) {
        sub->ping = 0;
        (void) ws_redis_conn_put(&sub->conn, ping, sizeof(ping) - 1);
        ws_redis_sub_expect(sub);
    }
}


/*
 * One command for as many channels as there is room for.  It is written
 * straight into the send buffer: so nothing can fail half-way.
 */

static void
ws_redis_sub_send(ws_redis_sub_t *sub, ngx_queue_t *list,
    ngx_uint_t subscribe)
{
    u_char                 buf[WS_SUB_PREFIX], *p;
    size_t                 room;
    ngx_str_t             *name;
    ngx_uint_t             n, most;
    ngx_queue_t           *q;
    ws_redis_sub_entry_t  *entry;

    static const char     *words[] = {
        "$11\r\nUNSUBSCRIBE", "$9\r\nSUBSCRIBE",
        "$12\r\nSUNSUBSCRIBE", "$10\r\nSSUBSCRIBE"
    };

    n = 0;
    most = sub->front ? 1 : WS_SUB_BATCH;
    room = ws_redis_conn_room(&sub->conn) - WS_SUB_PREFIX;

    for (q = ngx_queue_head(list);
         q != ngx_queue_sentinel(list) && n < most;
         q = ngx_queue_next(q))
    {
        entry = ngx_queue_data(q, ws_redis_sub_entry_t, queue);

        if (entry->node.str.len + WS_SUB_EXTRA > room) {
            break;
        }

        room -= entry->node.str.len + WS_SUB_EXTRA;
        n++;
    }

    p = ngx_sprintf(buf, "*%ui\r\n%s\r\n", n + 1,
                    words[(sub->front ? 2 : 0) + subscribe]);
    (void) ws_redis_conn_put(&sub->conn, buf, p - buf);

    while (n--) {
        q = ngx_queue_head(list);
        entry = ngx_queue_data(q, ws_redis_sub_entry_t, queue);
        name = &entry->node.str;

        p = ngx_sprintf(buf, "$%uz\r\n", name->len);
        (void) ws_redis_conn_put(&sub->conn, buf, p - buf);
        (void) ws_redis_conn_put(&sub->conn, name->data, name->len);
        (void) ws_redis_conn_put(&sub->conn, (u_char *) CRLF, 2);

        entry->pending++;
        entry->leaving += !subscribe;
        entry->subscribed = subscribe;

        ws_redis_sub_move(&sub->active, entry);
    }

    ws_redis_sub_expect(sub);
}


ngx_int_t
ws_redis_sub_reply(void *data, ws_reply_t *reply)
{
    ws_redis_sub_t *sub = data;

    sub->alive = 1;

    switch (reply->type) {

    case WS_REPLY_ERROR:
        return ws_redis_sub_refused(sub, reply);

    case WS_REPLY_STATUS:

        /* PONG, while no channel is subscribed */

        return NGX_OK;

    case WS_REPLY_ARRAY:
        return ws_redis_sub_array(sub, reply);

    default:
        return ws_redis_sub_unexpected(sub);
    }
}


static ngx_int_t
ws_redis_sub_array(ws_redis_sub_t *sub, ws_reply_t *reply)
{
    char        *kind;
    ws_reply_t  *elts;

    elts = reply->elts;

    if (reply->n < 2 || elts[0].type != WS_REPLY_STRING
        || elts[1].type != WS_REPLY_STRING)
    {
        return ws_redis_sub_unexpected(sub);
    }

    kind = (char *) elts[0].str.data;

    if (sub->front && kind[0] == 's') {

        /* smessage, ssubscribe, sunsubscribe */

        kind++;
    }

    if (reply->n == 3 && ngx_strcmp(kind, "message") == 0) {
        ws_redis_sub_message(sub, elts);
        return NGX_OK;
    }

    if (ngx_strcmp(kind, "subscribe") == 0) {
        return ws_redis_sub_confirm(sub, &elts[1].str, 1);
    }

    if (ngx_strcmp(kind, "unsubscribe") == 0) {
        return ws_redis_sub_confirm(sub, &elts[1].str, 0);
    }

    if (ngx_strcmp(kind, "pong") == 0) {
        return NGX_OK;
    }

    return ws_redis_sub_unexpected(sub);
}


static ngx_int_t
ws_redis_sub_refused(ws_redis_sub_t *sub, ws_reply_t *reply)
{
    ws_redis_node_t     *node;
    ws_slot_range_t      range;
    ws_redis_cluster_t  *cluster;

    if (sub->front && ws_reply_is_error(reply, "MOVED")
        && ws_slot_redirect(&reply->str, &range) == NGX_OK)
    {
        cluster = sub->front->cluster;
        node = ws_redis_cluster_node(cluster, &range, sub->node);

        if (node && node != sub->node) {
            cluster->slots[range.first] = node;
        }

        ws_redis_subs_moved(sub, range.first);

        return NGX_OK;
    }

    ngx_log_error(NGX_LOG_ERR, &sub->conn.log, 0,
                  "subscription was refused: \"%V\"", &reply->str);

    return NGX_DECLINED;
}


static ngx_int_t
ws_redis_sub_unexpected(ws_redis_sub_t *sub)
{
    ngx_log_error(NGX_LOG_ERR, &sub->conn.log, 0, "unexpected reply");

    return NGX_ERROR;
}


static void
ws_redis_sub_message(ws_redis_sub_t *sub, ws_reply_t *elts)
{
    ws_redis_channel_t    *ch;
    ws_redis_sub_entry_t  *entry;

    entry = ws_redis_sub_find(sub, &elts[1].str);

    if (entry == NULL || !entry->ready) {
        return;
    }

    ch = entry->channel;

    if (ch->changed) {
        ch->changed(ch->data, &elts[2]);

    } else if (elts[2].type == WS_REPLY_STRING) {
        ch->message(ch->data, &elts[2].str);
    }
}


static ngx_int_t
ws_redis_sub_confirm(ws_redis_sub_t *sub, ngx_str_t *name,
    ngx_uint_t subscribed)
{
    ws_redis_channel_t    *ch;
    ws_redis_sub_entry_t  *entry;

    entry = ws_redis_sub_find(sub, name);

    if (sub->front) {

        if (entry == NULL) {
            return NGX_OK;
        }

        if (!subscribed && entry->leaving == 0) {
            ws_redis_subs_moved(sub, entry->slot);
            return NGX_OK;
        }
    }

    if (entry == NULL || entry->pending == 0) {
        return ws_redis_sub_unexpected(sub);
    }

    entry->pending--;
    entry->leaving -= !subscribed;

    if (entry->pending) {
        return NGX_OK;
    }

    if (entry->subscribed != subscribed) {
        return ws_redis_sub_unexpected(sub);
    }

    ch = entry->channel;

    if (!subscribed) {

        /* a new subscriber's SUBSCRIBE may be about to be sent */

        if (ch == NULL) {
            ws_redis_sub_free(entry);
        }

        return NGX_OK;
    }

    /* without a channel UNSUBSCRIBE is about to be sent */

    if (ch) {
        entry->ready = 1;
        ch->ready(ch->data);
    }

    return NGX_OK;
}
