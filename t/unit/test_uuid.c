/* links: src/core/ws_uuid.c; -lcmocka -luuid */

/*
 * UUIDs: reading, writing, making, and the shard an id is in.
 */


#include "core_text.h"
#include "ws_uuid.h"


static const char  sample[] = "01234567-89ab-cdef-fedc-ba9876543210";

static const u_char  sample_bytes[16] = {
    0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
    0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10
};


static ngx_int_t
parse(const char *s, size_t len, ws_uuid_t *id)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    text = core_text_n(s, len);
    rc = ws_uuid_parse(&text, id);
    core_text_free(&text);

    return rc;
}


static void
test_parse_takes_both_cases(void **state)
{
    size_t      i;
    ws_uuid_t   id;

    static const char  *texts[] = {
        "01234567-89ab-cdef-fedc-ba9876543210",
        "01234567-89AB-CDEF-FEDC-BA9876543210",
        "01234567-89aB-CdEf-fEDC-bA9876543210"
    };

    for (i = 0; i < core_items(texts); i++) {
        ngx_memset(&id, 0x5a, sizeof(id));

        assert_int_equal(parse(texts[i], WS_UUID_LEN, &id), NGX_OK);
        assert_memory_equal(id.b, sample_bytes, 16);
    }
}


static void
test_parse_takes_nil_and_all_ones(void **state)
{
    ws_uuid_t  id;

    assert_int_equal(parse("00000000-0000-0000-0000-000000000000", 36, &id),
                     NGX_OK);
    assert_int_equal(ws_uuid_is_nil(&id), 1);

    assert_int_equal(parse("ffffffff-ffff-ffff-ffff-ffffffffffff", 36, &id),
                     NGX_OK);
    assert_int_equal(ws_uuid_is_nil(&id), 0);
}


static void
test_parse_declines_other_shapes(void **state)
{
    size_t      i;
    ws_uuid_t   id;

    static const char  *texts[] = {
        "",
        "0123456789abcdeffedcba9876543210",
        "{01234567-89ab-cdef-fedc-ba9876543210}",
        "urn:uuid:01234567-89ab-cdef-fedc-ba9876543210",
        " 01234567-89ab-cdef-fedc-ba9876543210",
        "01234567-89ab-cdef-fedc-ba9876543210 ",
        "01234567-89ab-cdef-fedc-ba987654321",
        "01234567-89ab-cdef-fedc-ba98765432100",
        "0123456789-ab-cdef-fedc-ba9876543210",
        "01234567-89abc-def-fedc-ba9876543210",
        "01234567--89ab-cdef-fedc-ba987654321",
        "------------------------------------"
    };

    for (i = 0; i < core_items(texts); i++) {
        assert_int_equal(parse(texts[i], strlen(texts[i]), &id),
                         NGX_DECLINED);
    }
}


/* every byte at every place: digits where digits are, dashes where dashes */

static void
test_parse_checks_every_byte(void **state)
{
    int        c, digit;
    char       text[WS_UUID_LEN + 1];
    size_t     i;
    ws_uuid_t  id;
    ngx_int_t  expected;

    for (i = 0; i < WS_UUID_LEN; i++) {
        for (c = 0; c < 256; c++) {

            memcpy(text, sample, sizeof(text));
            text[i] = (char) c;

            digit = c != 0 && strchr("0123456789abcdefABCDEF", c) != NULL;

            expected = (sample[i] == '-' ? c == '-' : digit)
                       ? NGX_OK : NGX_DECLINED;

            assert_int_equal(parse(text, WS_UUID_LEN, &id), expected);
        }
    }
}


static void
test_format_writes_lower_case(void **state)
{
    u_char     text[WS_UUID_LEN + 1];
    ws_uuid_t  id;

    memcpy(id.b, sample_bytes, 16);
    text[WS_UUID_LEN] = '!';

    assert_ptr_equal(ws_uuid_format(text, &id), text + WS_UUID_LEN);
    assert_memory_equal(text, sample, WS_UUID_LEN);
    assert_int_equal(text[WS_UUID_LEN], '!');
}


static void
test_format_and_parse_agree(void **state)
{
    u_char      text[WS_UUID_LEN];
    ws_uuid_t   id, back;
    ngx_uint_t  i;

    for (i = 0; i < 1000; i++) {
        ws_uuid_generate(&id);
        (void) ws_uuid_format(text, &id);

        assert_int_equal(parse((char *) text, WS_UUID_LEN, &back), NGX_OK);
        assert_int_equal(ws_uuid_eq(&id, &back), 1);
    }
}


static void
test_generate_makes_version_4(void **state)
{
    ws_uuid_t   id, all, any;
    ngx_uint_t  i, j;

    ngx_memset(&all, 0xff, sizeof(all));
    ngx_memzero(&any, sizeof(any));

    for (i = 0; i < 1000; i++) {
        ws_uuid_generate(&id);

        assert_int_equal(id.b[6] >> 4, 4);
        assert_int_equal(id.b[8] >> 6, 2);

        for (j = 0; j < 16; j++) {
            all.b[j] &= id.b[j];
            any.b[j] |= id.b[j];
        }
    }

    /* every other bit has been both 0 and 1 */

    for (j = 0; j < 16; j++) {
        assert_int_equal(any.b[j], j == 6 ? 0x4f : j == 8 ? 0xbf : 0xff);
        assert_int_equal(all.b[j], j == 6 ? 0x40 : j == 8 ? 0x80 : 0);
    }
}


static void
test_generate_near_keeps_ten_bits(void **state)
{
    u_char      any;
    ws_uuid_t   owner, id, last;
    ngx_uint_t  i, shards;

    any = 0;
    ngx_memzero(&last, sizeof(last));

    for (i = 0; i < 1000; i++) {
        ws_uuid_generate(&owner);
        ws_uuid_generate_near(&id, &owner);

        assert_int_equal(id.b[0], owner.b[0]);
        assert_int_equal(id.b[1] & 0xc0, owner.b[1] & 0xc0);
        assert_int_equal(id.b[6] >> 4, 4);
        assert_int_equal(id.b[8] >> 6, 2);
        assert_int_equal(ws_uuid_eq(&id, &last), 0);

        for (shards = 1; shards <= WS_UUID_SHARDS_MAX; shards *= 2) {
            assert_int_equal(ws_uuid_shard(&id, shards),
                             ws_uuid_shard(&owner, shards));
        }

        any |= id.b[1] ^ owner.b[1];
        last = id;
    }

    /* and no more than ten */

    assert_int_equal(any, 0x3f);
}


static void
test_generate_near_itself(void **state)
{
    ws_uuid_t   id, before;
    ngx_uint_t  i;

    for (i = 0; i < 100; i++) {
        ws_uuid_generate(&id);
        before = id;

        ws_uuid_generate_near(&id, &id);

        assert_int_equal(ws_uuid_shard(&id, 1024),
                         ws_uuid_shard(&before, 1024));
        assert_int_equal(ws_uuid_eq(&id, &before), 0);
    }
}


static void
test_shard_is_the_first_ten_bits(void **state)
{
    size_t     i;
    ws_uuid_t  id;

    static const struct {
        u_char      first, second;
        ngx_uint_t  shards, shard;
    } table[] = {
        { 0x00, 0x00, 1024, 0 },
        { 0xff, 0xff, 1024, 1023 },
        { 0x00, 0x3f, 1024, 0 },
        { 0x00, 0x40, 1024, 1 },
        { 0x01, 0x00, 1024, 4 },
        { 0x80, 0x00, 1024, 512 },
        { 0x80, 0xc0, 1024, 515 },
        { 0x80, 0xc0, 512, 3 },
        { 0xff, 0x80, 4, 2 },
        { 0xff, 0xc0, 2, 1 },
        { 0xff, 0x80, 2, 0 },
        { 0xff, 0xff, 1, 0 }
    };

    for (i = 0; i < core_items(table); i++) {
        ngx_memset(&id, 0xff, sizeof(id));
        id.b[0] = table[i].first;
        id.b[1] = table[i].second;

        assert_int_equal(ws_uuid_shard(&id, table[i].shards),
                         table[i].shard);
    }
}


static void
test_eq_and_nil_look_at_every_bit(void **state)
{
    ws_uuid_t   nil, id;
    ngx_uint_t  bit;

    ngx_memzero(&nil, sizeof(nil));

    assert_int_equal(ws_uuid_eq(&nil, &nil), 1);
    assert_int_equal(ws_uuid_is_nil(&nil), 1);

    for (bit = 0; bit < 128; bit++) {
        id = nil;
        id.b[bit / 8] = (u_char) (1 << (bit % 8));

        assert_int_equal(ws_uuid_eq(&nil, &id), 0);
        assert_int_equal(ws_uuid_is_nil(&id), 0);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_parse_takes_both_cases),
        cmocka_unit_test(test_parse_takes_nil_and_all_ones),
        cmocka_unit_test(test_parse_declines_other_shapes),
        cmocka_unit_test(test_parse_checks_every_byte),
        cmocka_unit_test(test_format_writes_lower_case),
        cmocka_unit_test(test_format_and_parse_agree),
        cmocka_unit_test(test_generate_makes_version_4),
        cmocka_unit_test(test_generate_near_keeps_ten_bits),
        cmocka_unit_test(test_generate_near_itself),
        cmocka_unit_test(test_shard_is_the_first_ten_bits),
        cmocka_unit_test(test_eq_and_nil_look_at_every_bit)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
