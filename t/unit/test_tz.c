
/*
 * Time zones: the whole database of the system against the C library's
 * reading of it, the way back from wall times against a search, and the
 * reading of directories.
 */


#include "core_text.h"
#include <time.h>
#include "ws_ngx.h"
#include "ws_tz.h"
#include "ws_tz_rule.h"


#define DAY         86400
#define YEAR(n)     (((n) - 1970) * 31556952LL)
#define MAX_ZONES   1000


static ngx_pool_t   *pool;
static ws_tz_db_t   *db;

static char         *zones[MAX_ZONES];
static ngx_uint_t    nzones;


static const ws_tz_t *
zone(const char *name)
{
    ngx_str_t       text;
    const ws_tz_t  *tz;

    text = core_text(name);
    tz = ws_tz_find(db, &text);
    core_text_free(&text);

    return tz;
}


static int32_t
libc_offset(int64_t utc)
{
    time_t     t;
    struct tm  tm;

    t = (time_t) utc;
    assert_non_null(localtime_r(&t, &tm));

    return (int32_t) tm.tm_gmtoff;
}


static void
libc_zone(const char *name)
{
    char  tz[128];

    snprintf(tz, sizeof(tz), ":%s", name);
    setenv("TZ", tz, 1);
    tzset();
}


/* the names of all TZif files that are zones, as the shell finds them */

static ngx_int_t
collect(void)
{
    FILE  *list;
    char   line[512];

    list = popen("cd " WS_TZ_DIR " && find . -follow -type f"
                 " ! -path './posix/*' ! -path './right/*'"
                 " ! -path ./localtime ! -path ./posixrules"
                 " -exec grep -l ^TZif '{}' +", "r");

    if (list == NULL) {
        return NGX_ERROR;
    }

    while (nzones < MAX_ZONES && fgets(line, sizeof(line), list)) {
        line[strcspn(line, "\n")] = '\0';
        zones[nzones++] = strdup(line + 2);
    }

    return pclose(list) == 0 ? NGX_OK : NGX_ERROR;
}


static void
test_every_zone_of_the_system_is_there(void **state)
{
    ngx_uint_t  i;

    assert_true(nzones > 300);

    for (i = 0; i < nzones; i++) {
        if (zone(zones[i]) == NULL) {
            fail_msg("no %s", zones[i]);
        }
    }

    assert_int_equal(ws_tz_db_count(db), nzones);
}


static void
test_nothing_else_is(void **state)
{
    size_t  i;

    static const char  *names[] = {
        "", "U", "UTCx", "utc", "Europe", "Europe/", "/Europe/Berlin",
        "europe/berlin", "Europe/Berlin/", "Europe/Berlin0", "posix/UTC",
        "right/UTC", "localtime", "posixrules", "../zoneinfo/UTC",
        "tzdata.zi", "zone.tab", "leapseconds"
    };

    for (i = 0; i < core_items(names); i++) {
        if (zone(names[i])) {
            fail_msg("there is %s", names[i]);
        }
    }
}


/* our own change of offset between two times, or "high" */

static int64_t
change_between(const ws_tz_t *tz, int64_t low, int64_t high)
{
    int32_t  offset;
    int64_t  middle;

    offset = ws_tz_offset(tz, low);

    while (high - low > 1) {
        middle = low + (high - low) / 2;

        if (ws_tz_offset(tz, middle) == offset) {
            low = middle;

        } else {
            high = middle;
        }
    }

    return high;
}


static void
assert_offset(const char *name, const ws_tz_t *tz, int64_t utc)
{
    if (ws_tz_offset(tz, utc) != libc_offset(utc)) {
        fail_msg("%s at %lld: %d instead of %d", name, (long long) utc,
                 ws_tz_offset(tz, utc), libc_offset(utc));
    }
}


static void
test_offsets_are_those_of_the_c_library(void **state)
{
    int64_t         utc, change;
    ngx_uint_t      i, changes;
    const ws_tz_t  *tz;

    changes = 0;

    for (i = 0; i < nzones; i++) {
        tz = zone(zones[i]);
        libc_zone(zones[i]);

        for (utc = YEAR(1902); utc < YEAR(2120); utc += 20 * DAY + 3661) {

            assert_offset(zones[i], tz, utc);

            change = change_between(tz, utc, utc + 20 * DAY + 3661);

            if (change < utc + 20 * DAY + 3661) {
                assert_offset(zones[i], tz, change - 1);
                assert_offset(zones[i], tz, change);
                changes++;
            }
        }
    }

    assert_true(changes > 40000);
}


/*
 * the first instant at which the clock shows "local" or more, by looking at
 * every minute, and then every second, of the days around
 */

static int64_t
search_local(const ws_tz_t *tz, int64_t local)
{
    int64_t  utc;

    for (utc = local - 30 * 3600; ; utc += 60) {
        if (utc + ws_tz_offset(tz, utc) >= local) {
            break;
        }
    }

    for (utc -= 60; ; utc++) {
        if (utc + ws_tz_offset(tz, utc) >= local) {
            return utc;
        }
    }
}


static void
test_from_local_is_when_the_clock_gets_there(void **state)
{
    int32_t         before, after;
    int64_t         utc, change, local, found, delta;
    ngx_uint_t      i;
    const ws_tz_t  *tz;

    static const int64_t  deltas[] = {
        -7200, -3601, -3600, -1800, -1, 0, 1, 900, 1800, 3599, 3600, 7200,
        DAY
    };

    for (i = 0; i < nzones; i += 7) {
        tz = zone(zones[i]);
        change = YEAR(1995);

        for (utc = change; utc < YEAR(2045); utc += 30 * DAY) {

            change = change_between(tz, utc, utc + 30 * DAY);

            if (change == utc + 30 * DAY && utc % 7) {
                continue;
            }

            before = ws_tz_offset(tz, change - 1);
            after = ws_tz_offset(tz, change);

            delta = deltas[core_random() % core_items(deltas)];
            local = change + (core_random() % 2 ? before : after) + delta;

            assert_int_equal(ws_tz_from_local(tz, local, &found), NGX_OK);

            if (found != search_local(tz, local)) {
                fail_msg("%s, %lld: %lld instead of %lld", zones[i],
                         (long long) local, (long long) found,
                         (long long) search_local(tz, local));
            }
        }
    }
}


static void
test_from_local_by_hand(void **state)
{
    size_t    i;
    int64_t   utc;

    static const struct {
        const char  *zone;
        int64_t      local;
        int64_t      utc;
    } cases[] = {

        { "UTC", 1790000000, 1790000000 },
        { "Asia/Kathmandu", 1790000000, 1790000000 - 20700 },

        /* New York, 8 March 2026: 02:00 -05:00 becomes 03:00 -04:00 */

        { "America/New_York", 1772935199, 1772953199 },     /* 01:59:59 */
        { "America/New_York", 1772935200, 1772953200 },     /* 02:00:00 */
        { "America/New_York", 1772937000, 1772953200 },     /* 02:30:00 */
        { "America/New_York", 1772938799, 1772953200 },     /* 02:59:59 */
        { "America/New_York", 1772938800, 1772953200 },     /* 03:00:00 */
        { "America/New_York", 1772938801, 1772953201 },     /* 03:00:01 */

        /* 1 November 2026: 02:00 -04:00 becomes 01:00 -05:00 */

        { "America/New_York", 1793494799, 1793509199 },     /* 00:59:59 */
        { "America/New_York", 1793494800, 1793509200 },     /* 01:00:00 */
        { "America/New_York", 1793498399, 1793512799 },     /* 01:59:59 */
        { "America/New_York", 1793498400, 1793516400 },     /* 02:00:00 */

        /* Samoa had no 30 December 2011 */

        { "Pacific/Apia", 1325203200, 1325239200 },
        { "Pacific/Apia", 1325246400, 1325239200 },
        { "Pacific/Apia", 1325289600, 1325239200 },
        { "Pacific/Apia", 1325289601, 1325239201 }
    };

    for (i = 0; i < core_items(cases); i++) {
        assert_int_equal(ws_tz_from_local(zone(cases[i].zone), cases[i].local,
                                          &utc), NGX_OK);
        if (utc != cases[i].utc) {
            fail_msg("%s, %lld: %lld", cases[i].zone,
                     (long long) cases[i].local, (long long) utc);
        }
    }
}


static void
test_from_local_ends_with_the_calendar(void **state)
{
    int64_t     utc;
    ngx_uint_t  i;

    for (i = 0; i < nzones; i++) {
        const ws_tz_t  *tz = zone(zones[i]);

        assert_int_equal(ws_tz_from_local(tz, WS_TZ_MIN_TIME, &utc), NGX_OK);
        assert_int_equal(ws_tz_from_local(tz, WS_TZ_MAX_TIME, &utc), NGX_OK);
        assert_int_equal(utc + ws_tz_offset(tz, utc), WS_TZ_MAX_TIME);

        assert_int_equal(ws_tz_from_local(tz, WS_TZ_MIN_TIME - 1, &utc),
                         NGX_DECLINED);
        assert_int_equal(ws_tz_from_local(tz, WS_TZ_MAX_TIME + 1, &utc),
                         NGX_DECLINED);
        assert_int_equal(ws_tz_from_local(tz, INT64_MIN, &utc), NGX_DECLINED);
        assert_int_equal(ws_tz_from_local(tz, INT64_MAX, &utc), NGX_DECLINED);

        (void) ws_tz_offset(tz, INT64_MIN);
        (void) ws_tz_offset(tz, INT64_MAX);
    }
}


static void
test_utc_needs_no_directory(void **state)
{
    size_t          i;
    ngx_str_t       name;
    ws_tz_db_t     *empty;
    const ws_tz_t  *tz;

    static const char  *dirs[] = {
        "/nonexistent/zoneinfo", "", "/dev/null"
    };

    ngx_str_set(&name, "UTC");

    for (i = 0; i < core_items(dirs); i++) {
        empty = ws_tz_db_load(pool, dirs[i]);

        assert_non_null(empty);
        assert_int_equal(ws_tz_db_count(empty), 1);

        tz = ws_tz_find(empty, &name);

        assert_non_null(tz);
        assert_int_equal(ws_tz_offset(tz, 1790000000), 0);
        assert_int_equal(ws_tz_offset(tz, INT64_MIN), 0);
        assert_int_equal(ws_tz_offset(tz, INT64_MAX), 0);
    }
}


static void
test_a_strange_directory_does_no_harm(void **state)
{
    char            dir[] = "/tmp/ws-tz-XXXXXX";
    char            command[1024];
    ngx_str_t       name;
    ws_tz_db_t     *found;
    const ws_tz_t  *one, *two;

    assert_non_null(mkdtemp(dir));

    snprintf(command, sizeof(command),
             "cd %s && cp " WS_TZ_DIR "/Europe/Berlin One && ln -s One Two"
             " && mkdir -p A/B/C/D && cp One A/B/Deep && cp One A/B/C/Deeper"
             " && ln -s .. A/Up && mkfifo Pipe && ln -s nowhere Dangling"
             " && cp One .hidden && mkdir posix right && cp One posix/One"
             " && cp One right/One && cp One localtime && cp One posixrules"
             " && head -c 100 One > Short && : > Empty"
             " && cp " WS_TZ_DIR "/Europe/Berlin UTC"
             " && head -c 70000 /dev/zero > Long", dir);

    assert_int_equal(system(command), 0);

    found = ws_tz_db_load(pool, dir);
    assert_non_null(found);

    ngx_str_set(&name, "One");
    one = ws_tz_find(found, &name);
    assert_non_null(one);

    /* a link is another name for the same zone in memory */

    ngx_str_set(&name, "Two");
    two = ws_tz_find(found, &name);
    assert_ptr_equal(one, two);

    ngx_str_set(&name, "A/B/Deep");
    assert_non_null(ws_tz_find(found, &name));

    ngx_str_set(&name, "A/B/C/Deeper");
    assert_null(ws_tz_find(found, &name));

    ngx_str_set(&name, "Short");
    assert_null(ws_tz_find(found, &name));

    ngx_str_set(&name, "posix/One");
    assert_null(ws_tz_find(found, &name));

    /* UTC is what it is */

    ngx_str_set(&name, "UTC");
    assert_int_equal(ws_tz_offset(ws_tz_find(found, &name), 1790000000), 0);

    snprintf(command, sizeof(command), "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}


static void
test_without_memory_there_is_no_database(void **state)
{
    ngx_int_t    n;
    ngx_pool_t  *small;

    /* a step that grows: most allocations are those of zones */

    for (n = 0; n < 1000; n += 1 + n / 8) {
        small = ngx_create_pool(4096, NULL);
        assert_non_null(small);

        ws_ngx_fail_after(n);
        assert_null(ws_tz_db_load(small, WS_TZ_DIR));
        ws_ngx_fail_after(-1);

        ngx_destroy_pool(small);
    }
}


static int
setup(void **state)
{
    pool = ngx_create_pool(4096, NULL);

    if (pool == NULL) {
        return 1;
    }

    db = ws_tz_db_load(pool, WS_TZ_DIR);

    if (db == NULL) {
        return 1;
    }

    return collect() != NGX_OK;
}


static int
teardown(void **state)
{
    while (nzones) {
        free(zones[--nzones]);
    }

    ngx_destroy_pool(pool);

    return 0;
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_every_zone_of_the_system_is_there),
        cmocka_unit_test(test_nothing_else_is),
        cmocka_unit_test(test_offsets_are_those_of_the_c_library),
        cmocka_unit_test(test_from_local_is_when_the_clock_gets_there),
        cmocka_unit_test(test_from_local_by_hand),
        cmocka_unit_test(test_from_local_ends_with_the_calendar),
        cmocka_unit_test(test_utc_needs_no_directory),
        cmocka_unit_test(test_a_strange_directory_does_no_harm),
        cmocka_unit_test(test_without_memory_there_is_no_database)
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
