/* links: the pure sources; -lcmocka -ljansson -luuid -lcrypto */

/*
 * What becomes due, and when.
 */


#include "life_fixture.h"


static ngx_uint_t
entries(ws_workspace_t *w)
{
    ngx_array_t  *list;

    list = ws_due_entries(w);
    assert_non_null(list);

    return list->nelts;
}


static void
schedule(ws_workspace_t *w, const char *text, int64_t now_ms)
{
    ngx_str_t  s;

    s = life_str(text);
    assert_int_equal(ws_workspace_set_schedule(w, &s, now_ms), NGX_OK);
    assert_int_equal(ws_due_arm(w, &life_ks), NGX_OK);
}


static void
test_what_is_due_in_each_state(void **state)
{
    ws_workspace_t  *w;

    w = life_pending(HOUR);
    assert_int_equal(entries(w), 0);

    life_acquire(w, LIFE_NOW);
    assert_int_equal(entries(w), 1);
    assert_int_equal(life_due(w, "lease"), LIFE_NOW + WS_LEASE_MS);

    assert_int_equal(ws_job_cancel(w, LIFE_NOW), NGX_OK);
    assert_int_equal(entries(w), 1);
    assert_int_equal(life_due(w, "lease"), LIFE_NOW + WS_LEASE_MS);

    w = life_running(HOUR);
    assert_int_equal(entries(w), 2);
    assert_int_equal(life_due(w, "autostop"), LIFE_NOW + HOUR);
    assert_int_equal(life_due(w, "agent"), LIFE_NOW + MINUTE);

    assert_int_equal(life_build(w, "stop", LIFE_NOW), NGX_OK);
    assert_int_equal(entries(w), 0);

    assert_int_equal(entries(life_stopped(LIFE_NOW)), 0);
    assert_int_equal(entries(life_running(0)), 1);
}


static void
test_autostart(void **state)
{
    ws_workspace_t  *w;

    w = life_stopped(LIFE_NOW);

    /* the same day, at 13:30 */

    schedule(w, "30 13 * * *", LIFE_NOW);
    assert_int_equal(life_due(w, "autostart"), LIFE_NOW + 90 * MINUTE);

    /* the next time after it was set, not after it was stopped */

    schedule(w, "30 13 * * *", LIFE_NOW + 2 * HOUR);
    assert_int_equal(life_due(w, "autostart"),
                     LIFE_NOW + 90 * MINUTE + 24 * HOUR);

    schedule(w, "", LIFE_NOW);
    assert_int_equal(life_due(w, "autostart"), 0);
}


static void
test_autostart_after_the_last_build(void **state)
{
    ws_workspace_t  *w;

    w = life_running(0);
    schedule(w, "30 13 * * *", LIFE_NOW);
    assert_int_equal(life_due(w, "autostart"), 0);

    assert_int_equal(life_build(w, "stop", LIFE_NOW + 2 * HOUR), NGX_OK);
    life_acquire(w, LIFE_NOW + 2 * HOUR);
    assert_int_equal(ws_job_complete(w, NULL, NULL, LIFE_NOW + 2 * HOUR,
                                     &life_detail),
                     NGX_OK);
    assert_int_equal(ws_due_arm(w, &life_ks), NGX_OK);
    assert_int_equal(life_due(w, "autostart"),
                     LIFE_NOW + 90 * MINUTE + 24 * HOUR);
}


/* only a stop that succeeded is waited for */

static void
test_no_autostart_after_a_failure(void **state)
{
    ngx_str_t        error;
    ws_workspace_t  *w;

    w = life_running(0);
    schedule(w, "30 13 * * *", LIFE_NOW);

    assert_int_equal(life_build(w, "stop", LIFE_NOW), NGX_OK);
    life_acquire(w, LIFE_NOW);
    error = life_str("stuck");
    assert_int_equal(ws_job_fail(w, &error, LIFE_NOW), NGX_OK);
    assert_int_equal(ws_due_arm(w, &life_ks), NGX_OK);

    assert_int_equal(entries(w), 0);
}


static void
test_without_zones_nothing_is_armed(void **state)
{
    ngx_str_t        s;
    ws_keyspace_t    ks;
    ws_workspace_t  *w;

    ks = life_ks;
    ks.tz = NULL;

    w = life_stopped(LIFE_NOW);
    s = life_str("30 13 * * *");
    assert_int_equal(ws_workspace_set_schedule(w, &s, LIFE_NOW), NGX_OK);
    assert_int_equal(ws_due_arm(w, &ks), NGX_OK);
    assert_int_equal(entries(w), 0);
}


/* here there is only UTC; where the schedule was set there was more */

static void
test_a_zone_that_is_not_known_here(void **state)
{
    int64_t          at_ms;
    ngx_str_t        s;
    ws_keyspace_t    ks;
    ws_workspace_t  *w;

    ks = life_ks;
    ks.tz = ws_tz_db_load(life_pool, WS_TZ_DIR);
    assert_non_null(ks.tz);

    w = life_stopped(LIFE_NOW);
    s = life_str("CRON_TZ=Europe/Berlin 30 14 * * *");
    assert_int_equal(ws_workspace_set_schedule(w, &s, LIFE_NOW), NGX_OK);
    assert_int_equal(ws_due_arm(w, &ks), NGX_OK);

    at_ms = LIFE_NOW + 90 * MINUTE;
    assert_int_equal(life_due(w, "autostart"), at_ms);

    w = life_reload(w);
    s = life_str("other");
    assert_int_equal(ws_workspace_set_name(w, &s, LIFE_NOW), NGX_OK);
    assert_int_equal(life_writes(w, "ZREM", "autostart "), 0);
    assert_int_equal(life_due(life_reload(w), "autostart"), at_ms);

    /* what was worked out for another schedule does not stay */

    schedule(w, "CRON_TZ=Europe/Berlin 30 15 * * *", LIFE_NOW);
    assert_int_equal(life_due(w, "autostart"), 0);
    assert_int_equal(life_writes(w, "ZREM", "autostart "), 1);

    /* nor when it is started */

    w = life_reload(w);
    assert_int_equal(ws_due_arm(w, &ks), NGX_OK);
    assert_int_equal(life_due(w, "autostart"), at_ms + HOUR);
    assert_int_equal(life_build(w, "start", LIFE_NOW), NGX_OK);
    assert_int_equal(ws_due_arm(w, &life_ks), NGX_OK);
    assert_int_equal(entries(w), 0);
}


/* a commit moves what differs and leaves the rest alone */

static void
test_commits(void **state)
{
    ngx_uint_t       status;
    ws_workspace_t  *w;

    w = life_running(8 * HOUR);
    assert_int_equal(life_writes(w, "ZADD", "autostop "), 0);
    assert_int_equal(life_writes(w, "ZADD", "agent "), 0);

    assert_int_equal(ws_build_extend(w, LIFE_NOW + HOUR, LIFE_NOW, &status,
                                     &life_detail),
                     NGX_OK);
    assert_int_equal(life_writes(w, "ZADD", "1795525200000"), 1);
    assert_int_equal(life_writes(w, "ZADD", "agent "), 0);
    assert_int_equal(life_writes(w, "ZREM", "autostop "), 0);

    w = life_reload(w);
    assert_int_equal(life_build(w, "stop", LIFE_NOW), NGX_OK);
    assert_int_equal(life_writes(w, "ZREM", "autostop "), 1);
    assert_int_equal(life_writes(w, "ZREM", "agent "), 1);
}


static ngx_int_t
parse(const char *s, ws_due_t *due)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    text = core_text(s);
    rc = ws_due_parse(&text, due);
    core_text_free(&text);

    return rc;
}


#define W  "00000000-0000-4000-8000-00000000000a"
#define A  "00000000-0000-4000-8000-00000000000b"


static void
test_members(void **state)
{
    size_t    i;
    ws_due_t  due;

    static const struct {
        const char  *text;
        ngx_uint_t   kind;
    } table[] = {
        { "autostart " W, WS_DUE_AUTOSTART },
        { "autostop " W, WS_DUE_AUTOSTOP },
        { "lease " W, WS_DUE_LEASE },
        { "agent " W " " A, WS_DUE_AGENT }
    };

    static const char  *bad[] = {
        "", "lease", "lease ", "lease " A "b", "lease " A " " A, "agent " W,
        "agent " W " ", "agent " W "x" A, "agent " W " " A "x", "leases " W,
        "lease_" W, "autostop 0000", "agent " W " 0000", " " W, W,
        "lease 00000000-0000-4000-8000-00000000000g"
    };

    for (i = 0; i < core_items(table); i++) {
        assert_int_equal(parse(table[i].text, &due), NGX_OK);
        assert_int_equal(due.kind, table[i].kind);
        assert_int_equal(due.workspace.b[15], 10);

        if (due.kind == WS_DUE_AGENT) {
            assert_int_equal(due.agent.b[15], 11);
        }
    }

    for (i = 0; i < core_items(bad); i++) {
        assert_int_equal(parse(bad[i], &due), NGX_DECLINED);
    }
}


/* what is written is what is read */

static void
test_entries_are_members(void **state)
{
    ws_due_t         due;
    ngx_uint_t       i;
    ngx_array_t     *list;
    ws_due_entry_t  *e;
    ws_workspace_t  *w;

    w = life_running(HOUR);
    list = ws_due_entries(w);
    e = list->elts;

    for (i = 0; i < list->nelts; i++) {
        assert_int_equal(ws_due_parse(&e[i].member, &due), NGX_OK);
        assert_true(ws_uuid_eq(&due.workspace, &w->id));
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_what_is_due_in_each_state),
        cmocka_unit_test(test_autostart),
        cmocka_unit_test(test_autostart_after_the_last_build),
        cmocka_unit_test(test_no_autostart_after_a_failure),
        cmocka_unit_test(test_without_zones_nothing_is_armed),
        cmocka_unit_test(test_a_zone_that_is_not_known_here),
        cmocka_unit_test(test_commits),
        cmocka_unit_test(test_members),
        cmocka_unit_test(test_entries_are_members)
    };

    return cmocka_run_group_tests_name("due", tests, life_setup,
                                       life_teardown);
}
