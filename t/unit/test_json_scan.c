/* links: src/core/ws_json_scan.c tools/ngx/ws_ngx.c; -lcmocka */

/*
 * Parts of documents found without parsing them.
 */


#include "core_text.h"
#include "ws_json_scan.h"


/* the text lies in memory of exactly its size, for the sanitizers */

static ngx_int_t
scan(const char *s, const char *key, char *out, size_t size)
{
    ngx_int_t  rc;
    ngx_str_t  text, value;

    text = core_text_n(s, strlen(s));
    value = text;

    rc = ws_json_scan(&text, key, &value);

    if (rc == NGX_OK) {
        assert_true(value.len < size);
        memcpy(out, value.data, value.len);
        out[value.len] = '\0';
    }

    core_text_free(&text);

    return rc;
}


static void
test_members_of_every_type(void **state)
{
    char    out[64];
    size_t  i;

    static const char  text[] =
        "{\"s\":\"a\\\"b\",\"n\":-1.5e3,\"t\":true,\"z\":null,\"a\":[1,{\"s\":"
        "2},[]],\"o\":{\"s\":\"}\",\"x\":[\"]\"]},\"last\":0}";

    static const struct {
        const char  *key;
        const char  *value;
    } table[] = {
        { "s", "\"a\\\"b\"" },
        { "n", "-1.5e3" },
        { "t", "true" },
        { "z", "null" },
        { "a", "[1,{\"s\":2},[]]" },
        { "o", "{\"s\":\"}\",\"x\":[\"]\"]}" },
        { "last", "0" }
    };

    for (i = 0; i < core_items(table); i++) {
        assert_int_equal(scan(text, table[i].key, out, sizeof(out)), NGX_OK);
        assert_string_equal(out, table[i].value);
    }
}


static void
test_without_braces(void **state)
{
    char  out[64];

    assert_int_equal(scan("\"a\":1,\"b\":{\"c\":2}", "b", out, sizeof(out)),
                     NGX_OK);
    assert_string_equal(out, "{\"c\":2}");

    assert_int_equal(scan("\"a\":1", "a", out, sizeof(out)), NGX_OK);
    assert_string_equal(out, "1");
}


static void
test_only_members_of_the_object_itself(void **state)
{
    char  out[64];

    assert_int_equal(scan("{\"a\":{\"b\":1},\"c\":\"b\",\"d\":[\"b\"]}", "b",
                          out, sizeof(out)),
                     NGX_DECLINED);
    assert_int_equal(scan("{\"a\":\"\\\",\\\"b\\\":1\",\"b\":2}", "b", out,
                          sizeof(out)),
                     NGX_OK);
    assert_string_equal(out, "2");
}


static void
test_keys_are_whole_words(void **state)
{
    char  out[64];

    assert_int_equal(scan("{\"ab\":1,\"b\":2,\"a\":3}", "a", out, sizeof(out)),
                     NGX_OK);
    assert_string_equal(out, "3");
    assert_int_equal(scan("{}", "a", out, sizeof(out)), NGX_DECLINED);
    assert_int_equal(scan("", "a", out, sizeof(out)), NGX_DECLINED);
    assert_int_equal(scan("{\"a\":1}", "", out, sizeof(out)), NGX_DECLINED);
}


/* every beginning of a text is declined or tells something that is in it */

static void
test_cut_anywhere(void **state)
{
    char       out[128], part[128];
    size_t     i;
    ngx_int_t  rc;

    static const char  text[] =
        "{\"x\":[1,\"\\\\\",{\"y\":\"\\u0041\"}],\"z\":{\"a\":1},\"a\":12}";

    for (i = 0; i < sizeof(text) - 1; i++) {
        memcpy(part, text, i);
        part[i] = '\0';

        rc = scan(part, "a", out, sizeof(out));

        if (rc == NGX_OK) {
            assert_int_equal(strncmp(out, "12", strlen(out)), 0);
        } else {
            assert_int_equal(rc, NGX_DECLINED);
        }
    }
}


static void
test_what_is_no_object(void **state)
{
    char    out[64];
    size_t  i;

    static const char  *table[] = {
        "[\"a\",1]", "\"a\"", "\"a", "1", "{\"b\":,\"a\":1}", "{\"b\"1}",
        "{\"b\":}", "{a:1}", "{\"a\":", "{\"a\":]}",
        "{\"b\":1}\"a\":1", "{ \"a\":1}", "{\"a\":\"", "{\"a\":\"\\"
    };

    for (i = 0; i < core_items(table); i++) {
        assert_int_equal(scan(table[i], "a", out, sizeof(out)), NGX_DECLINED);
    }
}


static void
test_strings(void **state)
{
    ngx_str_t  text, value;

    text = core_text("{\"a\":\"x y\",\"b\":\"\",\"c\":\"x\\n\",\"d\":1}");

    assert_int_equal(ws_json_scan_str(&text, "a", &value), NGX_OK);
    assert_int_equal(value.len, 3);
    assert_memory_equal(value.data, "x y", 3);

    assert_int_equal(ws_json_scan_str(&text, "b", &value), NGX_OK);
    assert_int_equal(value.len, 0);

    assert_int_equal(ws_json_scan_str(&text, "c", &value), NGX_DECLINED);
    assert_int_equal(ws_json_scan_str(&text, "d", &value), NGX_DECLINED);
    assert_int_equal(ws_json_scan_str(&text, "e", &value), NGX_DECLINED);

    core_text_free(&text);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_members_of_every_type),
        cmocka_unit_test(test_without_braces),
        cmocka_unit_test(test_only_members_of_the_object_itself),
        cmocka_unit_test(test_keys_are_whole_words),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_what_is_no_object),
        cmocka_unit_test(test_strings)
    };

    return cmocka_run_group_tests_name("json_scan", tests, NULL, NULL);
}
