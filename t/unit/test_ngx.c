/* links: tools/ngx/ws_ngx.c; -lcmocka */

/*
 * The stand-in for nginx's core functions behaves as nginx does.
 */


#include "core_text.h"
#include "ws_ngx.h"


typedef struct {
    ngx_int_t  key;
    ngx_int_t  seq;
} item_t;


static ngx_pool_t  *pool;


static int
setup(void **state)
{
    pool = ngx_create_pool(1024, NULL);

    return pool == NULL;
}


static int
teardown(void **state)
{
    ws_ngx_fail_after(-1);
    ngx_destroy_pool(pool);

    return 0;
}


static void
test_pool_memory(void **state)
{
    size_t   size;
    u_char  *p;

    for (size = 0; size < 10000; size += 77) {

        p = ngx_palloc(pool, size);
        assert_non_null(p);
        assert_int_equal((uintptr_t) p % 16, 0);
        ngx_memset(p, 0xff, size);

        assert_non_null(ngx_pnalloc(pool, size));

        p = ngx_pcalloc(pool, size + 1);
        assert_non_null(p);
        assert_int_equal(p[0], 0);
        assert_int_equal(p[size], 0);
        assert_int_equal(ngx_pfree(pool, p), NGX_OK);
    }

    ngx_reset_pool(pool);

    assert_non_null(ngx_palloc(pool, 1));
    assert_null(ngx_palloc(pool, SIZE_MAX));
}


static void
test_pstrdup(void **state)
{
    u_char     *p;
    ngx_str_t   s;

    s = core_text("text");
    p = ngx_pstrdup(pool, &s);
    core_text_free(&s);

    assert_memory_equal(p, "text", 4);

    ngx_str_null(&s);
    assert_non_null(ngx_pstrdup(pool, &s));
}


static char  cleanup_order[8];


static void
cleanup(void *data)
{
    strcat(cleanup_order, (char *) data);
}


static void
test_pool_cleanup(void **state)
{
    ngx_pool_t          *p;
    ngx_pool_cleanup_t  *c;

    cleanup_order[0] = '\0';

    p = ngx_create_pool(1024, NULL);
    assert_non_null(p);

    c = ngx_pool_cleanup_add(p, 2);
    strcpy(c->data, "a");
    c->handler = cleanup;

    /* no handler: nothing happens */

    c = ngx_pool_cleanup_add(p, 0);
    assert_null(c->handler);
    assert_null(c->data);

    c = ngx_pool_cleanup_add(p, 0);
    c->data = "b";
    c->handler = cleanup;

    ngx_destroy_pool(p);

    assert_string_equal(cleanup_order, "ba");
}


static void
test_fail_after(void **state)
{
    ws_ngx_fail_after(2);

    assert_non_null(ngx_palloc(pool, 1));
    assert_non_null(ngx_pcalloc(pool, 1));
    assert_null(ngx_pnalloc(pool, 1));
    assert_null(ngx_alloc(1, NULL));
    assert_null(ngx_calloc(1, NULL));
    assert_null(ngx_create_pool(1024, NULL));
    assert_null(ngx_array_create(pool, 1, 1));
    assert_null(ngx_pool_cleanup_add(pool, 1));

    ws_ngx_fail_after(-1);

    assert_non_null(ngx_palloc(pool, 1));
}


static void
test_array(void **state)
{
    ngx_int_t    *elt;
    ngx_uint_t    i;
    ngx_array_t  *a;

    a = ngx_array_create(pool, 1, sizeof(ngx_int_t));
    assert_int_equal(a->nelts, 0);

    for (i = 0; i < 1000; i++) {
        elt = ngx_array_push(a);
        *elt = (ngx_int_t) i;
        assert_ptr_equal(elt, (ngx_int_t *) a->elts + i);
    }

    elt = ngx_array_push_n(a, 5000);
    assert_ptr_equal(elt, (ngx_int_t *) a->elts + 1000);
    assert_int_equal(a->nelts, 6000);

    for (i = 0; i < 1000; i++) {
        assert_int_equal(((ngx_int_t *) a->elts)[i], i);
    }

    /* a lack of memory leaves the array as it is */

    while (a->nelts < a->nalloc) {
        (void) ngx_array_push(a);
    }

    i = a->nelts;

    ws_ngx_fail_after(0);
    assert_null(ngx_array_push(a));
    ws_ngx_fail_after(-1);

    assert_int_equal(a->nelts, i);
    assert_int_equal(((ngx_int_t *) a->elts)[999], 999);

    ngx_array_destroy(a);
}


static void
test_array_without_room(void **state)
{
    ngx_array_t  a;

    assert_int_equal(ngx_array_init(&a, pool, 0, 8), NGX_OK);
    assert_non_null(ngx_array_push(&a));
    assert_int_equal(a.nelts, 1);
}


static void
test_cpystrn(void **state)
{
    u_char  buf[8];

    assert_ptr_equal(ngx_cpystrn(buf, (u_char *) "abc", 8), buf + 3);
    assert_string_equal((char *) buf, "abc");

    assert_ptr_equal(ngx_cpystrn(buf, (u_char *) "abcdef", 4), buf + 3);
    assert_string_equal((char *) buf, "abc");

    assert_ptr_equal(ngx_cpystrn(buf, (u_char *) "x", 1), buf);
    assert_string_equal((char *) buf, "");

    buf[0] = '!';
    assert_ptr_equal(ngx_cpystrn(buf, (u_char *) "x", 0), buf);
    assert_int_equal(buf[0], '!');
}


static ngx_int_t
sign(ngx_int_t n)
{
    return (n > 0) - (n < 0);
}


static void
test_compare(void **state)
{
    size_t  i;

    static const struct {
        char       *a;
        char       *b;
        size_t      n;
        ngx_int_t   rc;
        ngx_int_t   rc_n;
    } table[] = {
        { "abc", "ABC", 3, 0, 0 },
        { "zZ09", "Zz09", 4, 0, 0 },
        { "abc", "abd", 2, -1, 0 },
        { "abd", "ABC", 3, 1, 1 },
        { "ab", "abc", 3, -1, -1 },
        { "ab", "abc", 2, -1, 0 },
        { "", "", 5, 0, 0 },
        { "a", "b", 0, -1, 0 },
        { "[", "{", 1, -1, -1 },
        { "\xc4", "\xe4", 1, -1, -1 }
    };

    for (i = 0; i < core_items(table); i++) {
        assert_int_equal(sign(ngx_strcasecmp((u_char *) table[i].a,
                                             (u_char *) table[i].b)),
                         table[i].rc);
        assert_int_equal(sign(ngx_strncasecmp((u_char *) table[i].a,
                                              (u_char *) table[i].b,
                                              table[i].n)),
                         table[i].rc_n);
    }
}


static void
test_memn2cmp(void **state)
{
    u_char  *a = (u_char *) "ab";
    u_char  *b = (u_char *) "ac";

    assert_int_equal(ngx_memn2cmp(a, a, 2, 2), 0);
    assert_true(ngx_memn2cmp(a, b, 2, 2) < 0);
    assert_true(ngx_memn2cmp(b, a, 2, 2) > 0);
    assert_true(ngx_memn2cmp(b, a, 1, 2) < 0);
    assert_true(ngx_memn2cmp(b, a, 2, 1) > 0);
    assert_true(ngx_memn2cmp(b, a, 0, 1) < 0);
    assert_int_equal(ngx_memn2cmp(NULL, NULL, 0, 0), 0);
}


static void
test_numbers(void **state)
{
    size_t  i;

    static const struct {
        char       *text;
        ngx_int_t   dec;
        ngx_int_t   hex;
    } table[] = {
        { "", NGX_ERROR, NGX_ERROR },
        { "0", 0, 0 },
        { "0010", 10, 16 },
        { "99", 99, 153 },
        { "1f", NGX_ERROR, 31 },
        { "aF", NGX_ERROR, 175 },
        { "g", NGX_ERROR, NGX_ERROR },
        { "-1", NGX_ERROR, NGX_ERROR },
        { "+1", NGX_ERROR, NGX_ERROR },
        { " 1", NGX_ERROR, NGX_ERROR },
        { "9223372036854775807", NGX_MAX_INT_T_VALUE, NGX_ERROR },
        { "9223372036854775808", NGX_ERROR, NGX_ERROR },
        { "7fffffffffffffff", NGX_ERROR, NGX_MAX_INT_T_VALUE },
        { "8000000000000000", 8000000000000000, NGX_ERROR }
    };

    for (i = 0; i < core_items(table); i++) {
        assert_int_equal(ngx_atoi((u_char *) table[i].text,
                                  strlen(table[i].text)),
                         table[i].dec);
        assert_int_equal(ngx_hextoi((u_char *) table[i].text,
                                    strlen(table[i].text)),
                         table[i].hex);
    }
}


static ngx_int_t
item_cmp(const void *a, const void *b)
{
    return ((const item_t *) a)->key - ((const item_t *) b)->key;
}


static void
test_sort_is_stable(void **state)
{
    item_t      items[300];
    ngx_int_t   sum;
    ngx_uint_t  n, i;

    items[0].key = 2;
    items[1].key = 1;

    ngx_sort(items, 2, sizeof(item_t), item_cmp);

    assert_int_equal(items[0].key, 1);
    assert_int_equal(items[1].key, 2);

    for (n = 0; n <= 300; n++) {

        for (sum = 0, i = 0; i < n; i++) {
            items[i].key = core_random() % 50;
            items[i].seq = (ngx_int_t) i;
            sum += items[i].key;
        }

        ngx_sort(items, n, sizeof(item_t), item_cmp);

        for (i = 0; i < n; i++) {
            sum -= items[i].key;

            if (i && items[i - 1].key == items[i].key) {
                assert_true(items[i - 1].seq < items[i].seq);

            } else if (i) {
                assert_true(items[i - 1].key < items[i].key);
            }
        }

        assert_int_equal(sum, 0);
    }
}


int
main(void)
{
    size_t  i;

    struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_pool_memory),
        cmocka_unit_test(test_pstrdup),
        cmocka_unit_test(test_pool_cleanup),
        cmocka_unit_test(test_fail_after),
        cmocka_unit_test(test_array),
        cmocka_unit_test(test_array_without_room),
        cmocka_unit_test(test_cpystrn),
        cmocka_unit_test(test_compare),
        cmocka_unit_test(test_memn2cmp),
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_sort_is_stable)
    };

    for (i = 0; i < core_items(tests); i++) {
        tests[i].setup_func = setup;
        tests[i].teardown_func = teardown;
    }

    return cmocka_run_group_tests(tests, NULL, NULL);
}
