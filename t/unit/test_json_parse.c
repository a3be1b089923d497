/* links: src/core/{ws_json,ws_time,ws_uuid}.c tools/ngx/ws_ngx.c;
   -lcmocka -ljansson -luuid */

/*
 * JSON that comes in: what is taken, what is declined and why, and getters.
 */


#include "core_text.h"
#include "ws_json.h"


static ngx_int_t
parse(const char *s, size_t len, json_t **root, ngx_str_t *detail)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    ngx_str_null(detail);
    *root = (json_t *) -1;

    text = core_text_n(s, len);
    rc = ws_json_parse_object(&text, root, detail);
    core_text_free(&text);

    return rc;
}


static void
test_parse_takes_objects(void **state)
{
    size_t     i;
    json_t    *root;
    ngx_str_t  detail;

    static const struct {
        const char  *text;
        size_t       members;
    } table[] = {
        { "{}", 0 },
        { " \t\r\n{ \n} \n", 0 },
        { "{\"a\":1}", 1 },
        { "{\"a\":1,\"b\":{\"a\":[]},\"c\":null}", 3 },
        { "{\"\":\"\"}", 1 },
        { "{\"a\":9223372036854775807,\"b\":-9223372036854775808}", 2 },
        { "{\"\xc3\xa4\":\"\xf0\x9f\x98\x80\",\"b\":\"\\ud83d\\ude00\"}", 2 },
        { "{\"a\":\"\x7f\xc2\x80\xf4\x8f\xbf\xbf\xef\xbf\xbe\"}", 1 }
    };

    for (i = 0; i < core_items(table); i++) {
        assert_int_equal(parse(table[i].text, strlen(table[i].text), &root,
                               &detail),
                         NGX_OK);
        assert_int_equal(json_is_object(root), 1);
        assert_int_equal(json_object_size(root), table[i].members);
        assert_int_equal(detail.len, 0);
        json_decref(root);
    }
}


static void
test_parse_last_of_equal_keys_counts(void **state)
{
    json_t    *root;
    ngx_str_t  detail;

    assert_int_equal(parse(core_bytes("{\"a\":1,\"b\":2,\"a\":3}"), &root,
                           &detail),
                     NGX_OK);
    assert_int_equal(ws_json_get_int(root, "a", 0), 3);
    assert_int_equal(json_object_size(root), 2);

    json_decref(root);
}


#define NOT_JSON    "must be valid JSON"
#define NOT_OBJECT  "must be a JSON object"
#define NOT_UTF8    "must be valid UTF-8"
#define HAS_NUL     "must not hold the character U+0000"
#define TOO_LARGE   "must not hold a number that large"
#define TOO_DEEP    "must not be nested that deeply"


static void
assert_declined(const char *s, size_t len, const char *why)
{
    json_t    *root;
    ngx_str_t  detail;

    if (parse(s, len, &root, &detail) != NGX_DECLINED || root != NULL) {
        fail_msg("\"%s\" is not declined", s);
    }

    if (detail.len != strlen(why)
        || memcmp(detail.data, why, detail.len) != 0)
    {
        fail_msg("\"%s\" %.*s, not: %s", s, (int) detail.len, detail.data,
                 why);
    }
}


static void
test_parse_declines(void **state)
{
    size_t  i;

    static const struct {
        const char  *text;
        size_t       len;
        const char  *why;
    } table[] = {
        { core_bytes(""), NOT_JSON },
        { core_bytes(" "), NOT_JSON },
        { core_bytes("{"), NOT_JSON },
        { core_bytes("}"), NOT_JSON },
        { core_bytes("{\"a\"}"), NOT_JSON },
        { core_bytes("{\"a\":}"), NOT_JSON },
        { core_bytes("{\"a\":1,}"), NOT_JSON },
        { core_bytes("{a:1}"), NOT_JSON },
        { core_bytes("{'a':1}"), NOT_JSON },
        { core_bytes("{1:1}"), NOT_JSON },
        { core_bytes("{} {}"), NOT_JSON },
        { core_bytes("{}x"), NOT_JSON },
        { core_bytes("{\"a\":01}"), NOT_JSON },
        { core_bytes("{\"a\":+1}"), NOT_JSON },
        { core_bytes("{\"a\":.5}"), NOT_JSON },
        { core_bytes("{\"a\":NaN}"), NOT_JSON },
        { core_bytes("{\"a\":True}"), NOT_JSON },
        { core_bytes("{\"a\":\"\n\"}"), NOT_JSON },
        { core_bytes("{\"a\":\"\\x\"}"), NOT_JSON },
        { core_bytes("{\"a\":\"\\u12g4\"}"), NOT_JSON },
        { core_bytes("{\"a\":\"\\ud800\"}"), NOT_JSON },
        { core_bytes("{\"a\":\"\\udc00\"}"), NOT_JSON },
        { core_bytes("{/**/}"), NOT_JSON },
        { core_bytes("\xef\xbb\xbf{}"), NOT_JSON },
        { core_bytes("{}\0"), NOT_JSON },
        { core_bytes("\0{}"), NOT_JSON },
        { core_bytes("{\"a\":\"\0\"}"), NOT_JSON },

        { core_bytes("null"), NOT_OBJECT },
        { core_bytes("[]"), NOT_OBJECT },
        { core_bytes("[{}]"), NOT_OBJECT },
        { core_bytes("1"), NOT_OBJECT },
        { core_bytes("true"), NOT_OBJECT },
        { core_bytes("\"{}\""), NOT_OBJECT },

        { core_bytes("{\"a\":\"\\u0000\"}"), HAS_NUL },
        { core_bytes("{\"\\u0000\":1}"), HAS_NUL },

        { core_bytes("{\"a\":9223372036854775808}"), TOO_LARGE },
        { core_bytes("{\"a\":-9223372036854775809}"), TOO_LARGE },
        { core_bytes("{\"a\":1e999}"), TOO_LARGE },

        /* lone, missing and superfluous continuation bytes */
        { core_bytes("{\"a\":\"\x80\"}"), NOT_UTF8 },
        { core_bytes("{\"a\":\"\xc3\"}"), NOT_UTF8 },
        { core_bytes("{\"a\":\"\xe2\x82\"}"), NOT_UTF8 },
        { core_bytes("{\"a\":\"\xf0\x9f\x98\"}"), NOT_UTF8 },
        { core_bytes("{\"a\":\"\xc3\xa4\xa4\"}"), NOT_UTF8 },
        { core_bytes("{\"a\":\"\xc3"), NOT_UTF8 },
        { core_bytes("{\"\xff\":1}"), NOT_UTF8 },
        { core_bytes("{\xff}"), NOT_UTF8 },

        /* overlong, surrogates, beyond U+10FFFF, no such bytes */
        { core_bytes("{\"a\":\"\xc0\x80\"}"), NOT_UTF8 },
        { core_bytes("{\"a\":\"\xc1\xbf\"}"), NOT_UTF8 },
        { core_bytes("{\"a\":\"\xe0\x9f\xbf\"}"), NOT_UTF8 },
        { core_bytes("{\"a\":\"\xf0\x8f\xbf\xbf\"}"), NOT_UTF8 },
        { core_bytes("{\"a\":\"\xed\xa0\x80\"}"), NOT_UTF8 },
        { core_bytes("{\"a\":\"\xed\xbf\xbf\"}"), NOT_UTF8 },
        { core_bytes("{\"a\":\"\xf4\x90\x80\x80\"}"), NOT_UTF8 },
        { core_bytes("{\"a\":\"\xf8\x88\x80\x80\x80\"}"), NOT_UTF8 },
        { core_bytes("{\"a\":\"\xfe\"}"), NOT_UTF8 }
    };

    for (i = 0; i < core_items(table); i++) {
        assert_declined(table[i].text, table[i].len, table[i].why);
    }

    assert_declined(NULL, 0, NOT_JSON);
}


static void
test_parse_bounds_nesting(void **state)
{
    char       *text;
    size_t      n;
    json_t     *root;
    ngx_str_t   detail;

    static const size_t  fine = 2000, much = 100000;

    text = malloc(much * 2 + 8);
    assert_non_null(text);

    memcpy(text, "{\"a\":", 5);

    for (n = 0; n < much; n++) {
        text[5 + n] = '[';
    }

    assert_declined(text, 5 + much, TOO_DEEP);

    for (n = 0; n < fine; n++) {
        text[5 + fine + n] = ']';
    }

    text[5 + 2 * fine] = '}';

    assert_int_equal(parse(text, 6 + 2 * fine, &root, &detail), NGX_OK);

    json_decref(root);
    free(text);
}


static long  allocs_left;


static void *
scarce_malloc(size_t size)
{
    return allocs_left-- > 0 ? malloc(size) : NULL;
}


/*
 * Lack of memory is no fault of the client's.  Where it hits a string jansson
 * 2.14 reports a syntax error, which is the best it lets one know.
 */

static void
test_parse_without_memory(void **state)
{
    long        n, told;
    json_t     *root;
    ngx_int_t   rc;
    ngx_str_t   detail;

    told = 0;

    json_set_alloc_funcs(scarce_malloc, free);

    for (n = 0; n < 1000; n++) {

        allocs_left = n;

        rc = parse(core_bytes("{\"abc\":[1,2,\"x\",{\"y\":1.5}],\"d\":null}"),
                   &root, &detail);

        if (rc == NGX_OK) {
            break;
        }

        assert_null(root);
        told += (rc == NGX_ERROR);
    }

    json_set_alloc_funcs(malloc, free);

    assert_in_range(n, 5, 500);
    assert_in_range(told, n / 2, n);

    json_decref(root);
}


static void
test_getters(void **state)
{
    json_t     *o;
    int64_t     ms;
    ngx_str_t   s;
    ws_uuid_t   id;

    o = json_loads("{\"s\":\"a\\u0000b\",\"e\":\"\",\"i\":-5,\"z\":0,"
                   "\"r\":1.5,\"t\":true,\"f\":false,\"n\":null,\"o\":{},"
                   "\"u\":\"ABababab-abab-abab-abab-abababababab\","
                   "\"at\":\"1970-01-01T01:00:01+01:00\"}", JSON_ALLOW_NUL,
                   NULL);
    assert_non_null(o);

    s = ws_json_get_str(o, "s");
    assert_int_equal(s.len, 3);
    assert_memory_equal(s.data, "a\0b", 3);
    assert_ptr_equal(s.data, json_string_value(json_object_get(o, "s")));

    assert_int_equal(ws_json_get_str(o, "e").len, 0);
    assert_int_equal(ws_json_get_str(o, "i").len, 0);
    assert_int_equal(ws_json_get_str(o, "n").len, 0);
    assert_int_equal(ws_json_get_str(o, "absent").len, 0);

    assert_int_equal(ws_json_get_int(o, "i", 9), -5);
    assert_int_equal(ws_json_get_int(o, "z", 9), 0);
    assert_int_equal(ws_json_get_int(o, "r", 9), 9);
    assert_int_equal(ws_json_get_int(o, "s", 9), 9);
    assert_int_equal(ws_json_get_int(o, "absent", -9), -9);

    assert_int_equal(ws_json_get_bool(o, "t", 0), 1);
    assert_int_equal(ws_json_get_bool(o, "f", 1), 0);
    assert_int_equal(ws_json_get_bool(o, "i", 0), 0);
    assert_int_equal(ws_json_get_bool(o, "n", 1), 1);
    assert_int_equal(ws_json_get_bool(o, "absent", 1), 1);

    ngx_memzero(&id, sizeof(id));
    assert_int_equal(ws_json_get_uuid(o, "s", &id), NGX_DECLINED);
    assert_int_equal(ws_json_get_uuid(o, "absent", &id), NGX_DECLINED);
    assert_int_equal(ws_uuid_is_nil(&id), 1);
    assert_int_equal(ws_json_get_uuid(o, "u", &id), NGX_OK);
    assert_int_equal(id.b[15], 0xab);

    ms = 77;
    assert_int_equal(ws_json_get_time(o, "s", &ms), NGX_DECLINED);
    assert_int_equal(ws_json_get_time(o, "i", &ms), NGX_DECLINED);
    assert_int_equal(ws_json_get_time(o, "absent", &ms), NGX_DECLINED);
    assert_int_equal(ms, 77);
    assert_int_equal(ws_json_get_time(o, "at", &ms), NGX_OK);
    assert_int_equal(ms, 1000);

    json_decref(o);
}


/* an id that is broken half way does not show in the result */

static void
test_get_uuid_is_all_or_nothing(void **state)
{
    json_t     *o;
    ws_uuid_t   id;

    o = json_pack("{s:s}", "u", "abababab-abab-abab-abab-ababababab!b");

    ngx_memzero(&id, sizeof(id));
    assert_int_equal(ws_json_get_uuid(o, "u", &id), NGX_DECLINED);
    assert_int_equal(ws_uuid_is_nil(&id), 1);

    json_decref(o);
}


static void
test_getters_of_no_object(void **state)
{
    size_t      i;
    json_t     *values[3];
    int64_t     ms;
    ws_uuid_t   id;

    values[0] = NULL;
    values[1] = json_null();
    values[2] = json_pack("[s]", "a");

    for (i = 0; i < core_items(values); i++) {
        assert_int_equal(ws_json_get_str(values[i], "a").len, 0);
        assert_int_equal(ws_json_get_int(values[i], "a", 4), 4);
        assert_int_equal(ws_json_get_bool(values[i], "a", 1), 1);
        assert_int_equal(ws_json_get_uuid(values[i], "a", &id),
                         NGX_DECLINED);
        assert_int_equal(ws_json_get_time(values[i], "a", &ms),
                         NGX_DECLINED);
    }

    json_decref(values[2]);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_parse_takes_objects),
        cmocka_unit_test(test_parse_last_of_equal_keys_counts),
        cmocka_unit_test(test_parse_declines),
        cmocka_unit_test(test_parse_bounds_nesting),
        cmocka_unit_test(test_parse_without_memory),
        cmocka_unit_test(test_getters),
        cmocka_unit_test(test_get_uuid_is_all_or_nothing),
        cmocka_unit_test(test_getters_of_no_object)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
