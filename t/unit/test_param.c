/* links: src/lifecycle/ws_param.c src/lifecycle/ws_param_check.c
          src/lifecycle/ws_param_regex.c tools/ngx/ws_ngx.c;
          -ljansson -lcmocka */

/*
 * Parameters: what a version may declare, where a build's values come from,
 * and which are refused.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <time.h>
#include <cmocka.h>
#include "ws_param.h"
#include "ws_ngx.h"


static int
test_setup(void **state)
{
    ws_ngx_fail_after(-1);
    *state = ngx_create_pool(4096, NULL);

    return *state == NULL;
}


static int
test_teardown(void **state)
{
    ws_ngx_fail_after(-1);
    ngx_destroy_pool(*state);

    return 0;
}


/* the tables write JSON with ' for " */

static json_t *
test_json(const char *text)
{
    char          *copy, *p;
    json_t        *v;
    json_error_t   error;

    if (text == NULL) {
        return NULL;
    }

    copy = strdup(text);

    for (p = copy; *p; p++) {
        if (*p == '\'') {
            *p = '"';
        }
    }

    v = json_loads(copy, JSON_DECODE_ANY, &error);

    if (v == NULL) {
        fail_msg("%s: %s", copy, error.text);
    }

    free(copy);

    return v;
}


static void
test_has(ngx_str_t *s, const char *part, const char *where)
{
    if (memmem(s->data, s->len, part, ngx_strlen(part)) == NULL) {
        fail_msg("%s\n\"%.*s\" has no \"%s\"", where, (int) s->len, s->data,
                 part);
    }
}


typedef struct {
    const char  *declared;
    const char  *detail;        /* NULL: it is fine; else part of the detail */
} test_check_t;


static test_check_t  test_checks[] = {

    /* a declaration is an array of objects with a name and known fields */

    { "[]", NULL },
    { "{}", "an array" },
    { "[1]", "parameter 1: an object" },
    { "[{}]", "parameter 1: a \"name\" is required" },
    { "[{'name':1}]", "a \"name\" is required" },
    { "[{'name':''}]", "1 to 64 bytes" },
    { "[{'name':'a\\nb'}]", "control" },
    { "[{'name':'a\\u007fb'}]", "control" },
    { "[{'name':'0123456789012345678901234567890123456789012345678901234567"
      "890123'}]", NULL },
    { "[{'name':'0123456789012345678901234567890123456789012345678901234567"
      "8901234'}]", "1 to 64 bytes" },
    { "[{'name':'a b'},{'name':'A b'}]", NULL },
    { "[{'name':'a'},{'name':'b'},{'name':'a'}]",
      "parameter 3 (a): the same name twice" },
    { "[{'name':'a','requird':true}]", "unknown field \"requird\"" },
    { "[{'name':'a','description':'x'}]", NULL },
    { "[{'name':'a','description':1}]", "\"description\"" },
    { "[{'name':'a','required':'true'}]", "\"required\"" },
    { "[{'name':'a','mutable':1}]", "\"mutable\"" },

    /* types, and defaults that fit them */

    { "[{'name':'a','type':'string','default':''}]", NULL },
    { "[{'name':'a','default':null}]", NULL },
    { "[{'name':'a','type':'number','default':'4'}]", NULL },
    { "[{'name':'a','type':'number','default':4}]", NULL },
    { "[{'name':'a','type':'number','default':0.5}]", NULL },
    { "[{'name':'a','type':'bool','default':true}]", NULL },
    { "[{'name':'a','type':'bool','default':'false'}]", NULL },
    { "[{'name':'a','type':'list(string)','default':['x','y']}]", NULL },
    { "[{'name':'a','type':'list(string)','default':'[]'}]", NULL },
    { "[{'name':'a','type':'int'}]", "\"type\"" },
    { "[{'name':'a','type':1}]", "\"type\"" },
    { "[{'name':'a','type':'number','default':'four'}]",
      "\"default\": a decimal number" },
    { "[{'name':'a','type':'bool','default':'yes'}]", "\"default\"" },
    { "[{'name':'a','type':'bool','default':1}]", "\"default\"" },
    { "[{'name':'a','type':'list(string)','default':[1]}]", "\"default\"" },
    { "[{'name':'a','type':'list(string)','default':'x'}]", "\"default\"" },
    { "[{'name':'a','default':{}}]", "\"default\" is a string" },

    /* min and max */

    { "[{'name':'a','type':'number','min':1,'max':8,'default':'8'}]", NULL },
    { "[{'name':'a','type':'number','min':1,'max':1}]", NULL },
    { "[{'name':'a','type':'number','min':1,'max':8,'default':'9'}]",
      "greater than 8" },
    { "[{'name':'a','type':'number','min':1.5,'default':1}]",
      "less than 1.5" },
    { "[{'name':'a','type':'number','min':8,'max':1}]", "greater than" },
    { "[{'name':'a','type':'number','min':'1'}]", "are numbers" },
    { "[{'name':'a','min':1}]", "for the type number" },
    { "[{'name':'a','type':'bool','max':1}]", "for the type number" },

    /* options */

    { "[{'name':'a','options':['x','y'],'default':'y'}]", NULL },
    { "[{'name':'a','options':[{'name':'X','value':'x'}]}]", NULL },
    { "[{'name':'a','type':'number','options':[{'name':'one','value':1}]}]",
      NULL },
    { "[{'name':'a','type':'list(string)','options':['x','y'],"
      "'default':['y']}]", NULL },
    { "[{'name':'a','type':'list(string)','options':['x','y'],"
      "'default':['z']}]", "an element" },
    { "[{'name':'a','options':['x'],'default':'z'}]", "not one of" },
    { "[{'name':'a','options':[]}]", "1 to 256" },
    { "[{'name':'a','options':'x'}]", "1 to 256" },
    { "[{'name':'a','options':['x','x']}]", "option 2: the same value" },
    { "[{'name':'a','options':[{'name':'x','value':'x','v':1}]}]",
      "unknown field" },
    { "[{'name':'a','options':[{'value':'x'}]}]", "option 1" },
    { "[{'name':'a','options':[{'name':'x'}]}]", "\"value\"" },
    { "[{'name':'a','options':[1]}]", "option 1" },
    { "[{'name':'a','type':'number','options':['x']}]", "option 1: a dec" },
    { "[{'name':'a','type':'number','max':1,'options':['1','2']}]",
      "option 2: greater" },
    { "[{'name':'a','regex':'^x','options':['x','y']}]", "option 2: it does" },

    /* patterns */

    { "[{'name':'a','regex':'^[a-z]{1,63}$','default':'abc'}]", NULL },
    { "[{'name':'a','regex':'^[a-z]{1,63}$','default':'Abc'}]",
      "it does not match" },
    { "[{'name':'a','regex':'[[:digit:](){}*+]{2}'}]", NULL },
    { "[{'name':'a','regex':'[]+{9999}]'}]", NULL },
    { "[{'name':'a','regex':'^((a|b){8}){8}\\\\.(png|jpe?g)+$'}]", NULL },
    { "[{'name':'a','regex':1}]", "\"regex\" is a string" },
    { "[{'name':'a','type':'number','regex':'1'}]", "for the type string" },
    { "[{'name':'a','regex':'('}]", "\"regex\": " },
    { "[{'name':'a','regex':'['}]", "\"regex\": " },
    { "[{'name':'a','regex':'[[:x'}]", "\"regex\": " },
    { "[{'name':'a','regex':'a{2,1}'}]", "\"regex\": " },
    { "[{'name':'a','regex':'\\\\'}]", "\"regex\": " },
    { "[{'name':'a','regex':'(a*)\\\\1'}]", "back-references" },
    { "[{'name':'a','regex':'((a{9}){9}){9}'}]", "too many repetitions" },
    { "[{'name':'a','regex':'((a{1,9}){9,}){9}'}]", "too many repetitions" },
    { "[{'name':'a','regex':'[a-z]+?(-|a{0,2}|^)?(b?){3}(\\\\b|c$)*?'}]",
      "may be empty" },
    { "[{'name':'a','regex':'[a-z]+?(-|a{0,2}|^)?(b?){3}(\\\\w|c$)*?'}]",
      NULL },
    { "[{'name':'a','regex':'^(a?b)*(a|b?c)+)+$'}]", NULL },
    { "[{'name':'a','regex':'a**'}]", "may be empty" },
    { "[{'name':'a','regex':'a??+'}]", "may be empty" },
    { "[{'name':'a','regex':'(a?b?)*'}]", "may be empty" },
    { "[{'name':'a','regex':'(a|b|)+'}]", "may be empty" },
    { "[{'name':'a','regex':'(|a)+'}]", "may be empty" },
    { "[{'name':'a','regex':'(()b?a{0,3})*'}]", "may be empty" },
    { "[{'name':'a','regex':'(a{0}){1,}'}]", "may be empty" },
    { "[{'name':'a','regex':'(^|$)*'}]", "may be empty" },
    { "[{'name':'a','regex':'(\\\\b)*'}]", "may be empty" },
    { "[{'name':'a','regex':'))*)+++++++++++'}]", "too many repetitions" },
    { "[{'name':'a','regex':'a{30000}'}]", "too many repetitions" },
    { "[{'name':'a','regex':'a{99999999999999999999999}'}]", "too many" },
    { "[{'name':'a','regex':'((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+'}]",
      "too many repetitions" },
    { "[{'name':'a','regex':'[[:alpha:]]{300}[[:alpha:]]{300}'}]",
      "too many repetitions" },
    { "[{'name':'a','regex':'[]{300}]{300}\\\\]{300}'}]",
      "too many repetitions" },
    { "[{'name':'a','regex':'((((((((((((((((a))))))))))))))))'}]", NULL },
    { "[{'name':'a','regex':'(((((((((((((((((a)))))))))))))))))'}]",
      "parentheses" },
};


static void
test_check(void **state)
{
    json_t      *declared;
    ngx_int_t    rc;
    ngx_str_t    detail;
    ngx_uint_t   i;
    ngx_pool_t  *pool = *state;

    for (i = 0; i < sizeof(test_checks) / sizeof(test_checks[0]); i++) {
        declared = test_json(test_checks[i].declared);

        ngx_str_set(&detail, "");
        rc = ws_param_check(pool, declared, &detail);

        json_decref(declared);

        if (rc != (test_checks[i].detail ? NGX_DECLINED : NGX_OK)) {
            fail_msg("%s: %ld %.*s", test_checks[i].declared, (long) rc,
                     (int) detail.len, detail.data);
        }

        if (test_checks[i].detail) {
            test_has(&detail, test_checks[i].detail, test_checks[i].declared);
        }
    }
}


typedef struct {
    const char  *declared;
    const char  *given;
    const char  *previous;
    const char  *values;        /* wanted; NULL: declined, with ... */
    const char  *name;
    const char  *detail;        /* part of it */
} test_resolve_t;


static test_resolve_t  test_resolves[] = {

    /* where a value comes from: given, the build before, the default */

    { "[]", NULL, NULL, "[]", NULL, NULL },
    { "[]", "[]", "[]", "[]", NULL, NULL },
    { "[]", "null", NULL, "[]", NULL, NULL },
    { "[{'name':'a'},{'name':'b','default':'B'},{'name':'c'}]",
      "[{'name':'c','value':'C'}]", NULL,
      "[{'name':'b','value':'B'},{'name':'c','value':'C'}]", NULL, NULL },
    { "[{'name':'a','default':'D','mutable':true}]",
      "[{'name':'a','value':'G'}]", "[{'name':'a','value':'P'}]",
      "[{'name':'a','value':'G'}]", NULL, NULL },
    { "[{'name':'a','default':'D'}]", NULL, "[{'name':'a','value':'P'}]",
      "[{'name':'a','value':'P'}]", NULL, NULL },
    { "[{'name':'a','type':'bool','default':true},"
      "{'name':'b','type':'number','default':0.5},"
      "{'name':'c','type':'list(string)','default':['x','y']}]", NULL, NULL,
      "[{'name':'a','value':'true'},{'name':'b','value':'0.5'},"
      "{'name':'c','value':'[\\\"x\\\",\\\"y\\\"]'}]", NULL, NULL },

    /* values of parameters that this version no longer has are dropped */

    { "[{'name':'a'}]", NULL,
      "[{'name':'z','value':'Z'},{'name':'a','value':'P'}]",
      "[{'name':'a','value':'P'}]", NULL, NULL },

    /* what is no list of names and values is nobody's parameter */

    { "[]", "{}", NULL, NULL, "rich_parameter_values", "an array" },
    { "[]", "'x'", NULL, NULL, "rich_parameter_values", "an array" },
    { "[{'name':'a'}]", "[1]", NULL, NULL, "rich_parameter_values", "each" },
    { "[{'name':'a'}]", "[{'name':'a'}]", NULL, NULL,
      "rich_parameter_values", "each" },
    { "[{'name':'a'}]", "[{'value':'a'}]", NULL, NULL,
      "rich_parameter_values", "each" },
    { "[{'name':'a'}]", "[{'name':'a','value':1}]", NULL, NULL,
      "rich_parameter_values", "each" },
    { "[{'name':'a'}]", "[{'name':'a','value':null}]", NULL, NULL,
      "rich_parameter_values", "each" },

    { "[{'name':'a'}]", "[{'name':'A','value':''}]", NULL, NULL, "A",
      "no such parameter" },
    { "[{'name':'a'}]",
      "[{'name':'a','value':'1'},{'name':'a','value':'1'}]", NULL, NULL, "a",
      "more than once" },

    /* required */

    { "[{'name':'a','required':true}]", NULL, NULL, NULL, "a", "required" },
    { "[{'name':'a','required':true}]", "[{'name':'a','value':''}]", NULL,
      NULL, "a", "required" },
    { "[{'name':'a','required':true}]", "[{'name':'a','value':'x'}]", NULL,
      "[{'name':'a','value':'x'}]", NULL, NULL },
    { "[{'name':'a','required':true}]", NULL, "[{'name':'a','value':'x'}]",
      "[{'name':'a','value':'x'}]", NULL, NULL },
    { "[{'name':'a','required':true,'default':'d'}]", NULL, NULL,
      "[{'name':'a','value':'d'}]", NULL, NULL },

    /* an empty string is a value; an empty number is none */

    { "[{'name':'a','default':'d'}]", "[{'name':'a','value':''}]", NULL,
      "[{'name':'a','value':''}]", NULL, NULL },
    { "[{'name':'a','type':'number','default':'4'}]",
      "[{'name':'a','value':''}]", NULL, "[{'name':'a','value':'4'}]", NULL,
      NULL },
    { "[{'name':'a','type':'bool'}]", "[{'name':'a','value':''}]", NULL,
      "[]", NULL, NULL },

    /* mutable */

    { "[{'name':'a'}]", "[{'name':'a','value':'G'}]",
      "[{'name':'a','value':'P'}]", NULL, "a", "cannot be changed" },
    { "[{'name':'a'}]", "[{'name':'a','value':'P'}]",
      "[{'name':'a','value':'P'}]", "[{'name':'a','value':'P'}]", NULL, NULL },
    { "[{'name':'a'}]", "[{'name':'a','value':'G'}]", "[]",
      "[{'name':'a','value':'G'}]", NULL, NULL },

    /* types */

    { "[{'name':'a','type':'number','min':-1,'max':1.5}]",
      "[{'name':'a','value':'1.5'}]", NULL, "[{'name':'a','value':'1.5'}]",
      NULL, NULL },
    { "[{'name':'a','type':'number','min':-1}]",
      "[{'name':'a','value':'-1'}]", NULL, "[{'name':'a','value':'-1'}]",
      NULL, NULL },
    { "[{'name':'a','type':'number','min':-1}]",
      "[{'name':'a','value':'-1.01'}]", NULL, NULL, "a", "less than -1" },
    { "[{'name':'a','type':'bool'}]", "[{'name':'a','value':'True'}]", NULL,
      NULL, "a", "\"true\" or" },
    { "[{'name':'a','type':'list(string)'}]",
      "[{'name':'a','value':'[1]'}]", NULL, NULL, "a", "JSON array" },
    { "[{'name':'a','type':'list(string)'}]",
      "[{'name':'a','value':'[\\\"x\\\"] x'}]", NULL, NULL, "a",
      "JSON array" },
    { "[{'name':'a','options':['x','y']}]", "[{'name':'a','value':'X'}]",
      NULL, NULL, "a", "options" },
    { "[{'name':'a','regex':'^x+$'}]", "[{'name':'a','value':'xx'}]", NULL,
      "[{'name':'a','value':'xx'}]", NULL, NULL },
    { "[{'name':'a','regex':'^x+$'}]", "[{'name':'a','value':'xx\\n'}]",
      NULL, NULL, "a", "does not match ^x+$" },

    /* a value of the build before that this version does not allow */

    { "[{'name':'a','options':['x','y']}]", NULL,
      "[{'name':'a','value':'z'}]", NULL, "a", "options" },
};


static void
test_resolve(void **state)
{
    json_t          *declared, *given, *previous, *values, *want;
    ngx_int_t        rc;
    ngx_str_t        name, detail;
    ngx_uint_t       i;
    ngx_pool_t      *pool = *state;
    test_resolve_t  *t;

    for (i = 0; i < sizeof(test_resolves) / sizeof(test_resolves[0]); i++) {
        t = &test_resolves[i];

        declared = test_json(t->declared);
        given = test_json(t->given);
        previous = test_json(t->previous);
        want = test_json(t->values);
        values = NULL;

        assert_int_equal(ws_param_check(pool, declared, &detail), NGX_OK);

        rc = ws_param_resolve(pool, declared, given, previous, &values, &name,
                              &detail);

        json_decref(declared);
        json_decref(given);
        json_decref(previous);

        if (want) {
            if (rc != NGX_OK || !json_equal(values, want)) {
                fail_msg("%s %s: %ld", t->declared, t->given, (long) rc);
            }

        } else {
            assert_int_equal(rc, NGX_DECLINED);
            assert_int_equal(name.len, ngx_strlen(t->name));
            test_has(&name, t->name, t->declared);
            test_has(&detail, t->detail, t->declared);
        }

        json_decref(values);
        json_decref(want);
    }
}


static void
test_numbers(void **state)
{
    json_t      *param;
    ngx_str_t    value, detail;
    ngx_uint_t   i;
    ngx_pool_t  *pool = *state;

    static const char  *good[] = {
        "0", "-0", "007", "1.0", "-1.25", "99999999999999999999",
        "0.0000000000000000000000000000000000000000000000000000000000001"
    };

    static const char  *bad[] = {
        "", "-", "+1", " 1", "1 ", "1.", ".1", "-.1", "1.2.3", "1e3", "0x10",
        "inf", "nan", "1,5", "1_000", "\xd9\xa1", "1-", "--1",
        "000000000000000000000000000000000000000000000000000000000000000001"
    };

    param = test_json("{'name':'a','type':'number'}");

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        value.data = (u_char *) good[i];
        value.len = ngx_strlen(good[i]);

        if (ws_param_value(pool, param, &value, &detail) != NGX_OK) {
            fail_msg("\"%s\" was refused", good[i]);
        }
    }

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        value.data = (u_char *) bad[i];
        value.len = ngx_strlen(bad[i]);

        if (ws_param_value(pool, param, &value, &detail) != NGX_DECLINED) {
            fail_msg("\"%s\" was taken", bad[i]);
        }
    }

    json_decref(param);
}


static void
test_long_value(void **state)
{
    json_t      *param, *matched;
    ngx_str_t    value, detail;
    ngx_pool_t  *pool = *state;

    param = test_json("{'name':'a'}");
    matched = test_json("{'name':'a','regex':'.'}");

    value.data = ngx_pnalloc(pool, WS_PARAM_VALUE_MAX + 1);
    value.len = WS_PARAM_VALUE_MAX;
    ngx_memset(value.data, 'a', WS_PARAM_VALUE_MAX + 1);

    assert_int_equal(ws_param_value(pool, param, &value, &detail), NGX_OK);

    value.len++;
    assert_int_equal(ws_param_value(pool, param, &value, &detail),
                     NGX_DECLINED);

    value.len = WS_PARAM_MATCHED_MAX;
    assert_int_equal(ws_param_value(pool, matched, &value, &detail), NGX_OK);

    value.len++;
    assert_int_equal(ws_param_value(pool, matched, &value, &detail),
                     NGX_DECLINED);

    json_decref(param);
    json_decref(matched);
}


static void
test_too_many(void **state)
{
    char         name[32];
    json_t      *declared, *given, *values;
    ngx_str_t    where, detail;
    ngx_uint_t   i;
    ngx_pool_t  *pool = *state;

    declared = json_array();
    given = json_array();

    for (i = 0; i <= WS_PARAM_MAX; i++) {

        if (i == WS_PARAM_MAX) {
            assert_int_equal(ws_param_check(pool, declared, &detail), NGX_OK);
            assert_int_equal(ws_param_resolve(pool, declared, given, NULL,
                                              &values, &where, &detail),
                             NGX_OK);
            assert_int_equal(json_array_size(values), WS_PARAM_MAX);
            json_decref(values);
        }

        snprintf(name, sizeof(name), "p%u", (unsigned) i);
        json_array_append_new(declared, json_pack("{s:s}", "name", name));
        json_array_append_new(given, json_pack("{s:s,s:s}", "name", name,
                                               "value", "v"));
    }

    assert_int_equal(ws_param_check(pool, declared, &detail), NGX_DECLINED);
    assert_int_equal(ws_param_resolve(pool, declared, given, NULL, &values,
                                      &where, &detail),
                     NGX_DECLINED);

    json_decref(declared);
    json_decref(given);
}


/*
 * The costliest patterns that are let through, with the longest values that
 * they are matched with: none holds a worker for long.
 */

static void
test_hostile_patterns(void **state)
{
    json_t           *param;
    ngx_int_t         rc;
    ngx_str_t         value, detail;
    ngx_uint_t        i, k;
    ngx_pool_t       *pool = *state;
    struct timespec   from, to;

    static const char  *patterns[] = {
        "{'name':'a','regex':'^(a|b)*a(a|b){100}c$'}",
        "{'name':'a','regex':'^((a*)?)?((a+b?)*)?c$'}",
        "{'name':'a','regex':'(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)(a|a)*c'}",
        "{'name':'a','regex':'(a?){120}a{120}c'}",
        "{'name':'a','regex':'(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)(.*)c'}",
    };

    value.len = WS_PARAM_MATCHED_MAX;
    value.data = ngx_pnalloc(pool, value.len);

    srandom(1);

    for (k = 0; k < value.len; k++) {
        value.data[k] = "ab"[random() % 2];
    }

    for (i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        param = test_json(patterns[i]);

        rc = ws_param_check_regex(pool, param, "string", &detail);
        assert_int_equal(rc, NGX_OK);

        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
        rc = ws_param_value(pool, param, &value, &detail);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);

        json_decref(param);

        assert_int_equal(rc, NGX_DECLINED);
        print_message("%s: %ld us\n", patterns[i],
                      (long) (to.tv_sec - from.tv_sec) * 1000000
                      + (to.tv_nsec - from.tv_nsec) / 1000);

        /* far above what it takes, and far below what would hurt */

        assert_in_range(to.tv_sec - from.tv_sec, 0, 1);
    }
}


/* a declaration that was never checked is an error, not a crash */

static void
test_unchecked(void **state)
{
    json_t      *declared, *values;
    ngx_str_t    name, detail;
    ngx_uint_t   i;
    ngx_pool_t  *pool = *state;

    static const char  *bad[] = {
        "{}", "[1]", "[{}]", "[{'name':1}]",
        "[{'name':'a','regex':'(','default':'x'}]",
        "[{'name':'a','regex':1,'default':'x'}]"
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        declared = test_json(bad[i]);

        assert_int_equal(ws_param_resolve(pool, declared, NULL, NULL, &values,
                                          &name, &detail),
                         NGX_ERROR);

        json_decref(declared);
    }
}


/* a detail is cut between characters */

static void
test_decline_cut(void **state)
{
    char         text[301];
    ngx_str_t    detail;
    ngx_uint_t   i;
    ngx_pool_t  *pool = *state;

    for (i = 0; i < 300; i += 3) {
        ngx_memcpy(text + i, "\xe2\x82\xac", 3);
    }

    text[300] = '\0';

    for (i = 0; i < 3; i++) {
        assert_int_equal(ws_param_decline(pool, &detail, "%s%s",
                                          &"xx"[2 - i], text),
                         NGX_DECLINED);
        assert_int_equal((detail.len - i) % 3, 0);
        assert_in_range(detail.len, 248, 255);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_check, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_resolve, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_numbers, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_long_value, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_too_many, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_hostile_patterns, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_unchecked, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_decline_cut, test_setup,
                                        test_teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
