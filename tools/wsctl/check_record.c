
/*
 * From records to the rest of the store: what each record says is turned
 * into commands with the replies they should have.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdarg.h>
#include <stdio.h>
#include "check.h"


static int ws_check_batch(ws_check_item_t *items, ngx_uint_t n);
static int ws_check_send_record(ws_check_item_t *item);
static int ws_check_receive_record(ws_check_item_t *item, ngx_str_t *fields,
    const char **wrong);
static int ws_check_begin(ws_check_item_t *item);
static int ws_check_send_expects(ws_check_item_t *item);
static int ws_check_receive_expects(ws_check_item_t *item);
static int ws_check_compare(ws_check_item_t *item, ws_check_expect_t *e,
    ws_reply_t *reply);
static int ws_check_problem(ws_check_item_t *item, ngx_str_t *key,
    const char *fmt, va_list ap);
static int ws_check_other(ws_check_item_t *item, ngx_str_t *key,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));
static int ws_check_again(ws_check_t *check, ws_check_key_t *k);
static int ws_check_once(ws_check_item_t *item, ngx_uint_t *stable);
static ngx_int_t ws_check_item_init(ws_check_item_t *item, ws_check_t *check,
    ngx_pool_t *pool, ws_check_key_t *k);


int
ws_check_records(ws_check_t *check, ws_check_key_t **keys, ngx_uint_t n)
{
    int               rc;
    ngx_uint_t        i;
    ngx_pool_t       *pool;
    ws_check_item_t   items[WS_CHECK_BATCH];

    pool = ngx_create_pool(16 * 1024, NULL);
    if (pool == NULL) {
        return ws_no_memory();
    }

    rc = WS_EXIT_OK;

    for (i = 0; rc == WS_EXIT_OK && i < n; i++) {
        if (ws_check_item_init(&items[i], check, pool, keys[i]) != NGX_OK) {
            rc = ws_no_memory();
        }
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_check_batch(items, n);
    }

    /* what looks wrong may only have been changing */

    for (i = 0; rc == WS_EXIT_OK && i < n; i++) {
        if (items[i].problems.nelts) {
            rc = ws_check_again(check, keys[i]);
        }
    }

    ngx_destroy_pool(pool);

    return rc;
}


static ngx_int_t
ws_check_item_init(ws_check_item_t *item, ws_check_t *check, ngx_pool_t *pool,
    ws_check_key_t *k)
{
    ngx_memzero(item, sizeof(ws_check_item_t));

    item->check = check;
    item->pool = pool;
    item->k = k;

    if (ngx_array_init(&item->expects, pool, 16, sizeof(ws_check_expect_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    return ngx_array_init(&item->problems, pool, 4,
                          sizeof(ws_check_problem_t));
}


static int
ws_check_batch(ws_check_item_t *items, ngx_uint_t n)
{
    int         rc;
    ngx_uint_t  i;

    rc = WS_EXIT_OK;

    for (i = 0; rc == WS_EXIT_OK && i < n; i++) {
        rc = ws_check_send_record(&items[i]);
    }

    for (i = 0; rc == WS_EXIT_OK && i < n; i++) {
        rc = ws_check_begin(&items[i]);
    }

    for (i = 0; rc == WS_EXIT_OK && i < n; i++) {
        rc = ws_check_send_expects(&items[i]);
    }

    for (i = 0; rc == WS_EXIT_OK && i < n; i++) {
        rc = ws_check_receive_expects(&items[i]);
    }

    return rc;
}


/* alone, until the record is the same before and after */

static int
ws_check_again(ws_check_t *check, ws_check_key_t *k)
{
    int                  rc;
    ngx_uint_t           i, tries, stable;
    ngx_pool_t          *pool;
    ws_check_item_t      item;
    ws_check_problem_t  *p;

    rc = WS_EXIT_OK;
    stable = 0;

    for (tries = 0; !stable && tries < WS_CHECK_TRIES; tries++) {

        pool = ngx_create_pool(4096, NULL);
        if (pool == NULL) {
            return ws_no_memory();
        }

        rc = ws_check_item_init(&item, check, pool, k) == NGX_OK
             ? ws_check_once(&item, &stable) : ws_no_memory();

        if (rc != WS_EXIT_OK || item.problems.nelts == 0) {
            stable = 1;

        } else if (stable) {
            p = item.problems.elts;

            for (i = 0; i < item.problems.nelts; i++) {
                ws_check_report(check, &p[i].key, &p[i].text);
            }
        }

        ngx_destroy_pool(pool);
    }

    return rc;
}


static int
ws_check_once(ws_check_item_t *item, ngx_uint_t *stable)
{
    int          rc;
    ngx_str_t    after[WS_CHECK_FIELDS];
    ngx_uint_t   i;
    const char  *wrong;

    rc = ws_check_send_record(item);

    if (rc == WS_EXIT_OK) {
        rc = ws_check_begin(item);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_check_send_expects(item);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_check_send_record(item);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_check_receive_expects(item);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_check_receive_record(item, after, &wrong);
    }

    if (rc != WS_EXIT_OK) {
        return rc;
    }

    *stable = 1;

    for (i = 0; i < WS_CHECK_FIELDS; i++) {
        if ((after[i].data == NULL) != (item->fields[i].data == NULL)
            || !ws_check_same(&after[i], &item->fields[i]))
        {
            *stable = 0;
        }
    }

    return WS_EXIT_OK;
}


static int
ws_check_send_record(ws_check_item_t *item)
{
    return ws_check_send(item->check, &item->k->key,
                         item->k->record->fields);
}


int
ws_check_send(ws_check_t *check, ngx_str_t *key, const char *const *fields)
{
    ngx_str_t   f[WS_CHECK_FIELDS], *p[WS_CHECK_FIELDS];
    ngx_uint_t  i;

    for (i = 0; i < WS_CHECK_FIELDS; i++) {
        p[i] = NULL;

        if (fields[i]) {
            f[i].data = (u_char *) fields[i];
            f[i].len = ngx_strlen(fields[i]);
            p[i] = &f[i];
        }
    }

    return ws_client_send(check->ctl, "HMGET", key, p[0], p[1], p[2], p[3],
                          p[4], p[5], NULL);
}


/* copies the fields; *wrong: not a hash, or NULL */

static int
ws_check_receive_record(ws_check_item_t *item, ngx_str_t *fields,
    const char **wrong)
{
    int          rc;
    ws_reply_t  *reply;

    rc = ws_client_receive(item->check->ctl, &reply);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    *wrong = reply->type == WS_REPLY_ARRAY ? NULL : "not a hash";

    return ws_check_copy(item->pool, reply, fields);
}


int
ws_check_copy(ngx_pool_t *pool, ws_reply_t *reply, ngx_str_t *fields)
{
    ngx_uint_t  i;

    ngx_memzero(fields, WS_CHECK_FIELDS * sizeof(ngx_str_t));

    if (reply->type != WS_REPLY_ARRAY) {
        return WS_EXIT_OK;
    }

    for (i = 0; i < reply->n && i < WS_CHECK_FIELDS; i++) {

        if (reply->elts[i].type != WS_REPLY_STRING) {
            continue;
        }

        fields[i] = ws_client_copy(pool, &reply->elts[i]);

        if (fields[i].data == NULL) {
            return ws_no_memory();
        }
    }

    return WS_EXIT_OK;
}


static int
ws_check_begin(ws_check_item_t *item)
{
    int          rc;
    ngx_uint_t   i;
    const char  *wrong;

    rc = ws_check_receive_record(item, item->fields, &wrong);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    if (wrong) {
        return ws_check_wrong(item, "%s", wrong);
    }

    for (i = 0; i < WS_CHECK_FIELDS; i++) {
        if (item->fields[i].data) {
            return item->k->record->check(item);
        }
    }

    /* gone since it was seen (a token); a hash without any of the fields? */

    return ws_check_expect(item, "EXISTS", item->k->key, NULL,
                           &ws_check_zero);
}


static int
ws_check_send_expects(ws_check_item_t *item)
{
    int                 rc;
    ngx_uint_t          i;
    ws_check_expect_t  *e;

    rc = WS_EXIT_OK;
    e = item->expects.elts;

    for (i = 0; rc == WS_EXIT_OK && i < item->expects.nelts; i++) {
        rc = ws_client_send(item->check->ctl, e[i].command, &e[i].key,
                            e[i].args[0].data ? &e[i].args[0] : NULL,
                            e[i].args[1].data ? &e[i].args[1] : NULL, NULL);
    }

    return rc;
}


static int
ws_check_receive_expects(ws_check_item_t *item)
{
    int                 rc;
    ngx_uint_t          i;
    ws_reply_t         *reply;
    ws_check_expect_t  *e;

    rc = WS_EXIT_OK;
    e = item->expects.elts;

    for (i = 0; rc == WS_EXIT_OK && i < item->expects.nelts; i++) {
        rc = ws_client_receive(item->check->ctl, &reply);

        if (rc == WS_EXIT_OK) {
            rc = ws_check_compare(item, &e[i], reply);
        }
    }

    return rc;
}


static int
ws_check_compare(ws_check_item_t *item, ws_check_expect_t *e,
    ws_reply_t *reply)
{
    char         digits[24];
    ngx_str_t    have, absent;
    const char  *wrong;

    ngx_str_null(&have);
    ngx_str_set(&absent, "nothing");

    /* ZREVRANGE 0 0 answers an array of one */

    if (reply->type == WS_REPLY_ARRAY && reply->n == 1) {
        reply = &reply->elts[0];
    }

    if (reply->type == WS_REPLY_STRING) {
        have = reply->str;

    } else if (reply->type == WS_REPLY_INTEGER) {
        have.data = (u_char *) digits;
        have.len = snprintf(digits, sizeof(digits), "%lld",
                            (long long) reply->integer);

    } else if (reply->type == WS_REPLY_ERROR) {
        return ws_check_other(item, &e->key, "%s", reply->str.data);
    }

    if (e->ok) {
        wrong = e->ok(item, &have);

        return wrong ? ws_check_other(item, &e->key, "%s, of %.*s", wrong,
                                      (int) item->k->key.len,
                                      item->k->key.data)
                     : WS_EXIT_OK;
    }

    if ((have.data == NULL) == (e->want.data == NULL)
        && ws_check_same(&have, &e->want))
    {
        return WS_EXIT_OK;
    }

    if (have.data == NULL) {
        have = absent;
    }

    if (e->want.data == NULL) {
        e->want = absent;
    }

    return ws_check_other(item, &e->key, "%s %.*s is %.*s, and has to be "
                          "%.*s for %.*s", e->command,
                          (int) e->args[0].len, e->args[0].data,
                          (int) ngx_min(have.len, 100), have.data,
                          (int) e->want.len, e->want.data,
                          (int) item->k->key.len, item->k->key.data);
}


int
ws_check_wrong(ws_check_item_t *item, const char *fmt, ...)
{
    int      rc;
    va_list  ap;

    va_start(ap, fmt);
    rc = ws_check_problem(item, &item->k->key, fmt, ap);
    va_end(ap);

    return rc;
}


static int
ws_check_other(ws_check_item_t *item, ngx_str_t *key, const char *fmt, ...)
{
    int      rc;
    va_list  ap;

    va_start(ap, fmt);
    rc = ws_check_problem(item, key, fmt, ap);
    va_end(ap);

    return rc;
}


static int
ws_check_problem(ws_check_item_t *item, ngx_str_t *key, const char *fmt,
    va_list ap)
{
    char                 text[1024];
    int                  n;
    ws_check_problem_t  *p;

    n = vsnprintf(text, sizeof(text), fmt, ap);

    p = ngx_array_push(&item->problems);
    if (p == NULL || n < 0) {
        return ws_no_memory();
    }

    p->key = *key;
    p->text.len = ngx_min((size_t) n, sizeof(text) - 1);
    p->text.data = ngx_pnalloc(item->pool, p->text.len + 1);

    if (p->text.data == NULL) {
        return ws_no_memory();
    }

    ngx_memcpy(p->text.data, text, p->text.len);

    return WS_EXIT_OK;
}


int
ws_check_expect(ws_check_item_t *item, const char *command, ngx_str_t key,
    ngx_str_t *arg, ngx_str_t *want)
{
    ws_check_expect_t  *e;

    e = ws_check_expect_add(item, command, key, arg);
    if (e == NULL) {
        return ws_no_memory();
    }

    if (want) {
        if (want->data == NULL) {
            return ws_no_memory();
        }

        e->want = *want;
    }

    return WS_EXIT_OK;
}


ws_check_expect_t *
ws_check_expect_add(ws_check_item_t *item, const char *command, ngx_str_t key,
    ngx_str_t *arg)
{
    ws_check_expect_t  *e;

    if (key.data == NULL || (arg && arg->data == NULL)) {
        return NULL;
    }

    e = ngx_array_push(&item->expects);
    if (e == NULL) {
        return NULL;
    }

    ngx_memzero(e, sizeof(ws_check_expect_t));

    e->command = command;
    e->key = key;

    if (arg) {
        e->args[0] = *arg;
    }

    return e;
}


int
ws_check_expect_dir(ws_check_item_t *item, const char *kind,
    const ws_uuid_t *id)
{
    ngx_str_t  text;

    text = ws_uuid_str(item->pool, id);

    return ws_check_expect(item, "EXISTS",
                           ws_key_dir(item->pool, &item->check->ctl->ks, kind,
                                      &text),
                           NULL, &ws_check_one);
}
