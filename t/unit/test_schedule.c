
/*
 * Schedules: which texts are schedules, and when they fire, compared with
 * what Python's zoneinfo says (schedule_oracle.py).
 */


#include "core_text.h"
#include "ws_schedule.h"


#define MINUTES(n)  ((uint64_t) 1 << (n))
#define ALL_DAYS    0x7f


static ngx_pool_t   *pool;
static ws_tz_db_t   *db;
static const char   *program;


typedef struct {
    const char  *text;
    uint64_t     minute;
    uint32_t     hour;
    uint32_t     dow;
} valid_t;


static const valid_t  valid[] = {

    { "30 9 * * *", MINUTES(30), 1 << 9, ALL_DAYS },
    { "00 00 * * 0", MINUTES(0), 1, 1 },
    { "59 23 * * 6", MINUTES(59), 1 << 23, 1 << 6 },
    { "CRON_TZ=Europe/Berlin 30 9 * * 1-5", MINUTES(30), 1 << 9, 0x3e },
    { "CRON_TZ=UTC 0 0 * * *", MINUTES(0), 1, ALL_DAYS },

    /* lists, ranges, steps */

    { "* * * * *", 0x0fffffffffffffffULL, 0xffffff, ALL_DAYS },
    { "1,2,40 0 * * *", MINUTES(1) | MINUTES(2) | MINUTES(40), 1, ALL_DAYS },
    { "0 8-10 * * *", 1, 0x700, ALL_DAYS },
    { "0 8-8 * * *", 1, 0x100, ALL_DAYS },
    { "*/20 0 * * *", MINUTES(0) | MINUTES(20) | MINUTES(40), 1, ALL_DAYS },
    { "*/59 0 * * *", MINUTES(0) | MINUTES(59), 1, ALL_DAYS },
    { "*/60 0 * * *", MINUTES(0), 1, ALL_DAYS },
    { "*/1000 0 * * *", MINUTES(0), 1, ALL_DAYS },
    { "10/20 0 * * *", MINUTES(10) | MINUTES(30) | MINUTES(50), 1, ALL_DAYS },
    { "0 4-10/3 * * *", 1, 1 << 4 | 1 << 7 | 1 << 10, ALL_DAYS },
    { "0 4-9/3 * * *", 1, 1 << 4 | 1 << 7, ALL_DAYS },
    { "0 1,3-5,20/2 * * *", 1,
      1 << 1 | 1 << 3 | 1 << 4 | 1 << 5 | 1 << 20 | 1 << 22, ALL_DAYS },
    { "0 0 * * */2", 1, 1, 1 | 1 << 2 | 1 << 4 | 1 << 6 },
    { "5,5,5 0 * * *", MINUTES(5), 1, ALL_DAYS },

    /* names */

    { "0 0 * * SUN", 1, 1, 1 },
    { "0 0 * * mon,Tue,wED", 1, 1, 0x0e },
    { "0 0 * * THU-SAT", 1, 1, 0x70 },
    { "0 0 * * SUN-SAT/3", 1, 1, 1 | 1 << 3 | 1 << 6 },
    { "0 0 * * 1-fri", 1, 1, 0x3e },

    /* spaces */

    { "  30   9 *  * *  ", MINUTES(30), 1 << 9, ALL_DAYS },
    { "CRON_TZ=Asia/Tokyo   30 9 * * *", MINUTES(30), 1 << 9, ALL_DAYS }
};


static const char  *invalid[] = {
    "",
    "    ",
    "* * * *",
    "* * * * * *",
    "30 9 * * * 2026",
    "@daily",
    "@every 1h",

    /* day of month and month */

    "0 0 1 * *",
    "0 0 * 1 *",
    "0 0 */1 * *",
    "0 0 1-31 * *",
    "0 0 ? * *",
    "0 0 ** * *",

    /* out of range */

    "60 0 * * *",
    "0 24 * * *",
    "0 0 * * 7",
    "0 0 * * 1-7",
    "0 0 * * 0,7",
    "0 0 * * 7/2",
    "-1 0 * * *",
    "18446744073709551616 0 * * *",
    "4294967296 0 * * *",

    /* not numbers */

    "a 0 * * *",
    "+1 0 * * *",
    "1.5 0 * * *",
    "0x1 0 * * *",
    "? 0 * * *",
    "0 ? * * *",
    "0 0 * * ?",
    "SUN 0 * * *",
    "0 0 * * SUNDAY",
    "0 0 * * SU",
    "0 0 * * XYZ",
    "0 0 * * UNM",
    "0 0 * * L",
    "0 0 * * 5#3",

    /* badly put together */

    "1, 0 * * *",
    ",1 0 * * *",
    "1,,2 0 * * *",
    ", 0 * * *",
    "5-1 0 * * *",
    "1- 0 * * *",
    "-5 0 * * *",
    "1-2-3 0 * * *",
    "*-5 0 * * *",
    "1-* 0 * * *",
    "*/0 0 * * *",
    "*/ 0 * * *",
    "/5 0 * * *",
    "1/2/3 0 * * *",
    "*/-1 0 * * *",
    "*/a 0 * * *",
    "** 0 * * *",
    "*1 0 * * *",
    "0 0 * * FRI-MON",
    "0 0 * * MON/TUE",
    "0\t0\t*\t*\t*",
    "0 0 * * *\n",

    /* zones */

    "CRON_TZ=UTC",
    "CRON_TZ= 0 0 * * *",
    "CRON_TZ 0 0 * * *",
    "CRON_TZ=Europe/Atlantis 0 0 * * *",
    "CRON_TZ=europe/berlin 0 0 * * *",
    "CRON_TZ=Europe/Berlin0 0 * * *",
    "CRON_TZ=Europe 0 0 * * *",
    "CRON_TZ=../../../etc/localtime 0 0 * * *",
    "CRON_TZ=/usr/share/zoneinfo/UTC 0 0 * * *",
    "CRON_TZ=posix/Europe/Berlin 0 0 * * *",
    "CRON_TZ=right/Europe/Berlin 0 0 * * *",
    "CRON_TZ=Local 0 0 * * *",
    "cron_tz=UTC 0 0 * * *",
    "TZ=UTC 0 0 * * *",
    "CRON_TZ=UTC CRON_TZ=UTC 0 0 * * *",
    "0 0 * * * CRON_TZ=UTC"
};


static ngx_int_t
parse(const char *text, ws_schedule_t *s, const char **detail)
{
    ngx_int_t  rc;
    ngx_str_t  copy;

    copy = core_text(text);
    rc = ws_schedule_parse(db, &copy, s, detail);
    core_text_free(&copy);

    return rc;
}


static ws_schedule_t
schedule(const char *text)
{
    const char     *detail;
    ws_schedule_t   s;

    if (parse(text, &s, &detail) != NGX_OK) {
        fail_msg("\"%s\": %s", text, detail);
    }

    return s;
}


static void
test_fields_are_sets(void **state)
{
    size_t         i;
    ws_schedule_t  s;

    for (i = 0; i < core_items(valid); i++) {
        s = schedule(valid[i].text);

        if (s.minute != valid[i].minute
            || s.hour != valid[i].hour
            || s.dow != valid[i].dow)
        {
            fail_msg("\"%s\": %llx %x %x", valid[i].text,
                     (unsigned long long) s.minute, s.hour, s.dow);
        }
    }
}


static void
test_the_zone_is_that_of_the_database(void **state)
{
    ngx_str_t      name;
    ws_schedule_t  s;

    ngx_str_set(&name, "Asia/Tokyo");
    s = schedule("CRON_TZ=Asia/Tokyo 0 0 * * *");
    assert_ptr_equal(s.tz, ws_tz_find(db, &name));

    ngx_str_set(&name, "UTC");
    s = schedule("0 0 * * *");
    assert_ptr_equal(s.tz, ws_tz_find(db, &name));
}


static void
test_anything_else_is_refused(void **state)
{
    size_t          i;
    const char     *detail;
    ws_schedule_t   s;

    for (i = 0; i < core_items(invalid); i++) {
        detail = NULL;

        if (parse(invalid[i], &s, &detail) != NGX_DECLINED) {
            fail_msg("\"%s\" was not refused", invalid[i]);
        }

        assert_non_null(detail);
    }
}


static void
test_the_length_is_bounded(void **state)
{
    char            text[WS_SCHEDULE_MAX_LEN + 2];
    const char     *detail;
    ws_schedule_t   s;

    memset(text, ' ', sizeof(text));
    memcpy(text, "0 0 * * *", 9);

    text[WS_SCHEDULE_MAX_LEN] = '\0';
    assert_int_equal(parse(text, &s, &detail), NGX_OK);

    text[WS_SCHEDULE_MAX_LEN] = ' ';
    text[WS_SCHEDULE_MAX_LEN + 1] = '\0';
    assert_int_equal(parse(text, &s, &detail), NGX_DECLINED);
}


static void
test_next_is_strictly_after(void **state)
{
    ws_schedule_t  s;

    /* 1790000000 is Monday 2026-09-21 14:13:20 UTC */

    s = schedule("13 14 * * *");
    assert_int_equal(ws_schedule_next(&s, 1789999979999), 1789999980000);
    assert_int_equal(ws_schedule_next(&s, 1789999980000), 1790086380000);
    assert_int_equal(ws_schedule_next(&s, 1789999980001), 1790086380000);

    s = schedule("* * * * *");
    assert_int_equal(ws_schedule_next(&s, 1789999979999), 1789999980000);
    assert_int_equal(ws_schedule_next(&s, 1789999980000), 1790000040000);

    /* the same minute of the week, a week later */

    s = schedule("13 14 * * MON");
    assert_int_equal(ws_schedule_next(&s, 1789999980000), 1790604780000);
}


static void
test_next_at_the_ends_of_time(void **state)
{
    ws_schedule_t  s;

    s = schedule("0 0 * * *");
    assert_int_equal(ws_schedule_next(&s, -1), 0);
    assert_int_equal(ws_schedule_next(&s, INT64_MIN), 0);
    assert_int_equal(ws_schedule_next(&s, 0), 86400000);

    /* 9999-12-31T23:59:59Z */

    s = schedule("59 23 * * *");
    assert_int_equal(ws_schedule_next(&s, 253402300739999), 253402300740000);
    assert_int_equal(ws_schedule_next(&s, 253402300740000), -1);
    assert_int_equal(ws_schedule_next(&s, 253402300799999), -1);
    assert_int_equal(ws_schedule_next(&s, 253402300800000), -1);
    assert_int_equal(ws_schedule_next(&s, INT64_MAX), -1);

    /* zones on both sides of UTC, at both ends */

    s = schedule("CRON_TZ=Pacific/Kiritimati 0 0 * * *");
    assert_int_equal(ws_schedule_next(&s, -1), 38400000);
    assert_int_equal(ws_schedule_next(&s, 253402300799999), -1);

    s = schedule("CRON_TZ=America/Los_Angeles 0 0 * * *");
    assert_int_equal(ws_schedule_next(&s, -1), 28800000);
    assert_int_equal(ws_schedule_next(&s, 253402243199999), 253402243200000);
    assert_int_equal(ws_schedule_next(&s, 253402243200000), -1);
}


static void
test_daylight_saving_by_hand(void **state)
{
    ws_schedule_t  s;

    /*
     * Berlin, 2026: on 29 March 02:00 becomes 03:00 at 01:00 UTC,
     * on 25 October 03:00 becomes 02:00 at 01:00 UTC
     */

    s = schedule("CRON_TZ=Europe/Berlin 30 2 * * *");

    /* 28 March 02:30 +01:00, then the jump itself, then 30 March +02:00 */
    assert_int_equal(ws_schedule_next(&s, 1774600000000), 1774661400000);
    assert_int_equal(ws_schedule_next(&s, 1774661400000), 1774746000000);
    assert_int_equal(ws_schedule_next(&s, 1774746000000), 1774830600000);

    /* 25 October: the first 02:30, still +02:00, and not the second one */
    assert_int_equal(ws_schedule_next(&s, 1792800000000), 1792801800000);
    assert_int_equal(ws_schedule_next(&s, 1792801800000), 1792888200000);
    assert_int_equal(ws_schedule_next(&s, 1792888200000), 1792978200000);

    /* several skipped times, and the one it skips to, are one */

    s = schedule("CRON_TZ=Europe/Berlin 0,30 2-3 * * *");
    assert_int_equal(ws_schedule_next(&s, 1774745999999), 1774746000000);
    assert_int_equal(ws_schedule_next(&s, 1774746000000), 1774747800000);
}


static void
open_oracle(FILE **oracle)
{
    char         command[4096];
    const char  *dir;

    /* beside the source, and beside the program */

    dir = strrchr(__FILE__, '/');

    snprintf(command, sizeof(command), "python3 '%.*s/schedule_oracle.py'",
             dir ? (int) (dir - __FILE__) : 1, dir ? __FILE__ : ".");

    if (program) {
        snprintf(command, sizeof(command), "python3 '%s'", program);
    }

    *oracle = popen(command, "r");
    assert_non_null(*oracle);
}


/* what is fired after "at" must be "expected", which may be past the end */

static void
check_next(ws_schedule_t *s, const char *text, int64_t at, int64_t expected)
{
    int64_t  next;

    next = ws_schedule_next(s, at * 1000);

    if (next != expected * 1000) {
        fail_msg("\"%s\" after %lld: %lld instead of %lld", text,
                 (long long) at, (long long) next / 1000,
                 (long long) expected);
    }
}


static void
test_a_year_of_firings_as_the_oracle_says(void **state)
{
    FILE           *oracle;
    char            line[512], text[256];
    int64_t         at, until;
    ngx_uint_t      schedules, firings;
    long long       one, two;
    ws_schedule_t   s;

    schedules = 0;
    firings = 0;
    at = 0;
    until = 0;

    open_oracle(&oracle);

    while (fgets(line, sizeof(line), oracle)) {

        if (sscanf(line, "S %lld %lld %255[^\n]", &one, &two, text) == 3) {

            /* the one before fires no more in its year */

            if (schedules) {
                assert_true(ws_schedule_next(&s, at * 1000) > until * 1000);
            }

            s = schedule(text);
            at = one;
            until = two;
            schedules++;
            continue;
        }

        assert_int_equal(sscanf(line, "F %lld", &one), 1);

        check_next(&s, text, at, one);

        /* from anywhere in between it is the same one */

        check_next(&s, text, at + (one - at) / 2, one);
        check_next(&s, text, one - 1, one);

        at = one;
        firings++;
    }

    assert_int_equal(pclose(oracle), 0);

    assert_true(ws_schedule_next(&s, at * 1000) > until * 1000);

    /* it did say something */

    assert_true(schedules > 500);
    assert_true(firings > 200000);
}


static int
setup(void **state)
{
    pool = ngx_create_pool(4096, NULL);

    if (pool == NULL) {
        return 1;
    }

    db = ws_tz_db_load(pool, WS_TZ_DIR);

    return db == NULL;
}


static int
teardown(void **state)
{
    ngx_destroy_pool(pool);

    return 0;
}


/* an argument names the oracle's script, where it is not beside this file */

int
main(int argc, char **argv)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_fields_are_sets),
        cmocka_unit_test(test_the_zone_is_that_of_the_database),
        cmocka_unit_test(test_anything_else_is_refused),
        cmocka_unit_test(test_the_length_is_bounded),
        cmocka_unit_test(test_next_is_strictly_after),
        cmocka_unit_test(test_next_at_the_ends_of_time),
        cmocka_unit_test(test_daylight_saving_by_hand),
        cmocka_unit_test(test_a_year_of_firings_as_the_oracle_says)
    };

    program = (argc > 1) ? argv[1] : NULL;

    return cmocka_run_group_tests(tests, setup, teardown);
}
