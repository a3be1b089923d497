
/*
 * Goes over all keys with SCAN and hands them on, records in batches.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdio.h>
#include "check.h"
#include "commands.h"


static int ws_check_page(ws_ctl_t *ctl, ngx_pool_t *pool, ngx_str_t *items,
    ngx_uint_t n, void *data);
static int ws_check_page_records(ws_check_t *check, ws_check_key_t *keys,
    ngx_uint_t n);
static ngx_int_t ws_check_parse(ws_check_t *check, ngx_str_t *key,
    ws_check_key_t *k);
static ngx_int_t ws_check_tag(ws_check_t *check, ngx_str_t *rest,
    ngx_uint_t *shard);
static ngx_uint_t ws_check_kind(const char *kind, ngx_str_t *rest,
    ngx_str_t *arg);
static void ws_check_summary(ws_check_t *check);
static ngx_str_t ws_check_printable(ngx_pool_t *pool, ngx_str_t *s);


ngx_str_t  ws_check_zero = ngx_string("0");
ngx_str_t  ws_check_one = ngx_string("1");


int
ws_check_run(ws_ctl_t *ctl)
{
    int         rc;
    ngx_str_t   pattern;
    ws_check_t  check;

    ngx_memzero(&check, sizeof(ws_check_t));
    check.ctl = ctl;

    rc = ws_client_open(ctl);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    pattern = ws_client_pattern(ctl);

    rc = ws_client_scan(ctl, "SCAN", &pattern, ws_check_page, &check);

    if (rc != WS_EXIT_OK) {
        return ws_fail(rc, "the check is not complete");
    }

    ws_check_summary(&check);

    return check.problems ? WS_EXIT_FAILED : WS_EXIT_OK;
}


static int
ws_check_page(ws_ctl_t *ctl, ngx_pool_t *pool, ngx_str_t *items, ngx_uint_t n,
    void *data)
{
    int              rc;
    ngx_str_t        text;
    ngx_uint_t       i, records;
    ws_check_t      *check = data;
    ws_check_key_t  *keys, *k;

    keys = ngx_palloc(pool, (n + 1) * sizeof(ws_check_key_t));
    if (keys == NULL) {
        return ws_no_memory();
    }

    rc = WS_EXIT_OK;
    records = 0;

    for (i = 0; rc == WS_EXIT_OK && i < n; i++) {
        check->keys++;
        k = &keys[records];

        if (ws_check_parse(check, &items[i], k) != NGX_OK) {
            ngx_str_set(&text, "no such key belongs here");
            ws_check_report(check, &items[i], &text);
            continue;
        }

        if (k->record) {
            records++;
            continue;
        }

        if (k->container->scan) {
            rc = ws_check_members(check, k);

        } else if (ngx_strcmp(k->container->kind, "builds:") == 0) {
            rc = ws_check_builds(check, k);
        }
    }

    return rc == WS_EXIT_OK ? ws_check_page_records(check, keys, records) : rc;
}


/* records of one kind can be read together */

static int
ws_check_page_records(ws_check_t *check, ws_check_key_t *keys, ngx_uint_t n)
{
    int                       rc;
    ngx_uint_t                i, m;
    ws_check_key_t           *batch[WS_CHECK_BATCH];
    const ws_check_record_t  *record;

    for ( ;; ) {
        record = NULL;
        m = 0;

        for (i = 0; i < n && m < WS_CHECK_BATCH; i++) {

            if (keys[i].record == NULL
                || (record && keys[i].record != record))
            {
                continue;
            }

            record = keys[i].record;
            batch[m++] = &keys[i];
        }

        if (m == 0) {
            return WS_EXIT_OK;
        }

        rc = ws_check_records(check, batch, m);
        if (rc != WS_EXIT_OK) {
            return rc;
        }

        for (i = 0; i < m; i++) {
            batch[i]->record = NULL;
        }
    }
}


static ngx_int_t
ws_check_parse(ws_check_t *check, ngx_str_t *key, ws_check_key_t *k)
{
    ngx_str_t                    rest;
    const ws_check_record_t     *r;
    const ws_check_container_t  *c;

    ngx_memzero(k, sizeof(ws_check_key_t));

    k->key = *key;

    rest.data = key->data + check->ctl->ks.prefix.len;
    rest.len = key->len - check->ctl->ks.prefix.len;

    if (ws_check_tag(check, &rest, &k->shard) != NGX_OK) {
        return NGX_DECLINED;
    }

    r = k->shard == WS_CHECK_DIR ? ws_check_dir_records
                                 : ws_check_shard_records;

    for ( /* void */ ; r->kind; r++) {
        if (ws_check_kind(r->kind, &rest, &k->arg)) {
            k->record = r;
            return NGX_OK;
        }
    }

    c = k->shard == WS_CHECK_DIR ? ws_check_dir_containers
                                 : ws_check_shard_containers;

    for ( /* void */ ; c->kind; c++) {
        if (ws_check_kind(c->kind, &rest, &k->arg)) {
            k->container = c;
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/* "{dir}:" or "{N}:", N a shard that there is; *rest then begins behind */

static ngx_int_t
ws_check_tag(ws_check_t *check, ngx_str_t *rest, ngx_uint_t *shard)
{
    u_char     *end;
    ngx_int_t   n;
    ngx_str_t   tag;

    end = memchr(rest->data, '}', rest->len);

    if (end == NULL || rest->data[0] != '{'
        || end + 1 == rest->data + rest->len || end[1] != ':')
    {
        return NGX_DECLINED;
    }

    tag.data = rest->data + 1;
    tag.len = end - tag.data;

    rest->len -= end + 2 - rest->data;
    rest->data = end + 2;

    if (tag.len == 3 && ngx_memcmp(tag.data, "dir", 3) == 0) {
        *shard = WS_CHECK_DIR;
        return NGX_OK;
    }

    n = ngx_atoi(tag.data, tag.len);

    if (n < 0 || n >= (ngx_int_t) check->ctl->ks.shards
        || (tag.len > 1 && tag.data[0] == '0'))
    {
        return NGX_DECLINED;
    }

    *shard = n;

    return NGX_OK;
}


static ngx_uint_t
ws_check_kind(const char *kind, ngx_str_t *rest, ngx_str_t *arg)
{
    size_t  len;

    len = ngx_strlen(kind);

    if (rest->len < len || ngx_memcmp(rest->data, kind, len) != 0) {
        return 0;
    }

    arg->data = rest->data + len;
    arg->len = rest->len - len;

    /* a kind with ":" has something behind it, one without has not */

    return kind[len - 1] == ':' ? arg->len > 0 : arg->len == 0;
}


void
ws_check_report(ws_check_t *check, ngx_str_t *key, ngx_str_t *text)
{
    ngx_str_t   s;
    ws_json_t   w;
    ws_ctl_t   *ctl;

    ctl = check->ctl;

    ws_out_list_item(ctl, check->problems++);

    if (!ctl->json) {
        ws_out_text(key);
        fputs(": ", stdout);
        ws_out_line(text);
        return;
    }

    ws_json_init(&w, ctl->pool, 256);

    s = ws_check_printable(ctl->pool, key);
    ws_json_lit(&w, "{\"key\":");
    ws_json_string(&w, &s);

    s = ws_check_printable(ctl->pool, text);
    ws_json_lit(&w, ",\"problem\":");
    ws_json_string(&w, &s);
    ws_json_lit(&w, "}");

    if (ws_json_str(&w, &s) == NGX_OK) {
        ws_out_json(&s);
    }
}


/* anything that is not ASCII may not be UTF-8 either */

static ngx_str_t
ws_check_printable(ngx_pool_t *pool, ngx_str_t *s)
{
    size_t      i;
    u_char     *p;
    ngx_str_t   out;

    out.len = 0;
    out.data = ngx_pnalloc(pool, s->len * 4 + 1);

    if (out.data == NULL) {
        return out;
    }

    p = out.data;

    for (i = 0; i < s->len; i++) {

        if (s->data[i] >= 0x20 && s->data[i] < 0x7f) {
            *p++ = s->data[i];

        } else {
            p += snprintf((char *) p, 5, "\\x%02x", s->data[i]);
        }
    }

    out.len = p - out.data;

    return out;
}


static void
ws_check_summary(ws_check_t *check)
{
    ws_out_list_end(check->ctl, check->problems);

    (void) fflush(stdout);

    fprintf(stderr, "%lu keys, %lu workspaces: ",
            (unsigned long) check->keys, (unsigned long) check->workspaces);

    if (check->problems == 0) {
        fputs("all is as it has to be\n", stderr);

    } else {
        fprintf(stderr, "%lu problem%s\n", (unsigned long) check->problems,
                check->problems == 1 ? "" : "s");
    }
}


ngx_uint_t
ws_check_same(ngx_str_t *a, ngx_str_t *b)
{
    return a->len == b->len
           && (a->len == 0 || ngx_memcmp(a->data, b->data, a->len) == 0);
}
