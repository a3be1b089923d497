
/*
 * The contract's table "Who may do what", as data: every role, every action,
 * one's own workspaces and others', inside and outside of organizations.
 */


#include "core_text.h"
#include "ws_policy.h"


/* what a cell of the table means */

typedef enum {
    OWN = 0,         /* one's own, wherever they are */
    OWN_IN_ORG,      /* for oneself, in an organization one belongs to */
    ORG,             /* own, and all in the organization one administers */
    FOR_ORG,         /* for anyone in the organization one administers, and
                        for oneself as any member */
    ALL
} scope_t;


typedef struct {
    const char  *role;
    scope_t      read;
    scope_t      create;
    scope_t      update;     /* extend, schedule, ... */
    scope_t      watch;
} row_t;


static const row_t  table[] = {
    { "owner",              ALL, ALL,        ALL, ALL },
    { "template-admin",     ALL, OWN_IN_ORG, OWN, ALL },
    { "organization-admin", ORG, FOR_ORG,    ORG, ORG },
    { "member",             OWN, OWN_IN_ORG, OWN, OWN },
    { "auditor",            OWN, OWN_IN_ORG, OWN, OWN },
    { "user-admin",         OWN, OWN_IN_ORG, OWN, OWN }
};


/* the subject administers (in that role) HOME, belongs to HOME and SECOND */

enum { HOME = 0, SECOND, FOREIGN, ORGS };


static ws_uuid_t  orgs[ORGS] = {
    { "organization 000" }, { "organization 001" }, { "organization 002" }
};

static ws_uuid_t  self = { "user myself     " };
static ws_uuid_t  other = { "user other      " };


static ws_subject_t
subject(const char *role)
{
    ws_subject_t  s;

    ngx_memzero(&s, sizeof(s));

    s.id = self;
    s.orgs = orgs;
    s.norgs = 2;

    s.site_owner = strcmp(role, "owner") == 0;
    s.site_template_admin = strcmp(role, "template-admin") == 0;
    s.site_user_admin = strcmp(role, "user-admin") == 0;
    s.site_auditor = strcmp(role, "auditor") == 0;

    if (strcmp(role, "organization-admin") == 0) {
        s.admin_orgs = orgs;
        s.nadmin_orgs = 1;
    }

    return s;
}


static ngx_int_t
expected(scope_t scope, ngx_uint_t own, ngx_uint_t org, ngx_uint_t target_in)
{
    ngx_uint_t  yes;

    switch (scope) {

    case ALL:
        yes = 1;
        break;

    case ORG:
        yes = own || org == HOME;
        break;

    case FOR_ORG:
        yes = target_in && (own || org == HOME);
        break;

    case OWN_IN_ORG:
        yes = own && target_in;
        break;

    default:
        yes = own;
    }

    return yes ? NGX_OK : NGX_DECLINED;
}


static void
test_table_for_workspaces_that_exist(void **state)
{
    size_t         i;
    ngx_uint_t     own, org;
    ws_uuid_t     *owner;
    ws_subject_t   s;

    for (i = 0; i < core_items(table); i++) {
        s = subject(table[i].role);

        for (own = 0; own < 2; own++) {
            owner = own ? &self : &other;

            for (org = 0; org < ORGS; org++) {

                assert_int_equal(ws_policy_allows(&s, WS_ACTION_READ, owner,
                                                  &orgs[org]),
                                 expected(table[i].read, own, org, 0));

                assert_int_equal(ws_policy_allows(&s, WS_ACTION_UPDATE, owner,
                                                  &orgs[org]),
                                 expected(table[i].update, own, org, 0));

                assert_int_equal(ws_policy_allows(&s, WS_ACTION_WATCH, owner,
                                                  &orgs[org]),
                                 expected(table[i].watch, own, org, 0));
            }
        }
    }
}


static void
test_table_for_create(void **state)
{
    size_t         i;
    ngx_uint_t     own, org, in;
    ws_subject_t   s, target;

    for (i = 0; i < core_items(table); i++) {
        s = subject(table[i].role);

        for (org = 0; org < ORGS; org++) {

            /* for another one, inside and outside of the organization */

            for (in = 0; in < 2; in++) {
                ngx_memzero(&target, sizeof(target));

                target.id = other;
                target.orgs = &orgs[org];
                target.norgs = in;

                assert_int_equal(ws_policy_may_create(&s, &target,
                                                      &orgs[org]),
                                 expected(table[i].create, 0, org, in));
            }

            /* for oneself */

            own = 1;
            in = org < s.norgs;

            assert_int_equal(ws_policy_may_create(&s, &s, &orgs[org]),
                             expected(table[i].create, own, org, in));
        }
    }
}


static void
test_roles_add(void **state)
{
    ws_subject_t  s;

    /* a template-admin who administers an organization as well */

    s = subject("organization-admin");
    s.site_template_admin = 1;

    assert_int_equal(ws_policy_allows(&s, WS_ACTION_READ, &other,
                                      &orgs[FOREIGN]), NGX_OK);
    assert_int_equal(ws_policy_allows(&s, WS_ACTION_UPDATE, &other,
                                      &orgs[HOME]), NGX_OK);
    assert_int_equal(ws_policy_allows(&s, WS_ACTION_UPDATE, &other,
                                      &orgs[SECOND]), NGX_DECLINED);

    /* no role takes anything away */

    s = subject("owner");
    s.site_auditor = 1;
    s.site_user_admin = 1;

    assert_int_equal(ws_policy_allows(&s, WS_ACTION_UPDATE, &other,
                                      &orgs[FOREIGN]), NGX_OK);
}


static void
test_every_administered_organization_counts(void **state)
{
    ws_subject_t  s, target;

    s = subject("organization-admin");
    s.nadmin_orgs = 2;

    target = subject("member");
    target.id = other;

    assert_int_equal(ws_policy_allows(&s, WS_ACTION_UPDATE, &other,
                                      &orgs[SECOND]), NGX_OK);
    assert_int_equal(ws_policy_may_create(&s, &target, &orgs[SECOND]),
                     NGX_OK);
    assert_int_equal(ws_policy_may_create(&s, &target, &orgs[FOREIGN]),
                     NGX_DECLINED);
}


static void
test_one_who_administers_belongs(void **state)
{
    ws_subject_t  s;

    s = subject("organization-admin");
    s.norgs = 0;

    assert_int_equal(ws_policy_belongs(&s, &orgs[HOME]), 1);
    assert_int_equal(ws_policy_belongs(&s, &orgs[SECOND]), 0);
    assert_int_equal(ws_policy_may_create(&s, &s, &orgs[HOME]), NGX_OK);
}


static void
test_unknown_actions_are_refused(void **state)
{
    ws_subject_t  s;

    s = subject("owner");

    assert_int_equal(ws_policy_allows(&s, WS_ACTION_CREATE, &self,
                                      &orgs[HOME]), NGX_DECLINED);
    assert_int_equal(ws_policy_allows(&s, WS_ACTION_WATCH + 1, &self,
                                      &orgs[HOME]), NGX_DECLINED);
}


static void
test_who_reads_all(void **state)
{
    size_t        i;
    ws_subject_t  s;

    for (i = 0; i < core_items(table); i++) {
        s = subject(table[i].role);
        assert_int_equal(ws_policy_reads_all(&s), table[i].read == ALL);
    }
}


static void
test_who_administers(void **state)
{
    size_t        i;
    ws_subject_t  s;

    for (i = 0; i < core_items(table); i++) {
        s = subject(table[i].role);

        assert_int_equal(ws_policy_administers(&s, &orgs[HOME]),
                         strcmp(table[i].role, "owner") == 0
                         || strcmp(table[i].role, "organization-admin") == 0);
        assert_int_equal(ws_policy_administers(&s, &orgs[FOREIGN]),
                         strcmp(table[i].role, "owner") == 0);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test(test_table_for_workspaces_that_exist),
        cmocka_unit_test(test_table_for_create),
        cmocka_unit_test(test_roles_add),
        cmocka_unit_test(test_every_administered_organization_counts),
        cmocka_unit_test(test_one_who_administers_belongs),
        cmocka_unit_test(test_unknown_actions_are_refused),
        cmocka_unit_test(test_who_reads_all),
        cmocka_unit_test(test_who_administers)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
