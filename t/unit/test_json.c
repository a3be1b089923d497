/* links: src/core/{ws_json,ws_time,ws_uuid}.c tools/ngx/ws_ngx.c;
   -lcmocka -ljansson -luuid */

/*
 * JSON: what the writer writes, and that another program's parser reads it
 * back.  What is read is in test_json_parse.c.
 */


#include "core_text.h"
#include "ws_json.h"
#include "ws_ngx.h"


typedef struct {
    ngx_pool_t  *pool;
    ws_json_t    w;
} fixture_t;


static fixture_t  fx;


static int
setup(void **state)
{
    fx.pool = ngx_create_pool(1024, NULL);
    ws_json_init(&fx.w, fx.pool, 0);

    return fx.pool == NULL;
}


static int
teardown(void **state)
{
    ws_ngx_fail_after(-1);
    ngx_destroy_pool(fx.pool);

    return 0;
}


/* what is written so far is exactly this */

static void
assert_written(const char *expected, size_t len)
{
    ngx_str_t  out;

    assert_int_equal(ws_json_str(&fx.w, &out), NGX_OK);
    assert_int_equal(out.len, len);
    assert_memory_equal(out.data, expected, len);
}


static void
write_string(const char *s, size_t len)
{
    ngx_str_t  text;

    text = core_text_n(s, len);
    ws_json_init(&fx.w, fx.pool, 0);
    ws_json_string(&fx.w, &text);
    core_text_free(&text);
}


static void
test_nothing(void **state)
{
    ngx_str_t  out;

    assert_int_equal(ws_json_str(&fx.w, &out), NGX_OK);
    assert_int_equal(out.len, 0);

    ws_json_raw(&fx.w, NULL, 0);

    assert_int_equal(ws_json_str(&fx.w, &out), NGX_OK);
    assert_int_equal(out.len, 0);
}


static void
test_document(void **state)
{
    ngx_str_t  name = ngx_string("my \"dev\"");

    ws_json_lit(&fx.w, "{\"name\":");
    ws_json_string(&fx.w, &name);
    ws_json_lit(&fx.w, ",\"n\":");
    ws_json_int(&fx.w, -7);
    ws_json_raw(&fx.w, "}...", 1);

    assert_written(core_bytes("{\"name\":\"my \\\"dev\\\"\",\"n\":-7}"));

    /* going on after ws_json_str() is allowed */

    ws_json_lit(&fx.w, "\n");
    assert_written(core_bytes("{\"name\":\"my \\\"dev\\\"\",\"n\":-7}\n"));
}


static void
test_growth_keeps_what_is_written(void **state)
{
    u_char      c;
    ngx_str_t   out;
    ngx_uint_t  i, size;

    for (size = 0; size < 100; size += 33) {
        ws_json_init(&fx.w, fx.pool, size);

        for (i = 0; i < 100000; i++) {
            c = (u_char) ('a' + i % 26);
            ws_json_raw(&fx.w, &c, 1);
        }

        assert_int_equal(ws_json_str(&fx.w, &out), NGX_OK);
        assert_int_equal(out.len, 100000);

        for (i = 0; i < out.len; i++) {
            assert_int_equal(out.data[i], 'a' + i % 26);
        }
    }
}


static void
test_room_given_is_room_used(void **state)
{
    u_char  *start;

    ws_json_init(&fx.w, fx.pool, 1000);
    start = fx.w.start;

    while (fx.w.last - fx.w.start < 1000) {
        ws_json_lit(&fx.w, "0123456789");
    }

    assert_ptr_equal(fx.w.start, start);

    /* and then it is more than one byte that is added */

    ws_json_lit(&fx.w, "0");
    assert_true(fx.w.end - fx.w.start >= 2000);
}


static void
test_string_escapes(void **state)
{
    size_t  i;

    static const struct {
        const char  *text;
        size_t       len;
        const char  *json;
    } table[] = {
        { core_bytes(""), "\"\"" },
        { core_bytes("plain"), "\"plain\"" },
        { core_bytes("\""), "\"\\\"\"" },
        { core_bytes("\\"), "\"\\\\\"" },
        { core_bytes("a\"b\\c"), "\"a\\\"b\\\\c\"" },
        { core_bytes("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\"" },
        { core_bytes("\0"), "\"\\u0000\"" },
        { core_bytes("a\0b"), "\"a\\u0000b\"" },
        { core_bytes("\x01\x0b\x1f"), "\"\\u0001\\u000b\\u001f\"" },
        { core_bytes("\x1b[0m"), "\"\\u001b[0m\"" },

        /* as they are */
        { core_bytes("</a>&'\x7f"), "\"</a>&'\x7f\"" },
        { core_bytes("\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"),
          "\"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80\"" },
        { core_bytes("\xc2\x80\xef\xbf\xbf"), "\"\xc2\x80\xef\xbf\xbf\"" },

        /* line ends of JavaScript, and their neighbours */
        { core_bytes("\xe2\x80\xa8"), "\"\\u2028\"" },
        { core_bytes("x\xe2\x80\xa9y"), "\"x\\u2029y\"" },
        { core_bytes("\xe2\x80\xa7"), "\"\xe2\x80\xa7\"" },
        { core_bytes("\xe2\x80\xaa"), "\"\xe2\x80\xaa\"" },
        { core_bytes("\xe2\x81\xa8"), "\"\xe2\x81\xa8\"" },
        { core_bytes("\xe3\x80\xa8"), "\"\xe3\x80\xa8\"" },

        /* not valid, but no reason to read past the end */
        { core_bytes("\xe2\x80"), "\"\xe2\x80\"" },
        { core_bytes("\xe2"), "\"\xe2\"" }
    };

    for (i = 0; i < core_items(table); i++) {
        write_string(table[i].text, table[i].len);
        assert_written(table[i].json, strlen(table[i].json));
    }
}


/* appends a random character, of one byte as often as of more; its length */

static size_t
random_utf8(char *p)
{
    uint32_t  c;

    do {
        switch (core_random() % 6) {
        case 0:
            c = core_random() % 0x20;
            break;
        case 1:
            c = 0x2000 + core_random() % 0x40;
            break;
        case 2:
            c = core_random() % 0x110000;
            break;
        case 3:
            c = core_random() % 0x800;
            break;
        default:
            c = core_random() % 0x80;
        }
    } while (c >= 0xd800 && c <= 0xdfff);

    if (c < 0x80) {
        p[0] = (char) c;
        return 1;
    }

    if (c < 0x800) {
        p[0] = (char) (0xc0 | c >> 6);
        p[1] = (char) (0x80 | (c & 0x3f));
        return 2;
    }

    if (c < 0x10000) {
        p[0] = (char) (0xe0 | c >> 12);
        p[1] = (char) (0x80 | (c >> 6 & 0x3f));
        p[2] = (char) (0x80 | (c & 0x3f));
        return 3;
    }

    p[0] = (char) (0xf0 | c >> 18);
    p[1] = (char) (0x80 | (c >> 12 & 0x3f));
    p[2] = (char) (0x80 | (c >> 6 & 0x3f));
    p[3] = (char) (0x80 | (c & 0x3f));
    return 4;
}


static void
test_string_is_read_back_by_jansson(void **state)
{
    char        text[200 * 4];
    size_t      len;
    json_t     *v;
    ngx_str_t   out;
    ngx_uint_t  round, n;

    for (round = 0; round < 5000; round++) {

        len = 0;

        for (n = core_random() % 200; n; n--) {
            len += random_utf8(text + len);
        }

        write_string(text, len);
        assert_int_equal(ws_json_str(&fx.w, &out), NGX_OK);

        v = json_loadb((char *) out.data, out.len,
                       JSON_DECODE_ANY|JSON_ALLOW_NUL, NULL);

        assert_non_null(v);
        assert_int_equal(json_string_length(v), len);
        assert_memory_equal(json_string_value(v), text, len);

        json_decref(v);
        ngx_reset_pool(fx.pool);
    }
}


static void
test_int(void **state)
{
    size_t  i;

    static const struct {
        int64_t      n;
        const char  *json;
    } table[] = {
        { 0, "0" },
        { 7, "7" },
        { -1, "-1" },
        { 1795486176123LL, "1795486176123" },
        { INT64_MAX, "9223372036854775807" },
        { INT64_MIN, "-9223372036854775808" }
    };

    for (i = 0; i < core_items(table); i++) {
        ws_json_init(&fx.w, fx.pool, 0);
        ws_json_int(&fx.w, table[i].n);
        assert_written(table[i].json, strlen(table[i].json));
    }
}


static void
test_bool(void **state)
{
    ws_json_bool(&fx.w, 1);
    ws_json_bool(&fx.w, 0);
    ws_json_bool(&fx.w, 2);

    assert_written(core_bytes("truefalsetrue"));
}


static void
test_time_and_uuid(void **state)
{
    ws_uuid_t  id;

    ngx_memset(&id, 0xab, sizeof(id));

    ws_json_time(&fx.w, 1795486176123LL);
    ws_json_uuid(&fx.w, &id);

    assert_written(core_bytes("\"2026-11-24T02:09:36.123Z\""
                              "\"abababab-abab-abab-abab-abababababab\""));
}


/* whatever room is left, no write goes beyond it */

static void
test_writes_ask_for_room(void **state)
{
    ws_uuid_t   id;
    ngx_str_t   s = ngx_string("\x01");
    ngx_uint_t  n, i;

    ngx_memzero(&id, sizeof(id));

    for (n = 0; n <= 64; n++) {
        for (i = 0; i < 5; i++) {

            ws_json_init(&fx.w, fx.pool, 64);

            while (fx.w.last - fx.w.start < (ptrdiff_t) n) {
                ws_json_lit(&fx.w, "x");
            }

            switch (i) {
            case 0:
                ws_json_time(&fx.w, 0);
                break;
            case 1:
                ws_json_uuid(&fx.w, &id);
                break;
            case 2:
                ws_json_string(&fx.w, &s);
                break;
            case 3:
                ws_json_int(&fx.w, INT64_MIN);
                break;
            default:
                ws_json_bool(&fx.w, 0);
            }

            assert_true(fx.w.last <= fx.w.end);
        }
    }
}


static void
test_value(void **state)
{
    json_t  *v;

    v = json_loads("{ \"z\" : [1, 2.5, null, true],\n"
                   "\"a\": {\"k\": \"\\u00e4\\n\"}, \"e\": {}, \"l\": [] }",
                   0, NULL);

    ws_json_lit(&fx.w, "[");
    ws_json_value(&fx.w, v);
    ws_json_lit(&fx.w, "]");

    json_decref(v);

    assert_written(core_bytes("[{\"z\":[1,2.5,null,true],"
                              "\"a\":{\"k\":\"\xc3\xa4\\n\"},"
                              "\"e\":{},\"l\":[]}]"));
}


static void
test_value_of_any_kind(void **state)
{
    json_t  *v;

    v = json_string("x");

    ws_json_value(&fx.w, v);
    ws_json_value(&fx.w, json_null());

    json_decref(v);

    assert_written(core_bytes("\"x\"null"));
}


static void
test_dump(void **state)
{
    json_t     *v;
    ngx_str_t   out;

    v = json_loads("{\"b\": 1, \"a\": [\"x\"]}", 0, NULL);

    assert_int_equal(ws_json_dump(fx.pool, v, &out), NGX_OK);
    assert_int_equal(out.len, sizeof("{\"b\":1,\"a\":[\"x\"]}") - 1);
    assert_memory_equal(out.data, "{\"b\":1,\"a\":[\"x\"]}", out.len);

    json_decref(v);

    assert_int_equal(ws_json_dump(fx.pool, NULL, &out), NGX_ERROR);
}


static void
test_dump_of_much(void **state)
{
    json_t      *v, *back;
    ngx_str_t    out;
    ngx_uint_t   i;

    v = json_array();

    for (i = 0; i < 5000; i++) {
        json_array_append_new(v, json_integer((json_int_t) i));
    }

    assert_int_equal(ws_json_dump(fx.pool, v, &out), NGX_OK);

    back = json_loadb((char *) out.data, out.len, 0, NULL);
    assert_int_equal(json_equal(v, back), 1);

    json_decref(back);
    json_decref(v);
}


/* writes with every kind of write */

static ngx_int_t
write_all(ngx_str_t *out)
{
    json_t     *v;
    ngx_str_t   text = ngx_string("one\ntwo");
    ws_json_t   w;
    ws_uuid_t   id;
    ngx_uint_t  i;

    ngx_memzero(&id, sizeof(id));
    v = json_pack("{s:[i,i]}", "k", 1, 2);

    ws_json_init(&w, fx.pool, 1);

    for (i = 0; i < 50; i++) {
        ws_json_lit(&w, "raw");
        ws_json_string(&w, &text);
        ws_json_int(&w, 12);
        ws_json_bool(&w, i % 2);
        ws_json_time(&w, 0);
        ws_json_uuid(&w, &id);
        ws_json_value(&w, v);
    }

    json_decref(v);

    return ws_json_str(&w, out);
}


/* with too little memory there is an error at the end, never half a text */

static void
test_no_memory(void **state)
{
    ngx_int_t   rc;
    ngx_str_t   whole, out;
    ngx_uint_t  n;

    assert_int_equal(write_all(&whole), NGX_OK);

    for (n = 0; n < 100; n++) {
        ws_ngx_fail_after((ngx_int_t) n);
        rc = write_all(&out);
        ws_ngx_fail_after(-1);

        if (rc == NGX_OK) {
            break;
        }

        assert_int_equal(rc, NGX_ERROR);
    }

    assert_in_range(n, 3, 50);
    assert_int_equal(out.len, whole.len);
    assert_memory_equal(out.data, whole.data, whole.len);
}


/* memory that comes back does not make a text with a hole whole */

static void
test_failure_is_remembered(void **state)
{
    ngx_str_t  out;

    ws_ngx_fail_after(0);
    ws_json_lit(&fx.w, "lost");
    ws_ngx_fail_after(-1);
    ws_json_lit(&fx.w, "kept");

    assert_int_equal(ws_json_str(&fx.w, &out), NGX_ERROR);
    assert_null(fx.w.last);
}


int
main(void)
{
    size_t  i;

    struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_nothing),
        cmocka_unit_test(test_document),
        cmocka_unit_test(test_growth_keeps_what_is_written),
        cmocka_unit_test(test_room_given_is_room_used),
        cmocka_unit_test(test_string_escapes),
        cmocka_unit_test(test_string_is_read_back_by_jansson),
        cmocka_unit_test(test_int),
        cmocka_unit_test(test_bool),
        cmocka_unit_test(test_time_and_uuid),
        cmocka_unit_test(test_writes_ask_for_room),
        cmocka_unit_test(test_value),
        cmocka_unit_test(test_value_of_any_kind),
        cmocka_unit_test(test_dump),
        cmocka_unit_test(test_dump_of_much),
        cmocka_unit_test(test_no_memory),
        cmocka_unit_test(test_failure_is_remembered)
    };

    for (i = 0; i < core_items(tests); i++) {
        tests[i].setup_func = setup;
        tests[i].teardown_func = teardown;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
