/* links: src/core/ws_name.c tools/ngx/ws_ngx.c; -lcmocka */

/*
 * Names: what is one, and how they are compared.
 */


#include "core_text.h"
#include "ws_name.h"


static ngx_int_t
valid(const char *s, size_t len)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    text = core_text_n(s, len);
    rc = ws_name_valid(&text);
    core_text_free(&text);

    return rc;
}


static void
test_valid(void **state)
{
    size_t  i;

    static const struct {
        const char  *name;
        ngx_int_t    rc;
    } table[] = {
        { "a", NGX_OK },
        { "Z", NGX_OK },
        { "0", NGX_OK },
        { "dev", NGX_OK },
        { "Dev-2", NGX_OK },
        { "1-2-3", NGX_OK },
        { "a-b-c-d-e-f-g-h-i-j-k-l-m-n-o-pq", NGX_OK },
        { "abcdefghijklmnopqrstuvwxyz012345", NGX_OK },
        { "abcdefghijklmnopqrstuvwxyz0123456", NGX_DECLINED },
        { "", NGX_DECLINED },
        { "-", NGX_DECLINED },
        { "-a", NGX_DECLINED },
        { "a-", NGX_DECLINED },
        { "a--b", NGX_DECLINED },
        { "a b", NGX_DECLINED },
        { " a", NGX_DECLINED },
        { "a\n", NGX_DECLINED },
        { "a_b", NGX_DECLINED },
        { "a.b", NGX_DECLINED },
        { "a/b", NGX_DECLINED },
        { "\xc3\xa4", NGX_DECLINED }
    };

    for (i = 0; i < core_items(table); i++) {
        assert_int_equal(valid(table[i].name, strlen(table[i].name)),
                         table[i].rc);
    }

    assert_int_equal(valid(core_bytes("a\0b")), NGX_DECLINED);
}


static void
test_valid_bytes(void **state)
{
    int   c, word;
    char  name[3];

    for (c = 0; c < 256; c++) {

        word = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z')
               || (c >= 'a' && c <= 'z');

        name[0] = (char) c;
        assert_int_equal(valid(name, 1), word ? NGX_OK : NGX_DECLINED);

        name[0] = 'x';
        name[1] = (char) c;
        name[2] = 'x';
        assert_int_equal(valid(name, 3),
                         word || c == '-' ? NGX_OK : NGX_DECLINED);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_valid_bytes)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
