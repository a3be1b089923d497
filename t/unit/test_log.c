/*
 * Lines of a log: how they are kept, how many, and what is no line.
 */


#include "core_text.h"
#include "ws_json.h"
#include "ws_log.h"


#define BUILD  "497f6eca-6276-4993-bfeb-53cbbbba6f08"
#define JOB    "497e6eca-6276-4993-bfeb-53cbbbba6f08"
#define NOW    1795486176123LL


static ngx_pool_t     *pool;
static ws_keyspace_t   ks;
static ws_txn_t        txn;
static ws_log_t        log_;
static const char     *detail;


static int
log_setup(void **state)
{
    pool = ngx_create_pool(4096, NULL);

    ngx_str_set(&ks.prefix, "ws:");
    ks.shards = 4;

    ngx_memzero(&log_, sizeof(log_));
    log_.pool = pool;
    log_.ks = &ks;
    log_.shard = 2;
    ngx_str_set(&log_.build, BUILD);
    ngx_str_set(&log_.job, JOB);
    log_.now_ms = NOW;
    log_.after = -1;

    return pool == NULL || ws_txn_init(&txn, pool) != NGX_OK;
}


static int
log_teardown(void **state)
{
    ngx_destroy_pool(pool);

    return 0;
}


static ngx_int_t
log_append(const char *text)
{
    json_t     *lines;
    ngx_int_t   rc;

    lines = text ? json_loads(text, JSON_DECODE_ANY, NULL) : NULL;
    assert_true(lines != NULL || text == NULL);

    rc = ws_log_append(&log_, &txn, lines, &detail);

    json_decref(lines);

    return rc;
}


/* the n-th command, from 0: "NAME key arg arg" */

static const char *
log_command(ngx_uint_t n)
{
    char       *p;
    size_t      k, words;
    ngx_str_t  *args, *keys, *key;

    static char  text[16384];

    args = txn.args.elts;
    keys = txn.keys.elts;
    key = keys + n;

    if (n >= txn.keys.nelts) {
        return "";
    }

    while (n--) {
        args += ngx_atoi(args[0].data, args[0].len) + 1;
    }

    words = ngx_atoi(args[0].data, args[0].len);

    p = text;
    p += sprintf(p, "%.*s %.*s", (int) args[1].len, args[1].data,
                 (int) key->len, key->data);

    for (k = 2; k <= words; k++) {
        assert_true(p - text + args[k].len + 2 < sizeof(text));
        p += sprintf(p, " %.*s", (int) args[k].len, args[k].data);
    }

    return text;
}


#define LINE(id, at, level, stage, output)                                    \
    " ws:{2}:logs:" BUILD " {\"id\":" id ",\"created_at\":\"" at "\","        \
    "\"log_source\":\"provisioner\",\"log_level\":\"" level "\","             \
    "\"stage\":\"" stage "\",\"output\":\"" output "\"}"


static void
test_lines(void **state)
{
    assert_int_equal(log_append("[{\"output\":\"one \\\"\\u00e9\\\"\"},"
                                "{\"output\":\"\",\"level\":\"error\","
                                "\"stage\":\"plan\",\"created_at\":"
                                "\"2026-01-02T03:04:05.6+01:00\"},"
                                "{\"output\":\"3\",\"level\":null,"
                                "\"stage\":null,\"created_at\":null}]"),
                     NGX_OK);

    assert_int_equal(log_.count, 3);
    assert_int_equal(txn.guard_keys.nelts, 1);

    assert_string_equal(log_command(0), "RPUSH"
                        LINE("1", "2026-11-24T02:09:36.123Z", "info", "",
                             "one \\\"\xc3\xa9\\\""));
    assert_string_equal(log_command(1), "RPUSH"
                        LINE("2", "2026-01-02T02:04:05.600Z", "error", "plan",
                             ""));
    assert_string_equal(log_command(2), "RPUSH"
                        LINE("3", "2026-11-24T02:09:36.123Z", "info", "",
                             "3"));
    assert_string_equal(log_command(3), "HSET ws:{2}:job:" JOB " n 3");
    assert_string_equal(log_command(4), "PUBLISH ws:{2}:logs:" BUILD " 3");
    assert_string_equal(log_command(5), "EXPIRE ws:{2}:logs:" BUILD
                        " 604800");
    assert_string_equal(log_command(6), "");
}


/* the number that there were is guarded */

static void
test_guard(void **state)
{
    ngx_str_t  *args;

    assert_int_equal(log_append("[{\"output\":\"x\"}]"), NGX_OK);
    assert_int_equal(ws_txn_init(&txn, pool), NGX_OK);
    assert_int_equal(log_append("[{\"output\":\"y\"}]"), NGX_OK);

    args = txn.guard_args.elts;

    assert_int_equal(txn.guard_args.nelts, 3);
    assert_memory_equal(args[0].data, "=", 1);
    assert_memory_equal(args[1].data, "n", 1);
    assert_memory_equal(args[2].data, "1", 1);
    assert_non_null(strstr(log_command(0), "{\"id\":2,"));
}


/* what comes a second time, its answer having been lost, is there once */

static void
test_again(void **state)
{
    log_.count = 2;
    log_.after = 1;

    assert_int_equal(log_append("[{\"output\":\"2\"},{\"output\":\"3\"}]"),
                     NGX_OK);
    assert_int_equal(log_.count, 3);
    assert_non_null(strstr(log_command(0), "\"output\":\"3\""));
    assert_string_equal(log_command(1), "HSET ws:{2}:job:" JOB " n 3");

    /* all of it known: nothing to do */

    assert_int_equal(ws_txn_init(&txn, pool), NGX_OK);
    log_.after = 0;
    assert_int_equal(log_append("[{\"output\":\"1\"},{\"output\":\"2\"}]"),
                     NGX_OK);
    assert_int_equal(txn.keys.nelts, 0);
    assert_int_equal(log_.count, 3);

    /* right behind the last one; behind one that is not there */

    log_.after = 3;
    assert_int_equal(log_append("[{\"output\":\"4\"}]"), NGX_OK);
    assert_int_equal(log_.count, 4);

    log_.after = 5;
    assert_int_equal(log_append("[{\"output\":\"6\"}]"), NGX_DECLINED);
}


static void
test_nothing(void **state)
{
    assert_int_equal(log_append(NULL), NGX_OK);
    assert_int_equal(log_append("[]"), NGX_OK);
    assert_int_equal(txn.guard_keys.nelts, 0);
    assert_int_equal(txn.keys.nelts, 0);
}


static void
test_not_lines(void **state)
{
    size_t  i;

    static const char  *bad[] = {
        "[1]", "[[]]", "[null]", "[{}]", "[{\"output\":null}]",
        "[{\"output\":1}]", "[{\"output\":\"x\",\"level\":\"loud\"}]",
        "[{\"output\":\"x\",\"level\":\"Info\"}]",
        "[{\"output\":\"x\",\"level\":1}]",
        "[{\"output\":\"x\",\"stage\":{}}]",
        "[{\"output\":\"x\",\"created_at\":\"now\"}]",
        "[{\"output\":\"x\",\"created_at\":1}]",
        "[{\"output\":\"x\"},{\"output\":1}]"
    };

    for (i = 0; i < core_items(bad); i++) {
        detail = NULL;

        if (log_append(bad[i]) != NGX_DECLINED || detail == NULL) {
            fail_msg("%s", bad[i]);
        }
    }
}


static void
test_cut(void **state)
{
    char        text[3 * WS_LOG_OUTPUT_MAX + 64], *p;
    size_t      i;
    json_t     *line;
    ngx_str_t   output, *args, push;
    ngx_str_t   why;

    /* characters of three bytes: 4096 is inside of one */

    p = text + sprintf(text, "[{\"output\":\"");

    for (i = 0; i < 2000; i++) {
        p += sprintf(p, "\xe2\x98\x83");
    }

    sprintf(p, "\"}]");

    assert_int_equal(log_append(text), NGX_OK);

    args = txn.args.elts;
    push = args[2];

    assert_int_equal(ws_json_parse_object(&push, &line, &why), NGX_OK);
    output = ws_json_get_str(line, "output");
    assert_int_equal(output.len, WS_LOG_OUTPUT_MAX / 3 * 3);
    json_decref(line);
}


static void
test_too_many_at_once(void **state)
{
    json_t  *lines;

    lines = json_array();

    while (json_array_size(lines) <= WS_LOG_BATCH_MAX) {
        json_array_append_new(lines, json_pack("{s:s}", "output", "x"));
    }

    assert_int_equal(ws_log_append(&log_, &txn, lines, &detail),
                     NGX_DECLINED);

    assert_int_equal(json_array_remove(lines, 0), 0);
    assert_int_equal(ws_txn_init(&txn, pool), NGX_OK);
    assert_int_equal(ws_log_append(&log_, &txn, lines, &detail), NGX_OK);
    assert_int_equal(log_.count, WS_LOG_BATCH_MAX);

    json_decref(lines);
}


static void
test_the_end_of_a_long_log(void **state)
{
    log_.count = WS_LOG_LINES_MAX - 2;

    assert_int_equal(log_append("[{\"output\":\"a\"},{\"output\":\"b\"},"
                                "{\"output\":\"c\"}]"),
                     NGX_OK);

    assert_int_equal(log_.count, WS_LOG_LINES_MAX);
    assert_non_null(strstr(log_command(0), "\"output\":\"a\""));
    assert_non_null(strstr(log_command(1), "left out"));
    assert_non_null(strstr(log_command(1), "\"id\":5000,"));
    assert_string_equal(log_command(2), "HSET ws:{2}:job:" JOB " n 5000");

    /* nothing more comes, but wrong lines are still refused */

    assert_int_equal(ws_txn_init(&txn, pool), NGX_OK);
    assert_int_equal(log_append("[{\"output\":\"d\"}]"), NGX_OK);
    assert_string_equal(log_command(0), "HSET ws:{2}:job:" JOB " n 5000");
    assert_int_equal(log_append("[{\"output\":1}]"), NGX_DECLINED);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_lines, log_setup, log_teardown),
        cmocka_unit_test_setup_teardown(test_guard, log_setup, log_teardown),
        cmocka_unit_test_setup_teardown(test_again, log_setup, log_teardown),
        cmocka_unit_test_setup_teardown(test_nothing, log_setup,
                                        log_teardown),
        cmocka_unit_test_setup_teardown(test_not_lines, log_setup,
                                        log_teardown),
        cmocka_unit_test_setup_teardown(test_cut, log_setup, log_teardown),
        cmocka_unit_test_setup_teardown(test_too_many_at_once, log_setup,
                                        log_teardown),
        cmocka_unit_test_setup_teardown(test_the_end_of_a_long_log, log_setup,
                                        log_teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
