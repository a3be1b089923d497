
/*
 * Filters of a listing, in "q" and as parameters, and the reading of query
 * strings.
 */


#include "core_text.h"
#include "ws_query.h"
#include "ws_search.h"


static ngx_pool_t  *pool;


/* terms are written "owner=a name=b c" with "|" between them */

static const char *const  keys[] = {
    "owner", "template", "name", "status", "has_agent"
};


typedef struct {
    const char  *q;
    const char  *terms;      /* NULL: refused */
} search_t;


static const search_t  searches[] = {

    { "", "" },
    { "   ", "" },

    /* contract: List */

    { "owner:alice", "owner=alice" },
    { "template:docker", "template=docker" },
    { "name:dev", "name=dev" },
    { "status:running", "status=running" },
    { "status:starting", "status=starting" },
    { "has-agent:connected", "has_agent=connected" },
    { "dev", "name=dev" },
    { "alice/dev", "owner=alice|name=dev" },
    { "owner:me name:dev status:stopped",
      "owner=me|name=dev|status=stopped" },
    { "  dev   owner:me ", "name=dev|owner=me" },

    /* as the official clients write it */

    { "owner:\"me\" name:\"a b:c/d\" status:\"running\"",
      "owner=me|name=a b:c/d|status=running" },
    { "\"two words\"", "name=two words" },
    { "\"a/b\"", "name=a/b" },
    { "\"a:b:c\"", "name=a:b:c" },
    { "\"owner:me\"", "name=owner:me" },

    /* without case */

    { "OWNER:Alice Status:RUNNING HAS-agent:TimeOut DEV",
      "owner=alice|status=running|has_agent=timeout|name=dev" },

    /* quotes in the middle */

    { "name:a\" \"b", "name=a b" },
    { "\"owner\":alice", "owner=alice" },
    { "name:\"a\"\"b\"", "name=ab" },

    /* one of each separator */

    { "name:a/b", "name=a/b" },
    { "name:a\"//\"b", "name=a//b" },
    { "name:a\"::\"b", "name=a::b" },
    { "a\"/\"b/c", "owner=a/b|name=c" },

    /* a value that is there and empty is a filter not given */

    { "owner:\"\" dev", "name=dev" },
    { "\"\"", "" },
    { "status:\"\"", "" },
    { "alice/\"\"", "owner=alice" },
    { "\"\"/dev", "name=dev" },

    /* terms add up, equal ones do not */

    { "name:a name:b", "name=a|name=b" },
    { "name:a A name:\"a\"", "name=a" },
    { "status:running status:stopped", "status=running|status=stopped" },
    { "owner:a name:a", "owner=a|name=a" },

    /* only the space separates */

    { "a\tb", "name=a\tb" },
    { "name:\303\266\303\226", "name=\303\266\303\226" },

    /* contract: more than one ":" or "/" in an element */

    { "a:b:c", NULL },
    { "owner:a:b", NULL },
    { "a/b/c", NULL },
    { "name:a/b/c", NULL },
    { "::", NULL },
    { "//", NULL },
    { "dev a:b:c", NULL },

    /* contract: others are 400 */

    { "status:broken", NULL },
    { "status:run", NULL },
    { "status:runningg", NULL },
    { "has-agent:maybe", NULL },
    { "has-agent:running", NULL },

    /* keys */

    { "color:red", NULL },
    { "has_agent:connected", NULL },
    { "own:alice", NULL },
    { "ownerx:alice", NULL },
    { "a/b:c", NULL },

    /* something is missing */

    { "owner:", NULL },
    { "status:", NULL },
    { ":dev", NULL },
    { ":", NULL },
    { "\"\":dev", NULL },
    { "a/", NULL },
    { "/b", NULL },
    { "/", NULL },

    /* a quote that does not end */

    { "\"", NULL },
    { "name:\"a b", NULL },
    { "a\"b", NULL },
    { "name:\"a\"b\"", NULL }
};


static ngx_int_t
setup_terms(ngx_array_t *terms)
{
    return ngx_array_init(terms, pool, 4, sizeof(ws_search_term_t));
}


static char *
show(ngx_array_t *terms)
{
    size_t             n;
    ngx_uint_t         i;
    ws_search_term_t  *term;

    static char        text[4096];

    n = 0;
    text[0] = '\0';
    term = terms->elts;

    for (i = 0; i < terms->nelts; i++) {
        assert_true(term[i].key < WS_SEARCH_COUNT);
        assert_true(term[i].value.len > 0);

        n += snprintf(text + n, sizeof(text) - n, "%s%s=%.*s",
                      i ? "|" : "", keys[term[i].key],
                      (int) term[i].value.len, term[i].value.data);

        assert_true(n < sizeof(text));
    }

    return text;
}


static void
test_searches(void **state)
{
    size_t        i;
    ngx_int_t     rc;
    ngx_str_t     q;
    const char   *detail;
    ngx_array_t   terms;

    for (i = 0; i < core_items(searches); i++) {
        q = core_text(searches[i].q);
        detail = NULL;

        assert_int_equal(setup_terms(&terms), NGX_OK);

        rc = ws_search_parse(pool, &q, &terms, &detail);

        core_text_free(&q);

        if (searches[i].terms == NULL) {

            if (rc != NGX_DECLINED) {
                fail_msg("\"%s\" was not refused", searches[i].q);
            }

            assert_non_null(detail);
            continue;
        }

        if (rc != NGX_OK) {
            fail_msg("\"%s\": %s", searches[i].q, detail);
        }

        assert_string_equal(show(&terms), searches[i].terms);
    }
}


static void
test_parameters(void **state)
{
    size_t        i;
    ngx_str_t     value;
    const char   *detail;
    ngx_array_t   terms;

    static const struct {
        ngx_uint_t   key;
        const char  *value;
        const char  *terms;
    } cases[] = {
        { WS_SEARCH_OWNER, "Me", "owner=me" },
        { WS_SEARCH_TEMPLATE, "Docker", "template=docker" },
        { WS_SEARCH_NAME, "a:b \"/", "name=a:b \"/" },
        { WS_SEARCH_STATUS, "Deleted", "status=deleted" },
        { WS_SEARCH_HAS_AGENT, "CONNECTING", "has_agent=connecting" },
        { WS_SEARCH_OWNER, "", "" },
        { WS_SEARCH_STATUS, "", "" },
        { WS_SEARCH_HAS_AGENT, "", "" },
        { WS_SEARCH_STATUS, "starting ", NULL },
        { WS_SEARCH_STATUS, "connected", NULL },
        { WS_SEARCH_HAS_AGENT, "connect", NULL }
    };

    for (i = 0; i < core_items(cases); i++) {
        value = core_text(cases[i].value);
        detail = NULL;

        assert_int_equal(setup_terms(&terms), NGX_OK);

        if (cases[i].terms) {
            assert_int_equal(ws_search_add(&terms, cases[i].key, &value,
                                           &detail), NGX_OK);
            core_text_free(&value);
            assert_string_equal(show(&terms), cases[i].terms);
            continue;
        }

        assert_int_equal(ws_search_add(&terms, cases[i].key, &value, &detail),
                         NGX_DECLINED);
        assert_non_null(detail);
        assert_int_equal(terms.nelts, 0);
        core_text_free(&value);
    }
}


static void
test_parameter_and_search_must_both_hold(void **state)
{
    ngx_str_t     q, value;
    const char   *detail;
    ngx_array_t   terms;

    ngx_str_set(&q, "status:running name:dev");
    ngx_str_set(&value, "stopped");

    assert_int_equal(setup_terms(&terms), NGX_OK);
    assert_int_equal(ws_search_parse(pool, &q, &terms, &detail), NGX_OK);
    assert_int_equal(ws_search_add(&terms, WS_SEARCH_STATUS, &value, &detail),
                     NGX_OK);

    assert_string_equal(show(&terms),
                        "status=running|name=dev|status=stopped");
}


static void
test_terms_are_bounded(void **state)
{
    char          text[WS_SEARCH_MAX_TERMS * 4 + 4];
    size_t        i, n;
    ngx_str_t     q, value;
    const char   *detail;
    ngx_array_t   terms;

    n = 0;

    for (i = 0; i < WS_SEARCH_MAX_TERMS; i++) {
        n += snprintf(text + n, sizeof(text) - n, "%zu ", 100 + i);
    }

    q.data = (u_char *) text;
    q.len = n;

    assert_int_equal(setup_terms(&terms), NGX_OK);
    assert_int_equal(ws_search_parse(pool, &q, &terms, &detail), NGX_OK);
    assert_int_equal(terms.nelts, WS_SEARCH_MAX_TERMS);

    /* one that is there already is no further one */

    ngx_str_set(&value, "100");
    assert_int_equal(ws_search_add(&terms, WS_SEARCH_NAME, &value, &detail),
                     NGX_OK);

    ngx_str_set(&value, "99");
    detail = NULL;
    assert_int_equal(ws_search_add(&terms, WS_SEARCH_NAME, &value, &detail),
                     NGX_DECLINED);
    assert_non_null(detail);
    assert_int_equal(terms.nelts, WS_SEARCH_MAX_TERMS);
}


static void
test_statuses_are_the_listed_ones(void **state)
{
    size_t     i;
    ngx_str_t  name;

    static const char  *statuses[] = {
        "pending", "starting", "running", "stopping", "stopped", "failed",
        "canceling", "canceled", "deleting", "deleted"
    };

    static const char  *agents[] = {
        "connected", "connecting", "disconnected", "timeout"
    };

    assert_int_equal(core_items(statuses), WS_STATUS_COUNT);
    assert_int_equal(core_items(agents), WS_AGENT_COUNT);

    for (i = 0; i < core_items(statuses); i++) {
        name = core_text(statuses[i]);
        assert_int_equal(ws_status_find(&name), i);
        assert_int_equal(ws_agent_status_find(&name), NGX_DECLINED);
        core_text_free(&name);
    }

    for (i = 0; i < core_items(agents); i++) {
        name = core_text(agents[i]);
        assert_int_equal(ws_agent_status_find(&name), i);
        assert_int_equal(ws_status_find(&name), NGX_DECLINED);
        core_text_free(&name);
    }

    assert_string_equal(ws_search_param(WS_SEARCH_HAS_AGENT), "has_agent");
}


static void
test_arguments_are_found_and_decoded(void **state)
{
    size_t      i;
    ngx_int_t   rc;
    ngx_str_t   args, value;

    static const struct {
        const char  *args;
        ngx_int_t    rc;
        const char  *value;
    } cases[] = {
        { "", NGX_DECLINED, NULL },
        { "q", NGX_OK, "" },
        { "q=", NGX_OK, "" },
        { "q=dev", NGX_OK, "dev" },
        { "a=1&q=dev&b=2", NGX_OK, "dev" },
        { "q=first&q=second", NGX_OK, "first" },
        { "&&q=x", NGX_OK, "x" },
        { "qq=1&xq=2", NGX_DECLINED, NULL },
        { "Q=1", NGX_DECLINED, NULL },
        { "a=q=1", NGX_DECLINED, NULL },
        { "=q", NGX_DECLINED, NULL },
        { "%71=x", NGX_OK, "x" },
        { "q=a=b", NGX_OK, "a=b" },
        { "q=owner%3A%22me%22+dev", NGX_OK, "owner:\"me\" dev" },
        { "q=%2B%26", NGX_OK, "+&" },
        { "q=%c3%B6", NGX_OK, "\303\266" },

        /* a "%" that stands for nothing stays */

        { "q=100%", NGX_OK, "100%" },
        { "q=%4", NGX_OK, "%4" },
        { "q=%zz%4g%%41", NGX_OK, "%zz%4g%A" },
        { "q=%&a=1", NGX_OK, "%" },
        { "q=%4&1=1", NGX_OK, "%4" },

        /* not text */

        { "q=%00", NGX_ABORT, NULL },
        { "q=a%00b", NGX_ABORT, NULL },
        { "q=%ff", NGX_ABORT, NULL },
        { "q=\377", NGX_ABORT, NULL },
        { "q=%c3", NGX_ABORT, NULL },
        { "q=%c3+", NGX_ABORT, NULL },
        { "q=%80", NGX_ABORT, NULL },
        { "q=%c0%80", NGX_ABORT, NULL },
        { "q=%c1%bf", NGX_ABORT, NULL },
        { "q=%e0%9f%bf", NGX_ABORT, NULL },
        { "q=%ed%a0%80", NGX_ABORT, NULL },
        { "q=%f0%8f%bf%bf", NGX_ABORT, NULL },
        { "q=%f4%90%80%80", NGX_ABORT, NULL },
        { "q=%f5%80%80%80", NGX_ABORT, NULL },
        { "q=%e2%82", NGX_ABORT, NULL },

        /* the ends of what is */

        { "q=%c2%80%df%bf", NGX_OK, "\302\200\337\277" },
        { "q=%e0%a0%80%ef%bf%bf", NGX_OK, "\340\240\200\357\277\277" },
        { "q=%ed%9f%bf%ee%80%80", NGX_OK, "\355\237\277\356\200\200" },
        { "q=%f0%90%80%80%f4%8f%bf%bf", NGX_OK,
          "\360\220\200\200\364\217\277\277" }
    };

    for (i = 0; i < core_items(cases); i++) {
        args = core_text(cases[i].args);

        rc = ws_query_arg(pool, &args, "q", &value);

        if (rc != cases[i].rc) {
            fail_msg("\"%s\": %d", cases[i].args, (int) rc);
        }

        if (rc == NGX_OK) {
            assert_int_equal(value.len, strlen(cases[i].value));

            if (value.len) {
                assert_memory_equal(value.data, cases[i].value, value.len);
            }
        }

        core_text_free(&args);
    }

    ngx_str_null(&args);
    assert_int_equal(ws_query_arg(pool, &args, "q", &value), NGX_DECLINED);

    ngx_str_set(&args, "has%5Fagent=x");
    assert_int_equal(ws_query_arg(pool, &args, "has_agent", &value), NGX_OK);
}


static void
test_booleans(void **state)
{
    size_t      i;
    ngx_str_t   text;
    ngx_uint_t  flag;

    static const struct {
        const char  *text;
        ngx_int_t    value;      /* -1: refused */
    } cases[] = {
        { "1", 1 }, { "t", 1 }, { "T", 1 }, { "TRUE", 1 }, { "true", 1 },
        { "True", 1 },
        { "0", 0 }, { "f", 0 }, { "F", 0 }, { "FALSE", 0 }, { "false", 0 },
        { "False", 0 },
        { "", -1 }, { "2", -1 }, { "10", -1 }, { "tRUE", -1 }, { "tr", -1 },
        { "truee", -1 }, { "yes", -1 }, { "no", -1 }, { "on", -1 },
        { " 1", -1 }, { "1 ", -1 }, { "null", -1 }
    };

    for (i = 0; i < core_items(cases); i++) {
        text = core_text(cases[i].text);
        flag = 7;

        if (cases[i].value == -1) {
            assert_int_equal(ws_bool_parse(&text, &flag), NGX_DECLINED);
            assert_int_equal(flag, 7);

        } else {
            assert_int_equal(ws_bool_parse(&text, &flag), NGX_OK);
            assert_int_equal(flag, cases[i].value);
        }

        core_text_free(&text);
    }
}


static void
test_limits(void **state)
{
    size_t     i;
    int64_t    n;
    ngx_str_t  text;

    static const struct {
        const char  *text;
        int64_t      value;      /* -1: refused */
    } cases[] = {
        { "0", 0 }, { "1", 1 }, { "25", 25 }, { "007", 7 },
        { "2147483647", 2147483647 },
        { "00000000000000000000000000000000000001", 1 },
        { "2147483648", -1 }, { "99999999999999999999999999", -1 },
        { "", -1 }, { "-1", -1 }, { "-0", -1 }, { "+1", -1 }, { "1.0", -1 },
        { " 1", -1 }, { "1 ", -1 }, { "1e3", -1 }, { "0x10", -1 },
        { "ten", -1 }
    };

    for (i = 0; i < core_items(cases); i++) {
        text = core_text(cases[i].text);
        n = 77;

        if (cases[i].value == -1) {
            assert_int_equal(ws_limit_parse(&text, &n), NGX_DECLINED);
            assert_int_equal(n, 77);

        } else {
            assert_int_equal(ws_limit_parse(&text, &n), NGX_OK);
            assert_int_equal(n, cases[i].value);
        }

        core_text_free(&text);
    }

    ngx_str_set(&text, "9007199254740991");
    assert_int_equal(ws_limit_parse(&text, &n), NGX_DECLINED);
    assert_int_equal(ws_number_parse(&text, &n), NGX_OK);
    assert_int_equal(n, 9007199254740991);

    ngx_str_set(&text, "9007199254740992");
    assert_int_equal(ws_number_parse(&text, &n), NGX_DECLINED);
}


static int
setup(void **state)
{
    pool = ngx_create_pool(4096, NULL);

    return pool == NULL;
}


static int
teardown(void **state)
{
    ngx_destroy_pool(pool);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_searches),
        cmocka_unit_test(test_parameters),
        cmocka_unit_test(test_parameter_and_search_must_both_hold),
        cmocka_unit_test(test_terms_are_bounded),
        cmocka_unit_test(test_statuses_are_the_listed_ones),
        cmocka_unit_test(test_arguments_are_found_and_decoded),
        cmocka_unit_test(test_booleans),
        cmocka_unit_test(test_limits)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
