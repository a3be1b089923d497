
/*
 * Template versions: made with their parameters, never changed; the one that
 * is promoted is what new workspaces are built from.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_json.h"
#include "ws_param.h"
#include "commands.h"
#include "record.h"


#define WS_VERSION_FILE_MAX  (1024 * 1024)


const ws_opt_t  ws_version_create_opts[] = {
    { "template", "TEMPLATE", "the template it belongs to (required)", 0 },
    { "parameters", "FILE", "JSON array of parameters, - for stdin", 0 },
    { "tag", "NAME=VALUE", "what a provisioner of its builds must have", 1 },
    { "promote", NULL, "make it the active version", 0 },
    { NULL, NULL, NULL, 0 }
};

const ws_opt_t  ws_version_promote_opts[] = {
    { "template", "TEMPLATE", "needed when VERSION is a name", 0 },
    { NULL, NULL, NULL, 0 }
};

const ws_opt_t  ws_version_list_opts[] = {
    { "template", "TEMPLATE", "the template (required)", 0 },
    { NULL, NULL, NULL, 0 }
};


typedef struct {
    ngx_uint_t     n;
    ws_uuid_t      active;
} ws_version_list_t;


static int ws_version_parameters(ws_ctl_t *ctl, ngx_str_t *out);
static int ws_version_try_create(ws_ctl_t *ctl, ws_version_t *version,
    ngx_str_t *d);
static int ws_version_try_promote(ws_ctl_t *ctl);
static int ws_version_line(ws_ctl_t *ctl, ngx_pool_t *pool, ws_record_t *rec,
    void *data);


int
ws_version_create_run(ws_ctl_t *ctl)
{
    int            rc;
    ngx_str_t      id, d;
    ngx_uint_t     tries;
    ws_version_t   version;

    if (ws_arg(ctl, "template") == NULL) {
        return ws_usage(ctl, "--template is missing");
    }

    rc = ws_record_name_valid("a version", &ctl->arg);

    if (rc == WS_EXIT_OK) {
        rc = ws_version_parameters(ctl, &version.parameters);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_tags(ctl, &version.tags);
    }

    if (rc != WS_EXIT_OK) {
        return rc;
    }

    ws_uuid_generate(&version.id);
    ws_uuid_generate(&version.file);
    version.name = ctl->arg;
    version.created_ms = ws_now_ms();

    for (tries = 0; tries < WS_CTL_TRIES; tries++) {
        rc = ws_version_try_create(ctl, &version, &d);

        if (rc == WS_RECORD_LOST) {
            continue;
        }

        if (rc == WS_RECORD_TAKEN) {
            return ws_fail(WS_EXIT_FAILED, "the template has a version \"%s\" "
                           "already", version.name.data);
        }

        if (rc == WS_EXIT_OK) {
            id = ws_uuid_str(ctl->pool, &version.id);
            ws_out_id(ctl, &id, &d);
        }

        return rc;
    }

    return ws_record_give_up();
}


static int
ws_version_parameters(ws_ctl_t *ctl, ngx_str_t *out)
{
    int         rc;
    json_t     *declared;
    ngx_str_t  *path, detail;

    path = ws_arg(ctl, "parameters");

    if (path == NULL) {
        ngx_str_set(out, "[]");
        return WS_EXIT_OK;
    }

    rc = ws_file_json(path, WS_VERSION_FILE_MAX, &declared);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    switch (ws_param_check(ctl->pool, declared, &detail)) {

    case NGX_OK:
        if (ws_json_dump(ctl->pool, declared, out) != NGX_OK) {
            rc = ws_no_memory();
        }

        break;

    case NGX_DECLINED:
        rc = ws_fail(WS_EXIT_FAILED, "%s: %.*s", path->data,
                     (int) detail.len, detail.data);
        break;

    default:
        rc = ws_no_memory();
    }

    json_decref(declared);

    return rc;
}


static int
ws_version_try_create(ws_ctl_t *ctl, ws_version_t *version, ngx_str_t *d)
{
    int             rc;
    ws_txn_t        txn;
    ngx_str_t       id, key, lower;
    ws_record_t     rec;
    ws_template_t   template;

    rc = ws_find_template(ctl, ws_arg(ctl, "template"), &template, &rec);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    version->template = template.id;

    id = ws_uuid_str(ctl->pool, &version->id);
    key = ws_key_dir(ctl->pool, &ctl->ks, "versions", &rec.id);
    lower = ws_lower_str(ctl->pool, &version->name);
    *d = ws_version_write(ctl->pool, version);

    if (ws_txn_init(&txn, ctl->pool) != NGX_OK) {
        return ws_no_memory();
    }

    ws_txn_require_absent(&txn, key, lower);
    ws_txn_command(&txn, "HSET", key, 2, &lower, &id);
    ws_record_add(ctl, &txn, "version", id, *d);

    if (ws_arg(ctl, "promote")) {
        template.active_version = version->id;
        ws_record_change(ctl, &txn, &rec,
                         ws_template_write(ctl->pool, &template));

    } else {

        /* not of a template that is being deleted */

        ws_txn_require(&txn, rec.key, "v", ws_int_str(ctl->pool, rec.v));
    }

    return ws_record_commit(ctl, &txn, 1);
}


int
ws_version_promote_run(ws_ctl_t *ctl)
{
    int         rc;
    ngx_uint_t  tries;

    for (tries = 0; tries < WS_CTL_TRIES; tries++) {
        rc = ws_version_try_promote(ctl);

        if (rc != WS_RECORD_LOST) {
            return rc;
        }
    }

    return ws_record_give_up();
}


static int
ws_version_try_promote(ws_ctl_t *ctl)
{
    int             rc;
    ws_txn_t        txn;
    ngx_str_t       id, d, *name;
    ws_record_t     rec;
    ws_version_t    version;
    ws_template_t   template;

    name = ws_arg(ctl, "template");

    if (name) {
        rc = ws_find_template(ctl, name, &template, &rec);

        if (rc == WS_EXIT_OK) {
            rc = ws_find_version(ctl, &ctl->arg, &template, &version);
        }

    } else {
        rc = ws_find_version(ctl, &ctl->arg, NULL, &version);

        if (rc == WS_EXIT_OK) {
            id = ws_uuid_str(ctl->pool, &version.template);
            rc = id.data ? ws_find_template(ctl, &id, &template, &rec)
                         : ws_no_memory();
        }
    }

    if (rc != WS_EXIT_OK) {
        return rc;
    }

    d = rec.d;

    if (!ws_uuid_eq(&template.active_version, &version.id)) {
        template.active_version = version.id;
        d = ws_template_write(ctl->pool, &template);

        if (ws_txn_init(&txn, ctl->pool) != NGX_OK) {
            return ws_no_memory();
        }

        ws_record_change(ctl, &txn, &rec, d);

        rc = ws_record_commit(ctl, &txn, 0);
    }

    if (rc == WS_EXIT_OK && ctl->json) {
        ws_out_id(ctl, NULL, &d);
    }

    return rc;
}


int
ws_version_list_run(ws_ctl_t *ctl)
{
    int                 rc;
    ngx_str_t           key;
    ngx_array_t        *names;
    ws_record_t         rec;
    ws_template_t       template;
    ws_version_list_t   list;

    if (ws_arg(ctl, "template") == NULL) {
        return ws_usage(ctl, "--template is missing");
    }

    rc = ws_find_template(ctl, ws_arg(ctl, "template"), &template, &rec);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    list.n = 0;
    list.active = template.active_version;

    key = ws_key_dir(ctl->pool, &ctl->ks, "versions", &rec.id);

    rc = ws_record_names(ctl, &key, &names);

    if (rc == WS_EXIT_OK) {
        rc = ws_record_each(ctl, "version", names, ws_version_line, &list);
    }

    if (rc == WS_EXIT_OK) {
        ws_out_list_end(ctl, list.n);
    }

    return rc;
}


static int
ws_version_line(ws_ctl_t *ctl, ngx_pool_t *pool, ws_record_t *rec, void *data)
{
    ws_version_t        version;
    ws_version_list_t  *list = data;

    if (ws_version_read(pool, &rec->d, &version) != NGX_OK) {
        return ws_record_broken(&rec->key);
    }

    ws_out_list_item(ctl, list->n++);

    if (ctl->json) {
        ws_out_json(&rec->d);
        return WS_EXIT_OK;
    }

    ws_out_text(&rec->id);
    putchar('\t');
    ws_out_text(&version.name);
    putchar('\t');
    ws_out_time(version.created_ms);
    puts(ws_uuid_eq(&version.id, &list->active) ? "\tactive" : "\t-");

    return WS_EXIT_OK;
}
