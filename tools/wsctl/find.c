
/*
 * What an operator calls things: a name, an id, and for templates, whose
 * names are unique within an organization only, ORG/NAME.  A name never
 * looks like an id, which is longer than names may be.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdio.h>
#include "record.h"


static int ws_find_id(ws_ctl_t *ctl, const char *kind, const char *what,
    const char *names, ngx_str_t *text, ws_record_t *rec);
static int ws_find_in_org(ws_ctl_t *ctl, ngx_str_t *text, size_t slash,
    ngx_str_t *id);
static int ws_find_in_any(ws_ctl_t *ctl, ngx_str_t *text, ngx_str_t *id);
static int ws_find_ambiguous(ws_ctl_t *ctl, ngx_str_t *text,
    ws_reply_t *reply);
static int ws_find_none(const char *what, ngx_str_t *text);


int
ws_find_org(ws_ctl_t *ctl, ngx_str_t *text, ws_org_t *org)
{
    int          rc;
    ws_record_t  rec;

    rc = ws_find_id(ctl, "org", "organization", "orgs", text, &rec);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    if (ws_org_read(ctl->pool, &rec.d, org) != NGX_OK) {
        return ws_record_broken(&rec.key);
    }

    return WS_EXIT_OK;
}


int
ws_find_user(ws_ctl_t *ctl, ngx_str_t *text, ws_user_t *user,
    ws_record_t *rec)
{
    int          rc;
    ws_record_t  own;

    if (rec == NULL) {
        rec = &own;
    }

    rc = ws_find_id(ctl, "user", "user", "users", text, rec);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    if (ws_user_read(ctl->pool, &rec->d, user) != NGX_OK) {
        return ws_record_broken(&rec->key);
    }

    return WS_EXIT_OK;
}


static int
ws_find_id(ws_ctl_t *ctl, const char *kind, const char *what,
    const char *names, ngx_str_t *text, ws_record_t *rec)
{
    int        rc;
    ngx_str_t  key, id;
    ws_uuid_t  uuid;

    if (ws_uuid_parse(text, &uuid) == NGX_OK) {
        id = ws_uuid_str(ctl->pool, &uuid);
        rc = id.data ? WS_EXIT_OK : ws_no_memory();

    } else {
        key = ws_key_dir(ctl->pool, &ctl->ks, names, NULL);
        rc = ws_record_named(ctl, &key, text, &id);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_record_load(ctl, kind, &id, rec);
    }

    return rc == WS_RECORD_NONE ? ws_find_none(what, text) : rc;
}


int
ws_find_template(ws_ctl_t *ctl, ngx_str_t *text, ws_template_t *template,
    ws_record_t *rec)
{
    int          rc;
    u_char      *slash;
    ngx_str_t    id;
    ws_uuid_t    uuid;
    ws_record_t  own;

    if (rec == NULL) {
        rec = &own;
    }

    slash = memchr(text->data, '/', text->len);

    if (ws_uuid_parse(text, &uuid) == NGX_OK) {
        id = ws_uuid_str(ctl->pool, &uuid);
        rc = id.data ? WS_EXIT_OK : ws_no_memory();

    } else if (slash) {
        rc = ws_find_in_org(ctl, text, slash - text->data, &id);

    } else {
        rc = ws_find_in_any(ctl, text, &id);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_record_load(ctl, "template", &id, rec);
    }

    if (rc == WS_RECORD_NONE) {
        return ws_find_none("template", text);
    }

    if (rc != WS_EXIT_OK) {
        return rc;
    }

    if (ws_template_read(ctl->pool, &rec->d, template) != NGX_OK) {
        return ws_record_broken(&rec->key);
    }

    if (template->deleted) {
        return ws_fail(WS_EXIT_FAILED, "template \"%s\" is deleted",
                       text->data);
    }

    return WS_EXIT_OK;
}


static int
ws_find_in_org(ws_ctl_t *ctl, ngx_str_t *text, size_t slash, ngx_str_t *id)
{
    int        rc;
    ngx_str_t  key, name, part;
    ws_org_t   org;

    /* a copy ends with a zero, for messages */

    part.len = slash;
    part.data = ngx_pcalloc(ctl->pool, slash + 1);
    if (part.data == NULL) {
        return ws_no_memory();
    }

    ngx_memcpy(part.data, text->data, slash);

    rc = ws_find_org(ctl, &part, &org);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    name.data = text->data + slash + 1;
    name.len = text->len - slash - 1;

    part = ws_uuid_str(ctl->pool, &org.id);
    key = ws_key_dir(ctl->pool, &ctl->ks, "templates", &part);

    return ws_record_named(ctl, &key, &name, id);
}


static int
ws_find_in_any(ws_ctl_t *ctl, ngx_str_t *text, ngx_str_t *id)
{
    int          rc;
    ngx_str_t    key, lower;
    ws_reply_t  *reply;

    lower = ws_lower_str(ctl->pool, text);
    key = ws_key_dir(ctl->pool, &ctl->ks, "template-name", &lower);

    rc = ws_client_command(ctl, &reply, "SMEMBERS", &key, NULL);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    if (reply->type != WS_REPLY_ARRAY) {
        return ws_record_broken(&key);
    }

    if (reply->n == 0) {
        return WS_RECORD_NONE;
    }

    if (reply->n > 1) {
        return ws_find_ambiguous(ctl, text, reply);
    }

    *id = ws_client_copy(ctl->pool, &reply->elts[0]);

    return id->data ? WS_EXIT_OK : ws_no_memory();
}


static int
ws_find_ambiguous(ws_ctl_t *ctl, ngx_str_t *text, ws_reply_t *reply)
{
    ngx_uint_t  i;

    (void) ws_fail(WS_EXIT_FAILED, "more than one organization has a template "
                   "\"%s\"; use ORG/NAME or one of the ids", text->data);

    for (i = 0; i < reply->n; i++) {
        fprintf(stderr, "%.*s\n", (int) reply->elts[i].str.len,
                reply->elts[i].str.data);
    }

    return WS_EXIT_FAILED;
}


int
ws_find_version(ws_ctl_t *ctl, ngx_str_t *text, ws_template_t *template,
    ws_version_t *version)
{
    int          rc;
    ngx_str_t    id, key, owner;
    ws_uuid_t    uuid;
    ws_record_t  rec;

    if (ws_uuid_parse(text, &uuid) == NGX_OK) {
        id = ws_uuid_str(ctl->pool, &uuid);
        rc = id.data ? WS_EXIT_OK : ws_no_memory();

    } else if (template) {
        owner = ws_uuid_str(ctl->pool, &template->id);
        key = ws_key_dir(ctl->pool, &ctl->ks, "versions", &owner);
        rc = ws_record_named(ctl, &key, text, &id);

    } else {
        return ws_fail(WS_EXIT_FAILED, "\"%s\" is not an id, and without "
                       "--template there are no names", text->data);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_record_load(ctl, "version", &id, &rec);
    }

    if (rc == WS_RECORD_NONE) {
        return ws_find_none("version", text);
    }

    if (rc != WS_EXIT_OK) {
        return rc;
    }

    if (ws_version_read(ctl->pool, &rec.d, version) != NGX_OK) {
        return ws_record_broken(&rec.key);
    }

    if (template && !ws_uuid_eq(&version->template, &template->id)) {
        return ws_fail(WS_EXIT_FAILED, "version \"%s\" is of another "
                       "template", text->data);
    }

    return WS_EXIT_OK;
}


static int
ws_find_none(const char *what, ngx_str_t *text)
{
    return ws_fail(WS_EXIT_FAILED, "there is no %s \"%s\"", what, text->data);
}
