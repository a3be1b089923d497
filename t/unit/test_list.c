/* links: src/store/ws_list_plan.c src/store/ws_key.c src/auth/ws_policy.c
          src/core/ws_uuid.c tools/ngx/ws_ngx.c; -lcmocka -luuid */

/*
 * Listings: which sets a plan reads, given a user and filters.
 */


#include "core_text.h"
#include "ws_list_plan.h"
#include "ws_ngx.h"

#include <stdio.h>


/* ids are of one digit each */

#define ME     1
#define OTHER  2
#define ORG_A  10
#define ORG_B  11
#define TPL_C  12
#define TPL_D  13


static ngx_pool_t  *pool;


static ws_uuid_t
id(unsigned digit)
{
    ws_uuid_t  u;

    memset(u.b, digit * 0x11, sizeof(u.b));

    return u;
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


typedef struct {
    const char  *name;              /* of the case */
    const char  *roles;             /* letters, see subject() */
    unsigned     owner;             /* 0: any */
    const char  *templates;         /* digits in hex; NULL: any */
    const char  *status;
    const char  *agents;            /* separated by one blank */
    const char  *part;              /* of the name */
    ngx_uint_t   shards;
    const char  *plan;              /* as told() writes it */
} plan_case_t;


/* o: owner of the site, t: template-admin, A, B: administers ORG_A, ORG_B */

static ws_subject_t
subject(const char *roles)
{
    ws_subject_t  s;

    memset(&s, 0, sizeof(s));

    s.id = id(ME);
    s.orgs = ngx_pcalloc(pool, 2 * sizeof(ws_uuid_t));
    s.admin_orgs = ngx_pcalloc(pool, 2 * sizeof(ws_uuid_t));
    s.orgs[s.norgs++] = id(ORG_A);
    s.orgs[s.norgs++] = id(ORG_B);

    for ( /* void */ ; *roles; roles++) {
        switch (*roles) {

        case 'o':
            s.site_owner = 1;
            break;

        case 't':
            s.site_template_admin = 1;
            break;

        default:
            s.admin_orgs[s.nadmin_orgs++] = id(*roles == 'A' ? ORG_A : ORG_B);
        }
    }

    return s;
}


static ngx_str_t
text(const char *s)
{
    ngx_str_t  t;

    t.data = (u_char *) s;
    t.len = strlen(s);

    return t;
}


static void
push(ngx_array_t *list, const char *words)
{
    size_t  len;

    assert_int_equal(ngx_array_init(list, pool, 1, sizeof(ngx_str_t)), NGX_OK);

    for ( /* void */ ; words && *words; words += len + (words[len] == ' ')) {
        len = strcspn(words, " ");
        *(ngx_str_t *) ngx_array_push(list) = text(words);
        ((ngx_str_t *) list->elts)[list->nelts - 1].len = len;
    }
}


static ngx_int_t
make(const plan_case_t *c, ws_list_plan_t *plan)
{
    ngx_int_t                rc;
    const char              *p;
    ws_uuid_t                ids[4];
    static ws_uuid_t         owner;
    static ws_subject_t      s;
    static ws_keyspace_t     ks;
    static ws_list_filter_t  f;

    s = subject(c->roles);

    ks.prefix = text("p:");
    ks.shards = c->shards;

    memset(&f, 0, sizeof(f));
    f.subject = &s;

    if (c->owner) {
        owner = id(c->owner);
        f.owner = &owner;
    }

    if (c->templates) {
        f.templates = ids;

        for (p = c->templates; *p; p++) {
            ids[f.ntemplates++] = id(*p - 'a' + 10);
        }
    }

    f.status = text(c->status ? c->status : "");
    push(&f.agents, c->agents);
    push(&f.names, c->part);

    rc = ws_list_plan(pool, &ks, &f, plan);

    return rc;
}


/*
 * "live:all": the kind of a key, digits for ids, "@shard" when there are
 * several; "+" between sets of a term, " & " between terms; "*" own, "-"
 * shared.
 */

static const char *
told(ws_list_plan_t *plan, ngx_uint_t shards)
{
    char            *p;
    u_char          *k, *last;
    ngx_uint_t       i, n;
    ws_list_set_t   *set;
    ws_list_term_t  *term;
    static char      out[4096];

    p = out;
    *p = '\0';

    if (plan->nothing) {
        assert_int_equal(plan->terms.nelts, 0);
        assert_int_equal(plan->nsets, 0);
        return "nothing";
    }

    term = plan->terms.elts;

    for (i = 0; i < plan->terms.nelts; i++) {
        p += sprintf(p, "%s", i ? " & " : "");
        set = term[i].sets.elts;

        for (n = 0; n < term[i].sets.nelts; n++) {
            p += sprintf(p, "%s%s%s", n ? "+" : "", set[n].own ? "*" : "",
                         set[n].shared ? "-" : "");

            k = (u_char *) strchr((char *) set[n].key.data, '}') + 2;
            last = set[n].key.data + set[n].key.len;

            /* an id is shown by its first digit */

            while (k < last) {
                *p++ = *k;
                k += (last - k >= WS_UUID_LEN && k[8] == '-' && k[13] == '-')
                     ? WS_UUID_LEN : 1;
            }

            *p = '\0';

            if (shards > 1) {
                p += sprintf(p, "@%u", (unsigned) set[n].shard);
                assert_int_equal(atoi((char *) set[n].key.data + 3),
                                 set[n].shard);
            }
        }
    }

    return out;
}


static const plan_case_t  plans[] = {

    { "a member sees his own", "", 0, NULL, NULL, NULL, NULL, 1,
      "live:owner:1" },
    { "who reads all", "o", 0, NULL, NULL, NULL, NULL, 1, "live:all" },
    { "template-admins read all", "t", 0, NULL, NULL, NULL, NULL, 1,
      "live:all" },
    { "an organization's administrator: its and his own", "A", 0, NULL, NULL,
      NULL, NULL, 1, "live:org:a+*live:owner:1+-live:oo:1:a" },
    { "of two organizations", "AB", 0, NULL, NULL, NULL, NULL, 1,
      "live:org:a+live:org:b+*live:owner:1+-live:oo:1:a+-live:oo:1:b" },

    { "one's own by name", "", ME, NULL, NULL, NULL, NULL, 1,
      "live:owner:1" },
    { "another's, for a member", "", OTHER, NULL, NULL, NULL, NULL, 1,
      "nothing" },
    { "another's, for who reads all", "o", OTHER, NULL, NULL, NULL, NULL, 1,
      "live:owner:2" },
    { "another's, in the organizations one administers", "AB", OTHER, NULL,
      NULL, NULL, NULL, 1, "live:oo:2:a+live:oo:2:b" },
    { "an administrator's own: all of them", "A", ME, NULL, NULL, NULL, NULL,
      1, "live:owner:1" },

    { "a template's", "o", 0, "c", NULL, NULL, NULL, 1, "live:template:c" },
    { "of templates of one name", "o", 0, "cd", NULL, NULL, NULL, 1,
      "live:template:c+live:template:d" },
    { "of a template that is not there", "o", 0, "", NULL, NULL, NULL, 1,
      "nothing" },
    { "one's own of a template", "", 0, "c", NULL, NULL, NULL, 1,
      "live:owner:1 & live:template:c" },
    { "by status", "o", 0, NULL, "running", NULL, NULL, 1,
      "live:status:running" },
    { "by agents: each must be there", "o", 0, NULL, NULL,
      "connected timeout", NULL, 1,
      "live:agent:connected & live:agent:timeout" },
    { "everything", "A", OTHER, "c", "failed", "timeout", "dev", 1,
      "live:oo:2:a & live:template:c & live:status:failed"
      " & live:agent:timeout" },

    { "deleted ones", "o", 0, NULL, "deleted", NULL, NULL, 1, "deleted:all" },
    { "one's own deleted ones", "", 0, NULL, "deleted", NULL, NULL, 1,
      "deleted:owner:1" },
    { "an administrator's deleted ones", "A", 0, "c", "deleted", NULL, NULL,
      1, "deleted:org:a+*deleted:owner:1+-deleted:oo:1:a"
      " & deleted:template:c" },
    { "deleted ones have no agents", "o", 0, NULL, "deleted", "timeout", NULL,
      1, "nothing" },

    { "a part of a name", "o", 0, NULL, NULL, NULL, "dev", 1, "live:all" },
    { "a part longer than names are", "o", 0, NULL, NULL, NULL,
      "abcdefghijklmnopqrstuvwxyz0123456", 1, "nothing" },

    /* the first 10 bits of an id of ones are 0001000100: 68 */

    { "all shards", "o", 0, NULL, "running", NULL, NULL, 2,
      "live:status:running@0+live:status:running@1" },
    { "an owner has one shard, and so has what is asked of it", "o", ME, "c",
      NULL, NULL, NULL, 8,
      "live:owner:1@4 & live:template:c@4" },
    { "a member's own have one shard", "", 0, NULL, "running", NULL, NULL, 8,
      "live:owner:1@4 & live:status:running@4" },
    { "an administrator's own are in one, the others' in all", "A", 0, NULL,
      NULL, NULL, NULL, 2,
      "live:org:a@0+live:org:a@1+*live:owner:1@0+-live:oo:1:a@0" }
};


static void
test_plan(void **state)
{
    size_t             i;
    ws_list_plan_t     plan;
    const plan_case_t *c;

    for (i = 0; i < core_items(plans); i++) {
        c = &plans[i];

        assert_int_equal(make(c, &plan), NGX_OK);

        if (strcmp(told(&plan, c->shards), c->plan) != 0) {
            print_error("%s\n", c->name);
        }

        assert_string_equal(told(&plan, c->shards), c->plan);
    }
}


static void
test_plan_no_memory(void **state)
{
    size_t          i;
    ngx_int_t       n, rc;
    ws_list_plan_t  plan;

    for (i = 0; i < core_items(plans); i++) {

        /* subject and filters take 5 or 6 allocations at most */

        for (n = 6, rc = NGX_ERROR; rc != NGX_OK; n++) {
            ws_ngx_fail_after(n);
            rc = make(&plans[i], &plan);
            assert_true(rc == NGX_OK || rc == NGX_ERROR);
        }
    }

    ws_ngx_fail_after(-1);
}


static void
test_plan_driver(void **state)
{
    ws_list_set_t   *set;
    ws_list_plan_t   plan;
    ws_list_term_t  *term;

    const plan_case_t  c = { "", "A", 0, "cd", "running", NULL, NULL, 1, "" };

    assert_int_equal(make(&c, &plan), NGX_OK);
    assert_int_equal(plan.terms.nelts, 3);
    assert_int_equal(plan.nsets, 6);

    term = plan.terms.elts;

    /* those of the organization and his own, but none twice */

    set = term[0].sets.elts;
    set[0].card = 100;
    set[1].card = 10;
    set[2].card = 3;
    assert_int_equal(ws_list_term_count(&term[0]), 107);

    set = term[1].sets.elts;
    set[0].card = 50;
    set[1].card = 58;
    assert_int_equal(ws_list_term_count(&term[1]), 108);

    set = term[2].sets.elts;
    set[0].card = 1000;

    assert_ptr_equal(ws_list_plan_driver(&plan), &term[0]);

    set[0].card = 0;
    assert_ptr_equal(ws_list_plan_driver(&plan), &term[2]);

    /* counted at different moments */

    set = term[0].sets.elts;
    set[0].card = 0;
    set[1].card = 0;
    assert_int_equal(ws_list_term_count(&term[0]), 0);
}


static ngx_uint_t
named(const char *parts, const char *name)
{
    ws_list_plan_t  plan;

    memset(&plan, 0, sizeof(plan));
    push(&plan.names, parts);

    return ws_list_plan_named(&plan, (u_char *) name, strlen(name));
}


static void
test_plan_named(void **state)
{
    assert_true(named("", "dev"));
    assert_true(named("e", "dev"));
    assert_true(named("dev", "dev"));
    assert_true(named("d v", "dev"));
    assert_true(named("-2", "dev-2"));
    assert_false(named("devs", "dev"));
    assert_false(named("d x", "dev"));
    assert_false(named("ed", "dev"));
}


static ngx_uint_t
belongs(const char *asked, const char *status)
{
    ngx_str_t       s;
    ws_list_plan_t  plan;

    memset(&plan, 0, sizeof(plan));
    plan.status = text(asked);
    plan.deleted = (strcmp(asked, "deleted") == 0);

    s = text(status);

    return ws_list_plan_status(&plan, &s, strcmp(status, "deleted") == 0);
}


static void
test_plan_status(void **state)
{
    assert_true(belongs("", "running"));
    assert_true(belongs("running", "running"));
    assert_true(belongs("deleted", "deleted"));
    assert_false(belongs("", "deleted"));
    assert_false(belongs("running", "stopped"));
    assert_false(belongs("running", "deleted"));
    assert_false(belongs("deleted", "running"));
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_plan, setup, teardown),
        cmocka_unit_test_setup_teardown(test_plan_no_memory, setup, teardown),
        cmocka_unit_test_setup_teardown(test_plan_driver, setup, teardown),
        cmocka_unit_test_setup_teardown(test_plan_named, setup, teardown),
        cmocka_unit_test(test_plan_status)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
