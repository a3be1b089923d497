/* links: src/core/ws_time.c; -lcmocka */

/*
 * Times and durations: the whole calendar of years 0000 to 9999, RFC 3339
 * with all its liberties, and everything that only looks like it.
 */


#include "core_text.h"
#include "ws_time.h"

#include <stdio.h>


#define UNTOUCHED  (-123456789LL)
#define DAY        86400000LL


typedef struct {
    const char  *text;
    int64_t      ms;
} sample_t;


static ngx_int_t
parse(const char *s, size_t len, int64_t *ms)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    *ms = UNTOUCHED;

    text = core_text_n(s, len);
    rc = ws_time_parse(&text, ms);
    core_text_free(&text);

    return rc;
}


static void
assert_parsed(const char *text, int64_t expected)
{
    int64_t  ms;

    if (parse(text, strlen(text), &ms) != NGX_OK || ms != expected) {
        fail_msg("\"%s\" is %lld, not %lld", text, (long long) ms,
                 (long long) expected);
    }
}


static void
assert_declined(const char *text, size_t len)
{
    int64_t  ms;

    if (parse(text, len, &ms) != NGX_DECLINED || ms != UNTOUCHED) {
        fail_msg("\"%s\" is %lld, not declined", text, (long long) ms);
    }
}


static void
assert_formatted(int64_t ms, const char *expected)
{
    u_char  text[WS_TIME_LEN + 1];

    text[WS_TIME_LEN] = '!';

    assert_ptr_equal(ws_time_format(text, ms), text + WS_TIME_LEN);
    assert_int_equal(text[WS_TIME_LEN], '!');

    text[WS_TIME_LEN] = '\0';
    assert_string_equal((char *) text, expected);
}


static void
test_parse(void **state)
{
    size_t  i;

    static const sample_t  table[] = {
        { "1970-01-01T00:00:00Z", 0 },
        { "2026-11-24T02:09:36.123Z", 1795486176123LL },
        { "2001-09-09T01:46:40Z", 1000000000000LL },
        { "1969-12-31T23:59:59Z", -1000 },
        { "1969-12-31T23:59:59.999Z", -1 },
        { "1969-12-31T23:59:58.001Z", -1999 },
        { "0001-01-01T00:00:00Z", WS_TIME_ZERO_MS },
        { "0000-01-01T00:00:00Z", WS_TIME_MIN_MS },
        { "9999-12-31T23:59:59.999Z", WS_TIME_MAX_MS },

        /* the examples of RFC 3339, section 5.8 */
        { "1985-04-12T23:20:50.52Z", 482196050520LL },
        { "1996-12-19T16:39:57-08:00", 851042397000LL },
        { "1990-12-31T23:59:60Z", 662687999999LL },
        { "1990-12-31T15:59:60-08:00", 662687999999LL },
        { "1937-01-01T12:00:27.87+00:20", -1041337172130LL },

        /* either case */
        { "1970-01-01t00:00:01z", 1000 },

        /* offsets */
        { "1970-01-01T00:00:00+00:00", 0 },
        { "1970-01-01T00:00:00-00:00", 0 },
        { "1970-01-01T05:30:00+05:30", 0 },
        { "1969-12-31T14:15:00-09:45", 0 },
        { "1970-01-01T00:00:00+23:59", -86340000 },
        { "1970-01-01T00:00:00-23:59", 86340000 },
        { "2024-03-01T00:30:00+01:00", 1709249400000LL },
        { "0000-01-01T01:00:00+01:00", WS_TIME_MIN_MS },
        { "9999-12-31T22:59:59.999-01:00", WS_TIME_MAX_MS },

        /* fractions are cut */
        { "1970-01-01T00:00:00.1Z", 100 },
        { "1970-01-01T00:00:00.12Z", 120 },
        { "1970-01-01T00:00:00.1239Z", 123 },
        { "1970-01-01T00:00:00.0009Z", 0 },
        { "1970-01-01T00:00:00.999999999999999999999999999999Z", 999 },
        { "1969-12-31T23:59:59.9999Z", -1 },
        { "1970-01-01T00:00:00.5-01:00", 3600500 },

        /* leap days */
        { "2024-02-29T00:00:00Z", 1709164800000LL },
        { "2000-02-29T00:00:00Z", 951782400000LL },
        { "0000-02-29T00:00:00Z", WS_TIME_MIN_MS + 59 * DAY },

        /* leap seconds */
        { "2015-06-30T23:59:60Z", 1435708799999LL },
        { "2015-06-30T23:59:60.5Z", 1435708799999LL },
        { "2015-07-01T05:29:60+05:30", 1435708799999LL },
        { "1969-12-31T23:59:60Z", -1 },
        { "9999-12-31T23:59:60Z", WS_TIME_MAX_MS }
    };

    for (i = 0; i < core_items(table); i++) {
        assert_parsed(table[i].text, table[i].ms);
    }
}


static void
test_parse_declines(void **state)
{
    size_t  i;

    static const char  *texts[] = {
        "",
        "Z",
        "2026-11-24",
        "2026-11-24T02:09Z",
        "2026-11-24T02:09:36",
        "2026-11-24 02:09:36Z",
        "2026-11-24T02:09:36 Z",
        " 2026-11-24T02:09:36Z",
        "2026-11-24T02:09:36Z ",
        "2026-11-24T02:09:36Z\n",
        "2026-11-24T02:09:36ZZ",
        "2026-11-24T02:09:36Z+00:00",
        "20261124T020936Z",
        "26-11-24T02:09:36Z",
        "+2026-11-24T02:09:36Z",
        "-2026-11-24T02:09:36Z",
        "12026-11-24T02:09:36Z",
        "2026/11/24T02:09:36Z",
        "2026-W48-2T02:09:36Z",

        /* out of range */
        "2026-00-24T02:09:36Z",
        "2026-13-24T02:09:36Z",
        "2026-11-00T02:09:36Z",
        "2026-11-31T02:09:36Z",
        "2026-01-32T02:09:36Z",
        "2026-11-24T24:00:00Z",
        "2026-11-24T02:60:36Z",
        "2026-11-24T02:09:61Z",

        /* no leap day */
        "2026-02-29T00:00:00Z",
        "1900-02-29T00:00:00Z",
        "2100-02-29T00:00:00Z",
        "2024-02-30T00:00:00Z",

        /* no leap second: not at midnight UTC, not at the end of a month */
        "2015-06-30T22:59:60Z",
        "2015-06-30T23:58:60Z",
        "2015-06-29T23:59:60Z",
        "2015-07-01T23:59:60Z",
        "2015-06-30T23:59:60+01:00",
        "2015-06-30T23:59:61Z",

        /* fractions */
        "2026-11-24T02:09:36.Z",
        "2026-11-24T02:09:36.+01:00",
        "2026-11-24T02:09:36.",
        "2026-11-24T02:09:36,5Z",
        "2026-11-24T02:09:36.5",
        "2026-11-24T02:09:36.5.5Z",
        "2026-11-24T02:09:36.-5Z",

        /* offsets */
        "2026-11-24T02:09:36+",
        "2026-11-24T02:09:36+01",
        "2026-11-24T02:09:36+0100",
        "2026-11-24T02:09:36+1:00",
        "2026-11-24T02:09:36+01:0",
        "2026-11-24T02:09:36+01:000",
        "2026-11-24T02:09:36+24:00",
        "2026-11-24T02:09:36+01:60",
        "2026-11-24T02:09:36+-1:00",
        "2026-11-24T02:09:36+01-00",
        "2026-11-24T02:09:36GMT",
        "2026-11-24T02:09:36+01:00Z",

        /* another year in UTC than 0000 .. 9999 */
        "0000-01-01T00:59:59.999+01:00",
        "0000-01-01T00:59:60+01:00",
        "9999-12-31T23:00:00-01:00",
        "9999-12-31T23:59:59-23:59"
    };

    for (i = 0; i < core_items(texts); i++) {
        assert_declined(texts[i], strlen(texts[i]));
    }

    assert_declined(core_bytes("2026-11-24T02:09:36Z\0"));
    assert_declined(core_bytes("2026-11-24T02:09:36.5\0Z"));
}


/* no prefix is a time, and no byte may be replaced by one of another kind */

static void
test_parse_checks_every_byte(void **state)
{
    int      c, digit;
    char     text[sizeof("2011-11-11T11:11:11.111+11:11")];
    size_t   i, len;
    int64_t  ms;

    static const char  sample[] = "2011-11-11T11:11:11.111+11:11";

    len = sizeof(sample) - 1;

    for (i = 0; i < len; i++) {
        assert_declined(sample, i);

        memcpy(text, sample, sizeof(text));

        for (c = 0; c < 256; c++) {
            text[i] = (char) c;

            digit = c >= '0' && c <= '9';

            if (sample[i] >= '0' && sample[i] <= '9') {

                if (!digit) {
                    assert_declined(text, len);
                }

                continue;
            }

            if (c == sample[i] || (i == 10 && c == 't')
                || (i == 23 && c == '-'))
            {
                assert_int_equal(parse(text, len, &ms), NGX_OK);

            } else {
                assert_declined(text, len);
            }
        }
    }
}


static void
test_parse_any_number_of_fraction_digits(void **state)
{
    char        text[64];
    int64_t     ms;
    ngx_uint_t  digits, value, i;

    static const int64_t  unit[] = { 0, 100, 10 };

    for (digits = 1; digits <= 30; digits++) {

        value = (digits == 1) ? 7 : (digits == 2) ? 78 : 789;

        i = (ngx_uint_t) sprintf(text, "1970-01-01T00:00:00.%lu",
                                 (unsigned long) value);

        while (i < 20 + digits) {
            text[i++] = '9';
        }

        strcpy(&text[i], "Z");

        assert_int_equal(parse(text, strlen(text), &ms), NGX_OK);
        assert_int_equal(ms, digits < 3 ? (int64_t) value * unit[digits]
                                        : 789);
    }
}


static void
test_format(void **state)
{
    size_t  i;

    static const sample_t  table[] = {
        { "1970-01-01T00:00:00.000Z", 0 },
        { "2026-11-24T02:09:36.123Z", 1795486176123LL },
        { "1970-01-01T00:00:00.007Z", 7 },
        { "1969-12-31T23:59:59.999Z", -1 },
        { "1969-12-31T00:00:00.000Z", -DAY },
        { "1969-12-30T23:59:59.999Z", -DAY - 1 },
        { "0001-01-01T00:00:00.000Z", WS_TIME_ZERO_MS },
        { "0000-12-31T23:59:59.999Z", WS_TIME_ZERO_MS - 1 },
        { "0000-01-01T00:00:00.000Z", WS_TIME_MIN_MS },
        { "9999-12-31T23:59:59.999Z", WS_TIME_MAX_MS },
        { "2000-02-29T12:00:00.000Z", 951825600000LL },

        /* beyond the ends */
        { "0000-01-01T00:00:00.000Z", WS_TIME_MIN_MS - 1 },
        { "0000-01-01T00:00:00.000Z", INT64_MIN },
        { "9999-12-31T23:59:59.999Z", WS_TIME_MAX_MS + 1 },
        { "9999-12-31T23:59:59.999Z", INT64_MAX }
    };

    for (i = 0; i < core_items(table); i++) {
        assert_formatted(table[i].ms, table[i].text);
    }
}


/* walks every day of ten thousand years, counting as a wall calendar does */

static void
test_calendar(void **state)
{
    int      year, month, day, length;
    char     text[64];
    int64_t  ms;

    static const int  lengths[] = { 31, 28, 31, 30, 31, 30,
                                    31, 31, 30, 31, 30, 31 };

    ms = WS_TIME_MIN_MS;

    for (year = 0; year <= 9999; year++) {
        for (month = 1; month <= 12; month++) {

            length = lengths[month - 1];

            if (month == 2 && year % 4 == 0
                && (year % 100 != 0 || year % 400 == 0))
            {
                length = 29;
            }

            for (day = 1; day <= length; day++, ms += DAY) {

                /* all days of a few years, else the ends of months */

                if (day > 1 && day < length
                    && year > 4 && year < 9996 && year % 100 > 4)
                {
                    continue;
                }

                (void) sprintf(text, "%04d-%02d-%02dT00:00:00.000Z", year,
                               month, day);

                assert_parsed(text, ms);
                assert_formatted(ms, text);
            }

            (void) sprintf(text, "%04d-%02d-%02dT00:00:00Z", year, month,
                           day);
            assert_declined(text, strlen(text));
        }
    }

    assert_int_equal(ms, WS_TIME_MAX_MS + 1);
}


static void
test_format_and_parse_agree(void **state)
{
    u_char      text[2][WS_TIME_LEN];
    int         order;
    int64_t     ms[2], back;
    ngx_uint_t  i, j;

    for (i = 0; i < 20000; i++) {

        for (j = 0; j < 2; j++) {
            ms[j] = WS_TIME_MIN_MS
                    + (int64_t) (core_random()
                                 % (WS_TIME_MAX_MS - WS_TIME_MIN_MS + 1));

            (void) ws_time_format(text[j], ms[j]);

            assert_int_equal(parse((char *) text[j], WS_TIME_LEN, &back),
                             NGX_OK);
            assert_int_equal(back, ms[j]);
        }

        /* the texts sort as the times do */

        order = memcmp(text[0], text[1], WS_TIME_LEN);
        assert_int_equal(order < 0, ms[0] < ms[1]);
        assert_int_equal(order == 0, ms[0] == ms[1]);
    }
}


static void
test_duration(void **state)
{
    size_t     i;
    int64_t    ms;
    ngx_str_t  text;

    static const sample_t  table[] = {
        { "30d", 30 * DAY },
        { "8h", 8 * 3600000 },
        { "90m", 90 * 60000 },
        { "45s", 45000 },
        { "500ms", 500 },
        { "1h30m", 5400000 },
        { "1d2h3m4s5ms", DAY + 2 * 3600000 + 3 * 60000 + 4 * 1000 + 5 },
        { "1d5ms", DAY + 5 },
        { "1d0h9m", DAY + 9 * 60000 },
        { "1m1ms", 60001 },
        { "0s", 0 },
        { "007s", 7000 },
        { "36500d", WS_DURATION_MAX_MS },
        { "3153600000000ms", WS_DURATION_MAX_MS },
        { "36499d24h", WS_DURATION_MAX_MS },

        { "", UNTOUCHED },
        { "5", UNTOUCHED },
        { "0", UNTOUCHED },
        { "s", UNTOUCHED },
        { "1h30", UNTOUCHED },
        { "1hm", UNTOUCHED },
        { "-5s", UNTOUCHED },
        { "+5s", UNTOUCHED },
        { "1.5h", UNTOUCHED },
        { "1h 30m", UNTOUCHED },
        { " 1h", UNTOUCHED },
        { "1h ", UNTOUCHED },
        { "1H", UNTOUCHED },
        { "1w", UNTOUCHED },
        { "1y", UNTOUCHED },
        { "1sm", UNTOUCHED },
        { "1mss", UNTOUCHED },
        { "1us", UNTOUCHED },

        /* each unit once, from large to small */
        { "30m1h", UNTOUCHED },
        { "1h1h", UNTOUCHED },
        { "1ms1s", UNTOUCHED },
        { "1ms1m", UNTOUCHED },

        /* too long */
        { "36501d", UNTOUCHED },
        { "36500d1ms", UNTOUCHED },
        { "3153600000001ms", UNTOUCHED },
        { "3153600001s", UNTOUCHED },
        { "9223372036854775807d", UNTOUCHED },
        { "18446744073709551617s", UNTOUCHED },
        { "99999999999999999999999999999999999999d", UNTOUCHED }
    };

    for (i = 0; i < core_items(table); i++) {
        ms = UNTOUCHED;
        text = core_text(table[i].text);

        if (ws_duration_parse(&text, &ms)
            != (table[i].ms == UNTOUCHED ? NGX_DECLINED : NGX_OK)
            || ms != table[i].ms)
        {
            fail_msg("\"%s\" is %lld", table[i].text, (long long) ms);
        }

        core_text_free(&text);
    }

    text = core_text_n(core_bytes("1\0s"));
    assert_int_equal(ws_duration_parse(&text, &ms), NGX_DECLINED);
    core_text_free(&text);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_declines),
        cmocka_unit_test(test_parse_checks_every_byte),
        cmocka_unit_test(test_parse_any_number_of_fraction_digits),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_calendar),
        cmocka_unit_test(test_format_and_parse_agree),
        cmocka_unit_test(test_duration)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
