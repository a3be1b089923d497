
/*
 * The directory's documents, between JSON and structures.  Each kind has
 * a reader and a writer next to each other, so that a field cannot be in one
 * of them only.  Users, with their roles and memberships, are in ws_user.c.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_json.h"
#include "ws_entity.h"
#include "ws_entity_read.h"


static ngx_int_t ws_entity_tags(ngx_pool_t *pool, json_t *root,
    ngx_str_t *tags);


ngx_int_t
ws_org_read(ngx_pool_t *pool, ngx_str_t *d, ws_org_t *org)
{
    json_t     *root;
    ngx_int_t   rc;

    ngx_memzero(org, sizeof(ws_org_t));

    rc = ws_entity_parse(d, &root, &org->id, &org->created_ms);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ws_entity_str(pool, root, "name", &org->name);

    json_decref(root);

    return rc;
}


ngx_str_t
ws_org_write(ngx_pool_t *pool, ws_org_t *org)
{
    ws_json_t  w;

    ws_json_init(&w, pool, 256);

    ws_json_lit(&w, "{\"id\":");
    ws_json_uuid(&w, &org->id);
    ws_json_lit(&w, ",\"name\":");
    ws_json_string(&w, &org->name);
    ws_json_lit(&w, ",\"created_at\":");
    ws_json_time(&w, org->created_ms);
    ws_json_lit(&w, "}");

    return ws_entity_text(&w);
}


ngx_int_t
ws_template_read(ngx_pool_t *pool, ngx_str_t *d, ws_template_t *template)
{
    json_t     *root;
    ngx_int_t   rc;

    ngx_memzero(template, sizeof(ws_template_t));

    rc = ws_entity_parse(d, &root, &template->id, &template->created_ms);
    if (rc != NGX_OK) {
        return rc;
    }

    template->default_ttl_ms = ws_json_get_int(root, "default_ttl_ms", 0);
    template->deleted = ws_json_get_bool(root, "deleted", 0);
    template->allow_user_cancel =
                ws_json_get_bool(root, "allow_user_cancel_workspace_jobs", 0);

    /* null, no version yet, leaves the nil id */

    (void) ws_json_get_uuid(root, "active_version_id",
                            &template->active_version);

    rc = ws_entity_uuid(root, "organization_id", &template->org);

    if (rc == NGX_OK) {
        rc = ws_entity_str(pool, root, "name", &template->name);
    }

    if (rc == NGX_OK) {
        rc = ws_entity_str(pool, root, "display_name",
                           &template->display_name);
    }

    if (rc == NGX_OK) {
        rc = ws_entity_str(pool, root, "icon", &template->icon);
    }

    json_decref(root);

    return rc;
}


ngx_str_t
ws_template_write(ngx_pool_t *pool, ws_template_t *template)
{
    ws_json_t  w;

    ws_json_init(&w, pool, 512);

    ws_json_lit(&w, "{\"id\":");
    ws_json_uuid(&w, &template->id);
    ws_json_lit(&w, ",\"organization_id\":");
    ws_json_uuid(&w, &template->org);
    ws_json_lit(&w, ",\"name\":");
    ws_json_string(&w, &template->name);
    ws_json_lit(&w, ",\"display_name\":");
    ws_json_string(&w, &template->display_name);
    ws_json_lit(&w, ",\"icon\":");
    ws_json_string(&w, &template->icon);
    ws_json_lit(&w, ",\"default_ttl_ms\":");
    ws_json_int(&w, template->default_ttl_ms);
    ws_json_lit(&w, ",\"allow_user_cancel_workspace_jobs\":");
    ws_json_bool(&w, template->allow_user_cancel);
    ws_json_lit(&w, ",\"active_version_id\":");

    if (ws_uuid_is_nil(&template->active_version)) {
        ws_json_lit(&w, "null");

    } else {
        ws_json_uuid(&w, &template->active_version);
    }

    ws_json_lit(&w, ",\"deleted\":");
    ws_json_bool(&w, template->deleted);
    ws_json_lit(&w, ",\"created_at\":");
    ws_json_time(&w, template->created_ms);
    ws_json_lit(&w, "}");

    return ws_entity_text(&w);
}


ngx_str_t
ws_template_fragment(ngx_pool_t *pool, ws_template_t *template)
{
    ws_json_t  w;

    ws_json_init(&w, pool, 256);

    ws_json_lit(&w, "\"template_name\":");
    ws_json_string(&w, &template->name);
    ws_json_lit(&w, ",\"template_display_name\":");
    ws_json_string(&w, &template->display_name);
    ws_json_lit(&w, ",\"template_icon\":");
    ws_json_string(&w, &template->icon);
    ws_json_lit(&w, ",\"template_allow_user_cancel_workspace_jobs\":");
    ws_json_bool(&w, template->allow_user_cancel);

    return ws_entity_text(&w);
}


ngx_int_t
ws_version_read(ngx_pool_t *pool, ngx_str_t *d, ws_version_t *version)
{
    json_t     *root, *parameters;
    ngx_int_t   rc;

    ngx_memzero(version, sizeof(ws_version_t));

    rc = ws_entity_parse(d, &root, &version->id, &version->created_ms);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ws_entity_uuid(root, "template_id", &version->template);

    if (rc == NGX_OK) {
        rc = ws_entity_uuid(root, "file_id", &version->file);
    }

    if (rc == NGX_OK) {
        rc = ws_entity_str(pool, root, "name", &version->name);
    }

    parameters = json_object_get(root, "parameters");

    if (rc == NGX_OK && !json_is_array(parameters)) {
        rc = NGX_DECLINED;
    }

    if (rc == NGX_OK) {
        rc = ws_json_dump(pool, parameters, &version->parameters);
    }

    if (rc == NGX_OK) {
        rc = ws_entity_tags(pool, root, &version->tags);
    }

    json_decref(root);

    return rc;
}


ngx_str_t
ws_version_write(ngx_pool_t *pool, ws_version_t *version)
{
    ws_json_t  w;

    ws_json_init(&w, pool, 512);

    ws_json_lit(&w, "{\"id\":");
    ws_json_uuid(&w, &version->id);
    ws_json_lit(&w, ",\"template_id\":");
    ws_json_uuid(&w, &version->template);
    ws_json_lit(&w, ",\"file_id\":");
    ws_json_uuid(&w, &version->file);
    ws_json_lit(&w, ",\"name\":");
    ws_json_string(&w, &version->name);
    ws_json_lit(&w, ",\"parameters\":");
    ws_json_raw(&w, version->parameters.data, version->parameters.len);
    ws_json_lit(&w, ",\"tags\":");
    ws_json_raw(&w, version->tags.data, version->tags.len);
    ws_json_lit(&w, ",\"created_at\":");
    ws_json_time(&w, version->created_ms);
    ws_json_lit(&w, "}");

    return ws_entity_text(&w);
}


ngx_int_t
ws_provisioner_read(ngx_pool_t *pool, ngx_str_t *d,
    ws_provisioner_t *provisioner)
{
    json_t     *root;
    ngx_int_t   rc;

    ngx_memzero(provisioner, sizeof(ws_provisioner_t));

    rc = ws_entity_parse(d, &root, &provisioner->id,
                         &provisioner->created_ms);
    if (rc != NGX_OK) {
        return rc;
    }

    /* one that cannot be read must not become all organizations */

    if (!json_is_null(json_object_get(root, "organization_id"))) {
        rc = ws_entity_uuid(root, "organization_id", &provisioner->org);
    }

    if (rc == NGX_OK) {
        rc = ws_entity_str(pool, root, "name", &provisioner->name);
    }

    if (rc == NGX_OK) {
        rc = ws_entity_tags(pool, root, &provisioner->tags);
    }

    json_decref(root);

    return rc;
}


ngx_str_t
ws_provisioner_write(ngx_pool_t *pool, ws_provisioner_t *provisioner)
{
    ws_json_t  w;

    ws_json_init(&w, pool, 256);

    ws_json_lit(&w, "{\"id\":");
    ws_json_uuid(&w, &provisioner->id);
    ws_json_lit(&w, ",\"name\":");
    ws_json_string(&w, &provisioner->name);
    ws_json_lit(&w, ",\"organization_id\":");

    if (ws_uuid_is_nil(&provisioner->org)) {
        ws_json_lit(&w, "null");

    } else {
        ws_json_uuid(&w, &provisioner->org);
    }

    ws_json_lit(&w, ",\"tags\":");
    ws_json_raw(&w, provisioner->tags.data, provisioner->tags.len);
    ws_json_lit(&w, ",\"created_at\":");
    ws_json_time(&w, provisioner->created_ms);
    ws_json_lit(&w, "}");

    return ws_entity_text(&w);
}


/* its id is no UUID, so all is done here */

ngx_int_t
ws_token_record_read(ngx_pool_t *pool, ngx_str_t *d, ws_token_record_t *token)
{
    json_t     *root;
    ngx_int_t   rc;
    ngx_str_t   detail;

    ngx_memzero(token, sizeof(ws_token_record_t));

    rc = ws_json_parse_object(d, &root, &detail);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ws_json_get_time(root, "created_at", &token->created_ms);

    /* of one of them, never of both */

    if (rc == NGX_OK) {
        if (json_object_get(root, "user_id") == NULL) {
            rc = ws_entity_uuid(root, "provisioner_id", &token->provisioner);

        } else if (json_object_get(root, "provisioner_id")) {
            rc = NGX_DECLINED;

        } else {
            rc = ws_entity_uuid(root, "user_id", &token->user);
        }
    }

    /* an end that cannot be read must not become none */

    if (rc == NGX_OK && !json_is_null(json_object_get(root, "expires_at"))) {
        rc = ws_json_get_time(root, "expires_at", &token->expires_ms);
    }

    if (rc == NGX_OK) {
        rc = ws_entity_str(pool, root, "id", &token->id);
    }

    if (rc == NGX_OK) {
        rc = ws_entity_str(pool, root, "hash", &token->hash);
    }

    json_decref(root);

    return rc;
}


ngx_str_t
ws_token_record_write(ngx_pool_t *pool, ws_token_record_t *token)
{
    ws_json_t  w;

    ws_json_init(&w, pool, 256);

    ws_json_lit(&w, "{\"id\":");
    ws_json_string(&w, &token->id);

    if (ws_uuid_is_nil(&token->provisioner)) {
        ws_json_lit(&w, ",\"user_id\":");
        ws_json_uuid(&w, &token->user);

    } else {
        ws_json_lit(&w, ",\"provisioner_id\":");
        ws_json_uuid(&w, &token->provisioner);
    }

    ws_json_lit(&w, ",\"hash\":");
    ws_json_string(&w, &token->hash);
    ws_json_lit(&w, ",\"created_at\":");
    ws_json_time(&w, token->created_ms);
    ws_json_lit(&w, ",\"expires_at\":");

    if (token->expires_ms == 0) {
        ws_json_lit(&w, "null");

    } else {
        ws_json_time(&w, token->expires_ms);
    }

    ws_json_lit(&w, "}");

    return ws_entity_text(&w);
}


ngx_int_t
ws_entity_parse(ngx_str_t *d, json_t **root, ws_uuid_t *id,
    int64_t *created_ms)
{
    ngx_int_t  rc;
    ngx_str_t  detail;

    rc = ws_json_parse_object(d, root, &detail);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ws_entity_uuid(*root, "id", id) != NGX_OK
        || ws_json_get_time(*root, "created_at", created_ms) != NGX_OK)
    {
        json_decref(*root);
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_int_t
ws_entity_str(ngx_pool_t *pool, json_t *root, const char *key, ngx_str_t *dst)
{
    ngx_str_t  src;

    if (!json_is_string(json_object_get(root, key))) {
        return NGX_DECLINED;
    }

    src = ws_json_get_str(root, key);

    dst->data = ngx_pnalloc(pool, src.len + 1);
    if (dst->data == NULL) {
        return NGX_ERROR;
    }

    dst->len = src.len;
    *ngx_cpymem(dst->data, src.data, src.len) = '\0';

    return NGX_OK;
}


static ngx_int_t
ws_entity_tags(ngx_pool_t *pool, json_t *root, ngx_str_t *tags)
{
    json_t  *v;

    v = json_object_get(root, "tags");

    return json_is_object(v) ? ws_json_dump(pool, v, tags) : NGX_DECLINED;
}


ngx_int_t
ws_entity_uuid(json_t *root, const char *key, ws_uuid_t *id)
{
    if (ws_json_get_uuid(root, key, id) != NGX_OK || ws_uuid_is_nil(id)) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


ngx_str_t
ws_entity_text(ws_json_t *w)
{
    ngx_str_t  text;

    if (ws_json_str(w, &text) != NGX_OK) {
        ngx_str_null(&text);
    }

    return text;
}
