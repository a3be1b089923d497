
/*
 * Templates: what workspaces are made from.  A name is unique among the
 * templates of an organization that are not deleted; a second index finds
 * the templates of one name in all organizations.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_time.h"
#include "commands.h"
#include "record.h"


#define WS_TEMPLATE_TEXT_MAX  64        /* of a display name */
#define WS_TEMPLATE_ICON_MAX  256

/* contract: TTL */
#define WS_TEMPLATE_TTL_MIN_MS  ((int64_t) 60 * 1000)
#define WS_TEMPLATE_TTL_MAX_MS  ((int64_t) 7 * 24 * 3600 * 1000)


#define ws_template_opts                                                      \
    { "display-name", "TEXT", "what people see", 0 },                         \
    { "icon", "URL", "a picture's address", 0 },                              \
    { "default-ttl", "DURATION", "of workspaces made without one: 1m to 7d, " \
      "or 0 for none", 0 },                                                   \
    { "allow-user-cancel", "true|false", "may owners cancel builds "          \
      "(default true)", 0 }

const ws_opt_t  ws_template_create_opts[] = {
    { "org", "ORG", "the organization it belongs to (required)", 0 },
    ws_template_opts,
    { NULL, NULL, NULL, 0 }
};

const ws_opt_t  ws_template_edit_opts[] = {
    { "name", "NAME", "a new name", 0 },
    ws_template_opts,
    { NULL, NULL, NULL, 0 }
};

const ws_opt_t  ws_template_list_opts[] = {
    { "org", "ORG", "only this organization's", 0 },
    { NULL, NULL, NULL, 0 }
};


static int ws_template_fields(ws_ctl_t *ctl, ws_template_t *template);
static int ws_template_name_index(ws_ctl_t *ctl, ws_template_t *template,
    ngx_str_t *names, ngx_str_t *lower, ngx_str_t *set);
static int ws_template_take_name(ws_ctl_t *ctl, ws_txn_t *txn,
    ws_template_t *template, ngx_str_t *id);
static int ws_template_free_name(ws_ctl_t *ctl, ws_txn_t *txn,
    ws_template_t *template, ngx_str_t *id);
static int ws_template_try_edit(ws_ctl_t *ctl, ngx_str_t *d);
static int ws_template_try_delete(ws_ctl_t *ctl);
static int ws_template_list_org(ws_ctl_t *ctl, ngx_str_t *org_id,
    ngx_uint_t *n);
static int ws_template_line(ws_ctl_t *ctl, ngx_pool_t *pool,
    ws_record_t *rec, void *data);


int
ws_template_create_run(ws_ctl_t *ctl)
{
    int             rc;
    ws_org_t        org;
    ws_txn_t        txn;
    ngx_str_t       id, d;
    ws_template_t   template;

    ngx_memzero(&template, sizeof(ws_template_t));
    ngx_str_set(&template.display_name, "");
    ngx_str_set(&template.icon, "");
    template.allow_user_cancel = 1;

    if (ws_arg(ctl, "org") == NULL) {
        return ws_usage(ctl, "--org is missing");
    }

    rc = ws_record_name_valid("a template", &ctl->arg);

    if (rc == WS_EXIT_OK) {
        rc = ws_template_fields(ctl, &template);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_find_org(ctl, ws_arg(ctl, "org"), &org);
    }

    if (rc != WS_EXIT_OK) {
        return rc;
    }

    ws_uuid_generate(&template.id);
    template.org = org.id;
    template.name = ctl->arg;
    template.created_ms = ws_now_ms();

    id = ws_uuid_str(ctl->pool, &template.id);
    d = ws_template_write(ctl->pool, &template);

    if (ws_txn_init(&txn, ctl->pool) != NGX_OK
        || ws_template_take_name(ctl, &txn, &template, &id) != WS_EXIT_OK)
    {
        return ws_no_memory();
    }

    ws_record_add(ctl, &txn, "template", id, d);

    rc = ws_record_commit(ctl, &txn, 1);

    if (rc == WS_RECORD_TAKEN) {
        return ws_fail(WS_EXIT_FAILED, "organization \"%s\" has a template "
                       "\"%s\" already", org.name.data, template.name.data);
    }

    if (rc == WS_EXIT_OK) {
        ws_out_id(ctl, &id, &d);
    }

    return rc;
}


/* puts the options that were given into a template */

static int
ws_template_fields(ws_ctl_t *ctl, ws_template_t *template)
{
    int         rc;
    int64_t     ttl;
    ngx_str_t  *value;

    rc = ws_arg_text(ctl, "display-name", WS_TEMPLATE_TEXT_MAX,
                     &template->display_name);

    if (rc == WS_EXIT_OK) {
        rc = ws_arg_text(ctl, "icon", WS_TEMPLATE_ICON_MAX, &template->icon);
    }

    if (rc != WS_EXIT_OK) {
        return rc;
    }

    value = ws_arg(ctl, "allow-user-cancel");

    if (value) {
        if (ngx_strcmp(value->data, "true") == 0) {
            template->allow_user_cancel = 1;

        } else if (ngx_strcmp(value->data, "false") == 0) {
            template->allow_user_cancel = 0;

        } else {
            return ws_usage(ctl, "--allow-user-cancel \"%s\": true or false "
                            "is expected", value->data);
        }
    }

    value = ws_arg(ctl, "default-ttl");

    if (value == NULL) {
        return WS_EXIT_OK;
    }

    if (ngx_strcmp(value->data, "0") == 0) {
        template->default_ttl_ms = 0;
        return WS_EXIT_OK;
    }

    if (ws_duration_parse(value, &ttl) != NGX_OK
        || ttl < WS_TEMPLATE_TTL_MIN_MS || ttl > WS_TEMPLATE_TTL_MAX_MS)
    {
        return ws_usage(ctl, "--default-ttl \"%s\": a duration from 1m to 7d, "
                        "or 0, is expected", value->data);
    }

    /* contract: TTL, whole minutes */

    template->default_ttl_ms = ttl - ttl % WS_TEMPLATE_TTL_MIN_MS;

    return WS_EXIT_OK;
}


/* where a template's name is kept: in its organization, and over all */

static int
ws_template_name_index(ws_ctl_t *ctl, ws_template_t *template,
    ngx_str_t *names, ngx_str_t *lower, ngx_str_t *set)
{
    ngx_str_t  org;

    org = ws_uuid_str(ctl->pool, &template->org);
    *lower = ws_lower_str(ctl->pool, &template->name);

    if (org.data == NULL || lower->data == NULL) {
        return ws_no_memory();
    }

    *names = ws_key_dir(ctl->pool, &ctl->ks, "templates", &org);
    *set = ws_key_dir(ctl->pool, &ctl->ks, "template-name", lower);

    return names->data && set->data ? WS_EXIT_OK : ws_no_memory();
}


static int
ws_template_take_name(ws_ctl_t *ctl, ws_txn_t *txn, ws_template_t *template,
    ngx_str_t *id)
{
    ngx_str_t  names, lower, set;

    if (ws_template_name_index(ctl, template, &names, &lower, &set)
        != WS_EXIT_OK)
    {
        return WS_EXIT_FAILED;
    }

    ws_txn_require_absent(txn, names, lower);
    ws_txn_command(txn, "HSET", names, 2, &lower, id);
    ws_txn_command(txn, "SADD", set, 1, id);

    return WS_EXIT_OK;
}


static int
ws_template_free_name(ws_ctl_t *ctl, ws_txn_t *txn, ws_template_t *template,
    ngx_str_t *id)
{
    ngx_str_t  names, lower, set;

    if (ws_template_name_index(ctl, template, &names, &lower, &set)
        != WS_EXIT_OK)
    {
        return WS_EXIT_FAILED;
    }

    ws_txn_command(txn, "HDEL", names, 1, &lower);
    ws_txn_command(txn, "SREM", set, 1, id);

    return WS_EXIT_OK;
}


int
ws_template_edit_run(ws_ctl_t *ctl)
{
    int         rc;
    ngx_str_t   d, *name;
    ngx_uint_t  tries;

    name = ws_arg(ctl, "name");

    if (name == NULL && ws_arg(ctl, "display-name") == NULL
        && ws_arg(ctl, "icon") == NULL && ws_arg(ctl, "default-ttl") == NULL
        && ws_arg(ctl, "allow-user-cancel") == NULL)
    {
        return ws_usage(ctl, "nothing to change");
    }

    if (name && ws_record_name_valid("a template", name) != WS_EXIT_OK) {
        return WS_EXIT_FAILED;
    }

    for (tries = 0; tries < WS_CTL_TRIES; tries++) {
        rc = ws_template_try_edit(ctl, &d);

        if (rc == WS_RECORD_TAKEN) {
            return ws_fail(WS_EXIT_FAILED, "there is a template \"%s\" "
                           "already", name->data);
        }

        if (rc == WS_EXIT_OK && ctl->json) {
            ws_out_id(ctl, NULL, &d);
        }

        if (rc != WS_RECORD_LOST) {
            return rc;
        }
    }

    return ws_record_give_up();
}


static int
ws_template_try_edit(ws_ctl_t *ctl, ngx_str_t *d)
{
    int             rc;
    ngx_str_t      *name;
    ws_txn_t        txn;
    ngx_uint_t      renamed;
    ws_record_t     rec;
    ws_template_t   template, before;

    rc = ws_find_template(ctl, &ctl->arg, &template, &rec);

    if (rc == WS_EXIT_OK) {
        before = template;
        rc = ws_template_fields(ctl, &template);
    }

    if (rc != WS_EXIT_OK) {
        return rc;
    }

    if (ws_txn_init(&txn, ctl->pool) != NGX_OK) {
        return ws_no_memory();
    }

    name = ws_arg(ctl, "name");
    renamed = 0;

    if (name) {
        template.name = *name;

        /* another case of the same name is taken by itself */

        renamed = (name->len != before.name.len
                   || ngx_strncasecmp(name->data, before.name.data, name->len)
                      != 0);
    }

    if (renamed
        && (ws_template_take_name(ctl, &txn, &template, &rec.id)
            != WS_EXIT_OK
            || ws_template_free_name(ctl, &txn, &before, &rec.id)
               != WS_EXIT_OK))
    {
        return WS_EXIT_FAILED;
    }

    *d = ws_template_write(ctl->pool, &template);
    ws_record_change(ctl, &txn, &rec, *d);

    return ws_record_commit(ctl, &txn, renamed);
}


int
ws_template_delete_run(ws_ctl_t *ctl)
{
    int         rc;
    ngx_uint_t  tries;

    for (tries = 0; tries < WS_CTL_TRIES; tries++) {
        rc = ws_template_try_delete(ctl);

        if (rc != WS_RECORD_LOST) {
            return rc;
        }
    }

    return ws_record_give_up();
}


static int
ws_template_try_delete(ws_ctl_t *ctl)
{
    int             rc;
    ws_txn_t        txn;
    ws_record_t     rec;
    ws_template_t   template;

    rc = ws_find_template(ctl, &ctl->arg, &template, &rec);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    if (ws_txn_init(&txn, ctl->pool) != NGX_OK
        || ws_template_free_name(ctl, &txn, &template, &rec.id) != WS_EXIT_OK)
    {
        return WS_EXIT_FAILED;
    }

    template.deleted = 1;

    ws_record_change(ctl, &txn, &rec, ws_template_write(ctl->pool, &template));

    return ws_record_commit(ctl, &txn, 0);
}


int
ws_template_list_run(ws_ctl_t *ctl)
{
    int           rc;
    ws_org_t      org;
    ngx_str_t     key, id;
    ngx_uint_t    i, n;
    ws_named_t   *elt;
    ngx_array_t  *orgs;

    n = 0;

    if (ws_arg(ctl, "org")) {
        rc = ws_find_org(ctl, ws_arg(ctl, "org"), &org);

        if (rc == WS_EXIT_OK) {
            id = ws_uuid_str(ctl->pool, &org.id);
            rc = ws_template_list_org(ctl, &id, &n);
        }

    } else {
        key = ws_key_dir(ctl->pool, &ctl->ks, "orgs", NULL);

        rc = ws_record_names(ctl, &key, &orgs);

        for (i = 0; rc == WS_EXIT_OK && i < orgs->nelts; i++) {
            elt = orgs->elts;
            rc = ws_template_list_org(ctl, &elt[i].id, &n);
        }
    }

    if (rc == WS_EXIT_OK) {
        ws_out_list_end(ctl, n);
    }

    return rc;
}


static int
ws_template_list_org(ws_ctl_t *ctl, ngx_str_t *org_id, ngx_uint_t *n)
{
    int           rc;
    ngx_str_t     key;
    ngx_array_t  *names;

    key = ws_key_dir(ctl->pool, &ctl->ks, "templates", org_id);

    rc = ws_record_names(ctl, &key, &names);

    if (rc == WS_EXIT_OK) {
        rc = ws_record_each(ctl, "template", names, ws_template_line, n);
    }

    return rc;
}


static int
ws_template_line(ws_ctl_t *ctl, ngx_pool_t *pool, ws_record_t *rec,
    void *data)
{
    ngx_str_t       id;
    ngx_uint_t     *n = data;
    ws_template_t   template;

    if (ws_template_read(pool, &rec->d, &template) != NGX_OK) {
        return ws_record_broken(&rec->key);
    }

    ws_out_list_item(ctl, (*n)++);

    if (ctl->json) {
        ws_out_json(&rec->d);
        return WS_EXIT_OK;
    }

    ws_out_text(&rec->id);
    putchar('\t');

    id = ws_uuid_str(pool, &template.org);
    if (id.data == NULL) {
        return ws_no_memory();
    }

    ws_out_text(&id);
    putchar('\t');
    ws_out_text(&template.name);
    putchar('\t');

    if (ws_uuid_is_nil(&template.active_version)) {
        fputs("-\n", stdout);
        return WS_EXIT_OK;
    }

    id = ws_uuid_str(pool, &template.active_version);
    if (id.data == NULL) {
        return ws_no_memory();
    }

    ws_out_line(&id);

    return WS_EXIT_OK;
}
