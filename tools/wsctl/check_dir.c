
/*
 * The directory: names lead to records and records have their names.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "check.h"
#include "ws_entity.h"
#include "ws_name.h"
#include "ws_param.h"
#include "ws_token.h"


static int ws_check_version(ws_check_item_t *item, ws_uuid_t *id);
static int ws_check_named(ws_check_item_t *item, const char *names,
    ngx_str_t *of, ngx_str_t *name);
static int ws_check_org(ws_check_item_t *item);
static int ws_check_user(ws_check_item_t *item);
static int ws_check_template(ws_check_item_t *item);
static int ws_check_template_set(ws_check_item_t *item,
    ws_template_t *template);
static const char *ws_check_is_active(ws_check_item_t *item,
    ngx_str_t *have);
static int ws_check_template_version(ws_check_item_t *item);
static int ws_check_parameters(ws_check_item_t *item, ngx_str_t *text);
static int ws_check_provisioner(ws_check_item_t *item);
static int ws_check_token(ws_check_item_t *item);


const ws_check_record_t  ws_check_dir_records[] = {
    { "org:", 1, { "v", "d" }, ws_check_org },
    { "user:", 1, { "v", "d" }, ws_check_user },
    { "template:", 1, { "v", "d" }, ws_check_template },
    { "version:", 1, { "v", "d" }, ws_check_template_version },
    { "provisioner:", 1, { "v", "d" }, ws_check_provisioner },
    { "token:", 1, { "v", "d" }, ws_check_token },
    { NULL, 0, { NULL }, NULL }
};


/* the fields v and d, and the id that the key has; tokens have no such id */

static int
ws_check_version(ws_check_item_t *item, ws_uuid_t *id)
{
    ngx_str_t  text;

    if (item->fields[0].data == NULL
        || ngx_atoi(item->fields[0].data, item->fields[0].len) <= 0)
    {
        return ws_check_wrong(item, "its version is no positive number");
    }

    if (item->fields[1].data == NULL) {
        return ws_check_wrong(item, "there is no document");
    }

    if (id == NULL) {
        return WS_EXIT_OK;
    }

    text = ws_uuid_str(item->pool, id);

    if (text.data && !ws_check_same(&text, &item->k->arg)) {
        return ws_check_wrong(item, "the document has the id %.*s",
                              (int) text.len, text.data);
    }

    return WS_EXIT_OK;
}


/* a name in one of the directory's hashes leads here */

static int
ws_check_named(ws_check_item_t *item, const char *names, ngx_str_t *of,
    ngx_str_t *name)
{
    ngx_str_t  lower;

    if (ws_name_valid(name) != NGX_OK) {
        return ws_check_wrong(item, "\"%.*s\" is not a name",
                              (int) ngx_min(name->len, 100), name->data);
    }

    lower = ws_lower_str(item->pool, name);

    return ws_check_expect(item, "HGET",
                           ws_key_dir(item->pool, &item->check->ctl->ks,
                                      names, of),
                           &lower, &item->k->arg);
}


static int
ws_check_org(ws_check_item_t *item)
{
    int       rc;
    ws_org_t  org;

    if (ws_org_read(item->pool, &item->fields[1], &org) != NGX_OK) {
        return ws_check_wrong(item, "not the document of an organization");
    }

    rc = ws_check_version(item, &org.id);

    return rc ? rc : ws_check_named(item, "orgs", NULL, &org.name);
}


static int
ws_check_user(ws_check_item_t *item)
{
    int            rc;
    ws_user_t      user;
    ngx_uint_t     i;
    ws_subject_t  *s;

    if (ws_user_read(item->pool, &item->fields[1], &user) != NGX_OK) {
        return ws_check_wrong(item, "not the document of a user");
    }

    s = &user.subject;

    rc = ws_check_version(item, &user.id);

    if (rc == WS_EXIT_OK) {
        rc = ws_check_named(item, "users", NULL, &user.username);
    }

    for (i = 0; rc == WS_EXIT_OK && i < s->norgs; i++) {
        rc = ws_check_expect_dir(item, "org", &s->orgs[i]);
    }

    return rc;
}


static int
ws_check_template(ws_check_item_t *item)
{
    int                 rc;
    ngx_str_t           org, id, d;
    ws_template_t       template;
    ws_check_expect_t  *e;

    if (ws_template_read(item->pool, &item->fields[1], &template) != NGX_OK) {
        return ws_check_wrong(item, "not the document of a template");
    }

    rc = ws_check_version(item, &template.id);

    if (rc == WS_EXIT_OK) {
        rc = ws_check_expect_dir(item, "org", &template.org);
    }

    if (rc == WS_EXIT_OK && !template.deleted) {
        org = ws_uuid_str(item->pool, &template.org);
        rc = ws_check_named(item, "templates", &org, &template.name);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_check_template_set(item, &template);
    }

    if (rc != WS_EXIT_OK || ws_uuid_is_nil(&template.active_version)) {
        return rc;
    }

    ngx_str_set(&d, "d");
    id = ws_uuid_str(item->pool, &template.active_version);

    e = ws_check_expect_add(item, "HGET",
                            ws_key_dir(item->pool, &item->check->ctl->ks,
                                       "version", &id),
                            &d);
    if (e == NULL) {
        return ws_no_memory();
    }

    e->ok = ws_check_is_active;

    return WS_EXIT_OK;
}


/* the set of all templates of that name has it, unless it is deleted */

static int
ws_check_template_set(ws_check_item_t *item, ws_template_t *template)
{
    ngx_str_t  lower, is;

    is.data = (u_char *) (template->deleted ? "0" : "1");
    is.len = 1;

    lower = ws_lower_str(item->pool, &template->name);

    return ws_check_expect(item, "SISMEMBER",
                           ws_key_dir(item->pool, &item->check->ctl->ks,
                                      "template-name", &lower),
                           &item->k->arg, &is);
}


static const char *
ws_check_is_active(ws_check_item_t *item, ngx_str_t *have)
{
    ngx_str_t     id;
    ws_version_t  version;

    if (have->data == NULL) {
        return "is not there, and is the active version";
    }

    if (ws_version_read(item->pool, have, &version) != NGX_OK) {
        return "is not a version, and is the active one";
    }

    id = ws_uuid_str(item->pool, &version.template);

    if (id.data == NULL || !ws_check_same(&id, &item->k->arg)) {
        return "is of another template, and is the active version";
    }

    return NULL;
}


static int
ws_check_template_version(ws_check_item_t *item)
{
    int           rc;
    ngx_str_t     template;
    ws_version_t  version;

    if (ws_version_read(item->pool, &item->fields[1], &version) != NGX_OK) {
        return ws_check_wrong(item, "not the document of a version");
    }

    template = ws_uuid_str(item->pool, &version.template);

    rc = ws_check_version(item, &version.id);

    if (rc == WS_EXIT_OK) {
        rc = ws_check_expect_dir(item, "template", &version.template);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_check_named(item, "versions", &template, &version.name);
    }

    return rc ? rc : ws_check_parameters(item, &version.parameters);
}


static int
ws_check_parameters(ws_check_item_t *item, ngx_str_t *text)
{
    json_t     *declared;
    ngx_int_t   rc;
    ngx_str_t   detail;

    declared = json_loadb((char *) text->data, text->len, 0, NULL);

    rc = ws_param_check(item->pool, declared, &detail);

    json_decref(declared);

    if (rc == NGX_DECLINED) {
        return ws_check_wrong(item, "%.*s", (int) detail.len, detail.data);
    }

    return rc == NGX_OK ? WS_EXIT_OK : ws_no_memory();
}


static int
ws_check_provisioner(ws_check_item_t *item)
{
    int               rc;
    ws_provisioner_t  p;

    if (ws_provisioner_read(item->pool, &item->fields[1], &p) != NGX_OK) {
        return ws_check_wrong(item, "not the document of a provisioner");
    }

    rc = ws_check_version(item, &p.id);

    if (rc == WS_EXIT_OK && !ws_uuid_is_nil(&p.org)) {
        rc = ws_check_expect_dir(item, "org", &p.org);
    }

    return rc ? rc : ws_check_named(item, "provisioners", NULL, &p.name);
}


static int
ws_check_token(ws_check_item_t *item)
{
    int                 rc;
    ngx_str_t           owner;
    ngx_uint_t          of_user;
    ws_token_record_t   token;

    if (ws_token_record_read(item->pool, &item->fields[1], &token) != NGX_OK) {
        return ws_check_wrong(item, "not the document of a token");
    }

    of_user = !ws_uuid_is_nil(&token.user);

    rc = ws_check_version(item, NULL);

    if (rc == WS_EXIT_OK && !ws_check_same(&token.id, &item->k->arg)) {
        rc = ws_check_wrong(item, "the document has another id");
    }

    if (rc == WS_EXIT_OK
        && (token.hash.len != WS_TOKEN_HASH_LEN
            || strspn((char *) token.hash.data, "0123456789abcdef")
               != WS_TOKEN_HASH_LEN))
    {
        rc = ws_check_wrong(item, "its hash is no SHA-256");
    }

    if (rc == WS_EXIT_OK) {
        rc = of_user ? ws_check_expect_dir(item, "user", &token.user)
                     : ws_check_expect_dir(item, "provisioner",
                                           &token.provisioner);
    }

    if (rc != WS_EXIT_OK) {
        return rc;
    }

    owner = ws_uuid_str(item->pool,
                        of_user ? &token.user : &token.provisioner);

    return ws_check_expect(item, "SISMEMBER",
                           ws_key_dir(item->pool, &item->check->ctl->ks,
                                      "tokens", &owner),
                           &item->k->arg, &ws_check_one);
}
