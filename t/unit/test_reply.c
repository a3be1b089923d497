
/*
 * Replies of Redis: what comes out does not depend on how the bytes were cut,
 * and nothing a server may say does more than end the connection.
 */


#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include <ngx_config.h>
#include <ngx_core.h>
#include <ws_ngx.h>
#include <ws_reply.h>


#define DUMP_SIZE  4096


static ngx_pool_t   *pool;
static ws_reader_t  *reader;


static int
setup(void **state)
{
    pool = ngx_create_pool(1024, NULL);
    reader = ws_reader_create(pool);

    return reader ? 0 : -1;
}


static int
teardown(void **state)
{
    ws_ngx_fail_after(-1);
    ws_reader_destroy(reader);
    ngx_destroy_pool(pool);

    return 0;
}


static void
feed(const char *text)
{
    assert_int_equal(ws_reader_feed(reader, (const u_char *) text,
                                    strlen(text)),
                     NGX_OK);
}


/* a reply in one line: s"x" for strings, +x, -x, :1, nil, [a b] */

static char *
dump(ws_reply_t *reply, char *p, char *last)
{
    ngx_uint_t  i;

    switch (reply->type) {

    case WS_REPLY_STRING:
        assert_int_equal(reply->str.data[reply->str.len], '\0');
        return p + snprintf(p, last - p, "s\"%s\"", reply->str.data);

    case WS_REPLY_STATUS:
        return p + snprintf(p, last - p, "+%s", reply->str.data);

    case WS_REPLY_ERROR:
        return p + snprintf(p, last - p, "-%s", reply->str.data);

    case WS_REPLY_INTEGER:
        return p + snprintf(p, last - p, ":%lld", (long long) reply->integer);

    case WS_REPLY_NIL:
        return p + snprintf(p, last - p, "nil");

    case WS_REPLY_ARRAY:
        *p++ = '[';

        for (i = 0; i < reply->n; i++) {
            if (i) {
                *p++ = ' ';
            }

            p = dump(&reply->elts[i], p, last);
        }

        *p++ = ']';
        *p = '\0';
        return p;
    }

    fail_msg("unknown type %u", (unsigned) reply->type);
    return NULL;
}


/* all replies there are now, one after the other, into text */

static ngx_int_t
drain(char *text, char **end)
{
    ngx_int_t    rc;
    ws_reply_t  *reply;

    for ( ;; ) {
        rc = ws_reader_next(reader, &reply);
        if (rc != NGX_OK) {
            return rc;
        }

        *end = dump(reply, *end, text + DUMP_SIZE);
        *(*end)++ = ';';
        **end = '\0';
    }
}


static void
check(const char *input, const char *expected)
{
    char       text[DUMP_SIZE], *end;
    ngx_int_t  rc;

    text[0] = '\0';
    end = text;

    feed(input);
    rc = drain(text, &end);

    assert_string_equal(text, expected);
    assert_int_equal(rc, NGX_AGAIN);
}


static void
check_refused(const char *input, const char *error)
{
    ws_reply_t  *reply;

    assert_int_equal(ws_reader_reset(reader), NGX_OK);

    feed(input);
    assert_int_equal(ws_reader_next(reader, &reply), NGX_ERROR);

    if (strstr(ws_reader_error(reader), error) == NULL) {
        fail_msg("\"%s\" is not in \"%s\"", error, ws_reader_error(reader));
    }
}


static void
every_type(void **state)
{
    check("+OK\r\n", "+OK;");
    check("-ERR no such thing\r\n", "-ERR no such thing;");
    check(":0\r\n:-1\r\n", ":0;:-1;");
    check(":9223372036854775807\r\n", ":9223372036854775807;");
    check(":-9223372036854775808\r\n", ":-9223372036854775808;");
    check("$5\r\nhello\r\n", "s\"hello\";");
    check("$0\r\n\r\n", "s\"\";");
    check("+\r\n", "+;");
    check("$-1\r\n", "nil;");
    check("*-1\r\n", "nil;");
    check("*0\r\n", "[];");
    check("*2\r\n$1\r\na\r\n:7\r\n", "[s\"a\" :7];");
}


static void
elements_keep_their_places_in_nested_arrays(void **state)
{
    check("*4\r\n*2\r\n:1\r\n*0\r\n$-1\r\n*-1\r\n*1\r\n*2\r\n+a\r\n-b\r\n",
          "[[:1 []] nil nil [[+a -b]]];");
}


static void
strings_hold_any_bytes(void **state)
{
    ws_reply_t  *reply;

    assert_int_equal(ws_reader_feed(reader,
                                    (u_char *) "$6\r\n\0\r\n\xff$*\r\n", 12),
                     NGX_OK);
    assert_int_equal(ws_reader_next(reader, &reply), NGX_OK);
    assert_int_equal(reply->type, WS_REPLY_STRING);
    assert_int_equal(reply->str.len, 6);
    assert_memory_equal(reply->str.data, "\0\r\n\xff$*", 7);
}


static void
cuts_do_not_matter(void **state)
{
    static const char  input[] =
        "*3\r\n$3\r\nfoo\r\n*2\r\n:12\r\n$-1\r\n-ERR x y\r\n"
        "+OK\r\n"
        "*0\r\n"
        "$11\r\nhello\r\nwide\r\n"
        "*1\r\n*1\r\n*1\r\n$0\r\n\r\n";
    static const char  expected[] =
        "[s\"foo\" [:12 nil] -ERR x y];+OK;[];s\"hello\r\nwide\";[[[s\"\"]]];";

    char    text[DUMP_SIZE], *end;
    size_t  i, j, k, cuts[4];

    for (i = 0; i < sizeof(input); i++) {
        for (j = i; j < sizeof(input); j++) {

            assert_int_equal(ws_reader_reset(reader), NGX_OK);

            cuts[0] = 0;
            cuts[1] = i;
            cuts[2] = j;
            cuts[3] = sizeof(input) - 1;

            text[0] = '\0';
            end = text;

            for (k = 0; k < 3; k++) {
                assert_int_equal(
                    ws_reader_feed(reader, (u_char *) input + cuts[k],
                                   cuts[k + 1] - cuts[k]),
                    NGX_OK);
                assert_int_equal(drain(text, &end), NGX_AGAIN);
            }

            assert_string_equal(text, expected);
        }
    }
}


static void
one_byte_at_a_time(void **state)
{
    static const char  input[] =
        "*2\r\n$10\r\n0123456789\r\n*2\r\n:-5\r\n+x\r\n";

    char    text[DUMP_SIZE], *end;
    size_t  i;

    text[0] = '\0';
    end = text;

    for (i = 0; i < sizeof(input) - 1; i++) {
        assert_string_equal(text, "");
        ws_reader_feed(reader, (u_char *) input + i, 1);
        assert_int_equal(drain(text, &end), NGX_AGAIN);
    }

    assert_string_equal(text, "[s\"0123456789\" [:-5 +x]];");
}


static void
a_reply_is_valid_until_the_next_call(void **state)
{
    ngx_uint_t   i;
    ws_reply_t  *reply;

    /* 10,000 replies of 100 bytes: the arena is renewed in between */

    for (i = 0; i < 10000; i++) {
        feed("*2\r\n$3\r\nfoo\r\n$80\r\n01234567890123456789012345678901234567"
             "890123456789012345678901234567890123456789\r\n");
        assert_int_equal(ws_reader_next(reader, &reply), NGX_OK);
        assert_int_equal(reply->n, 2);
        assert_int_equal(reply->elts[1].str.len, 80);
        assert_string_equal(reply->elts[0].str.data, "foo");
        assert_int_equal(ws_reader_next(reader, &reply), NGX_AGAIN);
    }
}


static void
garbage_is_an_error_for_good(void **state)
{
    ws_reply_t  *reply;

    check_refused("HTTP/1.1 400 Bad Request\r\n", "\"H\"");
    check_refused("\r\n", "Protocol error");
    check_refused("*2\r\n+a\r\nx\r\n", "Protocol error");
    check_refused(":12x\r\n", "Bad integer");
    check_refused(":\r\n", "Bad integer");
    check_refused(":9223372036854775808\r\n", "Bad integer");
    check_refused("$x\r\n", "Bad bulk");
    check_refused("$-2\r\n", "out of range");
    check_refused("$99999999999999999999\r\n", "Bad bulk");
    check_refused("*-2\r\n", "out of range");
    check_refused("*x\r\n", "Bad multi-bulk");

    /* what follows cannot be trusted */

    assert_int_equal(ws_reader_feed(reader, (u_char *) "+OK\r\n", 5),
                     NGX_ERROR);
    assert_int_equal(ws_reader_next(reader, &reply), NGX_ERROR);

    /* until there is a new connection */

    assert_int_equal(ws_reader_reset(reader), NGX_OK);
    check("+OK\r\n", "+OK;");
}


static void
lengths_without_substance_cost_nothing(void **state)
{
    check_refused("*2147483647\r\n", "too big");
    check_refused("*100000\r\n*2000000\r\n", "too big");

    /* such a string may come; its bytes would be refused at the limit */

    assert_int_equal(ws_reader_reset(reader), NGX_OK);
    check("$9223372036854775807\r\n", "");
}


static void
depth_is_bounded(void **state)
{
    check("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n",
          "[[[[[[[:1]]]]]]];");

    check_refused("*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1"
                  "\r\n", "");
}


static void
size_of_a_reply_is_bounded(void **state)
{
    size_t       i;
    u_char       zeroes[1024];
    ngx_int_t    rc;
    ws_reply_t  *reply;

    memset(zeroes, '0', sizeof(zeroes));
    ws_reader_limit(reader, 10000);

    /* not yet complete */

    feed("$20000\r\n");
    rc = NGX_AGAIN;

    for (i = 0; i < 9; i++) {
        assert_int_equal(ws_reader_feed(reader, zeroes, 1024), NGX_OK);
        assert_int_equal(ws_reader_next(reader, &reply), NGX_AGAIN);
    }

    assert_int_equal(ws_reader_feed(reader, zeroes, 1024), NGX_ERROR);
    assert_string_equal(ws_reader_error(reader), "reply is too big");

    /* in all, though each part is small */

    assert_int_equal(ws_reader_reset(reader), NGX_OK);
    feed("*20\r\n");

    for (i = 0; i < 20; i++) {
        feed("$1024\r\n");
        assert_int_equal(ws_reader_feed(reader, zeroes, 1024), NGX_OK);
        feed("\r\n");

        rc = ws_reader_next(reader, &reply);
        if (rc != NGX_AGAIN) {
            break;
        }
    }

    assert_int_equal(rc, NGX_ERROR);
    assert_int_equal(i, 8);

    /* of one reply, not of all there ever were */

    assert_int_equal(ws_reader_reset(reader), NGX_OK);

    for (i = 0; i < 20; i++) {
        feed("$1024\r\n");
        assert_int_equal(ws_reader_feed(reader, zeroes, 1024), NGX_OK);
        feed("\r\n");
        assert_int_equal(ws_reader_next(reader, &reply), NGX_OK);
        assert_int_equal(ws_reader_next(reader, &reply), NGX_AGAIN);
    }
}


static void
length_of_a_line_is_bounded(void **state)
{
    size_t       i;
    u_char       line[1024];
    ngx_int_t    rc;
    ws_reply_t  *reply;

    memset(line, 'x', sizeof(line));
    line[500] = '\r';
    line[501] = 'x';

    feed("-");

    for (i = 0; i < 100; i++) {
        assert_int_equal(ws_reader_feed(reader, line, sizeof(line)), NGX_OK);

        rc = ws_reader_next(reader, &reply);
        if (rc != NGX_AGAIN) {
            break;
        }
    }

    assert_int_equal(i, WS_READER_LINE / 1024);
    assert_string_equal(ws_reader_error(reader), "line is too long");
}


static void
a_large_string_is_no_long_line(void **state)
{
    size_t       i;
    u_char       part[1024];
    ws_reply_t  *reply;

    memset(part, 'x', sizeof(part));
    feed("*1\r\n$1048576\r\n");

    for (i = 0; i < 1024; i++) {
        assert_int_equal(ws_reader_next(reader, &reply), NGX_AGAIN);
        assert_int_equal(ws_reader_feed(reader, part, sizeof(part)), NGX_OK);
    }

    feed("\r\n");
    assert_int_equal(ws_reader_next(reader, &reply), NGX_OK);
    assert_int_equal(reply->elts[0].str.len, 1048576);
}


static void
lack_of_memory_is_an_error(void **state)
{
    ngx_int_t    n, rc;
    ws_reply_t  *reply;

    rc = NGX_ERROR;

    for (n = 0; rc != NGX_OK; n++) {
        assert_in_range(n, 0, 10);
        assert_int_equal(ws_reader_reset(reader), NGX_OK);

        feed("*2\r\n$3\r\nfoo\r\n:1\r\n");

        ws_ngx_fail_after(n);
        rc = ws_reader_next(reader, &reply);
        ws_ngx_fail_after(-1);

        if (rc != NGX_OK) {
            assert_int_equal(rc, NGX_ERROR);
            assert_string_equal(ws_reader_error(reader), "out of memory");
        }
    }

    /* a reset may fail as well, and be done again */

    ws_ngx_fail_after(0);
    assert_int_equal(ws_reader_reset(reader), NGX_ERROR);
    assert_int_equal(ws_reader_next(reader, &reply), NGX_ERROR);
    ws_ngx_fail_after(-1);

    assert_int_equal(ws_reader_reset(reader), NGX_OK);
    check("+OK\r\n", "+OK;");
}


static void
errors_are_known_by_their_first_word(void **state)
{
    ws_reply_t  *reply;

    feed("-NOSCRIPT No matching script.\r\n-LOADING\r\n$8\r\nNOSCRIPT\r\n");

    assert_int_equal(ws_reader_next(reader, &reply), NGX_OK);
    assert_true(ws_reply_is_error(reply, "NOSCRIPT"));
    assert_false(ws_reply_is_error(reply, "NOSC"));
    assert_false(ws_reply_is_error(reply, "NOSCRIPTS"));

    assert_int_equal(ws_reader_next(reader, &reply), NGX_OK);
    assert_true(ws_reply_is_error(reply, "LOADING"));

    assert_int_equal(ws_reader_next(reader, &reply), NGX_OK);
    assert_false(ws_reply_is_error(reply, "NOSCRIPT"));
    assert_false(ws_reply_is_error(NULL, "NOSCRIPT"));
}


int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_type, setup, teardown),
        cmocka_unit_test_setup_teardown(
            elements_keep_their_places_in_nested_arrays, setup, teardown),
        cmocka_unit_test_setup_teardown(strings_hold_any_bytes,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(cuts_do_not_matter, setup, teardown),
        cmocka_unit_test_setup_teardown(one_byte_at_a_time, setup, teardown),
        cmocka_unit_test_setup_teardown(a_reply_is_valid_until_the_next_call,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(garbage_is_an_error_for_good,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(lengths_without_substance_cost_nothing,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(depth_is_bounded, setup, teardown),
        cmocka_unit_test_setup_teardown(size_of_a_reply_is_bounded,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(length_of_a_line_is_bounded,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(a_large_string_is_no_long_line,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(lack_of_memory_is_an_error,
                                        setup, teardown),
        cmocka_unit_test_setup_teardown(errors_are_known_by_their_first_word,
                                        setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
