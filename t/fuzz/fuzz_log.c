/* links: src/lifecycle/ws_log.c src/store/ws_txn.c the core; -ljansson */

/*
 * Any JSON as the lines of a heartbeat, the log being as long as the first
 * byte of the input says, and "after" as the second.  What is appended is
 * valid JSON, numbered without gaps, within the bounds of a line.
 */


#include <assert.h>

#include "ws_json.h"
#include "ws_log.h"


#define NOW_MS  1795521600000LL


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_line(ngx_str_t *text, int64_t id)
{
    json_t     *line;
    int64_t     ms;
    ngx_str_t   detail;

    assert(ws_json_parse_object(text, &line, &detail) == NGX_OK);

    /* a line break would end an event of a stream */

    assert(ngx_strlchr(text->data, text->data + text->len, '\n') == NULL);
    assert(ngx_strlchr(text->data, text->data + text->len, '\r') == NULL);

    assert(ws_json_get_int(line, "id", 0) == id);
    assert(ws_json_get_time(line, "created_at", &ms) == NGX_OK);
    assert(ws_json_get_str(line, "output").len <= WS_LOG_OUTPUT_MAX);
    assert(ws_json_get_str(line, "stage").len <= WS_LOG_STAGE_MAX);

    json_decref(line);
}


/* args: the number of what follows, the name, its arguments */

static void
fuzz_commands(ws_txn_t *txn, int64_t id)
{
    ngx_str_t   *arg;
    ngx_uint_t   i, n;

    arg = txn->args.elts;

    for (i = 0; i < txn->args.nelts; i += n + 1) {
        n = ngx_atoi(arg[i].data, arg[i].len);

        if (arg[i + 1].len == 5
            && ngx_memcmp(arg[i + 1].data, "RPUSH", 5) == 0)
        {
            fuzz_line(&arg[i + n], ++id);
        }
    }
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t         *lines;
    int64_t         before;
    ws_log_t        log;
    ws_txn_t        txn;
    ngx_int_t       rc;
    const char     *detail;
    ngx_pool_t     *pool;
    ws_keyspace_t   ks;

    if (size < 2) {
        return 0;
    }

    lines = json_loadb((char *) data + 2, size - 2, 0, NULL);

    pool = ngx_create_pool(4096, NULL);
    assert(pool && ws_txn_init(&txn, pool) == NGX_OK);

    ngx_memzero(&ks, sizeof(ks));
    ngx_str_set(&ks.prefix, "ws:");
    ks.shards = 1;

    ngx_memzero(&log, sizeof(log));
    log.pool = pool;
    log.ks = &ks;
    ngx_str_set(&log.build, "build");
    ngx_str_set(&log.job, "job");
    log.now_ms = NOW_MS;

    /* around nothing, and around what a log may hold */

    log.count = data[0] < 128 ? data[0] : WS_LOG_LINES_MAX + 128 - data[0];
    log.after = (int64_t) data[1] - 1;
    before = log.count;

    detail = NULL;
    rc = ws_log_append(&log, &txn, lines, &detail);
    assert(rc == NGX_OK || (rc == NGX_DECLINED && detail));

    if (rc == NGX_OK) {
        assert(log.count <= WS_LOG_LINES_MAX);
        fuzz_commands(&txn, before);
    }

    json_decref(lines);
    ngx_destroy_pool(pool);

    return 0;
}
