/*
 * What Redis is sent for a transaction: guards, then runs of commands that
 * differ in nothing but their keys.
 */


#include "core_text.h"
#include "ws_txn.h"


static ngx_pool_t  *pool;
static ws_txn_t     txn;


static int
txn_setup(void **state)
{
    pool = ngx_create_pool(4096, NULL);

    return pool == NULL || ws_txn_init(&txn, pool) != NGX_OK;
}


static int
txn_teardown(void **state)
{
    ngx_destroy_pool(pool);

    return 0;
}


static ngx_str_t
str(char *text)
{
    ngx_str_t  s;

    s.data = (u_char *) text;
    s.len = strlen(text);

    return s;
}


static void
zadd(char *key, char *score, char *member)
{
    ngx_str_t  s, m;

    s = str(score);
    m = str(member);

    ws_txn_command(&txn, "ZADD", str(key), 2, &s, &m);
}


/* all arguments, "|" between them */

static const char *
txn_argv(void)
{
    char        *p;
    ngx_str_t   *argv;
    ngx_uint_t   i, argc;

    static char  text[1024];

    assert_int_equal(ws_txn_argv(&txn, &argc, &argv), NGX_OK);

    p = text;
    *p = '\0';

    for (i = 0; i < argc; i++) {
        assert_true(p - text + argv[i].len + 2 < sizeof(text));
        p += sprintf(p, "%s%.*s", i ? "|" : "", (int) argv[i].len,
                     argv[i].data);
    }

    return text;
}


static void
test_nothing(void **state)
{
    assert_string_equal(txn_argv(), "0|0");
}


static void
test_guards_come_first(void **state)
{
    ws_txn_hset(&txn, str("doc"), "v", str("4"));
    ws_txn_require(&txn, str("doc"), "v", str("3"));
    ws_txn_require_absent(&txn, str("names"), str("dev"));

    assert_string_equal(txn_argv(),
                        "3|doc|names|doc|2|=|v|3|!|dev||1|3|HSET|v|4");
}


static void
test_commands_that_share_what_follows_their_key(void **state)
{
    zadd("all", "-7", "dev 1");
    zadd("owner", "-7", "dev 1");
    zadd("status", "-7", "dev 1");

    assert_string_equal(txn_argv(),
                        "3|all|owner|status|0|3|3|ZADD|-7|dev 1");
}


static void
test_commands_that_do_not(void **state)
{
    ngx_str_t  member;

    member = str("dev 1");

    zadd("a", "-7", "dev 1");
    zadd("b", "-8", "dev 1");
    zadd("c", "-8", "dev 2");
    ws_txn_command(&txn, "ZREM", str("d"), 1, &member);
    ws_txn_command(&txn, "SREM", str("e"), 1, &member);
    zadd("f", "-7", "dev 1");

    assert_string_equal(txn_argv(),
                        "6|a|b|c|d|e|f|0"
                        "|1|3|ZADD|-7|dev 1|1|3|ZADD|-8|dev 1"
                        "|1|3|ZADD|-8|dev 2|1|2|ZREM|dev 1"
                        "|1|2|SREM|dev 1|1|3|ZADD|-7|dev 1");
}


static void
test_no_memory_for_a_key(void **state)
{
    ngx_str_t   null, *argv;
    ngx_uint_t  argc;

    ngx_str_null(&null);

    ws_txn_hset(&txn, null, "v", str("1"));

    assert_int_equal(ws_txn_argv(&txn, &argc, &argv), NGX_ERROR);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_nothing, txn_setup,
                                        txn_teardown),
        cmocka_unit_test_setup_teardown(test_guards_come_first, txn_setup,
                                        txn_teardown),
        cmocka_unit_test_setup_teardown(
            test_commands_that_share_what_follows_their_key, txn_setup,
            txn_teardown),
        cmocka_unit_test_setup_teardown(test_commands_that_do_not, txn_setup,
                                        txn_teardown),
        cmocka_unit_test_setup_teardown(test_no_memory_for_a_key, txn_setup,
                                        txn_teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
