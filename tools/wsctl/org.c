
/*
 * Organizations: names that templates and memberships belong to.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "client.h"
#include "commands.h"
#include "record.h"


static int ws_org_line(ws_ctl_t *ctl, ngx_pool_t *pool, ws_record_t *rec,
    void *data);


int
ws_org_create_run(ws_ctl_t *ctl)
{
    int        rc;
    ws_org_t   org;
    ngx_str_t  id, d;

    rc = ws_record_name_valid("an organization", &ctl->arg);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    ws_uuid_generate(&org.id);
    org.name = ctl->arg;
    org.created_ms = ws_now_ms();

    rc = ws_client_open(ctl);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    id = ws_uuid_str(ctl->pool, &org.id);
    d = ws_org_write(ctl->pool, &org);

    rc = ws_record_create(ctl, "orgs", "org", org.name, id, d);

    if (rc == WS_RECORD_TAKEN) {
        return ws_fail(WS_EXIT_FAILED, "there is an organization \"%s\" "
                       "already", org.name.data);
    }

    if (rc == WS_EXIT_OK) {
        ws_out_id(ctl, &id, &d);
    }

    return rc;
}


int
ws_org_list_run(ws_ctl_t *ctl)
{
    int           rc;
    ngx_str_t     key;
    ngx_uint_t    n;
    ngx_array_t  *names;

    n = 0;
    key = ws_key_dir(ctl->pool, &ctl->ks, "orgs", NULL);

    rc = ws_record_names(ctl, &key, &names);

    if (rc == WS_EXIT_OK) {
        rc = ws_record_each(ctl, "org", names, ws_org_line, &n);
    }

    if (rc == WS_EXIT_OK) {
        ws_out_list_end(ctl, n);
    }

    return rc;
}


static int
ws_org_line(ws_ctl_t *ctl, ngx_pool_t *pool, ws_record_t *rec, void *data)
{
    ws_org_t     org;
    ngx_uint_t  *n = data;

    if (ws_org_read(pool, &rec->d, &org) != NGX_OK) {
        return ws_record_broken(&rec->key);
    }

    ws_out_list_item(ctl, (*n)++);

    if (ctl->json) {
        ws_out_json(&rec->d);
        return WS_EXIT_OK;
    }

    ws_out_text(&rec->id);
    putchar('\t');
    ws_out_line(&org.name);

    return WS_EXIT_OK;
}
