
/*
 * Reads what export wrote, line by line, and puts each element into the shard
 * where it belongs now.
 *
 * The layout is written first, with a word that nobody agrees with, and last
 * as it is to be: until then no worker serves the data, or starts what is due
 * in it.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdio.h>
#include "client.h"
#include "commands.h"
#include "layout.h"
#include "transfer.h"


#define WS_IMPORT_PIPELINE  100     /* commands whose replies are to come */
#define WS_IMPORT_WORDS     512     /* in a command */


typedef struct {
    ws_ctl_t                  *ctl;
    ngx_pool_t                *pool;        /* of a line */
    uint64_t                   lines;
    ngx_uint_t                 pending;
    ngx_uint_t                 dir;
    ngx_str_t                  name;
    ngx_str_t                  arg;
    const ws_transfer_kind_t  *kind;
    unsigned                   ended:1;
} ws_import_t;


static int ws_import_any(ws_ctl_t *ctl, ngx_pool_t *pool, ngx_str_t *items,
    ngx_uint_t n, void *data);
static int ws_import_lines(ws_import_t *import);
static int ws_import_line(ws_import_t *import, json_t *line);
static int ws_import_head(ws_import_t *import, json_t *line);
static int ws_import_key(ws_import_t *import, json_t *line);
static int ws_import_pairs(ws_import_t *import, json_t *line);
static int ws_import_words(ws_import_t *import, json_t *line, size_t i,
    ngx_uint_t shard);
static int ws_import_list(ws_import_t *import, json_t *line);
static int ws_import_send(ws_import_t *import, ngx_uint_t n, ngx_str_t *argv);
static int ws_import_drain(ws_import_t *import);
static ngx_int_t ws_import_text(ws_import_t *import, json_t *v,
    ngx_str_t *s);
static ngx_str_t ws_import_name(ws_import_t *import, ngx_uint_t shard);
static int ws_import_bad(ws_import_t *import, const char *what);


int
ws_import_run(ws_ctl_t *ctl)
{
    int          rc;
    ngx_str_t    pattern;
    ws_import_t  import;

    ngx_memzero(&import, sizeof(ws_import_t));
    import.ctl = ctl;

    rc = ws_client_open(ctl);

    if (rc == WS_EXIT_OK) {
        pattern = ws_client_pattern(ctl);
        rc = ws_client_scan(ctl, "SCAN", &pattern, ws_import_any, NULL);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_import_lines(&import);
    }

    if (rc != WS_EXIT_OK) {
        return ws_fail(rc, "the import is not complete");
    }

    fprintf(stderr, "%lu lines, into %lu shard%s\n",
            (unsigned long) import.lines, (unsigned long) ctl->ks.shards,
            ctl->ks.shards == 1 ? "" : "s");

    return rc;
}


static int
ws_import_any(ws_ctl_t *ctl, ngx_pool_t *pool, ngx_str_t *items, ngx_uint_t n,
    void *data)
{
    if (n == 0) {
        return WS_EXIT_OK;
    }

    return ws_fail(WS_EXIT_FAILED, "there is data already (\"%.*s\"): an "
                   "import needs an empty store",
                   (int) ngx_min(items->len, 200), items->data);
}


static int
ws_import_lines(ws_import_t *import)
{
    int           rc;
    char         *text;
    size_t        size;
    json_t       *line;
    ssize_t       n;
    json_error_t  error;

    text = NULL;
    size = 0;
    rc = WS_EXIT_OK;

    while (rc == WS_EXIT_OK && (n = getline(&text, &size, stdin)) > 0) {

        line = json_loadb(text, n, JSON_ALLOW_NUL|JSON_REJECT_DUPLICATES,
                          &error);

        if (line == NULL || !json_is_array(line) || import->ended) {
            rc = ws_import_bad(import, "not a line of an export");

        } else {
            rc = ws_import_line(import, line);
        }

        json_decref(line);
        import->lines++;
    }

    free(text);

    if (rc == WS_EXIT_OK && !import->ended) {
        rc = ws_fail(WS_EXIT_FAILED, "the input ends before its end");
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_import_drain(import);
    }

    return rc ? rc : ws_layout_write(import->ctl,
                                     ws_keyspace_pubsub(&import->ctl->ks));
}


static int
ws_import_line(ws_import_t *import, json_t *line)
{
    int          rc;
    const char  *type;

    if (import->lines == 0) {
        return ws_import_head(import, line);
    }

    type = json_string_value(json_array_get(line, 0));

    if (type && ngx_strcmp(type, "end") == 0) {
        import->ended = 1;

        return (uint64_t) json_integer_value(json_array_get(line, 1))
               == import->lines
               ? WS_EXIT_OK : ws_import_bad(import, "lines are missing");
    }

    import->pool = ngx_create_pool(4096, NULL);
    if (import->pool == NULL) {
        return ws_no_memory();
    }

    rc = ws_import_key(import, line);

    if (rc == WS_EXIT_OK) {
        if (type == NULL || ngx_strcmp(type, import->kind->type) != 0) {
            rc = ws_import_bad(import, "of the wrong type");

        } else if (type[0] == 'l') {
            rc = ws_import_list(import, line);

        } else {
            rc = ws_import_pairs(import, line);
        }
    }

    ngx_destroy_pool(import->pool);

    return rc;
}


static int
ws_import_head(ws_import_t *import, json_t *line)
{
    int          rc;
    ngx_str_t    key, field, word;
    ws_ctl_t    *ctl;
    const char  *what;
    ws_reply_t  *reply;

    ctl = import->ctl;

    what = json_string_value(json_array_get(line, 0));

    if (what == NULL || ngx_strcmp(what, "workspace-export") != 0) {
        return ws_import_bad(import, "not an export");
    }

    if (json_integer_value(json_array_get(line, 1)) != WS_TRANSFER_VERSION) {
        return ws_import_bad(import, "of a version that is not known");
    }

    /* the store was empty; it is so still if this is what begins it */

    ngx_str_set(&field, "pubsub");
    ngx_str_set(&word, WS_LAYOUT_IMPORTING);

    key = ws_key_dir(ctl->pool, &ctl->ks, "layout", NULL);

    rc = ws_client_command(ctl, &reply, "HSETNX", &key, &field, &word, NULL);

    if (rc == WS_EXIT_OK && reply->integer == 0) {
        return ws_fail(WS_EXIT_FAILED, "there is data already: somebody else "
                       "has begun with this store");
    }

    return rc ? rc : ws_layout_write(ctl, word);
}


/* "{dir}:..." or "{}:...", and of a kind that there is */

static int
ws_import_key(ws_import_t *import, json_t *line)
{
    size_t  skip;

    if (ws_import_text(import, json_array_get(line, 1), &import->name)
        != NGX_OK)
    {
        return ws_import_bad(import, "without a key");
    }

    import->dir = (import->name.len > 6
                   && ngx_memcmp(import->name.data, "{dir}:", 6) == 0);
    skip = import->dir ? 6 : 3;

    if (import->name.len < skip
        || (!import->dir && ngx_memcmp(import->name.data, "{}:", 3) != 0))
    {
        return ws_import_bad(import, "not such a key");
    }

    import->name.data += skip;
    import->name.len -= skip;

    import->kind = ws_transfer_kind(import->dir, &import->name,
                                    &import->arg);

    return import->kind ? WS_EXIT_OK
                        : ws_import_bad(import, "no such key is known");
}


/* elements of hashes and sorted sets are pairs, those of sets single */

static int
ws_import_pairs(ws_import_t *import, json_t *line)
{
    int         rc;
    size_t      i, step;
    ngx_str_t   member;
    ngx_uint_t  shard, whole;

    step = import->kind->type[0] == 's' ? 1 : 2;
    whole = (import->kind->by == WS_BY_NOTHING
             || import->kind->by == WS_BY_KEY);

    if (json_array_size(line) < 2 + step
        || (json_array_size(line) - 2) % step)
    {
        return ws_import_bad(import, "of the wrong length");
    }

    rc = WS_EXIT_OK;

    for (i = 2; i < json_array_size(line) && rc == WS_EXIT_OK; i += step) {

        if (ws_import_text(import, json_array_get(line, i), &member)
            != NGX_OK
            || ws_transfer_shard(import->ctl, import->kind, &import->arg,
                                 &member, &shard)
               != NGX_OK)
        {
            return ws_import_bad(import, "without an id to tell the shard");
        }

        rc = ws_import_words(import, line, i, shard);

        if (whole) {

            /* those that follow went along */

            i += WS_IMPORT_WORDS - step;
        }
    }

    return rc;
}


/* one element, or, where all have the same shard, as many as fit */

static int
ws_import_words(ws_import_t *import, json_t *line, size_t i,
    ngx_uint_t shard)
{
    size_t      k, end;
    ngx_str_t   argv[2 + WS_IMPORT_WORDS];
    ngx_uint_t  n, first;

    end = i + (import->kind->type[0] == 's' ? 1 : 2);

    if (import->kind->by == WS_BY_NOTHING || import->kind->by == WS_BY_KEY) {
        end = ngx_min(i + WS_IMPORT_WORDS, json_array_size(line));
    }

    switch (import->kind->type[0]) {

    case 'h':
        ngx_str_set(&argv[0], "HSET");
        break;

    case 's':
        ngx_str_set(&argv[0], "SADD");
        break;

    default:
        ngx_str_set(&argv[0], "ZADD");
    }

    argv[1] = ws_import_name(import, shard);
    n = 2;

    /* ZADD has the score first */

    first = (argv[0].data[0] == 'Z');

    for (k = i; k < end; k++) {
        if (ws_import_text(import,
                           json_array_get(line,
                                          first ? i + ((k - i) ^ 1) : k),
                           &argv[n++])
            != NGX_OK)
        {
            return ws_import_bad(import, "not all of it is text");
        }
    }

    return ws_import_send(import, n, argv);
}


/* its first line begins the list anew; the time when it ends is absolute */

static int
ws_import_list(ws_import_t *import, json_t *line)
{
    int          rc;
    size_t       i;
    json_int_t   ends_ms;
    ngx_str_t    argv[2 + WS_IMPORT_WORDS];
    ngx_uint_t   n, shard;

    if (!json_is_integer(json_array_get(line, 2))
        || !json_is_integer(json_array_get(line, 3))
        || json_array_size(line) > 4 + WS_IMPORT_WORDS
        || ws_transfer_shard(import->ctl, import->kind, &import->arg,
                             &import->arg, &shard)
           != NGX_OK)
    {
        return ws_import_bad(import, "not a part of a list");
    }

    argv[1] = ws_import_name(import, shard);
    rc = WS_EXIT_OK;

    if (json_integer_value(json_array_get(line, 2)) == 0) {
        ngx_str_set(&argv[0], "DEL");
        rc = ws_import_send(import, 2, argv);
    }

    ngx_str_set(&argv[0], "RPUSH");

    for (n = 2, i = 4; i < json_array_size(line); i++) {
        if (ws_import_text(import, json_array_get(line, i), &argv[n++])
            != NGX_OK)
        {
            return ws_import_bad(import, "not all of it is text");
        }
    }

    if (rc == WS_EXIT_OK && n > 2) {
        rc = ws_import_send(import, n, argv);
    }

    ends_ms = json_integer_value(json_array_get(line, 3));

    if (rc == WS_EXIT_OK && ends_ms > 0) {
        ngx_str_set(&argv[0], "PEXPIREAT");
        argv[2] = ws_int_str(import->pool, ends_ms);
        rc = ws_import_send(import, 3, argv);
    }

    return rc;
}


static int
ws_import_send(ws_import_t *import, ngx_uint_t n, ngx_str_t *argv)
{
    int  rc;

    if (argv[1].data == NULL) {
        return ws_no_memory();
    }

    rc = ws_client_send_argv(import->ctl, n, argv);

    if (rc == WS_EXIT_OK && ++import->pending == WS_IMPORT_PIPELINE) {
        rc = ws_import_drain(import);
    }

    return rc;
}


static int
ws_import_drain(ws_import_t *import)
{
    int          rc;
    ws_reply_t  *reply;

    rc = WS_EXIT_OK;

    for ( /* void */ ; import->pending && rc == WS_EXIT_OK; import->pending--)
    {
        rc = ws_client_receive(import->ctl, &reply);

        if (rc == WS_EXIT_OK && reply->type == WS_REPLY_ERROR) {
            rc = ws_client_error(reply);
        }
    }

    return rc;
}


/* a string, or {"hex": "..."} */

static ngx_int_t
ws_import_text(ws_import_t *import, json_t *v, ngx_str_t *s)
{
    size_t      i;
    ngx_int_t   byte;
    json_t     *hex;

    if (json_is_string(v)) {
        s->data = (u_char *) json_string_value(v);
        s->len = json_string_length(v);
        return NGX_OK;
    }

    hex = json_object_get(v, "hex");

    if (!json_is_string(hex) || json_string_length(hex) % 2) {
        return NGX_ERROR;
    }

    s->len = json_string_length(hex) / 2;
    s->data = ngx_pnalloc(import->pool, s->len + 1);

    if (s->data == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < s->len; i++) {
        byte = ngx_hextoi((u_char *) json_string_value(hex) + 2 * i, 2);

        if (byte == NGX_ERROR) {
            return NGX_ERROR;
        }

        s->data[i] = (u_char) byte;
    }

    return NGX_OK;
}


static ngx_str_t
ws_import_name(ws_import_t *import, ngx_uint_t shard)
{
    ngx_str_t   kind;
    ngx_pool_t *pool;

    pool = import->pool;

    /* the name is the kind and what follows it, as one */

    kind.len = import->name.len;
    kind.data = ngx_pcalloc(pool, kind.len + 1);

    if (kind.data == NULL) {
        return kind;
    }

    ngx_memcpy(kind.data, import->name.data, kind.len);

    return import->dir ? ws_key_dir(pool, &import->ctl->ks,
                                    (char *) kind.data, NULL)
                       : ws_key(pool, &import->ctl->ks, shard,
                                (char *) kind.data, NULL, NULL);
}


static int
ws_import_bad(ws_import_t *import, const char *what)
{
    return ws_fail(WS_EXIT_FAILED, "line %lu: %s",
                   (unsigned long) import->lines + 1, what);
}
