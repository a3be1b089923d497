/* links: the pure sources; -lcmocka -ljansson -luuid -lcrypto */

/*
 * Agents: what they report, what their silence means, and the roster.
 */


#include "life_fixture.h"


#define TIMEOUT  30000LL


static json_t *
nth_agent(ws_workspace_t *w, size_t n)
{
    json_t  *resources, *agent;

    resources = json_object_get(ws_workspace_build(w), "resources");
    agent = json_array_get(json_object_get(json_array_get(resources, 0),
                                           "agents"), n);
    assert_non_null(agent);

    return agent;
}


static json_t *
agent_of(ws_workspace_t *w)
{
    return nth_agent(w, 0);
}


static void
connect_at(ws_workspace_t *w, int64_t now_ms)
{
    ngx_str_t  version;

    version = life_str("1.0");

    assert_int_equal(ws_agent_connect(w, agent_of(w), &version, TIMEOUT,
                                      now_ms),
                     NGX_OK);
}


static int64_t
time_of(json_t *agent, const char *key)
{
    int64_t  ms;

    return ws_json_get_time(agent, key, &ms) == NGX_OK ? ms : 0;
}


static void
test_finding_agents(void **state)
{
    size_t           i;
    ws_uuid_t        id;
    ws_workspace_t  *w;

    w = life_pending(0);
    assert_null(ws_agent_by_id(w, &life_org));

    life_acquire(w, LIFE_NOW);
    w = life_complete(w, "[{\"name\":\"one\"},{\"name\":\"two\"}]", LIFE_NOW);

    for (i = 0; i < 2; i++) {
        assert_int_equal(ws_json_get_uuid(nth_agent(w, i), "id", &id), NGX_OK);
        assert_ptr_equal(ws_agent_by_id(w, &id), nth_agent(w, i));
    }

    assert_null(ws_agent_by_id(w, &life_org));
}


static void
test_connect(void **state)
{
    json_t          *agent;
    ngx_str_t        version;
    ws_workspace_t  *w;

    w = life_running(0);
    agent = agent_of(w);

    assert_string_equal(life_get(agent, "status"), "connecting");

    connect_at(w, LIFE_NOW + 5);

    assert_string_equal(life_get(agent, "status"), "connected");
    assert_string_equal(life_get(agent, "version"), "1.0");
    assert_int_equal(time_of(agent, "first_connected_at"), LIFE_NOW + 5);
    assert_int_equal(time_of(agent, "last_connected_at"), LIFE_NOW + 5);
    assert_int_equal(life_due(w, "agent"), LIFE_NOW + 5 + TIMEOUT);

    assert_int_equal(ws_agent_disconnect(w, agent, LIFE_NOW + 6,
                                         LIFE_NOW + 7),
                     NGX_OK);
    assert_string_equal(life_get(agent, "status"), "disconnected");
    assert_int_equal(time_of(agent, "disconnected_at"), LIFE_NOW + 7);
    assert_int_equal(time_of(agent, "last_connected_at"), LIFE_NOW + 6);
    assert_int_equal(life_due(w, "agent"), 0);

    /* again, without a version */

    version = life_str("");
    assert_int_equal(ws_agent_connect(w, agent, &version, TIMEOUT,
                                      LIFE_NOW + 8),
                     NGX_OK);
    assert_string_equal(life_get(agent, "version"), "1.0");
    assert_int_equal(time_of(agent, "first_connected_at"), LIFE_NOW + 5);
    assert_int_equal(time_of(agent, "disconnected_at"), 0);
}


/* contract: never connected, and connection_timeout_seconds is over */

static void
test_never_connected(void **state)
{
    json_t          *agent;
    int64_t          next;
    ws_workspace_t  *w;

    w = life_running(0);
    agent = agent_of(w);

    assert_int_equal(life_due(w, "agent"), LIFE_NOW + MINUTE);
    assert_int_equal(ws_agent_expire(w, agent, 0, LIFE_NOW + MINUTE - 1,
                                     &next),
                     NGX_DECLINED);
    assert_int_equal(next, LIFE_NOW + MINUTE);

    assert_int_equal(ws_agent_expire(w, agent, 0, LIFE_NOW + MINUTE, &next),
                     NGX_OK);
    assert_string_equal(life_get(agent, "status"), "timeout");
    assert_int_equal(life_due(w, "agent"), 0);

    assert_int_equal(ws_agent_expire(w, agent, 0, LIFE_NOW + HOUR, &next),
                     NGX_DECLINED);
    assert_int_equal(next, 0);

    /* better late than never */

    connect_at(w, LIFE_NOW + HOUR);
    assert_string_equal(life_get(agent, "status"), "connected");
    assert_int_equal(time_of(agent, "first_connected_at"), LIFE_NOW + HOUR);
}


static void
test_all_the_time_in_the_world(void **state)
{
    int64_t          next;
    ws_workspace_t  *w;

    w = life_pending(0);
    life_acquire(w, LIFE_NOW);
    w = life_complete(w, "[{\"name\":\"a\",\"connection_timeout_seconds\":0}]",
                      LIFE_NOW);

    assert_int_equal(life_due(w, "agent"), 0);
    assert_int_equal(ws_agent_expire(w, agent_of(w), 0, LIFE_NOW + 24 * HOUR,
                                     &next),
                     NGX_DECLINED);
    assert_int_equal(next, 0);
}


static void
test_silence(void **state)
{
    json_t          *agent;
    int64_t          next;
    ws_workspace_t  *w;

    w = life_running(0);
    agent = agent_of(w);
    connect_at(w, LIFE_NOW);

    /* the sign of life beside the document counts */

    assert_int_equal(ws_agent_expire(w, agent, LIFE_NOW + 20000,
                                     LIFE_NOW + TIMEOUT, &next),
                     NGX_DECLINED);
    assert_int_equal(next, LIFE_NOW + 20000 + TIMEOUT);

    /* an older one does not make it younger */

    assert_int_equal(ws_agent_expire(w, agent, LIFE_NOW - 20000,
                                     LIFE_NOW + TIMEOUT - 1, &next),
                     NGX_DECLINED);
    assert_int_equal(next, LIFE_NOW + TIMEOUT);

    assert_int_equal(ws_agent_expire(w, agent, LIFE_NOW + 20000,
                                     LIFE_NOW + 20000 + TIMEOUT, &next),
                     NGX_OK);
    assert_string_equal(life_get(agent, "status"), "disconnected");
    assert_int_equal(time_of(agent, "last_connected_at"), LIFE_NOW + 20000);
    assert_int_equal(time_of(agent, "disconnected_at"),
                     LIFE_NOW + 20000 + TIMEOUT);
}


static void
test_lifecycle(void **state)
{
    size_t           i;
    ngx_str_t        s;
    ws_workspace_t  *w;

    static const char  *known[] = {
        "created", "starting", "start_timeout", "start_error", "ready",
        "shutting_down", "shutdown_timeout", "shutdown_error", "off"
    };

    w = life_running(0);

    for (i = 0; i < core_items(known); i++) {
        s = life_str(known[i]);
        assert_int_equal(ws_agent_lifecycle(w, agent_of(w), &s, LIFE_NOW),
                         NGX_OK);
        assert_string_equal(life_get(agent_of(w), "lifecycle_state"),
                            known[i]);
    }

    s = life_str("asleep");
    assert_int_equal(ws_agent_lifecycle(w, agent_of(w), &s, LIFE_NOW),
                     NGX_DECLINED);
    assert_string_equal(life_get(agent_of(w), "lifecycle_state"), "off");
}


static const char *
health(ws_workspace_t *w)
{
    return life_get(json_array_get(json_object_get(agent_of(w), "apps"), 0),
                    "health");
}


static ngx_int_t
set_health(ws_workspace_t *w, const char *app, const char *value)
{
    json_t     *healths;
    ngx_int_t   rc;

    healths = json_pack("{s:s}", app, value);
    rc = ws_agent_apps(w, agent_of(w), healths, LIFE_NOW, &life_detail);
    json_decref(healths);

    return rc;
}


static void
test_apps(void **state)
{
    char             id[64];
    json_t          *mixed;
    ws_workspace_t  *w;

    w = life_running(0);

    assert_int_equal(set_health(w, "code", "healthy"), NGX_OK);
    assert_string_equal(health(w), "healthy");

    snprintf(id, sizeof(id), "%s",
             life_get(json_array_get(json_object_get(agent_of(w), "apps"), 0),
                      "id"));
    assert_int_equal(set_health(w, id, "unhealthy"), NGX_OK);
    assert_string_equal(health(w), "unhealthy");

    assert_int_equal(set_health(w, "code", "fine"), NGX_DECLINED);
    assert_int_equal(set_health(w, "mail", "healthy"), NGX_DECLINED);

    /* all or nothing */

    mixed = json_pack("{s:s,s:s}", "code", "healthy", "mail", "healthy");
    assert_int_equal(ws_agent_apps(w, agent_of(w), mixed, LIFE_NOW,
                                   &life_detail),
                     NGX_DECLINED);
    assert_string_equal(health(w), "unhealthy");
    json_decref(mixed);

    mixed = json_pack("{s:i}", "code", 1);
    assert_int_equal(ws_agent_apps(w, agent_of(w), mixed, LIFE_NOW,
                                   &life_detail),
                     NGX_DECLINED);
    json_decref(mixed);
}


static ngx_int_t
set_latency(ws_workspace_t *w, const char *text)
{
    json_t     *latency;
    ngx_int_t   rc;

    latency = json_loads(text, 0, NULL);
    assert_non_null(latency);

    rc = ws_agent_latency(w, agent_of(w), latency, LIFE_NOW, &life_detail);
    json_decref(latency);

    return rc;
}


static void
test_latency(void **state)
{
    char             many[4096];
    size_t           i, n;
    json_t          *eu;
    ws_workspace_t  *w;

    w = life_running(0);

    assert_int_equal(set_latency(w, "{\"eu\":{\"latency_ms\":1.5,\"preferred\""
                                    ":true,\"more\":1},"
                                    "\"us\":{\"latency_ms\":90}}"),
                     NGX_OK);

    eu = json_object_get(json_object_get(agent_of(w), "latency"), "eu");
    assert_int_equal(json_object_size(eu), 2);
    assert_true(json_is_true(json_object_get(eu, "preferred")));

    assert_int_equal(set_latency(w, "{\"eu\":{}}"), NGX_DECLINED);
    assert_int_equal(set_latency(w, "{\"eu\":5}"), NGX_DECLINED);
    assert_int_equal(set_latency(w, "{\"eu\":{\"latency_ms\":-1}}"),
                     NGX_DECLINED);

    n = 0;

    for (i = 0; i < 65; i++) {
        n += snprintf(many + n, sizeof(many) - n,
                      "%c\"r%d\":{\"latency_ms\":1}", i ? ',' : '{', (int) i);
    }

    snprintf(many + n, sizeof(many) - n, "}");
    assert_int_equal(set_latency(w, many), NGX_DECLINED);

    /* what was there stays */

    assert_int_equal(json_object_size(json_object_get(agent_of(w),
                                                      "latency")), 2);

    /* none: left out */

    assert_int_equal(set_latency(w, "{}"), NGX_OK);
    assert_null(json_object_get(agent_of(w), "latency"));
}


static void
test_activity(void **state)
{
    ws_workspace_t  *w;

    w = life_running(100 * MINUTE);

    assert_int_equal(ws_agent_activity(w, LIFE_NOW + 5 * MINUTE), NGX_OK);
    assert_time(w, "last_used_at", LIFE_NOW + 5 * MINUTE);
    assert_time(w, "latest_build.deadline", LIFE_NOW + 100 * MINUTE);

    assert_int_equal(ws_agent_activity(w, LIFE_NOW + 5 * MINUTE + 1), NGX_OK);
    assert_time(w, "latest_build.deadline",
                LIFE_NOW + 105 * MINUTE + 1);

    /* counted from there */

    assert_int_equal(ws_agent_activity(w, LIFE_NOW + 10 * MINUTE + 1),
                     NGX_OK);
    assert_time(w, "latest_build.deadline",
                LIFE_NOW + 105 * MINUTE + 1);
}


static void
test_activity_does_not_take_back(void **state)
{
    ngx_uint_t       status;
    ws_workspace_t  *w;

    w = life_running(HOUR);

    assert_int_equal(ws_build_extend(w, LIFE_NOW + 5 * HOUR, LIFE_NOW,
                                     &status, &life_detail),
                     NGX_OK);
    assert_int_equal(ws_agent_activity(w, LIFE_NOW + 2 * HOUR), NGX_OK);
    assert_time(w, "latest_build.deadline", LIFE_NOW + 5 * HOUR);
}


static void
test_activity_without_deadline(void **state)
{
    ws_workspace_t  *w;

    w = life_running(0);
    assert_int_equal(ws_agent_activity(w, LIFE_NOW + HOUR), NGX_OK);
    assert_time(w, "last_used_at", LIFE_NOW + HOUR);
    assert_true(json_is_null(json_object_get(ws_workspace_build(w),
                                             "deadline")));

    w = life_stopped(LIFE_NOW);
    assert_int_equal(ws_agent_activity(w, LIFE_NOW + HOUR), NGX_OK);
    assert_true(json_is_null(json_object_get(ws_workspace_build(w),
                                             "deadline")));
}


/* the field "ag" */

static void
test_roster(void **state)
{
    ngx_str_t           roster, name, none;
    ws_workspace_t     *w;
    ws_roster_agent_t   a;

    w = life_pending(0);
    life_acquire(w, LIFE_NOW);
    w = life_complete(w,
                      "[{\"name\":\"a; 3:b \",\"version\":\"7:x;\"},"
                      "{\"name\":\"a\",\"status\":\"connected\"}]",
                      LIFE_NOW);

    /* contract: a provisioner's word is not a sign of life */

    assert_string_equal(life_get(nth_agent(w, 1), "status"), "connecting");

    none = life_str("");
    assert_int_equal(ws_agent_connect(w, nth_agent(w, 1), &none, TIMEOUT,
                                      LIFE_NOW),
                     NGX_OK);
    assert_int_equal(ws_roster_write(w, &roster), NGX_OK);

    name = life_str("a; 3:b ");
    assert_int_equal(ws_roster_find(&roster, &name, &a), NGX_OK);
    assert_int_equal(a.version.len, 4);
    assert_memory_equal(a.version.data, "7:x;", 4);
    assert_int_equal(a.status.len, 10);
    assert_memory_equal(a.status.data, "connecting", 10);
    assert_int_equal(ws_roster_has(&roster, &a.id), 1);
    assert_non_null(ws_agent_by_id(w, &a.id));

    name = life_str("a");
    assert_int_equal(ws_roster_find(&roster, &name, &a), NGX_OK);
    assert_memory_equal(a.status.data, "connected", 9);

    name = life_str("b");
    assert_int_equal(ws_roster_find(&roster, &name, &a), NGX_DECLINED);

    /* or by its id */

    name = ws_json_get_str(ws_agent_by_id(w, &a.id), "id");
    assert_int_equal(ws_roster_find(&roster, &name, &a), NGX_OK);
    assert_memory_equal(a.name.data, "a ", 2);
    assert_int_equal(ws_roster_has(&roster, &life_org), 0);

    assert_int_equal(ws_roster_find(&roster, &none, &a), NGX_ABORT);
}


static void
test_roster_of_one_and_of_none(void **state)
{
    ngx_str_t           roster, none;
    ws_workspace_t     *w;
    ws_roster_agent_t   a;

    none = life_str("");

    assert_int_equal(ws_roster_write(life_running(0), &roster), NGX_OK);
    assert_int_equal(ws_roster_find(&roster, &none, &a), NGX_OK);

    w = life_pending(0);
    assert_int_equal(ws_roster_write(w, &roster), NGX_OK);
    assert_null(roster.data);

    life_acquire(w, LIFE_NOW);
    assert_int_equal(ws_roster_write(w, &roster), NGX_OK);
    assert_null(roster.data);

    w = life_complete(w, "[]", LIFE_NOW);
    assert_int_equal(ws_roster_write(w, &roster), NGX_OK);
    assert_non_null(roster.data);
    assert_int_equal(roster.len, 0);
    assert_int_equal(ws_roster_find(&roster, &none, &a), NGX_DECLINED);

    assert_int_equal(ws_roster_write(life_stopped(LIFE_NOW), &roster),
                     NGX_OK);
    assert_null(roster.data);
}


static void
test_not_a_roster(void **state)
{
    char                part[128];
    size_t              i;
    ngx_int_t           rc;
    ngx_str_t           text, rest, none;
    ws_roster_agent_t   a;

    static const char  good[] =
        "00000000-0000-4000-8000-000000000001 connected 4:main 3:1.0;";

    none = life_str("");

    for (i = 1; i < sizeof(good) - 1; i++) {
        text = core_text_n(good, i);
        rest = text;
        assert_int_equal(ws_roster_next(&rest, &a), NGX_DECLINED);
        assert_int_equal(ws_roster_find(&text, &none, &a), NGX_ERROR);
        core_text_free(&text);
    }

    for (i = 0; i < sizeof(good) - 1; i++) {
        memcpy(part, good, sizeof(good));
        part[i] = '!';
        text = core_text_n(part, sizeof(good) - 1);
        rest = text;
        rc = ws_roster_next(&rest, &a);
        assert_true(rc == NGX_OK || rc == NGX_DECLINED);
        core_text_free(&text);
    }

    text = life_str(good);
    assert_int_equal(ws_roster_next(&text, &a), NGX_OK);
    assert_int_equal(ws_roster_next(&text, &a), NGX_DONE);
}


/* what a commit writes of it: only what has changed */

static void
test_roster_in_commits(void **state)
{
    char             id[64];
    json_t          *agent;
    ngx_str_t        version;
    ws_workspace_t  *w;

    w = life_pending(0);
    life_acquire(w, LIFE_NOW);
    w = life_reload(w);
    assert_int_equal(life_writes(w, "HSET", "ag"), 0);
    assert_int_equal(life_writes(w, "HDEL", "ag"), 0);

    w = life_complete(w, "[" LIFE_AGENT "]", LIFE_NOW);
    assert_int_equal(life_writes(w, "HSET", "ag"), 0);

    agent = agent_of(w);
    version = life_str("2");
    assert_int_equal(ws_agent_connect(w, agent, &version, TIMEOUT, LIFE_NOW),
                     NGX_OK);
    assert_int_equal(life_writes(w, "HSET", "ag"), 1);

    w = life_reload(w);
    assert_int_equal(ws_json_get_uuid(agent_of(w), "id", &w->alive), NGX_OK);
    w->alive_ms = LIFE_NOW;
    snprintf(id, sizeof(id), "%s", life_get(agent_of(w), "id"));
    assert_int_equal(life_writes(w, "HSET", id), 1);
    assert_int_equal(life_writes(w, "HSET", "ag"), 0);

    /* the agents of a superseded build leave nothing behind */

    w = life_reload(w);
    assert_int_equal(life_build(w, "stop", LIFE_NOW), NGX_OK);
    assert_int_equal(life_writes(w, "HDEL", "ag"), 1);
    assert_int_equal(life_writes(w, "HDEL", id), 1);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_finding_agents),
        cmocka_unit_test(test_connect),
        cmocka_unit_test(test_never_connected),
        cmocka_unit_test(test_all_the_time_in_the_world),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_lifecycle),
        cmocka_unit_test(test_apps),
        cmocka_unit_test(test_latency),
        cmocka_unit_test(test_activity),
        cmocka_unit_test(test_activity_does_not_take_back),
        cmocka_unit_test(test_activity_without_deadline),
        cmocka_unit_test(test_roster),
        cmocka_unit_test(test_roster_of_one_and_of_none),
        cmocka_unit_test(test_not_a_roster),
        cmocka_unit_test(test_roster_in_commits)
    };

    return cmocka_run_group_tests_name("agent", tests, life_setup,
                                       life_teardown);
}
