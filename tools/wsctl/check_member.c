
/*
 * From containers to records: each member of a set, each field of a hash of
 * names, has to be what its record says.  A suspicion is looked into with
 * one MULTI that reads the member and its record together.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "check.h"
#include "ws_due.h"
#include "ws_index.h"


typedef struct {
    ws_check_t      *check;
    ws_check_key_t  *k;
} ws_check_scan_t;


static int ws_check_members_page(ws_ctl_t *ctl, ngx_pool_t *pool,
    ngx_str_t *items, ngx_uint_t n, void *data);
static int ws_check_members_batch(ws_check_scan_t *scan, ngx_pool_t *pool,
    ngx_str_t *items, ngx_uint_t n, ngx_uint_t step);
static int ws_check_member_again(ws_check_scan_t *scan, ngx_pool_t *pool,
    ngx_str_t *member, ngx_str_t *key);
static int ws_check_member_exec(ws_check_scan_t *scan, ngx_pool_t *pool,
    ngx_str_t *member, ws_reply_t *reply);
static int ws_check_target(ws_check_scan_t *scan, ngx_pool_t *pool,
    ngx_str_t *member, ngx_str_t *value, ngx_str_t *key);
static int ws_check_target_of_job(ws_check_scan_t *scan, ngx_pool_t *pool,
    ngx_str_t *job, ngx_str_t *id);
static void ws_check_report_member(ws_check_scan_t *scan, ngx_pool_t *pool,
    ngx_str_t *member, const char *wrong);


int
ws_check_members(ws_check_t *check, ws_check_key_t *k)
{
    int              rc;
    ngx_str_t        text, name;
    ws_reply_t      *reply;
    ws_check_scan_t  scan;

    /* a key of the wrong type is a problem, not the end of the check */

    rc = ws_client_send(check->ctl, "TYPE", &k->key, NULL);

    if (rc == WS_EXIT_OK) {
        rc = ws_client_receive(check->ctl, &reply);
    }

    if (rc != WS_EXIT_OK) {
        return rc;
    }

    switch (k->container->scan[0]) {

    case 'H':
        ngx_str_set(&name, "hash");
        break;

    case 'S':
        ngx_str_set(&name, "set");
        break;

    default:
        ngx_str_set(&name, "zset");
    }

    if (!ws_check_same(&reply->str, &name)) {

        /* "none": gone meanwhile */

        if (ngx_strcmp(reply->str.data, "none") != 0) {
            ngx_str_set(&text, "of the wrong type");
            ws_check_report(check, &k->key, &text);
        }

        return WS_EXIT_OK;
    }

    scan.check = check;
    scan.k = k;

    return ws_client_scan(check->ctl, k->container->scan, &k->key,
                          ws_check_members_page, &scan);
}


static int
ws_check_members_page(ws_ctl_t *ctl, ngx_pool_t *pool, ngx_str_t *items,
    ngx_uint_t n, void *data)
{
    int               rc;
    ngx_uint_t        i, step, size;
    ngx_pool_t       *batch;
    ws_check_scan_t  *scan = data;

    rc = WS_EXIT_OK;
    step = scan->k->container->scan[0] == 'S' ? 1 : 2;
    size = WS_CHECK_BATCH * step;

    for (i = 0; rc == WS_EXIT_OK && i < n; i += size) {
        batch = ngx_create_pool(16 * 1024, NULL);
        if (batch == NULL) {
            return ws_no_memory();
        }

        rc = ws_check_members_batch(scan, batch, items + i,
                                    ngx_min(n - i, size) / step, step);

        ngx_destroy_pool(batch);
    }

    return rc;
}


static int
ws_check_members_batch(ws_check_scan_t *scan, ngx_pool_t *pool,
    ngx_str_t *items, ngx_uint_t n, ngx_uint_t step)
{
    int          rc;
    ngx_str_t    keys[WS_CHECK_BATCH], f[WS_CHECK_FIELDS], *m, *v;
    ngx_uint_t   i;
    const char  *wrong[WS_CHECK_BATCH];
    ws_reply_t  *reply;

    rc = WS_EXIT_OK;
    ngx_memzero(wrong, sizeof(wrong));

    for (i = 0; rc == WS_EXIT_OK && i < n; i++) {
        m = &items[i * step];
        rc = ws_check_target(scan, pool, m, m + step - 1, &keys[i]);
    }

    for (i = 0; rc == WS_EXIT_OK && i < n; i++) {
        rc = ws_check_send(scan->check, &keys[i],
                           scan->k->container->fields);
    }

    for (i = 0; rc == WS_EXIT_OK && i < n; i++) {
        rc = ws_client_receive(scan->check->ctl, &reply);

        if (rc == WS_EXIT_OK) {
            rc = ws_check_copy(pool, reply, f);
        }

        if (rc == WS_EXIT_OK) {
            m = &items[i * step];
            v = m + step - 1;
            wrong[i] = scan->k->container->wrong(scan->check, pool, scan->k,
                                                 m, v, f);
        }
    }

    for (i = 0; rc == WS_EXIT_OK && i < n; i++) {
        if (wrong[i]) {
            rc = ws_check_member_again(scan, pool, &items[i * step],
                                       &keys[i]);
        }
    }

    return rc;
}


/* the key of the record that a member stands for; one that cannot be is "" */

static int
ws_check_target(ws_check_scan_t *scan, ngx_pool_t *pool, ngx_str_t *member,
    ngx_str_t *value, ngx_str_t *key)
{
    int              rc;
    ws_due_t         due;
    ngx_str_t        id, name;
    ws_uuid_t        uuid;
    ws_keyspace_t   *ks;
    const char      *kind;

    ks = &scan->check->ctl->ks;
    kind = scan->k->container->kind;

    if (scan->k->container->dir) {
        id = *value;
        *key = ws_key_dir(pool, ks, scan->k->container->target, &id);
        return key->data ? WS_EXIT_OK : ws_no_memory();
    }

    id = *member;

    switch (kind[0]) {

    case 'n':                       /* names */
        id = *value;
        break;

    case 'g':                       /* gone */
        break;

    case 'q':
        rc = ws_check_target_of_job(scan, pool, member, &id);
        if (rc != WS_EXIT_OK) {
            return rc;
        }

        break;

    default:
        if (ngx_strcmp(kind, "due") == 0) {
            if (ws_due_parse(member, &due) == NGX_OK) {
                id = ws_uuid_str(pool, &due.workspace);
            }

        } else if (ws_index_member(member, &name, &uuid) == NGX_OK) {
            id.data = member->data + name.len + 1;
            id.len = WS_UUID_LEN;
        }
    }

    *key = ws_key(pool, ks, scan->k->shard, "w", &id, NULL);

    return key->data ? WS_EXIT_OK : ws_no_memory();
}


/* jobs are never moved to another workspace, so this needs no MULTI */

static int
ws_check_target_of_job(ws_check_scan_t *scan, ngx_pool_t *pool,
    ngx_str_t *job, ngx_str_t *id)
{
    int          rc;
    ngx_str_t    key, f;
    ws_reply_t  *reply;

    ngx_str_set(&f, "w");

    key = ws_key(pool, &scan->check->ctl->ks, scan->k->shard, "job", job,
                 NULL);

    rc = ws_client_send(scan->check->ctl, "HGET", &key, &f, NULL);

    if (rc == WS_EXIT_OK) {
        rc = ws_client_receive(scan->check->ctl, &reply);
    }

    if (rc == WS_EXIT_OK) {
        *id = ws_client_copy(pool, reply);
    }

    return rc;
}


static int
ws_check_member_again(ws_check_scan_t *scan, ngx_pool_t *pool,
    ngx_str_t *member, ngx_str_t *key)
{
    int          rc;
    ws_ctl_t    *ctl;
    ngx_uint_t   i;
    ws_reply_t  *reply;

    ctl = scan->check->ctl;

    ws_client_near(ctl, &scan->k->key);

    rc = ws_client_send(ctl, "MULTI", NULL);

    if (rc == WS_EXIT_OK) {
        rc = ws_client_send(ctl, scan->k->container->get, &scan->k->key,
                            member, NULL);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_check_send(scan->check, key, scan->k->container->fields);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_client_send(ctl, "EXEC", NULL);
    }

    for (i = 0; rc == WS_EXIT_OK && i < 4; i++) {
        rc = ws_client_receive(ctl, &reply);
    }

    return rc ? rc : ws_check_member_exec(scan, pool, member, reply);
}


static int
ws_check_member_exec(ws_check_scan_t *scan, ngx_pool_t *pool,
    ngx_str_t *member, ws_reply_t *reply)
{
    int          rc;
    ngx_str_t    value, f[WS_CHECK_FIELDS];
    const char  *wrong;
    ws_reply_t  *have;

    if (reply->type != WS_REPLY_ARRAY || reply->n != 2) {
        return ws_fail(WS_EXIT_FAILED, "Redis: an answer of the wrong kind");
    }

    have = &reply->elts[0];

    /* no longer a member */

    if (have->type == WS_REPLY_NIL
        || (have->type == WS_REPLY_INTEGER && have->integer == 0))
    {
        return WS_EXIT_OK;
    }

    value = have->type == WS_REPLY_STRING ? ws_client_copy(pool, have)
                                          : *member;

    rc = ws_check_copy(pool, &reply->elts[1], f);

    if (rc != WS_EXIT_OK || value.data == NULL) {
        return WS_EXIT_FAILED;
    }

    wrong = scan->k->container->wrong(scan->check, pool, scan->k, member,
                                      &value, f);

    if (wrong) {
        ws_check_report_member(scan, pool, member, wrong);
    }

    return WS_EXIT_OK;
}


static void
ws_check_report_member(ws_check_scan_t *scan, ngx_pool_t *pool,
    ngx_str_t *member, const char *wrong)
{
    u_char     *p;
    size_t      len;
    ngx_str_t   text;

    len = ngx_strlen(wrong);

    text.len = member->len + 2 + len;
    text.data = ngx_pnalloc(pool, text.len);

    if (text.data == NULL) {
        text.data = (u_char *) wrong;
        text.len = len;

    } else {
        p = ngx_cpymem(text.data, member->data, member->len);
        *p++ = ':';
        *p++ = ' ';
        ngx_memcpy(p, wrong, len);
    }

    ws_check_report(scan->check, &scan->k->key, &text);
}
