/* links: the pure sources; -lcmocka -ljansson -luuid -lcrypto */

/*
 * Builds: made, ended, superseded, and what follows from each.
 */


#include "life_fixture.h"


/* contract: Where a status comes from */

static void
test_statuses(void **state)
{
    size_t  i;

    static const struct {
        const char  *job;
        const char  *start;
        const char  *stop;
        const char  *delete;
    } table[] = {
        { "pending",   "pending",   "pending",   "pending" },
        { "running",   "starting",  "stopping",  "deleting" },
        { "succeeded", "running",   "stopped",   "deleted" },
        { "canceling", "canceling", "canceling", "canceling" },
        { "canceled",  "canceled",  "canceled",  "canceled" },
        { "failed",    "failed",    "failed",    "failed" },
        { "unheard",   "",          "",          "" }
    };

    for (i = 0; i < core_items(table); i++) {
        assert_string_equal(ws_build_status(table[i].job, "start"),
                            table[i].start);
        assert_string_equal(ws_build_status(table[i].job, "stop"),
                            table[i].stop);
        assert_string_equal(ws_build_status(table[i].job, "delete"),
                            table[i].delete);
        assert_string_equal(ws_build_status(table[i].job, "pause"), "");
    }
}


static void
test_first_build(void **state)
{
    json_t          *build;
    ws_workspace_t  *w;

    w = life_pending(0);
    build = ws_workspace_build(w);

    assert_int_equal(json_integer_value(json_object_get(build,
                                                        "build_number")), 1);
    assert_doc(w, "latest_build.transition", "start");
    assert_doc(w, "latest_build.status", "pending");
    assert_doc(w, "latest_build.reason", "initiator");
    assert_doc(w, "latest_build.initiator_name", "alice");
    assert_doc(w, "latest_build.workspace_name", "Dev");
    assert_doc(w, "latest_build.job.status", "pending");
    assert_doc(w, "latest_build.job.tags.os", "linux");
    assert_true(json_is_null(json_object_get(build, "deadline")));
    assert_int_equal(ws_build_active(w), 1);
    assert_true(w->active.len > 0);
    assert_int_equal(w->archived.len, 0);
}


static void
test_one_at_a_time(void **state)
{
    ws_workspace_t  *w;

    w = life_pending(0);
    assert_int_equal(life_build(w, "stop", LIFE_NOW), NGX_DECLINED);

    life_acquire(w, LIFE_NOW);
    assert_int_equal(life_build(w, "stop", LIFE_NOW), NGX_DECLINED);

    assert_int_equal(ws_job_cancel(w, LIFE_NOW), NGX_OK);
    assert_int_equal(life_build(w, "stop", LIFE_NOW), NGX_DECLINED);

    assert_int_equal(ws_build_finish(w, NULL, NULL, LIFE_NOW, &life_detail),
                     NGX_OK);
    assert_int_equal(ws_build_active(w), 0);
    assert_int_equal(life_build(w, "stop", LIFE_NOW), NGX_OK);
}


static void
test_finish_is_once(void **state)
{
    ngx_str_t        error;
    ws_workspace_t  *w;

    w = life_running(0);
    error = life_str("late");

    assert_int_equal(ws_build_finish(w, &error, NULL, LIFE_NOW, &life_detail),
                     NGX_DECLINED);
    assert_doc(w, "latest_build.status", "running");
}


static void
test_failure(void **state)
{
    ngx_str_t        error;
    ws_workspace_t  *w;

    w = life_pending(HOUR);
    life_acquire(w, LIFE_NOW);
    error = life_str("no space");

    assert_int_equal(ws_build_finish(w, &error, NULL, LIFE_NOW + 5,
                                     &life_detail),
                     NGX_OK);
    assert_doc(w, "latest_build.status", "failed");
    assert_doc(w, "latest_build.job.status", "failed");
    assert_doc(w, "latest_build.job.error", "no space");
    assert_time(w, "latest_build.job.completed_at", LIFE_NOW + 5);
    assert_true(json_is_null(json_object_get(ws_workspace_build(w),
                                             "deadline")));
}


static void
test_resources_that_are_refused_change_nothing(void **state)
{
    json_t          *bad;
    ws_workspace_t  *w;

    w = life_pending(HOUR);
    life_acquire(w, LIFE_NOW);

    bad = json_pack("[{s:s}]", "name", "box");

    assert_int_equal(ws_build_finish(w, NULL, bad, LIFE_NOW, &life_detail),
                     NGX_DECLINED);
    assert_doc(w, "latest_build.status", "starting");
    assert_true(w->lease.len > 0);

    json_decref(bad);
}


static void
test_deadline_is_completion_plus_ttl(void **state)
{
    ws_workspace_t  *w;

    w = life_pending(2 * HOUR);
    life_acquire(w, LIFE_NOW);
    w = life_complete(w, "[]", LIFE_NOW + MINUTE);

    assert_time(w, "latest_build.deadline", LIFE_NOW + MINUTE + 2 * HOUR);

    /* a change of the TTL is for the next build */

    assert_int_equal(ws_workspace_set_ttl(w, HOUR, LIFE_NOW), NGX_OK);
    assert_time(w, "latest_build.deadline", LIFE_NOW + MINUTE + 2 * HOUR);

    assert_int_equal(life_build(w, "start", LIFE_NOW), NGX_OK);
    life_acquire(w, LIFE_NOW);

    /* also when it comes while that is on its way */

    assert_int_equal(ws_workspace_set_ttl(w, 0, LIFE_NOW), NGX_OK);

    w = life_complete(life_reload(w), "[]", LIFE_NOW);
    assert_time(w, "latest_build.deadline", LIFE_NOW + HOUR);
}


static void
test_only_a_start_has_a_deadline(void **state)
{
    ws_workspace_t  *w;

    w = life_running(HOUR);
    assert_int_equal(life_build(w, "stop", LIFE_NOW), NGX_OK);
    w = life_reload(w);
    life_acquire(w, LIFE_NOW);
    assert_int_equal(ws_job_complete(w, NULL, NULL, LIFE_NOW, &life_detail),
                     NGX_OK);

    assert_doc(w, "latest_build.status", "stopped");
    assert_true(json_is_null(json_object_get(ws_workspace_build(w),
                                             "deadline")));
}


static void
test_superseded_builds_are_archived(void **state)
{
    json_t          *d, *p, *agents;
    ngx_str_t        id, detail, opaque;
    ws_workspace_t  *w;

    w = life_pending(0);
    life_acquire(w, LIFE_NOW);
    opaque = life_str("much of it");
    assert_int_equal(ws_json_set_str(w->priv, "state", &opaque), NGX_OK);
    w = life_complete(w, "[" LIFE_AGENT "," LIFE_AGENT "]", LIFE_NOW);
    id = ws_json_get_str(ws_workspace_build(w), "id");

    agents = json_object_get(json_array_get(json_object_get(
                 ws_workspace_build(w), "resources"), 0), "agents");
    assert_int_equal(ws_agent_connect(w, json_array_get(agents, 0), &opaque,
                                      30000, LIFE_NOW),
                     NGX_OK);

    assert_int_equal(w->archived.len, 0);
    assert_int_equal(life_build(w, "stop", LIFE_NOW + 7), NGX_OK);

    assert_int_equal(w->archived.len, WS_UUID_LEN);
    assert_int_equal(ws_json_parse_object(&w->archived_d, &d, &detail),
                     NGX_OK);
    assert_int_equal(ws_json_parse_object(&w->archived_p, &p, &detail),
                     NGX_OK);

    assert_int_equal(strlen(life_get(d, "id")), id.len);
    assert_memory_equal(life_get(d, "id"), w->archived.data, id.len);
    assert_string_equal(life_get(d, "status"), "running");
    assert_non_null(json_object_get(p, "parameters"));
    assert_null(json_object_get(p, "state"));

    /* what time would have brought */

    agents = json_object_get(json_array_get(json_object_get(d, "resources"),
                                            0), "agents");
    assert_string_equal(life_get(json_array_get(agents, 0), "status"),
                        "disconnected");
    assert_string_equal(life_get(json_array_get(agents, 1), "status"),
                        "timeout");

    assert_string_equal(life_get(w->priv, "state"), "much of it");
    assert_int_equal(ws_json_get_int(ws_workspace_build(w), "build_number",
                                     0), 2);

    json_decref(d);
    json_decref(p);
}


static void
test_deleting(void **state)
{
    ws_workspace_t  *w;

    w = life_running(HOUR);
    assert_int_equal(life_build(w, "delete", LIFE_NOW), NGX_OK);
    w = life_reload(w);
    assert_int_equal(ws_workspace_deleted(w), 0);

    life_acquire(w, LIFE_NOW);
    assert_int_equal(ws_job_complete(w, NULL, NULL, LIFE_NOW, &life_detail),
                     NGX_OK);

    assert_int_equal(ws_workspace_deleted(w), 1);
    assert_int_equal(life_build(w, "start", LIFE_NOW), NGX_DECLINED);
    assert_int_equal(life_writes(w, "HDEL", "dev"), 1);
    assert_int_equal(life_writes(life_reload(w), "HDEL", "dev"), 0);
}


/* those who follow the log are told of its end, once */

static void
test_the_end_is_published(void **state)
{
    ws_workspace_t  *w;

    w = life_pending(0);
    assert_int_equal(life_writes(w, "PUBLISH", "end"), 0);

    life_acquire(w, LIFE_NOW);
    w = life_reload(w);
    assert_int_equal(life_writes(w, "PUBLISH", "end"), 0);

    assert_int_equal(ws_job_cancel(w, LIFE_NOW), NGX_OK);
    assert_int_equal(life_writes(w, "PUBLISH", "end"), 0);

    assert_int_equal(ws_build_finish(w, NULL, NULL, LIFE_NOW, &life_detail),
                     NGX_OK);
    assert_int_equal(life_writes(w, "PUBLISH", "end"), 1);
    assert_int_equal(life_writes(life_reload(w), "PUBLISH", "end"), 0);
}


/* contract: Extend */

static void
test_extend(void **state)
{
    ngx_uint_t       status;
    ws_workspace_t  *w;

    w = life_pending(HOUR);
    assert_int_equal(ws_build_extend(w, LIFE_NOW + HOUR, LIFE_NOW, &status,
                                     &life_detail),
                     NGX_DECLINED);
    assert_int_equal(status, 409);

    w = life_running(0);
    assert_int_equal(ws_build_extend(w, LIFE_NOW + HOUR, LIFE_NOW, &status,
                                     &life_detail),
                     NGX_DECLINED);
    assert_int_equal(status, 409);

    w = life_running(8 * HOUR);

    assert_int_equal(ws_build_extend(w, LIFE_NOW + 29 * MINUTE - 1, LIFE_NOW,
                                     &status, &life_detail),
                     NGX_DECLINED);
    assert_int_equal(status, 400);
    assert_time(w, "latest_build.deadline", LIFE_NOW + 8 * HOUR);

    assert_int_equal(ws_build_extend(w, LIFE_NOW + 29 * MINUTE, LIFE_NOW,
                                     &status, &life_detail),
                     NGX_OK);
    assert_time(w, "latest_build.deadline", LIFE_NOW + 29 * MINUTE);

    w = life_stopped(LIFE_NOW);
    assert_int_equal(ws_build_extend(w, LIFE_NOW + HOUR, LIFE_NOW, &status,
                                     &life_detail),
                     NGX_DECLINED);
    assert_int_equal(status, 409);
}


static void
test_active_statuses(void **state)
{
    size_t     i;
    ngx_str_t  s;

    static const struct {
        const char  *status;
        ngx_uint_t   active;
    } table[] = {
        { "pending", 1 }, { "starting", 1 }, { "stopping", 1 },
        { "deleting", 1 }, { "canceling", 1 }, { "running", 0 },
        { "stopped", 0 }, { "deleted", 0 }, { "failed", 0 },
        { "canceled", 0 }, { "", 0 }, { "pendin", 0 }
    };

    for (i = 0; i < core_items(table); i++) {
        s = life_str(table[i].status);
        assert_int_equal(ws_build_status_active(&s), table[i].active);
    }
}


/* archived builds show the name that the workspace has now */

static void
test_show(void **state)
{
    ngx_str_t   d, name, out;
    ws_json_t   w;

    name = life_str("a-longer-name");
    d = life_str("{\"id\":\"1\",\"resources\":[{\"workspace_name\":\"x\"}],"
                 "\"workspace_name\":\"dev\",\"z\":1}");

    ws_json_init(&w, life_pool, 0);
    assert_int_equal(ws_build_show(&w, &d, &name), NGX_OK);
    assert_int_equal(ws_json_str(&w, &out), NGX_OK);

    d = life_str("{\"id\":\"1\",\"resources\":[{\"workspace_name\":\"x\"}],"
                 "\"workspace_name\":\"a-longer-name\",\"z\":1}");
    assert_int_equal(out.len, d.len);
    assert_memory_equal(out.data, d.data, d.len);

    d = life_str("{\"id\":\"1\"}");
    assert_int_equal(ws_build_show(&w, &d, &name), NGX_ERROR);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_statuses),
        cmocka_unit_test(test_first_build),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_finish_is_once),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_resources_that_are_refused_change_nothing),
        cmocka_unit_test(test_deadline_is_completion_plus_ttl),
        cmocka_unit_test(test_only_a_start_has_a_deadline),
        cmocka_unit_test(test_superseded_builds_are_archived),
        cmocka_unit_test(test_deleting),
        cmocka_unit_test(test_the_end_is_published),
        cmocka_unit_test(test_extend),
        cmocka_unit_test(test_active_statuses),
        cmocka_unit_test(test_show)
    };

    return cmocka_run_group_tests_name("build", tests, life_setup,
                                       life_teardown);
}
