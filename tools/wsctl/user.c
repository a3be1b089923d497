
/*
 * Users: made with their roles and memberships, suspended and activated.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "client.h"
#include "commands.h"
#include "record.h"


#define WS_USER_EMAIL_MAX  254      /* RFC 5321, section 4.5.3.1.3, less <> */


const ws_opt_t  ws_user_create_opts[] = {
    { "org", "ORG", "an organization the user is a member of", 1 },
    { "role", "ROLE", "a role, see above", 1 },
    { "email", "ADDRESS", "an e-mail address", 0 },
    { NULL, NULL, NULL, 0 }
};


static int ws_user_orgs(ws_ctl_t *ctl, ws_user_t *user);
static int ws_user_roles(ws_ctl_t *ctl, ws_user_t *user);
static int ws_user_org_admin(ws_ctl_t *ctl, ws_user_t *user,
    ngx_str_t *role, size_t len);
static int ws_user_email(ws_ctl_t *ctl, ws_user_t *user);
static int ws_user_set_active(ws_ctl_t *ctl, ngx_uint_t active);
static int ws_user_line(ws_ctl_t *ctl, ngx_pool_t *pool, ws_record_t *rec,
    void *data);


int
ws_user_create_run(ws_ctl_t *ctl)
{
    int        rc;
    ngx_str_t  id, d;
    ws_user_t  user;

    ngx_memzero(&user, sizeof(ws_user_t));

    rc = ws_record_name_valid("a user", &ctl->arg);

    if (rc == WS_EXIT_OK) {
        rc = ws_user_email(ctl, &user);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_user_orgs(ctl, &user);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_user_roles(ctl, &user);
    }

    if (rc != WS_EXIT_OK) {
        return rc;
    }

    ws_uuid_generate(&user.id);
    user.username = ctl->arg;
    user.created_ms = ws_now_ms();
    user.active = 1;

    rc = ws_client_open(ctl);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    id = ws_uuid_str(ctl->pool, &user.id);
    d = ws_user_write(ctl->pool, &user);

    rc = ws_record_create(ctl, "users", "user", user.username, id, d);

    if (rc == WS_RECORD_TAKEN) {
        return ws_fail(WS_EXIT_FAILED, "there is a user \"%s\" already",
                       user.username.data);
    }

    if (rc == WS_EXIT_OK) {
        ws_out_id(ctl, &id, &d);
    }

    return rc;
}


static int
ws_user_email(ws_ctl_t *ctl, ws_user_t *user)
{
    int         rc;
    u_char     *at;
    ngx_str_t  *email;

    email = &user->email;
    ngx_str_set(email, "");

    rc = ws_arg_text(ctl, "email", WS_USER_EMAIL_MAX, email);

    if (rc != WS_EXIT_OK || ws_arg(ctl, "email") == NULL) {
        return rc;
    }

    at = memchr(email->data, '@', email->len);

    if (at == NULL || at == email->data
        || at + 1 == email->data + email->len
        || memchr(email->data, ' ', email->len))
    {
        return ws_fail(WS_EXIT_FAILED, "\"%s\" is not an e-mail address",
                       email->data);
    }

    return WS_EXIT_OK;
}


static int
ws_user_orgs(ws_ctl_t *ctl, ws_user_t *user)
{
    int          rc;
    ws_org_t     org;
    ngx_str_t   *name;
    ngx_uint_t   i;

    i = 0;

    while ((name = ws_arg_next(ctl, "org", &i)) != NULL) {

        rc = ws_find_org(ctl, name, &org);
        if (rc != WS_EXIT_OK) {
            return rc;
        }

        if (ws_user_add_org(ctl->pool, user, &org.id, 0) != NGX_OK) {
            return ws_no_memory();
        }
    }

    return WS_EXIT_OK;
}


static int
ws_user_roles(ws_ctl_t *ctl, ws_user_t *user)
{
    int          rc;
    size_t       len;
    ngx_str_t   *role;
    ngx_uint_t   i;

    i = 0;
    len = sizeof("organization-admin") - 1;

    while ((role = ws_arg_next(ctl, "role", &i)) != NULL) {

        if (ngx_strncmp(role->data, "organization-admin", len) == 0
            && (role->len == len || role->data[len] == ':'))
        {
            rc = ws_user_org_admin(ctl, user, role, len);

            if (rc != WS_EXIT_OK) {
                return rc;
            }

            continue;
        }

        if (ws_user_add_role(user, role) != NGX_OK) {
            return ws_usage(ctl, "there is no role \"%s\"", role->data);
        }
    }

    return WS_EXIT_OK;
}


/* of the organization named, or of all that --org names */

static int
ws_user_org_admin(ws_ctl_t *ctl, ws_user_t *user, ngx_str_t *role, size_t len)
{
    int            rc;
    ws_org_t       org;
    ngx_str_t      name;
    ngx_uint_t     i, n;
    ws_subject_t  *s;

    s = &user->subject;
    n = s->norgs;

    if (role->len > len) {
        name.data = role->data + len + 1;
        name.len = role->len - len - 1;

        rc = ws_find_org(ctl, &name, &org);
        if (rc != WS_EXIT_OK) {
            return rc;
        }

        if (ws_user_add_org(ctl->pool, user, &org.id, 1) != NGX_OK) {
            return ws_no_memory();
        }

        return WS_EXIT_OK;
    }

    if (n == 0) {
        return ws_usage(ctl, "organization-admin of which organization? Use "
                        "--org, or organization-admin:ORG");
    }

    for (i = 0; i < n; i++) {
        if (ws_user_add_org(ctl->pool, user, &s->orgs[i], 1) != NGX_OK) {
            return ws_no_memory();
        }
    }

    return WS_EXIT_OK;
}


int
ws_user_suspend_run(ws_ctl_t *ctl)
{
    return ws_user_set_active(ctl, 0);
}


int
ws_user_activate_run(ws_ctl_t *ctl)
{
    return ws_user_set_active(ctl, 1);
}


static int
ws_user_set_active(ws_ctl_t *ctl, ngx_uint_t active)
{
    int          rc;
    ws_txn_t     txn;
    ngx_str_t    d;
    ws_user_t    user;
    ngx_uint_t   tries;
    ws_record_t  rec;

    for (tries = 0; tries < WS_CTL_TRIES; tries++) {

        rc = ws_find_user(ctl, &ctl->arg, &user, &rec);
        if (rc != WS_EXIT_OK) {
            return rc;
        }

        d = rec.d;

        if (user.active != active) {
            user.active = active;
            d = ws_user_write(ctl->pool, &user);

            if (ws_txn_init(&txn, ctl->pool) != NGX_OK) {
                return ws_no_memory();
            }

            ws_record_change(ctl, &txn, &rec, d);

            rc = ws_record_commit(ctl, &txn, 0);

            if (rc == WS_RECORD_LOST) {
                continue;
            }
        }

        if (rc == WS_EXIT_OK && ctl->json) {
            ws_out_id(ctl, NULL, &d);
        }

        return rc;
    }

    return ws_record_give_up();
}


int
ws_user_list_run(ws_ctl_t *ctl)
{
    int           rc;
    ngx_str_t     key;
    ngx_uint_t    n;
    ngx_array_t  *names;

    n = 0;
    key = ws_key_dir(ctl->pool, &ctl->ks, "users", NULL);

    rc = ws_record_names(ctl, &key, &names);

    if (rc == WS_EXIT_OK) {
        rc = ws_record_each(ctl, "user", names, ws_user_line, &n);
    }

    if (rc == WS_EXIT_OK) {
        ws_out_list_end(ctl, n);
    }

    return rc;
}


static int
ws_user_line(ws_ctl_t *ctl, ngx_pool_t *pool, ws_record_t *rec, void *data)
{
    ws_user_t    user;
    ngx_uint_t  *n = data;

    if (ws_user_read(pool, &rec->d, &user) != NGX_OK) {
        return ws_record_broken(&rec->key);
    }

    ws_out_list_item(ctl, (*n)++);

    if (ctl->json) {
        ws_out_json(&rec->d);
        return WS_EXIT_OK;
    }

    ws_out_text(&rec->id);
    putchar('\t');
    ws_out_text(&user.username);
    printf("\t%s\t", user.active ? "active" : "suspended");
    ws_out_line(&user.email);

    return WS_EXIT_OK;
}
