/*
 * What jobs need and provisioners offer: every tag with the same value, the
 * right organization; whatever cannot be read is met by nobody.
 */


#include "core_text.h"
#include "ws_json.h"
#include "ws_need.h"


#define ORG1  "497f6eca-6276-4993-bfeb-53cbbbba6f08"
#define ORG2  "06588898-9a84-4b35-ba8f-f9cbd64946f3"


static ngx_pool_t  *pool;


static int
need_setup(void **state)
{
    pool = ngx_create_pool(1024, NULL);

    return pool == NULL;
}


static int
need_teardown(void **state)
{
    ngx_destroy_pool(pool);

    return 0;
}


static ws_uuid_t
need_id(const char *text)
{
    ngx_str_t  s;
    ws_uuid_t  id;

    s.data = (u_char *) text;
    s.len = strlen(text);

    ngx_memzero(&id, sizeof(id));

    if (s.len) {
        assert_int_equal(ws_uuid_parse(&s, &id), NGX_OK);
    }

    return id;
}


/* whether a job with these tags of ORG1 is one for such a provisioner */

static ngx_uint_t
need_met(const char *wanted, const char *org, const char *had)
{
    json_t      *tags, *offered;
    ngx_str_t    text, exact;
    ws_uuid_t    of;
    ws_need_t    need;
    ws_offer_t   offer;
    ngx_uint_t   met;

    tags = json_loads(wanted, 0, NULL);
    offered = json_loads(had, 0, NULL);
    assert_non_null(tags);
    assert_non_null(offered);

    of = need_id(ORG1);
    text = ws_need_write(pool, &of, tags);
    assert_non_null(text.data);

    exact = core_text_n(text.data, text.len);
    assert_int_equal(ws_need_parse(&exact, &need), NGX_OK);
    assert_true(ws_uuid_eq(&need.org, &of));

    offer.org = need_id(org);
    offer.tags = offered;

    met = ws_need_met(&need, &offer);

    core_text_free(&exact);
    json_decref(tags);
    json_decref(offered);

    return met;
}


static void
test_tags(void **state)
{
    size_t  i;

    static const struct {
        const char  *wanted;
        const char  *had;
        ngx_uint_t   met;
    } cases[] = {
        { "{}", "{}", 1 },
        { "{}", "{\"a\":\"1\"}", 1 },
        { "{\"a\":\"1\"}", "{}", 0 },
        { "{\"a\":\"1\"}", "{\"a\":\"1\"}", 1 },
        { "{\"a\":\"1\"}", "{\"a\":\"2\"}", 0 },
        { "{\"a\":\"1\"}", "{\"a\":\"\"}", 0 },
        { "{\"a\":\"\"}", "{\"a\":\"\"}", 1 },
        { "{\"a\":\"\"}", "{}", 0 },
        { "{\"a\":\"1\"}", "{\"A\":\"1\"}", 0 },
        { "{\"a\":\"x\"}", "{\"a\":\"X\"}", 0 },
        { "{\"a\":\"1\"}", "{\"b\":\"2\",\"a\":\"1\"}", 1 },
        { "{\"a\":\"1\",\"b\":\"2\"}", "{\"a\":\"1\"}", 0 },
        { "{\"a\":\"1\",\"b\":\"2\"}", "{\"b\":\"2\",\"a\":\"1\"}", 1 },
        { "{\"a\":\"\\u00e9 =\\\"\"}", "{\"a\":\"\\u00e9 =\\\"\"}", 1 }
    };

    for (i = 0; i < core_items(cases); i++) {
        if (need_met(cases[i].wanted, "", cases[i].had) != cases[i].met) {
            fail_msg("%s, %s", cases[i].wanted, cases[i].had);
        }
    }
}


static void
test_organizations(void **state)
{
    assert_int_equal(need_met("{}", "", "{}"), 1);
    assert_int_equal(need_met("{}", ORG1, "{}"), 1);
    assert_int_equal(need_met("{}", ORG2, "{}"), 0);
    assert_int_equal(need_met("{\"a\":\"1\"}", ORG1, "{\"a\":\"1\"}"), 1);
    assert_int_equal(need_met("{\"a\":\"1\"}", ORG2, "{\"a\":\"1\"}"), 0);
    assert_int_equal(need_met("{\"a\":\"1\"}", ORG1, "{}"), 0);
}


static void
test_not_a_need(void **state)
{
    size_t     i;
    ngx_str_t  text;
    ws_need_t  need;

    static const char  *bad[] = {
        "", " ", "{}", ORG1, ORG1 " ", ORG1 " {", ORG1 "{}",
        "x97f6eca-6276-4993-bfeb-53cbbbba6f08 {}", " " ORG1 " {}"
    };

    for (i = 0; i < core_items(bad); i++) {
        text = core_text(bad[i]);
        assert_int_equal(ws_need_parse(&text, &need), NGX_DECLINED);
        core_text_free(&text);
    }
}


/* what stands where the tags should be is met by nobody */

static void
test_broken_tags(void **state)
{
    size_t      i;
    ngx_str_t   text;
    ws_need_t   need;
    ws_offer_t  offer;

    static const char  *bad[] = {
        ORG1 " {\"a\"}", ORG1 " [1,2]", ORG1 " {\"a\":1}", ORG1 " null",
        ORG1 " {\"a\":null}"
    };

    ngx_memzero(&offer, sizeof(offer));
    offer.tags = json_pack("{s:i,s:s}", "a", 1, "b", "2");

    for (i = 0; i < core_items(bad); i++) {
        text = core_text(bad[i]);
        assert_int_equal(ws_need_parse(&text, &need), NGX_OK);
        assert_int_equal(ws_need_met(&need, &offer), 0);
        core_text_free(&text);
    }

    json_decref(offer.tags);
}


static void
test_no_tags_at_all(void **state)
{
    ngx_str_t  text;
    ws_uuid_t  org;

    org = need_id(ORG1);
    text = ws_need_write(pool, &org, NULL);

    assert_int_equal(text.len, strlen(ORG1 " {}"));
    assert_memory_equal(text.data, ORG1 " {}", text.len);
}


static void
test_valid_tags(void **state)
{
    char         name[WS_TAG_NAME_MAX + 2], value[WS_TAG_VALUE_MAX + 2];
    size_t       i;
    ngx_str_t    n, v;
    const char  *detail;

    const struct {
        const char  *name;
        const char  *value;
        ngx_int_t    rc;
    } cases[] = {
        { "a", "", NGX_OK },
        { "Zone/a.b_c-9", "any = \xc3\xa9 \"text\"", NGX_OK },
        { name, value, NGX_OK },
        { "", "x", NGX_DECLINED },
        { "a b", "x", NGX_DECLINED },
        { "a=b", "x", NGX_DECLINED },
        { "\xc3\xa9", "x", NGX_DECLINED },
        { "a", "x\n", NGX_DECLINED },
        { "a", "\x7f", NGX_DECLINED }
    };

    memset(name, 'n', sizeof(name));
    memset(value, 'v', sizeof(value));
    name[WS_TAG_NAME_MAX] = '\0';
    value[WS_TAG_VALUE_MAX] = '\0';

    for (i = 0; i < core_items(cases); i++) {
        n = core_text(cases[i].name);
        v = core_text(cases[i].value);

        detail = NULL;
        assert_int_equal(ws_tag_valid(&n, &v, &detail), cases[i].rc);
        assert_non_null(detail);

        core_text_free(&n);
        core_text_free(&v);
    }

    /* one byte more */

    name[WS_TAG_NAME_MAX] = 'n';
    n.data = (u_char *) name;
    n.len = WS_TAG_NAME_MAX + 1;
    v.data = (u_char *) value;
    v.len = 1;
    assert_int_equal(ws_tag_valid(&n, &v, &detail), NGX_DECLINED);

    n.len = 1;
    v.len = WS_TAG_VALUE_MAX + 1;
    value[WS_TAG_VALUE_MAX] = 'v';
    assert_int_equal(ws_tag_valid(&n, &v, &detail), NGX_DECLINED);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_tags),
        cmocka_unit_test(test_organizations),
        cmocka_unit_test(test_not_a_need),
        cmocka_unit_test(test_broken_tags),
        cmocka_unit_test(test_no_tags_at_all),
        cmocka_unit_test(test_valid_tags)
    };

    return cmocka_run_group_tests(tests, need_setup, need_teardown);
}
