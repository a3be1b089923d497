
/*
 * One time zone: rules, as they stand at the end of TZif files, and files
 * that are not what they say.
 */


#include "core_text.h"
#include "ws_tz.h"
#include "ws_tz_rule.h"


static ngx_pool_t  *pool;


static void
test_rules(void **state)
{
    size_t         i;
    int64_t        end;
    ngx_str_t      text;
    ws_tz_rule_t   rule;

    static const struct {
        const char  *text;
        int64_t      utc;
        int32_t      offset;
        int64_t      end;
    } cases[] = {

        { "UTC0", 0, 0, INT64_MAX },
        { "<+0545>-5:45", 0, 20700, INT64_MAX },
        { "ABC+1:02:03", 0, -3723, INT64_MAX },
        { "<-00>0", 0, 0, INT64_MAX },
        { "abc-24:59:59", 0, 89999, INT64_MAX },

        /* 2026: from 29 March 01:00 UTC to 25 October 01:00 UTC */

        { "CET-1CEST,M3.5.0,M10.5.0/3", 1774745999, 3600, 1774746000 },
        { "CET-1CEST,M3.5.0,M10.5.0/3", 1774746000, 7200, 1792890000 },
        { "CET-1CEST,M3.5.0,M10.5.0/3", 1792889999, 7200, 1792890000 },
        { "CET-1CEST,M3.5.0,M10.5.0/3", 1792890000, 3600, 1798761600 },

        /* the same with a DST that is the standard time */

        { "IST-1GMT0,M10.5.0,M3.5.0/1", 1774745999, 0, 1774746000 },
        { "IST-1GMT0,M10.5.0,M3.5.0/1", 1774746000, 3600, 1792890000 },

        /* half an hour, on the other half of the earth */

        { "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 1775314799, 39600,
          1775314800 },
        { "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 1775314800, 37800,
          1791041400 },

        /* days of the year: 1 March, in leap years too, and day 60 from 0 */

        { "AAA0BBB,J60/0,J300/0", 1772323199, 0, 1772323200 },
        { "AAA0BBB,J60/0,J300/0", 1835481599, 0, 1835481600 },
        { "AAA0BBB,60/0,300/0", 1772409599, 0, 1772409600 },
        { "AAA0BBB,60/0,300/0", 1835481599, 0, 1835481600 },

        /* times beyond the day: 30 December 2025, 23:00 */

        { "AAA0BBB,M1.1.4/-25,M1.5.0/167", 1767135599, 0, 1767135600 },
        { "AAA0BBB,M1.1.4/-25,M1.5.0/167", 1767135600, 3600, 1767225600 },
        { "AAA0BBB,M1.1.4/-25,M1.5.0/167", 1767225600, 3600, 1769896800 },

        /* in the first days of a year it is that of the one before last */

        { "AAA0BBB,J365/167,J365/160", 1767398400, 3600, 1767711600 },
        { "AAA0BBB,J365/167,J365/160", 1767711600, 0, 1767740400 },

        /* DST all year, RFC 9636, section 3.3.1 */

        { "XXX3EDT4,0/0,J365/23", 1790000000, -14400, 1798761600 },
        { "XXX3EDT4,0/0,J365/23", 1767236399, -14400, 1798761600 },
        { "XXX3EDT4,0/0,J365/23", 1767236400, -14400, 1798761600 },

        /* DST of no length in leap years, of all but a day in others */

        { "XXX3EDT,63/1,J63", 1835755199, -7200, 1835755200 },
        { "XXX3EDT,63/1,J63", 1835755200, -10800, 1861920000 }
    };

    for (i = 0; i < core_items(cases); i++) {
        text = core_text(cases[i].text);

        assert_int_equal(ws_tz_rule_parse(&text, &rule), NGX_OK);
        core_text_free(&text);

        assert_int_equal(ws_tz_rule_at(&rule, cases[i].utc, &end),
                         cases[i].offset);

        assert_true(end > cases[i].utc);

        if (end != cases[i].end) {
            fail_msg("%s at %lld: until %lld", cases[i].text,
                     (long long) cases[i].utc, (long long) end);
        }
    }
}


static void
test_rules_that_are_none(void **state)
{
    size_t         i, n;
    ngx_str_t      text;
    ws_tz_rule_t   rule;

    static const char  *texts[] = {
        "", "UTC", "UT0", "0", ":UTC0", "UTC0 ", "UTC 0", "UTC25", "UTC--1",
        "UTC1:60", "UTC1:00:60", "UTC1:", "UTC+", "<UTC0", "<U>0", "<U!C>0",
        "U1C0", "CET-1CEST", "CET-1CEST-2", "CET-1CEST,M3.5.0",
        "CET-1CEST,M3.5.0,", "CET-1CEST,M3.5.0,M10.5.0/3,",
        "CET-1CEST,M3.5.0,M10.5.0/3x", "CET-1CEST,M0.5.0,M10.5.0",
        "CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.0.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0", "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,M3.5,M10.5.0", "CET-1CEST,J0,J1", "CET-1CEST,J366,J1",
        "CET-1CEST,366,1", "CET-1CEST,1/168,2", "CET-1CEST,1/-168,2",
        "CET-1CEST,-1,2", "CET-1CEST,99999999999999999999,2", "CET-1C,1,2",
        "CET-1,1,2"
    };

    for (i = 0; i < core_items(texts); i++) {
        text = core_text(texts[i]);

        if (ws_tz_rule_parse(&text, &rule) != NGX_DECLINED) {
            fail_msg("\"%s\" was not refused", texts[i]);
        }

        core_text_free(&text);
    }

    for (n = 0; n < 26; n++) {
        text = core_text_n("CET-1CEST,M3.5.0,M10.5.0/3", n);
        (void) ws_tz_rule_parse(&text, &rule);
        core_text_free(&text);
    }
}


/*
 * files; the counts are in the order of the header: isut, isstd, leap, time,
 * type, char.
 */

typedef struct {
    const char  *name;
    const char  *head;       /* magic and version */
    uint32_t     counts[6];
    const char  *body;
    size_t       size;
    ngx_int_t    rc;
} file_t;


#define BODY(s)    s, sizeof(s) - 1
#define TYPE_0     "\0\0\0\0\0\0"
#define TYPE_1H    "\0\0\x0e\x10\0\0"


static const file_t  files[] = {

    { "a zone of one type", "TZif\0", { 0, 0, 0, 0, 1, 4 },
      BODY(TYPE_0 "UTC\0"), NGX_OK },
    { "bytes behind it", "TZif\0", { 0, 0, 0, 0, 1, 4 },
      BODY(TYPE_0 "UTC\0" "more"), NGX_OK },
    { "a change", "TZif\0", { 0, 0, 0, 1, 2, 4 },
      BODY("\0\0\0\1" "\1" TYPE_0 TYPE_1H "UTC\0"), NGX_OK },
    { "indicators", "TZif\0", { 2, 2, 0, 0, 2, 4 },
      BODY(TYPE_0 TYPE_1H "UTC\0" "\0\0" "\0\0"), NGX_OK },

    { "another magic", "TZIF\0", { 0, 0, 0, 0, 1, 4 },
      BODY(TYPE_0 "UTC\0"), NGX_DECLINED },
    { "no type", "TZif\0", { 0, 0, 0, 0, 0, 4 },
      BODY("UTC\0"), NGX_DECLINED },
    { "leap seconds", "TZif\0", { 0, 0, 1, 0, 1, 4 },
      BODY(TYPE_0 "UTC\0" "\0\0\0\1\0\0\0\1"), NGX_DECLINED },
    { "a type that is not there", "TZif\0", { 0, 0, 0, 1, 1, 4 },
      BODY("\0\0\0\1" "\1" TYPE_0 "UTC\0"), NGX_DECLINED },
    { "changes out of order", "TZif\0", { 0, 0, 0, 2, 1, 4 },
      BODY("\0\0\0\2" "\0\0\0\1" "\0\0" TYPE_0 "UTC\0"), NGX_DECLINED },
    { "changes at once", "TZif\0", { 0, 0, 0, 2, 1, 4 },
      BODY("\0\0\0\2" "\0\0\0\2" "\0\0" TYPE_0 "UTC\0"), NGX_DECLINED },
    { "an offset of 26 hours", "TZif\0", { 0, 0, 0, 0, 1, 4 },
      BODY("\0\1\x6d\xa0\0\0" "UTC\0"), NGX_DECLINED },
    { "an offset of -2^31", "TZif\0", { 0, 0, 0, 0, 1, 4 },
      BODY("\x80\0\0\0\0\0" "UTC\0"), NGX_DECLINED },
    { "too few bytes", "TZif\0", { 0, 0, 0, 0, 1, 4 },
      BODY(TYPE_0 "UTC"), NGX_DECLINED },
    { "too many changes", "TZif\0", { 0, 0, 0, 0xffffffff, 1, 4 },
      BODY(TYPE_0 "UTC\0"), NGX_DECLINED },
    { "too many types", "TZif\0", { 0, 0, 0, 0, 0x80000000, 4 },
      BODY(TYPE_0 "UTC\0"), NGX_DECLINED },
    { "too many characters", "TZif\0", { 0, 0, 0, 0, 1, 0xfffffff0 },
      BODY(TYPE_0 "UTC\0"), NGX_DECLINED },
    { "counts that sum up to nothing", "TZif\0",
      { 0x80000000, 0x80000000, 0, 0, 1, 4 },
      BODY(TYPE_0 "UTC\0"), NGX_DECLINED },
    { "version 2 without a second block", "TZif2", { 0, 0, 0, 0, 1, 4 },
      BODY(TYPE_0 "UTC\0"), NGX_DECLINED }
};


/* a second block of one type, and what comes after it */

#define BLOCK_2                                                              \
    "TZif2" "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"                                 \
    "\0\0\0\0" "\0\0\0\0" "\0\0\0\0" "\0\0\0\0" "\0\0\0\1" "\0\0\0\4"        \
    TYPE_1H "ABC\0"


static const file_t  second_blocks[] = {

    { "a rule", "TZif2", { 0, 0, 0, 0, 1, 4 },
      BODY(TYPE_0 "UTC\0" BLOCK_2 "\nABC-1\n"), NGX_OK },
    { "no rule", "TZif2", { 0, 0, 0, 0, 1, 4 },
      BODY(TYPE_0 "UTC\0" BLOCK_2 "\n\n"), NGX_OK },
    { "version 3", "TZif3", { 0, 0, 0, 0, 1, 4 },
      BODY(TYPE_0 "UTC\0" BLOCK_2 "\nABC-1\n"), NGX_OK },
    { "version 4", "TZif4", { 0, 0, 0, 0, 1, 4 },
      BODY(TYPE_0 "UTC\0" BLOCK_2 "\nABC-1\n"), NGX_OK },

    { "no footer", "TZif2", { 0, 0, 0, 0, 1, 4 },
      BODY(TYPE_0 "UTC\0" BLOCK_2), NGX_DECLINED },
    { "a footer without an end", "TZif2", { 0, 0, 0, 0, 1, 4 },
      BODY(TYPE_0 "UTC\0" BLOCK_2 "\nABC-1"), NGX_DECLINED },
    { "a footer without a beginning", "TZif2", { 0, 0, 0, 0, 1, 4 },
      BODY(TYPE_0 "UTC\0" BLOCK_2 "ABC-1\n"), NGX_DECLINED },
    { "a rule that is none", "TZif2", { 0, 0, 0, 0, 1, 4 },
      BODY(TYPE_0 "UTC\0" BLOCK_2 "\nABC\n"), NGX_DECLINED }
};


static size_t
file_bytes(const file_t *file, u_char *p)
{
    size_t  i;

    memset(p, 0, 44);
    memcpy(p, file->head, 5);

    for (i = 0; i < 24; i++) {
        p[20 + i] = (u_char) (file->counts[i / 4] >> (24 - i % 4 * 8));
    }

    memcpy(p + 44, file->body, file->size);

    return 44 + file->size;
}


static void
check_file(const file_t *file, int32_t offset)
{
    u_char      bytes[512];
    size_t      len, n;
    ws_tz_t    *tz;
    ngx_int_t   rc;
    ngx_str_t   text;

    len = file_bytes(file, bytes);

    text = core_text_n(bytes, len);
    rc = ws_tz_parse(pool, &text, &tz);
    core_text_free(&text);

    if (rc != file->rc) {
        fail_msg("%s: %d", file->name, (int) rc);
    }

    if (rc == NGX_OK) {
        assert_int_equal(ws_tz_offset(tz, 0), offset);
    }

    /* no piece of it is read past its end */

    for (n = 0; n < len; n++) {
        text = core_text_n(bytes, n);
        (void) ws_tz_parse(pool, &text, &tz);
        core_text_free(&text);
    }
}


static void
test_files(void **state)
{
    size_t  i;

    for (i = 0; i < core_items(files); i++) {
        check_file(&files[i], 0);
    }

    for (i = 0; i < core_items(second_blocks); i++) {
        check_file(&second_blocks[i], 3600);
    }
}


static void
test_no_part_of_a_file_is_a_file(void **state)
{
    FILE       *f;
    u_char      bytes[WS_TZ_MAX_FILE + 1];
    size_t      len, n;
    ws_tz_t    *tz;
    ngx_str_t   text;

    f = fopen(WS_TZ_DIR "/America/New_York", "r");
    assert_non_null(f);
    len = fread(bytes, 1, WS_TZ_MAX_FILE, f);
    fclose(f);

    for (n = 0; n <= len; n++) {
        text = core_text_n(bytes, n);
        assert_int_equal(ws_tz_parse(pool, &text, &tz),
                         n == len ? NGX_OK : NGX_DECLINED);
        core_text_free(&text);
    }

    /* and none that is too long, whatever it holds */

    memset(bytes + len, 0, sizeof(bytes) - len);

    text.data = bytes;
    text.len = WS_TZ_MAX_FILE;
    assert_int_equal(ws_tz_parse(pool, &text, &tz), NGX_OK);

    text.len = WS_TZ_MAX_FILE + 1;
    assert_int_equal(ws_tz_parse(pool, &text, &tz), NGX_DECLINED);
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
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_rules_that_are_none),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_no_part_of_a_file_is_a_file)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
