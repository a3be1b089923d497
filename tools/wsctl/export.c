
/*
 * Writes all data to stdout, as it comes: a page of keys, a page of what is
 * in each.  SCAN may tell of something twice; all that is written may be
 * carried out twice.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdio.h>
#include "client.h"
#include "commands.h"
#include "transfer.h"


#define WS_EXPORT_LINES  200        /* of a log at once */


typedef struct {
    uint64_t                   lines;
    ngx_str_t                  key;
    ngx_str_t                  name;        /* without the shard */
    const ws_transfer_kind_t  *kind;
} ws_export_t;


static int ws_export_keys(ws_ctl_t *ctl, ngx_pool_t *pool, ngx_str_t *items,
    ngx_uint_t n, void *data);
static int ws_export_key(ws_ctl_t *ctl, ngx_pool_t *pool,
    ws_export_t *export);
static ngx_int_t ws_export_parse(ws_ctl_t *ctl, ngx_pool_t *pool,
    ws_export_t *export);
static int ws_export_page(ws_ctl_t *ctl, ngx_pool_t *pool, ngx_str_t *items,
    ngx_uint_t n, void *data);
static int ws_export_list(ws_ctl_t *ctl, ngx_pool_t *pool,
    ws_export_t *export);
static int ws_export_list_page(ws_ctl_t *ctl, ngx_pool_t *pool,
    ws_export_t *export, int64_t ends_ms, int64_t start, ngx_uint_t *n);
static json_t *ws_export_begin(ws_export_t *export);
static int ws_export_add(json_t *line, ngx_str_t *s);
static int ws_export_write(ws_export_t *export, json_t *line);


int
ws_export_run(ws_ctl_t *ctl)
{
    int          rc;
    ngx_str_t    pattern;
    ws_export_t  export;

    ngx_memzero(&export, sizeof(ws_export_t));

    rc = ws_client_open(ctl);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    pattern = ws_client_pattern(ctl);

    rc = ws_export_write(&export,
                         json_pack("[sii]", "workspace-export",
                                   WS_TRANSFER_VERSION,
                                   (int) ctl->ks.shards));

    if (rc == WS_EXIT_OK) {
        rc = ws_client_scan(ctl, "SCAN", &pattern, ws_export_keys, &export);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_export_write(&export,
                             json_pack("[sI]", "end",
                                       (json_int_t) export.lines));
    }

    if (rc != WS_EXIT_OK) {
        return ws_fail(rc, "the export is not complete");
    }

    return rc;
}


static int
ws_export_keys(ws_ctl_t *ctl, ngx_pool_t *pool, ngx_str_t *items,
    ngx_uint_t n, void *data)
{
    int          rc;
    ngx_uint_t   i;
    ngx_pool_t  *temp;

    rc = WS_EXIT_OK;

    for (i = 0; i < n && rc == WS_EXIT_OK; i++) {

        temp = ngx_create_pool(4096, NULL);
        if (temp == NULL) {
            return ws_no_memory();
        }

        ((ws_export_t *) data)->key = items[i];

        rc = ws_export_key(ctl, temp, data);

        ngx_destroy_pool(temp);
    }

    return rc;
}


static int
ws_export_key(ws_ctl_t *ctl, ngx_pool_t *pool, ws_export_t *export)
{
    const char  *type;

    switch (ws_export_parse(ctl, pool, export)) {

    case NGX_OK:
        break;

    case NGX_DONE:
        return WS_EXIT_OK;

    default:
        return ws_fail(WS_EXIT_FAILED, "\"%.*s\": no such key belongs here",
                       (int) ngx_min(export->key.len, 200),
                       export->key.data);
    }

    type = export->kind->type;

    if (ngx_strcmp(type, "list") == 0) {
        return ws_export_list(ctl, pool, export);
    }

    return ws_client_scan(ctl, type[0] == 'h' ? "HSCAN"
                               : type[0] == 'z' ? "ZSCAN" : "SSCAN",
                          &export->key, ws_export_page, export);
}


/* NGX_DONE: it is not to be exported, NGX_ERROR: not a key of ours */

static ngx_int_t
ws_export_parse(ws_ctl_t *ctl, ngx_pool_t *pool, ws_export_t *export)
{
    u_char      *p, *end, *close;
    ngx_str_t    name, arg;
    ngx_uint_t   dir;

    p = export->key.data + ctl->ks.prefix.len + 1;
    end = export->key.data + export->key.len;
    close = p < end ? ngx_strlchr(p, end, '}') : NULL;

    if (close == NULL || end - close < 3 || close[1] != ':') {
        return NGX_ERROR;
    }

    dir = (close - p == 3 && ngx_memcmp(p, "dir", 3) == 0);

    name.data = close + 2;
    name.len = end - name.data;

    if (dir && name.len == 6 && ngx_memcmp(name.data, "layout", 6) == 0) {
        return NGX_DONE;
    }

    export->kind = ws_transfer_kind(dir, &name, &arg);

    if (export->kind == NULL) {
        return NGX_ERROR;
    }

    export->name.data = ngx_pnalloc(pool, name.len + sizeof("{dir}:"));
    if (export->name.data == NULL) {
        return NGX_ERROR;
    }

    p = ngx_cpymem(export->name.data, dir ? "{dir}:" : "{}:", dir ? 6 : 3);
    p = ngx_cpymem(p, name.data, name.len);

    export->name.len = p - export->name.data;

    return NGX_OK;
}


static int
ws_export_page(ws_ctl_t *ctl, ngx_pool_t *pool, ngx_str_t *items,
    ngx_uint_t n, void *data)
{
    int           rc;
    json_t       *line;
    ngx_uint_t    i;
    ws_export_t  *export = data;

    if (n == 0) {
        return WS_EXIT_OK;
    }

    line = ws_export_begin(export);
    rc = WS_EXIT_OK;

    for (i = 0; i < n && rc == WS_EXIT_OK; i++) {
        rc = ws_export_add(line, &items[i]);
    }

    if (rc != WS_EXIT_OK) {
        json_decref(line);
        return rc;
    }

    return ws_export_write(export, line);
}


static int
ws_export_list(ws_ctl_t *ctl, ngx_pool_t *pool, ws_export_t *export)
{
    int          rc;
    int64_t      ends_ms, start;
    ngx_uint_t   n;
    ws_reply_t  *reply;

    rc = ws_client_command(ctl, &reply, "PEXPIRETIME", &export->key, NULL);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    ends_ms = reply->integer;
    start = 0;

    do {
        rc = ws_export_list_page(ctl, pool, export, ends_ms, start, &n);
        start += n;

    } while (rc == WS_EXIT_OK && n == WS_EXPORT_LINES);

    return rc;
}


static int
ws_export_list_page(ws_ctl_t *ctl, ngx_pool_t *pool, ws_export_t *export,
    int64_t ends_ms, int64_t start, ngx_uint_t *n)
{
    int          rc;
    json_t      *line;
    ngx_str_t    from, to;
    ngx_uint_t   i;
    ws_reply_t  *reply;

    from = ws_int_str(pool, start);
    to = ws_int_str(pool, start + WS_EXPORT_LINES - 1);
    *n = 0;

    rc = ws_client_command(ctl, &reply, "LRANGE", &export->key, &from, &to,
                           NULL);

    if (rc != WS_EXIT_OK || reply->type != WS_REPLY_ARRAY || reply->n == 0) {
        return rc;
    }

    *n = reply->n;

    line = ws_export_begin(export);

    (void) json_array_append_new(line, json_integer(start));
    (void) json_array_append_new(line, json_integer(ends_ms));

    for (i = 0; i < reply->n && rc == WS_EXIT_OK; i++) {
        rc = ws_export_add(line, &reply->elts[i].str);
    }

    if (rc != WS_EXIT_OK) {
        json_decref(line);
        return rc;
    }

    return ws_export_write(export, line);
}


static json_t *
ws_export_begin(ws_export_t *export)
{
    return json_pack("[ss%]", export->kind->type, (char *) export->name.data,
                     export->name.len);
}


/* JSON has no word for bytes that are no text */

static int
ws_export_add(json_t *line, ngx_str_t *s)
{
    char    *hex;
    size_t   i;
    json_t  *v;

    static const char  digits[] = "0123456789abcdef";

    v = json_stringn((char *) s->data, s->len);

    if (v == NULL) {
        hex = malloc(s->len * 2 + 1);
        if (hex == NULL) {
            return ws_no_memory();
        }

        for (i = 0; i < s->len; i++) {
            hex[2 * i] = digits[s->data[i] >> 4];
            hex[2 * i + 1] = digits[s->data[i] & 0x0f];
        }

        v = json_pack("{ss%}", "hex", hex, s->len * 2);
        free(hex);
    }

    /* takes the value, and fails without a line, or without the value */

    return json_array_append_new(line, v) == 0 ? WS_EXIT_OK : ws_no_memory();
}


static int
ws_export_write(ws_export_t *export, json_t *line)
{
    int  rc;

    if (line == NULL) {
        return ws_no_memory();
    }

    rc = json_dumpf(line, stdout, JSON_COMPACT);

    json_decref(line);

    if (rc != 0 || putchar('\n') == EOF) {
        return ws_fail(WS_EXIT_FAILED, "stdout: %s", strerror(errno));
    }

    export->lines++;

    return WS_EXIT_OK;
}
