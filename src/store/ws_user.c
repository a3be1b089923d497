
/*
 * Users: a name, a state, and what they may: roles of the whole site, and the
 * organizations they belong to or administer.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_json.h"
#include "ws_entity.h"
#include "ws_entity_read.h"


static ngx_int_t ws_user_read_roles(json_t *root, ws_user_t *user);
static ngx_int_t ws_user_read_orgs(ngx_pool_t *pool, json_t *root,
    ws_user_t *user);
static void ws_user_write_roles(ws_json_t *w, ws_user_t *user);
static void ws_user_write_orgs(ws_json_t *w, ws_user_t *user);
static ngx_uint_t ws_ids_have(ws_uuid_t *ids, ngx_uint_t n,
    const ws_uuid_t *id);
static ngx_int_t ws_ids_add(ngx_pool_t *pool, ws_uuid_t **ids, ngx_uint_t *n,
    const ws_uuid_t *id);


ngx_int_t
ws_user_read(ngx_pool_t *pool, ngx_str_t *d, ws_user_t *user)
{
    json_t     *root;
    ngx_int_t   rc;
    ngx_str_t   status;

    ngx_memzero(user, sizeof(ws_user_t));

    rc = ws_entity_parse(d, &root, &user->id, &user->created_ms);
    if (rc != NGX_OK) {
        return rc;
    }

    user->subject.id = user->id;

    status = ws_json_get_str(root, "status");
    user->active = (status.len == sizeof("active") - 1
                    && ngx_memcmp(status.data, "active", status.len) == 0);

    rc = ws_entity_str(pool, root, "username", &user->username);

    if (rc == NGX_OK) {
        rc = ws_entity_str(pool, root, "email", &user->email);
    }

    if (rc == NGX_OK) {
        rc = ws_user_read_roles(root, user);
    }

    if (rc == NGX_OK) {
        rc = ws_user_read_orgs(pool, root, user);
    }

    json_decref(root);

    return rc;
}


ngx_str_t
ws_user_write(ngx_pool_t *pool, ws_user_t *user)
{
    ws_json_t  w;

    ws_json_init(&w, pool, 512);

    ws_json_lit(&w, "{\"id\":");
    ws_json_uuid(&w, &user->id);
    ws_json_lit(&w, ",\"username\":");
    ws_json_string(&w, &user->username);
    ws_json_lit(&w, ",\"email\":");
    ws_json_string(&w, &user->email);

    if (user->active) {
        ws_json_lit(&w, ",\"status\":\"active\"");

    } else {
        ws_json_lit(&w, ",\"status\":\"suspended\"");
    }

    ws_json_lit(&w, ",\"created_at\":");
    ws_json_time(&w, user->created_ms);
    ws_json_lit(&w, ",\"roles\":[");
    ws_user_write_roles(&w, user);
    ws_json_lit(&w, "],\"organizations\":[");
    ws_user_write_orgs(&w, user);
    ws_json_lit(&w, "]}");

    return ws_entity_text(&w);
}


static ngx_int_t
ws_user_read_roles(json_t *root, ws_user_t *user)
{
    size_t      i;
    json_t     *roles, *item;
    ngx_str_t   role;

    roles = json_object_get(root, "roles");

    if (!json_is_array(roles)) {
        return NGX_DECLINED;
    }

    json_array_foreach(roles, i, item) {
        role.data = (u_char *) json_string_value(item);
        role.len = json_string_length(item);

        /* a role of a later version of this module gives nothing here */

        (void) ws_user_add_role(user, &role);
    }

    return NGX_OK;
}


static ngx_int_t
ws_user_read_orgs(ngx_pool_t *pool, json_t *root, ws_user_t *user)
{
    size_t       i, k;
    json_t      *orgs, *org, *role;
    ws_uuid_t    id;
    ngx_uint_t   admin;
    const char  *name;

    orgs = json_object_get(root, "organizations");

    if (!json_is_array(orgs)) {
        return NGX_DECLINED;
    }

    json_array_foreach(orgs, i, org) {

        if (ws_json_get_uuid(org, "id", &id) != NGX_OK) {
            return NGX_DECLINED;
        }

        admin = 0;

        json_array_foreach(json_object_get(org, "roles"), k, role) {
            name = json_string_value(role);

            if (name && ngx_strcmp(name, "organization-admin") == 0) {
                admin = 1;
            }
        }

        if (ws_user_add_org(pool, user, &id, admin) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static void
ws_user_write_roles(ws_json_t *w, ws_user_t *user)
{
    ngx_uint_t   i, n;
    const char  *roles[4];

    n = 0;

    if (user->subject.site_owner) {
        roles[n++] = "owner";
    }

    if (user->subject.site_template_admin) {
        roles[n++] = "template-admin";
    }

    if (user->subject.site_user_admin) {
        roles[n++] = "user-admin";
    }

    if (user->subject.site_auditor) {
        roles[n++] = "auditor";
    }

    for (i = 0; i < n; i++) {
        if (i) {
            ws_json_lit(w, ",");
        }

        ws_json_lit(w, "\"");
        ws_json_raw(w, roles[i], ngx_strlen(roles[i]));
        ws_json_lit(w, "\"");
    }
}


static void
ws_user_write_orgs(ws_json_t *w, ws_user_t *user)
{
    ngx_uint_t     i;
    ws_subject_t  *s;

    s = &user->subject;

    for (i = 0; i < s->norgs; i++) {

        if (i) {
            ws_json_lit(w, ",");
        }

        ws_json_lit(w, "{\"id\":");
        ws_json_uuid(w, &s->orgs[i]);

        if (ws_ids_have(s->admin_orgs, s->nadmin_orgs, &s->orgs[i])) {
            ws_json_lit(w, ",\"roles\":[\"organization-admin\"]}");

        } else {
            ws_json_lit(w, ",\"roles\":[]}");
        }
    }
}


ngx_int_t
ws_user_add_role(ws_user_t *user, ngx_str_t *role)
{
    ngx_uint_t  i;

    static const char  *roles[] = {
        "member", "owner", "template-admin", "user-admin", "auditor"
    };

    for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++) {

        if (role->len != ngx_strlen(roles[i])
            || ngx_memcmp(role->data, roles[i], role->len) != 0)
        {
            continue;
        }

        user->subject.site_owner |= (i == 1);
        user->subject.site_template_admin |= (i == 2);
        user->subject.site_user_admin |= (i == 3);
        user->subject.site_auditor |= (i == 4);

        return NGX_OK;
    }

    return NGX_DECLINED;
}


ngx_int_t
ws_user_add_org(ngx_pool_t *pool, ws_user_t *user, const ws_uuid_t *org,
    ngx_uint_t admin)
{
    ws_subject_t  *s;

    s = &user->subject;

    if (ws_ids_add(pool, &s->orgs, &s->norgs, org) != NGX_OK) {
        return NGX_ERROR;
    }

    if (!admin) {
        return NGX_OK;
    }

    return ws_ids_add(pool, &s->admin_orgs, &s->nadmin_orgs, org);
}


static ngx_uint_t
ws_ids_have(ws_uuid_t *ids, ngx_uint_t n, const ws_uuid_t *id)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        if (ws_uuid_eq(&ids[i], id)) {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ws_ids_add(ngx_pool_t *pool, ws_uuid_t **ids, ngx_uint_t *n,
    const ws_uuid_t *id)
{
    ws_uuid_t  *grown;

    if (ws_ids_have(*ids, *n, id)) {
        return NGX_OK;
    }

    /* room for 1, 2, 4, 8 ...: at each power of two it is used up */

    if ((*n & (*n - 1)) == 0) {
        grown = ngx_palloc(pool, (*n ? *n * 2 : 1) * sizeof(ws_uuid_t));
        if (grown == NULL) {
            return NGX_ERROR;
        }

        if (*n) {
            ngx_memcpy(grown, *ids, *n * sizeof(ws_uuid_t));
        }

        *ids = grown;
    }

    (*ids)[(*n)++] = *id;

    return NGX_OK;
}
