
/*
 * Commands to Redis, or to the nodes of a cluster, in the order of their
 * issue.  Nothing is ever sent twice: when the connection is lost with a
 * commit on its way, nobody knows whether it happened, and that is said.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdarg.h>
#include "client.h"
#include "cluster.h"
#include "layout.h"


#define WS_CLIENT_ARGS    16        /* of commands given by argument lists */


/* a command whose reply is to come, kept in case it is to be sent on */

typedef struct {
    ngx_queue_t    queue;
    ws_node_t     *node;
    ngx_uint_t     n;
    ngx_str_t     *argv;
} ws_client_sent_t;


struct ws_client_s {
    ws_cluster_t   cluster;
    ngx_queue_t    sent;            /* ws_client_sent_t, of a cluster */
    ws_node_t     *last;            /* for commands without a key */
    ws_node_t     *scanned;         /* by SCAN */
};


static int ws_client_sendv(ws_ctl_t *ctl, const char *name, va_list ap);
static int ws_client_keep(ws_client_t *client, ws_node_t *node, ngx_uint_t n,
    ngx_str_t *argv);
static ngx_uint_t ws_client_keyless(ngx_str_t *argv);
static int ws_client_scan_one(ws_ctl_t *ctl, const char *name,
    ngx_str_t *what, ws_scan_pt handler, void *data);
static int ws_client_page(ws_ctl_t *ctl, ws_reply_t *reply,
    ngx_str_t *cursor, ws_scan_pt handler, void *data);


int
ws_client_open(ws_ctl_t *ctl)
{
    int           rc;
    ws_client_t  *client;

    if (ctl->client) {
        return WS_EXIT_OK;
    }

    client = ngx_pcalloc(ctl->pool, sizeof(ws_client_t));
    if (client == NULL) {
        return ws_no_memory();
    }

    ngx_queue_init(&client->sent);

    ctl->client = client;

    rc = ws_cluster_open(ctl, &client->cluster);

    return rc ? rc : ws_layout_read(ctl);
}


void
ws_client_close(ws_ctl_t *ctl)
{
    ngx_queue_t  *q;

    if (ctl->client == NULL) {
        return;
    }

    while (!ngx_queue_empty(&ctl->client->sent)) {
        q = ngx_queue_head(&ctl->client->sent);
        ngx_queue_remove(q);
        free(ngx_queue_data(q, ws_client_sent_t, queue));
    }

    ws_cluster_close(&ctl->client->cluster);
}


int
ws_client_command(ws_ctl_t *ctl, ws_reply_t **reply, const char *name, ...)
{
    int      rc;
    va_list  ap;

    va_start(ap, name);
    rc = ws_client_sendv(ctl, name, ap);
    va_end(ap);

    if (rc == WS_EXIT_OK) {
        rc = ws_client_receive(ctl, reply);
    }

    if (rc == WS_EXIT_OK && (*reply)->type == WS_REPLY_ERROR) {
        return ws_client_error(*reply);
    }

    return rc;
}


int
ws_client_send(ws_ctl_t *ctl, const char *name, ...)
{
    int      rc;
    va_list  ap;

    va_start(ap, name);
    rc = ws_client_sendv(ctl, name, ap);
    va_end(ap);

    return rc;
}


static int
ws_client_sendv(ws_ctl_t *ctl, const char *name, va_list ap)
{
    ngx_str_t    argv[WS_CLIENT_ARGS], *arg;
    ngx_uint_t   n;

    argv[0].data = (u_char *) name;
    argv[0].len = ngx_strlen(name);

    for (n = 1; n < WS_CLIENT_ARGS; n++) {
        arg = va_arg(ap, ngx_str_t *);

        if (arg == NULL) {
            break;
        }

        /* a name that found no memory */

        if (arg->data == NULL) {
            return ws_no_memory();
        }

        argv[n] = *arg;
    }

    return ws_client_send_argv(ctl, n, argv);
}


int
ws_client_send_argv(ws_ctl_t *ctl, ngx_uint_t n, ngx_str_t *argv)
{
    int           rc;
    ngx_str_t    *key;
    ws_node_t    *node;
    ws_client_t  *client;

    rc = ws_client_open(ctl);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    client = ctl->client;
    node = client->last;

    /* EVAL, the script, the number of keys, the first key */

    key = argv[0].len == 4 && ngx_memcmp(argv[0].data, "EVAL", 4) == 0
          ? &argv[3] : &argv[1];

    if (node == NULL || (n > 1 && !ws_client_keyless(argv))) {
        node = ws_cluster_node(&client->cluster, n > 1 ? key : NULL);
    }

    if (node == NULL) {
        return ws_fail(WS_EXIT_REDIS, "Redis: no node of the cluster has "
                       "\"%.*s\"", (int) ngx_min(key->len, 100), key->data);
    }

    client->last = node;

    rc = ws_link_open(ctl, &node->link);

    if (rc == WS_EXIT_OK) {
        rc = ws_link_send(&node->link, n, argv);
    }

    if (rc == WS_EXIT_OK && client->cluster.slots) {
        rc = ws_client_keep(client, node, n, argv);
    }

    return rc;
}


/* SCAN goes where the command before it went */

static ngx_uint_t
ws_client_keyless(ngx_str_t *argv)
{
    return argv[0].len == 4 && ngx_memcmp(argv[0].data, "SCAN", 4) == 0;
}


void
ws_client_near(ws_ctl_t *ctl, ngx_str_t *key)
{
    ctl->client->last = ws_cluster_node(&ctl->client->cluster, key);
}


static int
ws_client_keep(ws_client_t *client, ws_node_t *node, ngx_uint_t n,
    ngx_str_t *argv)
{
    u_char            *p;
    size_t             size;
    ngx_uint_t         i;
    ws_client_sent_t  *sent;

    size = sizeof(ws_client_sent_t) + n * sizeof(ngx_str_t);

    for (i = 0; i < n; i++) {
        size += argv[i].len;
    }

    sent = malloc(size);
    if (sent == NULL) {
        return ws_no_memory();
    }

    sent->node = node;
    sent->n = n;
    sent->argv = (ngx_str_t *) (sent + 1);

    p = (u_char *) (sent->argv + n);

    for (i = 0; i < n; i++) {
        sent->argv[i].len = argv[i].len;
        sent->argv[i].data = p;

        if (argv[i].len) {
            p = ngx_cpymem(p, argv[i].data, argv[i].len);
        }
    }

    ngx_queue_insert_tail(&client->sent, &sent->queue);

    return WS_EXIT_OK;
}


int
ws_client_receive(ws_ctl_t *ctl, ws_reply_t **reply)
{
    int                rc;
    ws_client_t       *client;
    ws_client_sent_t  *sent;

    client = ctl->client;

    if (client->cluster.slots == NULL) {
        return ws_link_receive(&client->last->link, reply);
    }

    sent = ngx_queue_data(ngx_queue_head(&client->sent), ws_client_sent_t,
                          queue);
    ngx_queue_remove(&sent->queue);

    rc = ws_link_receive(&sent->node->link, reply);

    if (rc == WS_EXIT_OK) {
        rc = ws_cluster_follow(ctl, &client->cluster, sent->node, sent->n,
                               sent->argv, reply);
    }

    free(sent);

    return rc;
}


int
ws_client_error(ws_reply_t *reply)
{
    /* the states that end by themselves: the same call may succeed later */

    if (ws_reply_is_error(reply, "LOADING")
        || ws_reply_is_error(reply, "BUSY")
        || ws_reply_is_error(reply, "MASTERDOWN")
        || ws_reply_is_error(reply, "CLUSTERDOWN")
        || ws_reply_is_error(reply, "NOAUTH"))
    {
        return ws_fail(WS_EXIT_REDIS, "Redis: %s", reply->str.data);
    }

    return ws_fail(WS_EXIT_FAILED, "Redis: %s", reply->str.data);
}


int
ws_client_commit(ws_ctl_t *ctl, ws_txn_t *txn, ngx_int_t *guard)
{
    int          rc;
    ngx_str_t   *argv, *all;
    ngx_uint_t   n, failed;
    ws_reply_t  *reply;

    if (ws_txn_argv(txn, &n, &argv) != NGX_OK) {
        return ws_no_memory();
    }

    all = ngx_palloc(txn->pool, (n + 2) * sizeof(ngx_str_t));
    if (all == NULL) {
        return ws_no_memory();
    }

    ngx_str_set(&all[0], "EVAL");
    all[1] = ws_txn_script;
    ngx_memcpy(all + 2, argv, n * sizeof(ngx_str_t));

    rc = ws_client_send_argv(ctl, n + 2, all);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    rc = ws_client_receive(ctl, &reply);
    if (rc != WS_EXIT_OK) {
        return ws_fail(rc, "whether the change was made is not known");
    }

    *guard = -1;

    switch (ws_txn_result(reply, &failed)) {

    case NGX_OK:
        return WS_EXIT_OK;

    case NGX_DECLINED:
        *guard = failed;
        return WS_EXIT_OK;
    }

    if (reply->type == WS_REPLY_ERROR) {
        return ws_client_error(reply);
    }

    return ws_fail(WS_EXIT_FAILED, "Redis: an answer of the wrong kind");
}


int
ws_client_scan(ws_ctl_t *ctl, const char *name, ngx_str_t *what,
    ws_scan_pt handler, void *data)
{
    int           rc;
    ngx_uint_t    i;
    ws_node_t   **nodes;

    if (ngx_strcmp(name, "SCAN") != 0) {
        return ws_client_scan_one(ctl, name, what, handler, data);
    }

    rc = ws_client_open(ctl);

    for (i = 0; rc == WS_EXIT_OK && i < ctl->client->cluster.nodes.nelts; i++)
    {
        nodes = ctl->client->cluster.nodes.elts;

        if (nodes[i]->primary) {
            ctl->client->scanned = nodes[i];
            rc = ws_client_scan_one(ctl, name, what, handler, data);
        }
    }

    return rc;
}


static int
ws_client_scan_one(ws_ctl_t *ctl, const char *name, ngx_str_t *what,
    ws_scan_pt handler, void *data)
{
    int          rc;
    u_char       buf[32];
    ngx_str_t    cursor, match, count, n;
    ws_reply_t  *reply;

    ngx_str_set(&match, "MATCH");
    ngx_str_set(&count, "COUNT");
    ngx_str_set(&n, "200");

    cursor.data = buf;
    cursor.len = 1;
    buf[0] = '0';

    do {
        if (ngx_strcmp(name, "SCAN") == 0) {
            ctl->client->last = ctl->client->scanned;
            rc = ws_client_command(ctl, &reply, name, &cursor, &match, what,
                                   &count, &n, NULL);

        } else {
            rc = ws_client_command(ctl, &reply, name, what, &cursor, &count,
                                   &n, NULL);
        }

        if (rc == WS_EXIT_OK) {
            rc = ws_client_page(ctl, reply, &cursor, handler, data);
        }

    } while (rc == WS_EXIT_OK && (cursor.len != 1 || buf[0] != '0'));

    return rc;
}


static int
ws_client_page(ws_ctl_t *ctl, ws_reply_t *reply, ngx_str_t *cursor,
    ws_scan_pt handler, void *data)
{
    int          rc;
    ngx_str_t   *items;
    ngx_uint_t   i, n;
    ngx_pool_t  *pool;
    ws_reply_t  *list;

    if (reply->type != WS_REPLY_ARRAY || reply->n != 2
        || reply->elts[0].type != WS_REPLY_STRING
        || reply->elts[0].str.len == 0 || reply->elts[0].str.len > 20
        || reply->elts[1].type != WS_REPLY_ARRAY)
    {
        return ws_fail(WS_EXIT_FAILED, "Redis: an answer of the wrong kind");
    }

    cursor->len = reply->elts[0].str.len;
    ngx_memcpy(cursor->data, reply->elts[0].str.data, cursor->len);

    list = &reply->elts[1];
    n = list->n;

    pool = ngx_create_pool(4096, NULL);
    if (pool == NULL) {
        return ws_no_memory();
    }

    rc = WS_EXIT_OK;

    items = ngx_palloc(pool, (n + 1) * sizeof(ngx_str_t));

    for (i = 0; items && i < n; i++) {
        items[i] = ws_client_copy(pool, &list->elts[i]);

        if (items[i].data == NULL) {
            items = NULL;
        }
    }

    rc = items ? handler(ctl, pool, items, n, data) : ws_no_memory();

    ngx_destroy_pool(pool);

    return rc;
}


/* the characters of the prefix stand for themselves */

ngx_str_t
ws_client_pattern(ws_ctl_t *ctl)
{
    size_t      i;
    u_char     *p;
    ngx_str_t   s, *prefix;

    prefix = &ctl->ks.prefix;

    s.len = 0;
    s.data = ngx_pnalloc(ctl->pool, prefix->len * 2 + 2);

    if (s.data == NULL) {
        return s;
    }

    p = s.data;

    for (i = 0; i < prefix->len; i++) {
        if (strchr("*?[]\\^-", prefix->data[i])) {
            *p++ = '\\';
        }

        *p++ = prefix->data[i];
    }

    /* the tag's brace: other prefixes may begin with this one */

    *p++ = '{';
    *p++ = '*';

    s.len = p - s.data;

    return s;
}


ngx_str_t
ws_client_copy(ngx_pool_t *pool, ws_reply_t *reply)
{
    ngx_str_t  s;

    s.len = 0;

    if (reply->type != WS_REPLY_STRING) {
        s.data = (u_char *) "";
        return s;
    }

    s.data = ngx_pnalloc(pool, reply->str.len + 1);
    if (s.data == NULL) {
        return s;
    }

    s.len = reply->str.len;
    *ngx_cpymem(s.data, reply->str.data, s.len) = '\0';

    return s;
}
