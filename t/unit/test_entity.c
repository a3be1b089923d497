/* links: src/store/ws_entity.c src/store/ws_user.c src/core/ws_json.c
          src/core/ws_uuid.c src/core/ws_time.c tools/ngx/ws_ngx.c;
          -ljansson -luuid -lcmocka */

/*
 * The directory's documents: what is written can be read, in full; what is
 * not such a document is declined, and never half a document.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include "ws_entity.h"
#include "ws_ngx.h"


#define ID1  "497f6eca-6276-4993-bfeb-53cbbbba6f08"
#define ID2  "06588898-9a84-4b35-ba8f-f9cbd64946f3"
#define ID3  "8a0cfb4f-ddc9-436d-91bb-75133c583767"
#define AT   "2026-11-24T02:09:36.123Z"
#define HASH "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

#define USER                                                                  \
    "{\"id\":\"" ID1 "\",\"username\":\"Ada\",\"email\":\"a@b.c\","           \
    "\"status\":\"active\",\"created_at\":\"" AT "\","                        \
    "\"roles\":[\"owner\",\"auditor\"],\"organizations\":["                   \
    "{\"id\":\"" ID2 "\",\"roles\":[\"organization-admin\"]},"                \
    "{\"id\":\"" ID3 "\",\"roles\":[]}]}"

#define TEMPLATE                                                              \
    "{\"id\":\"" ID1 "\",\"organization_id\":\"" ID2 "\","                    \
    "\"name\":\"go\",\"display_name\":\"Go \\\"1.22\\\"\","                   \
    "\"icon\":\"/go.svg\",\"default_ttl_ms\":28800000,"                       \
    "\"allow_user_cancel_workspace_jobs\":true,"                              \
    "\"active_version_id\":\"" ID3 "\",\"deleted\":false,"                    \
    "\"created_at\":\"" AT "\"}"

#define VERSION                                                               \
    "{\"id\":\"" ID1 "\",\"template_id\":\"" ID2 "\",\"file_id\":\"" ID3      \
    "\",\"name\":\"v1\",\"parameters\":[1,\"x\"],"                            \
    "\"tags\":{\"os\":\"linux\"},\"created_at\":\"" AT "\"}"

#define PROVISIONER                                                           \
    "{\"id\":\"" ID1 "\",\"name\":\"p1\",\"organization_id\":\"" ID2     \
    "\",\"tags\":{\"os\":\"linux\",\"gpu\":\"\"},"                            \
    "\"created_at\":\"" AT "\"}"

#define TOKEN                                                                 \
    "{\"id\":\"abcdefghij\",\"user_id\":\"" ID1 "\",\"hash\":\"" HASH "\","   \
    "\"created_at\":\"" AT "\",\"expires_at\":\"" AT "\"}"

#define PROVISIONER_TOKEN                                                     \
    "{\"id\":\"abcdefghij\",\"provisioner_id\":\"" ID1 "\",\"hash\":\""     \
    HASH "\",\"created_at\":\"" AT "\",\"expires_at\":\"" AT "\"}"

#define ORG                                                                   \
    "{\"id\":\"" ID1 "\",\"name\":\"Acme\",\"created_at\":\"" AT "\"}"


typedef union {
    ws_org_t           org;
    ws_user_t          user;
    ws_template_t      template;
    ws_version_t       version;
    ws_provisioner_t   provisioner;
    ws_token_record_t  token;
} ws_any_t;


typedef struct {
    const char  *name;
    const char  *text;
    ngx_int_t  (*read)(ngx_pool_t *pool, ngx_str_t *d, ws_any_t *any);
    ngx_str_t  (*write)(ngx_pool_t *pool, ws_any_t *any);
} ws_kind_t;


#define WS_KIND(kind, type)                                                   \
                                                                              \
    static ngx_int_t                                                          \
    test_read_##kind(ngx_pool_t *pool, ngx_str_t *d, ws_any_t *any)           \
    {                                                                         \
        return ws_##type##_read(pool, d, &any->kind);                         \
    }                                                                         \
                                                                              \
    static ngx_str_t                                                          \
    test_write_##kind(ngx_pool_t *pool, ws_any_t *any)                        \
    {                                                                         \
        return ws_##type##_write(pool, &any->kind);                           \
    }

WS_KIND(org, org)
WS_KIND(user, user)
WS_KIND(template, template)
WS_KIND(version, version)
WS_KIND(provisioner, provisioner)
WS_KIND(token, token_record)


static ws_kind_t  kinds[] = {
    { "org", ORG, test_read_org, test_write_org },
    { "user", USER, test_read_user, test_write_user },
    { "template", TEMPLATE, test_read_template, test_write_template },
    { "version", VERSION, test_read_version, test_write_version },
    { "provisioner", PROVISIONER, test_read_provisioner,
      test_write_provisioner },
    { "token", TOKEN, test_read_token, test_write_token },
    { "provisioner's token", PROVISIONER_TOKEN, test_read_token,
      test_write_token }
};

#define NKINDS  (sizeof(kinds) / sizeof(kinds[0]))


static int
test_setup(void **state)
{
    ws_ngx_fail_after(-1);
    *state = ngx_create_pool(4096, NULL);

    return *state == NULL;
}


static int
test_teardown(void **state)
{
    ws_ngx_fail_after(-1);
    ngx_destroy_pool(*state);

    return 0;
}


/* a text of exactly its length, so that a byte too much is noticed */

static ngx_str_t
test_text(ngx_pool_t *pool, const char *text)
{
    ngx_str_t  s;

    s.len = ngx_strlen(text);
    s.data = ngx_pnalloc(pool, s.len ? s.len : 1);
    assert_non_null(s.data);
    ngx_memcpy(s.data, text, s.len);

    return s;
}


static void
test_str(ngx_str_t *s, const char *want)
{
    assert_int_equal(s->len, ngx_strlen(want));
    assert_memory_equal(s->data, want, s->len);
}


static void
test_has(ngx_str_t *s, const char *part)
{
    assert_non_null(memmem(s->data, s->len, part, ngx_strlen(part)));
}


static void
test_id(const ws_uuid_t *id, const char *want)
{
    u_char  text[WS_UUID_LEN + 1];

    *ws_uuid_format(text, id) = '\0';
    assert_string_equal((char *) text, want);
}


static void
test_written_as_read(void **state)
{
    ws_any_t     any;
    ngx_str_t    d, out;
    ngx_uint_t   i;
    ngx_pool_t  *pool = *state;

    for (i = 0; i < NKINDS; i++) {
        d = test_text(pool, kinds[i].text);

        assert_int_equal(kinds[i].read(pool, &d, &any), NGX_OK);

        /* nothing of what was read may point into the text */

        ngx_memset(d.data, 'x', d.len);

        out = kinds[i].write(pool, &any);
        assert_non_null(out.data);
        test_str(&out, kinds[i].text);
    }
}


static void
test_not_a_document(void **state)
{
    ws_any_t     any;
    ngx_str_t    d;
    ngx_uint_t   i, k;
    ngx_pool_t  *pool = *state;

    static const char  *bad[] = {
        "", "{", "{}", "[]", "null", "\"x\"", "{\"id\":\"" ID1 "\"}",
        "{\"id\":\"\\u0000\"}", "{\"id\":\"\xff\"}",
    };

    for (i = 0; i < NKINDS; i++) {
        for (k = 0; k < sizeof(bad) / sizeof(bad[0]); k++) {
            d = test_text(pool, bad[k]);
            assert_int_equal(kinds[i].read(pool, &d, &any), NGX_DECLINED);
        }
    }
}


/* each field in turn is called something else: it is missed */

static void
test_a_field_is_missing(void **state)
{
    u_char      *p, *q;
    ws_any_t     any;
    ngx_int_t    rc, want;
    ngx_str_t    d;
    ngx_uint_t   i, k, n;
    ngx_pool_t  *pool = *state;

    /* without these a document is still one */

    static const char  *optional[] = {
        "\"default_ttl_ms\"", "\"allow_user_cancel_workspace_jobs\"",
        "\"active_version_id\"", "\"deleted\"", "\"status\"",
        "\"os\"", "\"gpu\""
    };

    for (i = 0; i < NKINDS; i++) {
        for (k = 0; kinds[i].text[k]; k++) {

            d = test_text(pool, kinds[i].text);
            p = d.data + k;

            if (*p != '"' || (p[-1] != '{' && p[-1] != ',')) {
                continue;
            }

            q = (u_char *) memchr(p + 1, '"', d.data + d.len - p - 1);
            if (q == NULL || q[1] != ':') {
                continue;
            }

            want = NGX_DECLINED;

            for (n = 0; n < sizeof(optional) / sizeof(optional[0]); n++) {
                if (ngx_strncmp(p, optional[n], ngx_strlen(optional[n]))
                    == 0)
                {
                    want = NGX_OK;
                }
            }

            /* roles of an organization: none is as good as an empty list */

            if (ngx_strncmp(p, "\"roles\"", 7) == 0
                && memmem(d.data, k, "\"organizations\"", 15))
            {
                want = NGX_OK;
            }

            p[1] = 'X';

            rc = kinds[i].read(pool, &d, &any);

            if (rc != want) {
                fail_msg("%s, %.*s: %ld", kinds[i].name, (int) (q - p), p,
                         (long) rc);
            }
        }
    }
}


static void
test_user_fields(void **state)
{
    ngx_str_t    d;
    ws_user_t    user;
    ngx_pool_t  *pool = *state;

    d = test_text(pool, USER);
    assert_int_equal(ws_user_read(pool, &d, &user), NGX_OK);

    test_id(&user.id, ID1);
    test_id(&user.subject.id, ID1);
    test_str(&user.username, "Ada");
    test_str(&user.email, "a@b.c");
    assert_int_equal(user.created_ms, 1795486176123);
    assert_int_equal(user.active, 1);
    assert_int_equal(user.subject.site_owner, 1);
    assert_int_equal(user.subject.site_auditor, 1);
    assert_int_equal(user.subject.site_template_admin, 0);
    assert_int_equal(user.subject.site_user_admin, 0);
    assert_int_equal(user.subject.norgs, 2);
    test_id(&user.subject.orgs[0], ID2);
    test_id(&user.subject.orgs[1], ID3);
    assert_int_equal(user.subject.nadmin_orgs, 1);
    test_id(&user.subject.admin_orgs[0], ID2);
}


/* only "active" is active: whatever else stands there keeps a user out */

static void
test_user_status(void **state)
{
    ngx_str_t    d;
    ws_user_t    user;
    ngx_uint_t   i;
    ngx_pool_t  *pool = *state;

    static const char  *status[] = {
        "\"suspended\"", "\"Active\"", "\"active \"", "\"\"", "null", "true"
    };

    for (i = 0; i < sizeof(status) / sizeof(status[0]); i++) {
        d.data = ngx_pnalloc(pool, 512);
        d.len = snprintf((char *) d.data, 512, "{\"id\":\"" ID1 "\","
                         "\"username\":\"u\",\"email\":\"\",\"status\":%s,"
                         "\"created_at\":\"" AT "\",\"roles\":[],"
                         "\"organizations\":[]}", status[i]);

        assert_int_equal(ws_user_read(pool, &d, &user), NGX_OK);
        assert_int_equal(user.active, 0);
    }
}


static void
test_user_roles(void **state)
{
    ngx_str_t    role, out;
    ws_user_t    user;
    ngx_uint_t   i;
    ngx_pool_t  *pool = *state;

    static const char  *good[] = {
        "member", "auditor", "user-admin", "template-admin", "owner", "owner"
    };

    static const char  *bad[] = {
        "", "Owner", "owners", "organization-admin", "admin"
    };

    ngx_memzero(&user, sizeof(user));
    user.username = test_text(pool, "u");
    user.email = test_text(pool, "");

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        role = test_text(pool, bad[i]);
        assert_int_equal(ws_user_add_role(&user, &role), NGX_DECLINED);
    }

    assert_int_equal(user.subject.site_owner, 0);

    for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        role = test_text(pool, good[i]);
        assert_int_equal(ws_user_add_role(&user, &role), NGX_OK);
    }

    out = ws_user_write(pool, &user);
    test_has(&out, "\"roles\":[\"owner\",\"template-admin\",\"user-admin\","
             "\"auditor\"]");
}


static void
test_user_orgs(void **state)
{
    ws_uuid_t    id[20];
    ws_user_t    user;
    ngx_uint_t   i, k;
    ngx_pool_t  *pool = *state;

    ngx_memzero(&user, sizeof(user));

    for (k = 0; k < 2; k++) {
        for (i = 0; i < 20; i++) {

            if (k == 0) {
                ws_uuid_generate(&id[i]);
            }

            assert_int_equal(ws_user_add_org(pool, &user, &id[i], k && i % 2),
                             NGX_OK);
        }
    }

    assert_int_equal(user.subject.norgs, 20);
    assert_int_equal(user.subject.nadmin_orgs, 10);

    for (i = 0; i < 20; i++) {
        assert_true(ws_uuid_eq(&user.subject.orgs[i], &id[i]));
    }

    for (i = 0; i < 10; i++) {
        assert_true(ws_uuid_eq(&user.subject.admin_orgs[i], &id[2 * i + 1]));
    }
}


static void
test_template_without_version(void **state)
{
    ngx_str_t       d, out;
    ngx_pool_t     *pool = *state;
    ws_template_t   t;

    d = test_text(pool, TEMPLATE);
    assert_int_equal(ws_template_read(pool, &d, &t), NGX_OK);
    test_id(&t.active_version, ID3);

    ngx_memzero(&t.active_version, sizeof(ws_uuid_t));

    out = ws_template_write(pool, &t);
    test_has(&out, "\"active_version_id\":null");

    assert_int_equal(ws_template_read(pool, &out, &t), NGX_OK);
    assert_true(ws_uuid_is_nil(&t.active_version));
}


static void
test_fragment(void **state)
{
    ngx_str_t       d, out;
    ngx_pool_t     *pool = *state;
    ws_template_t   t;

    d = test_text(pool, TEMPLATE);
    assert_int_equal(ws_template_read(pool, &d, &t), NGX_OK);

    out = ws_template_fragment(pool, &t);
    test_str(&out, "\"template_name\":\"go\","
             "\"template_display_name\":\"Go \\\"1.22\\\"\","
             "\"template_icon\":\"/go.svg\","
             "\"template_allow_user_cancel_workspace_jobs\":true");
}


/* an end that is there but cannot be read must not become "never" */

static void
test_token_expiry(void **state)
{
    ngx_int_t           rc;
    ngx_str_t           d, out;
    ngx_uint_t          i;
    ngx_pool_t         *pool = *state;
    ws_token_record_t   token;

    static const char  *bad[] = { "\"\"", "\"never\"", "0", "true", "{}" };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        d.data = ngx_pnalloc(pool, 512);
        d.len = snprintf((char *) d.data, 512, "{\"id\":\"abcdefghij\","
                         "\"user_id\":\"" ID1 "\",\"hash\":\"" HASH "\","
                         "\"created_at\":\"" AT "\",\"expires_at\":%s}",
                         bad[i]);

        rc = ws_token_record_read(pool, &d, &token);
        assert_int_equal(rc, NGX_DECLINED);
    }

    d = test_text(pool, TOKEN);
    assert_int_equal(ws_token_record_read(pool, &d, &token), NGX_OK);
    assert_int_equal(token.expires_ms, 1795486176123);

    token.expires_ms = 0;
    out = ws_token_record_write(pool, &token);
    test_has(&out, "\"expires_at\":null}");

    assert_int_equal(ws_token_record_read(pool, &out, &token), NGX_OK);
    assert_int_equal(token.expires_ms, 0);
}


/* one of both: never a token that two may come with, or none */

static void
test_token_owner(void **state)
{
    ngx_str_t           d;
    ngx_uint_t          i;
    ngx_pool_t         *pool = *state;
    ws_token_record_t   token;

    static const char  *bad[] = {
        "\"user_id\":\"" ID1 "\",\"provisioner_id\":\"" ID2 "\",",
        "\"user_id\":null,\"provisioner_id\":\"" ID2 "\",",
        "\"user_id\":\"" ID1 "\",\"provisioner_id\":null,",
        "\"user_id\":null,", "\"provisioner_id\":null,", ""
    };

    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        d.data = ngx_pnalloc(pool, 512);
        d.len = snprintf((char *) d.data, 512, "{\"id\":\"abcdefghij\",%s"
                         "\"hash\":\"" HASH "\",\"created_at\":\"" AT "\","
                         "\"expires_at\":null}", bad[i]);

        assert_int_equal(ws_token_record_read(pool, &d, &token),
                         NGX_DECLINED);
    }

    d = test_text(pool, TOKEN);
    assert_int_equal(ws_token_record_read(pool, &d, &token), NGX_OK);
    test_id(&token.user, ID1);
    assert_true(ws_uuid_is_nil(&token.provisioner));

    d = test_text(pool, PROVISIONER_TOKEN);
    assert_int_equal(ws_token_record_read(pool, &d, &token), NGX_OK);
    test_id(&token.provisioner, ID1);
    assert_true(ws_uuid_is_nil(&token.user));
}


/* null: of all organizations; anything else that is no id is none of them */

static void
test_provisioner_org(void **state)
{
    ngx_int_t          rc;
    ngx_str_t          d;
    ngx_uint_t         i;
    ngx_pool_t        *pool = *state;
    ws_provisioner_t   p;

    static const char  *orgs[] = { "null", "\"\"", "\"x\"", "1" };

    for (i = 0; i < sizeof(orgs) / sizeof(orgs[0]); i++) {
        d.data = ngx_pnalloc(pool, 512);
        d.len = snprintf((char *) d.data, 512, "{\"id\":\"" ID1 "\","
                         "\"name\":\"p\",\"organization_id\":%s,\"tags\":{},"
                         "\"created_at\":\"" AT "\"}", orgs[i]);

        rc = ws_provisioner_read(pool, &d, &p);
        assert_int_equal(rc, i == 0 ? NGX_OK : NGX_DECLINED);
    }

    d = test_text(pool, PROVISIONER);
    assert_int_equal(ws_provisioner_read(pool, &d, &p), NGX_OK);
    test_id(&p.org, ID2);
    test_str(&p.tags, "{\"os\":\"linux\",\"gpu\":\"\"}");
}


static void
test_nil_is_no_id(void **state)
{
    ws_org_t     org;
    ngx_str_t    d;
    ngx_pool_t  *pool = *state;

    d = test_text(pool, "{\"id\":\"00000000-0000-0000-0000-000000000000\","
                  "\"name\":\"x\",\"created_at\":\"" AT "\"}");

    assert_int_equal(ws_org_read(pool, &d, &org), NGX_DECLINED);
}


static void
test_no_memory(void **state)
{
    ws_any_t     any;
    ngx_int_t    rc, n;
    ngx_str_t    d, out;
    ngx_uint_t   i;
    ngx_pool_t  *pool = *state;

    for (i = 0; i < NKINDS; i++) {
        d = test_text(pool, kinds[i].text);

        for (n = 0, rc = NGX_ERROR; rc == NGX_ERROR; n++) {
            ws_ngx_fail_after(n);
            rc = kinds[i].read(pool, &d, &any);
        }

        ws_ngx_fail_after(-1);
        assert_int_equal(rc, NGX_OK);
        assert_in_range(n, 2, 20);

        for (n = 0, out.data = NULL; out.data == NULL; n++) {
            ws_ngx_fail_after(n);
            out = kinds[i].write(pool, &any);
        }

        ws_ngx_fail_after(-1);
        test_str(&out, kinds[i].text);
        assert_in_range(n, 2, 20);
    }
}


int
main(void)
{
    const struct CMUnitTest  tests[] = {
        cmocka_unit_test_setup_teardown(test_written_as_read, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_not_a_document, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_a_field_is_missing, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_user_fields, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_user_status, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_user_roles, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_user_orgs, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_template_without_version,
                                        test_setup, test_teardown),
        cmocka_unit_test_setup_teardown(test_fragment, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_token_expiry, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_token_owner, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_provisioner_org, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_nil_is_no_id, test_setup,
                                        test_teardown),
        cmocka_unit_test_setup_teardown(test_no_memory, test_setup,
                                        test_teardown)
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
