/* links: the pure sources; -lcmocka -ljansson -luuid -lcrypto */

/*
 * Jobs and leases: taken, kept, lost, canceled, given back.
 */


#include "life_fixture.h"
#include "ws_lease.h"
#include "ws_token.h"


#define JOB_ID  "latest_build.job.id"


static void
test_acquire(void **state)
{
    ws_workspace_t  *w;

    w = life_pending(0);
    life_acquire(w, LIFE_NOW + 9);

    assert_doc(w, "latest_build.status", "starting");
    assert_doc(w, "latest_build.job.status", "running");
    assert_time(w, "latest_build.job.started_at", LIFE_NOW + 9);
    assert_int_equal(w->lease_ms, LIFE_NOW + 9 + WS_LEASE_MS);
    assert_int_equal(life_due(w, "lease"), w->lease_ms);

    assert_int_equal(life_writes(w, "ZREM", life_get(w->doc, JOB_ID)),
                     1);
    assert_int_equal(life_writes(w, "HSET", "at"), 1);
    assert_int_equal(life_writes(w, "HSET", "l"), 1);
}


static void
test_acquired_once(void **state)
{
    ngx_str_t        lease, hash;
    ws_workspace_t  *w;

    w = life_pending(0);
    life_acquire(w, LIFE_NOW);

    lease = life_str("lease-2");
    hash = life_str("other");

    assert_int_equal(ws_job_acquire(w, &life_worker, &lease, &hash, LIFE_NOW),
                     NGX_DECLINED);
    assert_int_equal(w->lease.len, 7);
    assert_memory_equal(w->lease.data, "lease-1", 7);
}


/* the fence */

static void
test_whose_word_counts(void **state)
{
    ngx_str_t        mine, other, longer, none;
    ws_workspace_t  *w;

    mine = life_str("lease-1");
    other = life_str("lease-2");
    longer = life_str("lease-11");
    none = life_str("");

    w = life_pending(0);
    assert_int_equal(ws_job_leased(w, &mine, LIFE_NOW), NGX_DECLINED);
    assert_int_equal(ws_job_leased(w, &none, LIFE_NOW), NGX_DECLINED);

    life_acquire(w, LIFE_NOW);
    w = life_reload(w);

    assert_int_equal(ws_job_leased(w, &mine, LIFE_NOW), NGX_OK);
    assert_int_equal(ws_job_leased(w, &other, LIFE_NOW), NGX_DECLINED);
    assert_int_equal(ws_job_leased(w, &longer, LIFE_NOW), NGX_DECLINED);
    assert_int_equal(ws_job_leased(w, &none, LIFE_NOW), NGX_DECLINED);

    assert_int_equal(ws_job_leased(w, &mine, LIFE_NOW + WS_LEASE_MS - 1),
                     NGX_OK);
    assert_int_equal(ws_job_leased(w, &mine, LIFE_NOW + WS_LEASE_MS),
                     NGX_DECLINED);

    assert_int_equal(ws_job_cancel(w, LIFE_NOW), NGX_OK);
    assert_int_equal(ws_job_leased(w, &mine, LIFE_NOW), NGX_OK);

    assert_int_equal(ws_job_complete(w, NULL, NULL, LIFE_NOW, &life_detail),
                     NGX_OK);
    assert_int_equal(ws_job_leased(w, &mine, LIFE_NOW), NGX_DECLINED);
}


static void
test_every_end_ends_the_lease(void **state)
{
    ngx_str_t        error;
    ngx_uint_t       how;
    ws_workspace_t  *w;

    error = life_str("broken");

    for (how = 0; how < 5; how++) {
        w = life_pending(0);
        life_acquire(w, LIFE_NOW);
        w = life_reload(w);

        switch (how) {

        case 0:
            assert_int_equal(ws_job_complete(w, NULL, NULL, LIFE_NOW,
                                             &life_detail),
                             NGX_OK);
            break;

        case 1:
            assert_int_equal(ws_job_fail(w, &error, LIFE_NOW), NGX_OK);
            break;

        case 2:
            assert_int_equal(ws_job_expire(w, LIFE_NOW + WS_LEASE_MS),
                             NGX_OK);
            break;

        case 3:
            assert_int_equal(ws_job_give_back(w, LIFE_NOW), NGX_OK);
            break;

        default:
            assert_int_equal(ws_build_finish(w, NULL, NULL, LIFE_NOW,
                                             &life_detail),
                             NGX_OK);
        }

        assert_int_equal(w->lease.len, 0);
        assert_int_equal(life_due(w, "lease"), 0);
        assert_int_equal(life_writes(w, "HDEL", "l"), 1);
        assert_int_equal(life_writes(w, "ZREM", "lease "), 1);
    }
}


static void
test_state_for_the_next_build(void **state)
{
    u_char          *large;
    ngx_str_t        text;
    ws_workspace_t  *w;

    w = life_pending(0);
    life_acquire(w, LIFE_NOW);

    large = ngx_pnalloc(life_pool, WS_JOB_STATE_MAX + 1);
    memset(large, 'x', WS_JOB_STATE_MAX + 1);

    text.data = large;
    text.len = WS_JOB_STATE_MAX + 1;
    assert_int_equal(ws_job_complete(w, NULL, &text, LIFE_NOW, &life_detail),
                     NGX_DECLINED);
    assert_doc(w, "latest_build.status", "starting");

    text.len = WS_JOB_STATE_MAX;
    assert_int_equal(ws_job_complete(w, NULL, &text, LIFE_NOW, &life_detail),
                     NGX_OK);
    assert_int_equal(strlen(life_get(w->priv, "state")), WS_JOB_STATE_MAX);

    /* none given: as it was */

    assert_int_equal(life_build(w, "stop", LIFE_NOW), NGX_OK);
    life_acquire(w, LIFE_NOW);
    assert_int_equal(ws_job_complete(w, NULL, NULL, LIFE_NOW, &life_detail),
                     NGX_OK);
    assert_int_equal(strlen(life_get(w->priv, "state")), WS_JOB_STATE_MAX);
}


static void
test_errors_are_cut_between_characters(void **state)
{
    u_char          *p;
    size_t           i;
    ngx_str_t        error;
    const char      *s;
    ws_workspace_t  *w;

    w = life_pending(0);
    life_acquire(w, LIFE_NOW);

    error.len = WS_JOB_ERROR_MAX + 2;
    error.data = p = ngx_pnalloc(life_pool, error.len);

    /* 3 bytes each; the limit is not a multiple of 3 */

    for (i = 0; i + 3 <= error.len; i += 3) {
        memcpy(p + i, "\xe2\x82\xac", 3);
    }

    error.len = i;

    assert_int_equal(ws_job_fail(w, &error, LIFE_NOW), NGX_OK);

    s = life_get(w->doc, "latest_build.job.error");
    assert_int_equal(strlen(s), WS_JOB_ERROR_MAX / 3 * 3);
}


static void
test_give_back(void **state)
{
    json_t          *job;
    ws_workspace_t  *w;

    w = life_pending(0);
    assert_int_equal(ws_job_give_back(w, LIFE_NOW), NGX_DECLINED);

    life_acquire(w, LIFE_NOW);
    w = life_reload(w);
    assert_int_equal(ws_job_give_back(w, LIFE_NOW), NGX_OK);

    job = json_object_get(ws_workspace_build(w), "job");

    assert_doc(w, "latest_build.status", "pending");
    assert_null(json_object_get(job, "started_at"));
    assert_null(json_object_get(job, "worker_id"));
    assert_null(json_object_get(job, "canceled_at"));
    assert_int_equal(life_writes(w, "ZADD", life_get(w->doc, JOB_ID)),
                     1);

    /* nobody may come with the secret that was handed out */

    assert_int_equal(life_writes(w, "HSET", "-"), 1);

    w = life_reload(w);
    life_acquire(w, LIFE_NOW);
    assert_int_equal(ws_job_cancel(w, LIFE_NOW), NGX_OK);
    assert_int_equal(ws_job_give_back(w, LIFE_NOW), NGX_OK);
    assert_doc(w, "latest_build.status", "canceled");
}


static void
test_expire(void **state)
{
    ws_workspace_t  *w;

    w = life_pending(0);
    assert_int_equal(ws_job_expire(w, LIFE_NOW + HOUR), NGX_DECLINED);

    life_acquire(w, LIFE_NOW);
    w = life_reload(w);

    assert_int_equal(ws_job_expire(w, LIFE_NOW + WS_LEASE_MS - 1),
                     NGX_DECLINED);
    assert_doc(w, "latest_build.status", "starting");

    assert_int_equal(ws_job_expire(w, LIFE_NOW + WS_LEASE_MS), NGX_OK);
    assert_doc(w, "latest_build.status", "failed");
    assert_true(strlen(life_get(w->doc, "latest_build.job.error")) > 0);

    assert_int_equal(ws_job_expire(w, LIFE_NOW + HOUR), NGX_DECLINED);
}


/* contract: failed, or its worker silent, whatever it was asked */

static void
test_expire_while_canceling(void **state)
{
    ws_workspace_t  *w;

    w = life_pending(0);
    life_acquire(w, LIFE_NOW);
    assert_int_equal(ws_job_cancel(w, LIFE_NOW), NGX_OK);
    w = life_reload(w);

    assert_int_equal(ws_job_expire(w, LIFE_NOW + WS_LEASE_MS), NGX_OK);
    assert_doc(w, "latest_build.status", "failed");
}


static void
test_cancel_pending(void **state)
{
    ws_workspace_t  *w;

    w = life_pending(0);
    assert_int_equal(ws_job_cancel(w, LIFE_NOW + 3), NGX_OK);

    assert_doc(w, "latest_build.status", "canceled");
    assert_doc(w, "latest_build.job.status", "canceled");
    assert_time(w, "latest_build.job.canceled_at", LIFE_NOW + 3);
    assert_time(w, "latest_build.job.completed_at", LIFE_NOW + 3);
    assert_int_equal(life_writes(w, "ZREM", life_get(w->doc, JOB_ID)),
                     1);

    assert_int_equal(ws_job_cancel(w, LIFE_NOW), NGX_DECLINED);
}


static void
test_cancel_running(void **state)
{
    json_t          *job;
    ngx_str_t        error;
    ws_workspace_t  *w;

    w = life_pending(HOUR);
    life_acquire(w, LIFE_NOW);
    w = life_reload(w);

    assert_int_equal(ws_job_cancel(w, LIFE_NOW + 3), NGX_OK);

    job = json_object_get(ws_workspace_build(w), "job");

    assert_doc(w, "latest_build.status", "canceling");
    assert_time(w, "latest_build.job.canceled_at", LIFE_NOW + 3);
    assert_null(json_object_get(job, "completed_at"));
    assert_true(life_due(w, "lease") > 0);

    /* asked again: as it was */

    assert_int_equal(ws_job_cancel(w, LIFE_NOW + 4), NGX_OK);
    assert_time(w, "latest_build.job.canceled_at", LIFE_NOW + 3);

    /* failing is how a program ends that was asked to */

    error = life_str("killed");
    assert_int_equal(ws_job_fail(w, &error, LIFE_NOW + 5), NGX_OK);

    assert_doc(w, "latest_build.status", "canceled");
    assert_null(json_object_get(job, "error"));
    assert_time(w, "latest_build.job.canceled_at", LIFE_NOW + 3);
    assert_time(w, "latest_build.job.completed_at", LIFE_NOW + 5);
    assert_true(json_is_null(json_object_get(ws_workspace_build(w),
                                             "deadline")));
}


static void
test_cancel_finished(void **state)
{
    ws_workspace_t  *w;

    w = life_running(0);

    assert_int_equal(ws_job_cancel(w, LIFE_NOW), NGX_DECLINED);
    assert_doc(w, "latest_build.status", "running");
}


/* the token of the agents names the workspace and is proved by the hash */

static void
test_leases(void **state)
{
    ngx_str_t   id, secret;
    ws_uuid_t   workspace, parsed;
    ws_lease_t  one, two;

    ws_uuid_generate(&workspace);
    assert_int_equal(ws_lease_generate(life_pool, &workspace, &one), NGX_OK);
    assert_int_equal(ws_lease_generate(life_pool, &workspace, &two), NGX_OK);

    id.data = one.agent_token.data;
    id.len = WS_UUID_LEN;

    assert_int_equal(ws_uuid_parse(&id, &parsed), NGX_OK);
    assert_true(ws_uuid_eq(&parsed, &workspace));
    assert_int_equal(id.data[WS_UUID_LEN], '-');

    secret.data = id.data + WS_UUID_LEN + 1;
    secret.len = one.agent_token.len - WS_UUID_LEN - 1;

    assert_int_equal(ws_token_verify(&secret, &one.agent_hash), NGX_OK);
    assert_int_equal(ws_token_verify(&secret, &two.agent_hash),
                     NGX_DECLINED);
    assert_int_equal(ws_uuid_parse(&one.id, &parsed), NGX_OK);
    assert_memory_not_equal(one.id.data, two.id.data, WS_UUID_LEN);
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_acquire),
        cmocka_unit_test(test_acquired_once),
        cmocka_unit_test(test_whose_word_counts),
        cmocka_unit_test(test_every_end_ends_the_lease),
        cmocka_unit_test(test_state_for_the_next_build),
        cmocka_unit_test(test_errors_are_cut_between_characters),
        cmocka_unit_test(test_give_back),
        cmocka_unit_test(test_expire),
        cmocka_unit_test(test_expire_while_canceling),
        cmocka_unit_test(test_cancel_pending),
        cmocka_unit_test(test_cancel_running),
        cmocka_unit_test(test_cancel_finished),
        cmocka_unit_test(test_leases)
    };

    return cmocka_run_group_tests_name("job", tests, life_setup,
                                       life_teardown);
}
