/* links: src/redis/ws_slot.c src/redis/ws_reply.c tools/ngx/ws_ngx.c */

/*
 * Redis Cluster's slots, and what its nodes say about them.  The slots of keys
 * are what CLUSTER KEYSLOT of Redis 7.0 answers.
 */


#include "core_text.h"
#include "ws_ngx.h"
#include "ws_slot.h"


static ngx_pool_t   *pool;
static ws_reader_t  *reader;


static int
setup(void **state)
{
    pool = ngx_create_pool(1024, NULL);
    reader = ws_reader_create(pool);

    return reader == NULL;
}


static int
teardown(void **state)
{
    ws_reader_destroy(reader);
    ngx_destroy_pool(pool);

    return 0;
}


static ngx_uint_t
slot(const char *s, size_t len)
{
    ngx_str_t   key;
    ngx_uint_t  n;

    key = core_text_n(s, len);
    n = ws_slot(&key);
    core_text_free(&key);

    return n;
}


static void
test_slots(void **state)
{
    size_t  i;

    static const struct {
        const char  *key;
        size_t       len;
        ngx_uint_t   slot;
    } table[] = {
        { core_bytes(""), 0 },
        { core_bytes("123456789"), 12739 },
        { core_bytes("foo"), 12182 },
        { core_bytes("ws:{dir}:users"), 10444 },
        { core_bytes("{dir}"), 10444 },
        { core_bytes("dir"), 10444 },
        { core_bytes("{dir}{0}"), 10444 },
        { core_bytes("ws:{0}:w:x"), 13907 },
        { core_bytes("{0}"), 13907 },
        { core_bytes("ws:{1023}:queue"), 14911 },

        /* no tag: all of it counts */

        { core_bytes("foo{}{bar}"), 8363 },
        { core_bytes("foo{bar"), 15278 },
        { core_bytes("foo}bar{"), 11073 },
        { core_bytes("\x00\xff\x80"), 4727 }
    };

    for (i = 0; i < core_items(table); i++) {
        if (slot(table[i].key, table[i].len) != table[i].slot) {
            fail_msg("\"%s\": %lu", table[i].key,
                     (unsigned long) slot(table[i].key, table[i].len));
        }
    }
}


static void
test_redirects(void **state)
{
    size_t           i;
    ngx_int_t        rc;
    ngx_str_t        text;
    ws_slot_range_t  range;

    static const struct {
        const char  *text;
        ngx_uint_t   slot;
        const char  *host;          /* NULL: it is none */
        int          port;
    } table[] = {
        { "MOVED 3999 127.0.0.1:6381", 3999, "127.0.0.1", 6381 },
        { "ASK 0 [::1]:1", 0, "[::1]", 1 },
        { "MOVED 16383 2001:db8::1:65535", 16383, "2001:db8::1", 65535 },
        { "MOVED 1 :6379", 1, "", 6379 },
        { "MOVED 1 redis.example:6379", 1, "redis.example", 6379 },

        { "MOVED", 0, NULL, 0 },
        { "MOVED 1", 0, NULL, 0 },
        { "MOVED 1 ", 0, NULL, 0 },
        { "MOVED  h:1", 0, NULL, 0 },
        { "MOVED x h:1", 0, NULL, 0 },
        { "MOVED -1 h:1", 0, NULL, 0 },
        { "MOVED 16384 h:1", 0, NULL, 0 },
        { "MOVED 1 h", 0, NULL, 0 },
        { "MOVED 1 h:", 0, NULL, 0 },
        { "MOVED 1 h:0", 0, NULL, 0 },
        { "MOVED 1 h:65536", 0, NULL, 0 },
        { "MOVED 1 h:99999999999999999999", 0, NULL, 0 },
        { "MOVED 1 h:1x", 0, NULL, 0 },
        { "", 0, NULL, 0 },
        { " ", 0, NULL, 0 },
        { "  ", 0, NULL, 0 }
    };

    for (i = 0; i < core_items(table); i++) {

        text = core_text_n(table[i].text, strlen(table[i].text));
        rc = ws_slot_redirect(&text, &range);

        if (rc != (table[i].host ? NGX_OK : NGX_ERROR)) {
            fail_msg("\"%s\"", table[i].text);
        }

        if (rc == NGX_OK) {
            assert_int_equal(range.first, table[i].slot);
            assert_int_equal(range.last, table[i].slot);
            assert_int_equal(range.port, table[i].port);
            assert_int_equal(range.host.len, strlen(table[i].host));
            assert_memory_equal(range.host.data, table[i].host,
                                range.host.len);
        }

        core_text_free(&text);
    }
}


/* the answer to CLUSTER SLOTS, as RESP */

static ws_reply_t *
reply(const char *text)
{
    ws_reply_t  *r;

    assert_int_equal(ws_reader_feed(reader, (u_char *) text, strlen(text)),
                     NGX_OK);
    assert_int_equal(ws_reader_next(reader, &r), NGX_OK);

    return r;
}


static void
assert_range(ws_reply_t *r, ngx_uint_t i, ngx_uint_t first, ngx_uint_t last,
    const char *host, int port)
{
    ws_slot_range_t  range;

    assert_int_equal(ws_slot_range(r, i, &range), NGX_OK);
    assert_int_equal(range.first, first);
    assert_int_equal(range.last, last);
    assert_int_equal(range.host.len, strlen(host));

    if (range.host.len) {
        assert_memory_equal(range.host.data, host, range.host.len);
    }

    assert_int_equal(range.port, port);
}


static void
test_ranges(void **state)
{
    ws_reply_t       *r;
    ws_slot_range_t   range;

    r = reply("*5\r\n"

              /* with a replica */
              "*4\r\n:0\r\n:5460\r\n"
              "*4\r\n$8\r\n10.0.0.1\r\n:7000\r\n$2\r\nid\r\n*0\r\n"
              "*4\r\n$8\r\n10.0.0.4\r\n:7003\r\n$2\r\nid\r\n*0\r\n"

              /* before 7.0 */
              "*3\r\n:5461\r\n:5461\r\n"
              "*3\r\n$8\r\n10.0.0.2\r\n:7001\r\n$2\r\nid\r\n"

              /* the node that was asked */
              "*3\r\n:5462\r\n:6000\r\n"
              "*4\r\n$-1\r\n:7002\r\n$2\r\nid\r\n*0\r\n"

              /* names preferred */
              "*3\r\n:6001\r\n:16383\r\n"
              "*4\r\n$4\r\nhost\r\n:7002\r\n$2\r\nid\r\n"
              "*2\r\n$2\r\nip\r\n$8\r\n10.0.0.3\r\n"

              "*3\r\n:1\r\n:2\r\n"
              "*4\r\n$8\r\n10.0.0.5\r\n:7002\r\n$2\r\nid\r\n"
              "*2\r\n$8\r\nhostname\r\n$4\r\nhost\r\n");

    assert_range(r, 0, 0, 5460, "10.0.0.1", 7000);
    assert_range(r, 1, 5461, 5461, "10.0.0.2", 7001);
    assert_range(r, 2, 5462, 6000, "", 7002);
    assert_range(r, 3, 6001, 16383, "10.0.0.3", 7002);
    assert_range(r, 4, 1, 2, "10.0.0.5", 7002);

    assert_int_equal(ws_slot_range(r, 5, &range), NGX_ERROR);
}


static void
test_no_ranges(void **state)
{
    size_t           i;
    ws_slot_range_t  range;

    static const char  *table[] = {
        "+OK\r\n",
        "$1\r\nx\r\n",
        ":1\r\n",
        "*0\r\n",
        "*1\r\n:1\r\n",
        "*1\r\n*0\r\n",
        "*1\r\n*2\r\n:0\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n:2\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*0\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n$1\r\n1\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:0\r\n",
        "*1\r\n*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:65536\r\n",
        "*1\r\n*3\r\n:2\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
        "*1\r\n*3\r\n:-1\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n",
        "*1\r\n*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\nh\r\n:1\r\n",
        "*1\r\n*3\r\n$1\r\n0\r\n:1\r\n*2\r\n$1\r\nh\r\n:1\r\n"
    };

    for (i = 0; i < core_items(table); i++) {
        if (ws_slot_range(reply(table[i]), 0, &range) != NGX_ERROR) {
            fail_msg("%s", table[i]);
        }
    }
}


int
main(void)
{
    size_t  i;

    struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_no_ranges)
    };

    for (i = 0; i < core_items(tests); i++) {
        tests[i].setup_func = setup;
        tests[i].teardown_func = teardown;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
