/* links: src/store/ws_list_ids.c tools/ngx/ws_ngx.c; -lcmocka */

/*
 * Listings: the list of ids that have been found.
 */


#include "core_text.h"
#include "ws_list_ids.h"
#include "ws_ngx.h"


static ngx_pool_t  *pool;


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


static ws_uuid_t
numbered(uint32_t n)
{
    ws_uuid_t  u;

    /* the beginning of ids is not random: the end tells them apart */

    memset(u.b, 0x77, sizeof(u.b));
    memcpy(&u.b[12], &n, sizeof(n));

    return u;
}


static void
fill(ws_list_ids_t *ids, uint32_t from, uint32_t to)
{
    ws_uuid_t  u;

    for ( /* void */ ; from < to; from++) {
        u = numbered(from);
        assert_non_null(ws_list_ids_append(ids, &u));
    }
}


/* takes all, in portions, and expects from .. to */

static void
drain(ws_list_ids_t *ids, uint32_t from, uint32_t to, ngx_uint_t portion)
{
    ngx_uint_t  i, n;
    ws_uuid_t   out[64], u;

    assert_int_equal(ids->n, to - from);

    while ((n = ws_list_ids_take(ids, out, portion)) != 0) {

        assert_int_equal(n, ngx_min(portion, to - from));

        for (i = 0; i < n; i++) {
            u = numbered(from++);
            assert_memory_equal(&out[i], &u, sizeof(u));
        }

        assert_int_equal(ids->n, to - from);
    }

    assert_int_equal(from, to);
    assert_null(ids->first);
}


static void
test_ids(void **state)
{
    size_t         i;
    ws_list_ids_t  ids;

    static const uint32_t  sizes[] = {
        0, 1, 63, 64, 65, WS_LIST_CHUNK - 1, WS_LIST_CHUNK,
        WS_LIST_CHUNK + 1, 5 * WS_LIST_CHUNK, 10000
    };

    ws_list_ids_init(&ids, NULL);

    for (i = 0; i < core_items(sizes); i++) {
        fill(&ids, 0, sizes[i]);
        drain(&ids, 0, sizes[i], 64);

        fill(&ids, 0, sizes[i]);
        drain(&ids, 0, sizes[i], 7);
    }
}


static void
test_ids_window(void **state)
{
    size_t         i, k, m;
    uint32_t       from, to;
    ws_list_ids_t  ids;

    static const uint32_t  sizes[] = {
        0, 1, 2, WS_LIST_CHUNK - 1, WS_LIST_CHUNK, WS_LIST_CHUNK + 1, 3000
    };

    ws_list_ids_init(&ids, NULL);

    for (i = 0; i < core_items(sizes); i++) {
        for (k = 0; k < core_items(sizes); k++) {
            for (m = 0; m < core_items(sizes); m++) {

                from = ngx_min(sizes[k], sizes[i]);
                to = ngx_min(from + sizes[m], sizes[i]);

                fill(&ids, 0, sizes[i]);
                ws_list_ids_skip(&ids, sizes[k]);
                ws_list_ids_limit(&ids, sizes[m]);
                drain(&ids, from, to, 64);
            }
        }
    }
}


static void
test_ids_prepend(void **state)
{
    ws_list_ids_t  ids, front;

    ws_list_ids_init(&ids, NULL);
    ws_list_ids_init(&front, NULL);

    fill(&ids, 1500, 3000);
    fill(&front, 0, 1500);
    ws_list_ids_prepend(&ids, &front);
    assert_int_equal(front.n, 0);

    ws_list_ids_prepend(&ids, &front);
    fill(&ids, 3000, 3001);
    drain(&ids, 0, 3001, 64);

    fill(&front, 0, 2);
    ws_list_ids_prepend(&ids, &front);
    fill(&ids, 2, 4);
    drain(&ids, 0, 4, 1);
}


static void
suspect(ngx_array_t *suspects, ws_list_ids_t *ids, uint32_t n)
{
    ws_uuid_t  u, **s;

    u = numbered(n);
    s = ngx_array_push(suspects);
    *s = ws_list_ids_append(ids, &u);
    assert_non_null(*s);
}


static void
test_ids_unique(void **state)
{
    uint32_t       i;
    ngx_array_t    suspects;
    ws_list_ids_t  ids, front;

    ws_list_ids_init(&ids, NULL);
    ws_list_ids_init(&front, NULL);

    assert_int_equal(ngx_array_init(&suspects, pool, 1, sizeof(ws_uuid_t *)),
                     NGX_OK);

    /* nothing to do */

    fill(&ids, 0, 10);
    assert_int_equal(ws_list_ids_unique(&ids, &suspects), NGX_OK);
    drain(&ids, 0, 10, 64);

    /* suspects that nobody else is, suspects twice, and again in the rest */

    for (i = 0; i < 500; i++) {
        suspect(&suspects, &front, i);
    }

    for (i = 250; i < 500; i++) {
        suspect(&suspects, &front, i);
    }

    for (i = 5000; i < 7000; i++) {
        suspect(&suspects, &front, i);
    }

    fill(&ids, 500, 7000);
    ws_list_ids_prepend(&ids, &front);

    assert_int_equal(ws_list_ids_unique(&ids, &suspects), NGX_OK);
    drain(&ids, 0, 7000, 64);

    /* a suspect that comes after the one it is a double of */

    suspects.nelts = 0;
    fill(&ids, 0, 3);
    suspect(&suspects, &ids, 1);
    assert_int_equal(ws_list_ids_unique(&ids, &suspects), NGX_OK);
    fill(&ids, 3, 4);
    drain(&ids, 0, 4, 64);

    /* a window is of those that are left */

    suspects.nelts = 0;
    suspect(&suspects, &ids, 3);
    fill(&ids, 0, 10);
    assert_int_equal(ws_list_ids_unique(&ids, &suspects), NGX_OK);
    ws_list_ids_skip(&ids, 2);
    ws_list_ids_limit(&ids, 3);
    drain(&ids, 2, 5, 64);
}


/* ids are taken while others are still being found */

static void
test_ids_keep(void **state)
{
    uint32_t       n, taken;
    ws_uuid_t      out[64];
    ngx_array_t    suspects;
    ws_list_ids_t  ids, late;

    static const uint32_t  sizes[] = {
        0, 1, 65, WS_LIST_CHUNK, WS_LIST_CHUNK + 1, 3000
    };

    for (n = 0; n < core_items(sizes); n++) {

        ws_list_ids_init(&ids, NULL);
        ws_list_ids_init(&late, NULL);
        ids.keep = 1;

        assert_int_equal(ngx_array_init(&suspects, pool, 1,
                                        sizeof(ws_uuid_t *)),
                         NGX_OK);

        fill(&ids, 0, sizes[n]);

        for (taken = 0; taken < sizes[n]; /* void */ ) {
            taken += ws_list_ids_take(&ids, out, 64);
        }

        assert_int_equal(ws_list_ids_take(&ids, out, 64), 0);

        fill(&ids, sizes[n], sizes[n] + 70);
        assert_int_equal(ws_list_ids_take(&ids, out, 60), 60);
        assert_int_equal(ids.taken, sizes[n] + 60);
        assert_int_equal(ids.n, 10);

        /* doubles of what was taken, of what was not, and a new one */

        suspect(&suspects, &late, 0);
        suspect(&suspects, &late, sizes[n] + 65);
        suspect(&suspects, &late, sizes[n] + 70);
        ws_list_ids_join(&ids, &late);

        assert_int_equal(ws_list_ids_unique(&ids, &suspects), NGX_OK);
        ws_list_ids_release(&ids);

        drain(&ids, sizes[n] + 60, sizes[n] + 71, 64);
        assert_int_equal(ids.taken, sizes[n] + 71);
    }

    /* all are taken when it is released */

    ws_list_ids_init(&ids, NULL);
    ids.keep = 1;
    fill(&ids, 0, 5);
    assert_int_equal(ws_list_ids_take(&ids, out, 64), 5);
    ws_list_ids_release(&ids);
    assert_null(ids.first);
}


static void
test_ids_no_memory(void **state)
{
    ws_uuid_t      u;
    ngx_array_t    suspects;
    ws_list_ids_t  ids;

    ws_list_ids_init(&ids, NULL);
    u = numbered(1);

    ws_ngx_fail_after(0);
    assert_null(ws_list_ids_append(&ids, &u));
    ws_ngx_fail_after(-1);

    fill(&ids, 0, WS_LIST_CHUNK);

    ws_ngx_fail_after(0);
    assert_null(ws_list_ids_append(&ids, &u));
    ws_ngx_fail_after(-1);

    assert_int_equal(ngx_array_init(&suspects, pool, 4, sizeof(ws_uuid_t *)),
                     NGX_OK);
    suspect(&suspects, &ids, WS_LIST_CHUNK);

    ws_ngx_fail_after(0);
    assert_int_equal(ws_list_ids_unique(&ids, &suspects), NGX_ERROR);
    ws_ngx_fail_after(-1);

    drain(&ids, 0, WS_LIST_CHUNK + 1, 64);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_ids),
        cmocka_unit_test(test_ids_window),
        cmocka_unit_test(test_ids_prepend),
        cmocka_unit_test_setup_teardown(test_ids_unique, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ids_keep, setup, teardown),
        cmocka_unit_test_setup_teardown(test_ids_no_memory, setup, teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
