
/*
 * The containers of the store, and for each what makes a member right: the
 * record that it leads to says the same.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "check.h"
#include "ws_due.h"
#include "ws_index.h"


static const char *ws_check_org_name(ws_check_t *check, ngx_pool_t *pool,
    ws_check_key_t *k, ngx_str_t *member, ngx_str_t *value,
    ngx_str_t *fields);
static const char *ws_check_user_name(ws_check_t *check, ngx_pool_t *pool,
    ws_check_key_t *k, ngx_str_t *member, ngx_str_t *value,
    ngx_str_t *fields);
static const char *ws_check_provisioner_name(ws_check_t *check,
    ngx_pool_t *pool, ws_check_key_t *k, ngx_str_t *member, ngx_str_t *value,
    ngx_str_t *fields);
static const char *ws_check_template_name(ws_check_t *check,
    ngx_pool_t *pool, ws_check_key_t *k, ngx_str_t *member, ngx_str_t *value,
    ngx_str_t *fields);
static const char *ws_check_template_in_set(ws_check_t *check,
    ngx_pool_t *pool, ws_check_key_t *k, ngx_str_t *member, ngx_str_t *value,
    ngx_str_t *fields);
static const char *ws_check_version_name(ws_check_t *check, ngx_pool_t *pool,
    ws_check_key_t *k, ngx_str_t *member, ngx_str_t *value,
    ngx_str_t *fields);
static const char *ws_check_token_in_set(ws_check_t *check, ngx_pool_t *pool,
    ws_check_key_t *k, ngx_str_t *member, ngx_str_t *value,
    ngx_str_t *fields);
static const char *ws_check_live_name(ws_check_t *check, ngx_pool_t *pool,
    ws_check_key_t *k, ngx_str_t *member, ngx_str_t *value,
    ngx_str_t *fields);
static const char *ws_check_gone(ws_check_t *check, ngx_pool_t *pool,
    ws_check_key_t *k, ngx_str_t *member, ngx_str_t *value,
    ngx_str_t *fields);
static const char *ws_check_index(ws_check_t *check, ngx_pool_t *pool,
    ws_check_key_t *k, ngx_str_t *member, ngx_str_t *value,
    ngx_str_t *fields);
static const char *ws_check_queued(ws_check_t *check, ngx_pool_t *pool,
    ws_check_key_t *k, ngx_str_t *member, ngx_str_t *value,
    ngx_str_t *fields);
static const char *ws_check_due(ws_check_t *check, ngx_pool_t *pool,
    ws_check_key_t *k, ngx_str_t *member, ngx_str_t *value,
    ngx_str_t *fields);

static ngx_uint_t ws_check_lower_is(ngx_pool_t *pool, ngx_str_t *name,
    ngx_str_t *lower);
static ngx_uint_t ws_check_id_is(ngx_pool_t *pool, const ws_uuid_t *id,
    ngx_str_t *text);


#define ws_check_in_w  "w", { "v", "m", "d", "p", "l", "e" }

const ws_check_container_t  ws_check_dir_containers[] = {

    { "orgs", 1, "HSCAN", "HGET", "org", { "v", "d" },
      ws_check_org_name },

    { "users", 1, "HSCAN", "HGET", "user", { "v", "d" },
      ws_check_user_name },

    { "provisioners", 1, "HSCAN", "HGET", "provisioner", { "v", "d" },
      ws_check_provisioner_name },

    { "templates:", 1, "HSCAN", "HGET", "template", { "v", "d" },
      ws_check_template_name },

    { "template-name:", 1, "SSCAN", "SISMEMBER", "template",
      { "v", "d" }, ws_check_template_in_set },

    { "versions:", 1, "HSCAN", "HGET", "version", { "v", "d" },
      ws_check_version_name },

    { "tokens:", 1, "SSCAN", "SISMEMBER", "token", { "v", "d" },
      ws_check_token_in_set },

    { "layout", 1, NULL, NULL, NULL, { NULL }, NULL },
    { NULL, 0, NULL, NULL, NULL, { NULL }, NULL }
};


const ws_check_container_t  ws_check_shard_containers[] = {

    { "names:", 0, "HSCAN", "HGET", ws_check_in_w, ws_check_live_name },
    { "gone:", 0, "ZSCAN", "ZSCORE", ws_check_in_w, ws_check_gone },
    { "live:", 0, "ZSCAN", "ZSCORE", ws_check_in_w, ws_check_index },
    { "deleted:", 0, "ZSCAN", "ZSCORE", ws_check_in_w, ws_check_index },
    { "queue", 0, "ZSCAN", "ZSCORE", ws_check_in_w, ws_check_queued },
    { "due", 0, "ZSCAN", "ZSCORE", ws_check_in_w, ws_check_due },

    /* ws_check_builds() */

    { "builds:", 0, NULL, NULL, NULL, { NULL }, NULL },

    /* signs of life of agents: they belong to the roster, which is checked */

    { "alive:", 0, NULL, NULL, NULL, { NULL }, NULL },

    /* logs of builds: they go by themselves, nothing depends on them */

    { "logs:", 0, NULL, NULL, NULL, { NULL }, NULL },

    { NULL, 0, NULL, NULL, NULL, { NULL }, NULL }
};


static const char *
ws_check_org_name(ws_check_t *check, ngx_pool_t *pool, ws_check_key_t *k,
    ngx_str_t *member, ngx_str_t *value, ngx_str_t *fields)
{
    ws_org_t  org;

    if (fields[1].data == NULL
        || ws_org_read(pool, &fields[1], &org) != NGX_OK)
    {
        return "leads to no organization";
    }

    return ws_check_lower_is(pool, &org.name, member)
           ? NULL : "leads to an organization of another name";
}


static const char *
ws_check_user_name(ws_check_t *check, ngx_pool_t *pool, ws_check_key_t *k,
    ngx_str_t *member, ngx_str_t *value, ngx_str_t *fields)
{
    ws_user_t  user;

    if (fields[1].data == NULL
        || ws_user_read(pool, &fields[1], &user) != NGX_OK)
    {
        return "leads to no user";
    }

    return ws_check_lower_is(pool, &user.username, member)
           ? NULL : "leads to a user of another name";
}


static const char *
ws_check_provisioner_name(ws_check_t *check, ngx_pool_t *pool,
    ws_check_key_t *k, ngx_str_t *member, ngx_str_t *value,
    ngx_str_t *fields)
{
    ws_provisioner_t  p;

    if (fields[1].data == NULL
        || ws_provisioner_read(pool, &fields[1], &p) != NGX_OK)
    {
        return "leads to no provisioner";
    }

    return ws_check_lower_is(pool, &p.name, member)
           ? NULL : "leads to a provisioner of another name";
}


static const char *
ws_check_template_name(ws_check_t *check, ngx_pool_t *pool,
    ws_check_key_t *k, ngx_str_t *member, ngx_str_t *value,
    ngx_str_t *fields)
{
    ws_template_t  template;

    if (fields[1].data == NULL
        || ws_template_read(pool, &fields[1], &template) != NGX_OK)
    {
        return "leads to no template";
    }

    if (template.deleted) {
        return "leads to a deleted template";
    }

    return ws_check_lower_is(pool, &template.name, member)
           && ws_check_id_is(pool, &template.org, &k->arg)
           ? NULL : "leads to a template of another name or organization";
}


static const char *
ws_check_template_in_set(ws_check_t *check, ngx_pool_t *pool,
    ws_check_key_t *k, ngx_str_t *member, ngx_str_t *value,
    ngx_str_t *fields)
{
    ws_template_t  template;

    if (fields[1].data == NULL
        || ws_template_read(pool, &fields[1], &template) != NGX_OK)
    {
        return "is no template";
    }

    if (template.deleted) {
        return "is a deleted template";
    }

    return ws_check_lower_is(pool, &template.name, &k->arg)
           ? NULL : "is a template of another name";
}


static const char *
ws_check_version_name(ws_check_t *check, ngx_pool_t *pool, ws_check_key_t *k,
    ngx_str_t *member, ngx_str_t *value, ngx_str_t *fields)
{
    ws_version_t  version;

    if (fields[1].data == NULL
        || ws_version_read(pool, &fields[1], &version) != NGX_OK)
    {
        return "leads to no version";
    }

    return ws_check_lower_is(pool, &version.name, member)
           && ws_check_id_is(pool, &version.template, &k->arg)
           ? NULL : "leads to a version of another name or template";
}


static const char *
ws_check_token_in_set(ws_check_t *check, ngx_pool_t *pool, ws_check_key_t *k,
    ngx_str_t *member, ngx_str_t *value, ngx_str_t *fields)
{
    ws_token_record_t  token;

    if (fields[1].data == NULL
        || ws_token_record_read(pool, &fields[1], &token) != NGX_OK)
    {
        return "is no token";
    }

    return ws_check_id_is(pool, ws_uuid_is_nil(&token.user)
                                ? &token.provisioner : &token.user, &k->arg)
           ? NULL : "is another one's token";
}


static const char *
ws_check_live_name(ws_check_t *check, ngx_pool_t *pool, ws_check_key_t *k,
    ngx_str_t *member, ngx_str_t *value, ngx_str_t *fields)
{
    ws_workspace_t  *w;

    if (fields[0].data == NULL
        || ws_check_load(pool, value, fields, &w) != NGX_OK)
    {
        return "leads to no workspace";
    }

    if (ws_workspace_deleted(w)) {
        return "leads to a deleted workspace";
    }

    return ws_check_same(&w->name, member)
           && ws_check_id_is(pool, &w->meta.owner, &k->arg)
           ? NULL : "leads to a workspace of another name or owner";
}


/* k->arg is "<owner>:<name>" */

static const char *
ws_check_gone(ws_check_t *check, ngx_pool_t *pool, ws_check_key_t *k,
    ngx_str_t *member, ngx_str_t *value, ngx_str_t *fields)
{
    int64_t          created;
    ngx_str_t        owner, name, score;
    ws_workspace_t  *w;

    if (fields[0].data == NULL
        || ws_check_load(pool, member, fields, &w) != NGX_OK)
    {
        return "is no workspace";
    }

    if (!ws_workspace_deleted(w)) {
        return "is not deleted";
    }

    if (k->arg.len < WS_UUID_LEN + 1
        || ws_json_get_time(w->doc, "created_at", &created) != NGX_OK)
    {
        return "cannot be";
    }

    owner.data = k->arg.data;
    owner.len = WS_UUID_LEN;
    name.data = k->arg.data + WS_UUID_LEN + 1;
    name.len = k->arg.len - WS_UUID_LEN - 1;

    score = ws_int_str(pool, created);

    return ws_check_same(&w->name, &name)
           && ws_check_id_is(pool, &w->meta.owner, &owner)
           && ws_check_same(&score, value)
           ? NULL : "is of another name, owner or time";
}


static const char *
ws_check_index(ws_check_t *check, ngx_pool_t *pool, ws_check_key_t *k,
    ngx_str_t *member, ngx_str_t *value, ngx_str_t *fields)
{
    ngx_str_t          id, name, key, score;
    ws_uuid_t          uuid;
    ngx_uint_t         i;
    ws_workspace_t    *w;
    ws_index_entry_t  *e;

    if (ws_index_member(member, &name, &uuid) != NGX_OK) {
        return "is no \"NAME ID\"";
    }

    id.data = member->data + name.len + 1;
    id.len = WS_UUID_LEN;

    if (fields[0].data == NULL
        || ws_check_load(pool, &id, fields, &w) != NGX_OK)
    {
        return "is no workspace";
    }

    e = w->indexed->elts;

    for (i = 0; i < w->indexed->nelts; i++) {
        key = ws_key(pool, &check->ctl->ks, k->shard, e[i].kind,
                     e[i].a.len ? &e[i].a : NULL,
                     e[i].b.len ? &e[i].b : NULL);

        if (!ws_check_same(&key, &k->key)) {
            continue;
        }

        if (!ws_check_same(&e[i].member, member)) {
            return "has another name";
        }

        score = ws_int_str(pool, e[i].score);

        return ws_check_same(&score, value) ? NULL : "has another score";
    }

    return "does not belong here";
}


static const char *
ws_check_queued(ws_check_t *check, ngx_pool_t *pool, ws_check_key_t *k,
    ngx_str_t *member, ngx_str_t *value, ngx_str_t *fields)
{
    ngx_str_t        id;
    json_t          *doc;
    ws_workspace_t  *w;

    if (fields[0].data == NULL) {
        return "is no workspace's job";
    }

    /* its id is in the document, and which one it is does not matter here */

    ngx_str_set(&id, "00000000-0000-0000-0000-000000000000");

    if (ws_check_load(pool, &id, fields, &w) != NGX_OK) {
        return "is the job of a broken workspace";
    }

    doc = ws_workspace_build(w);
    id = ws_json_get_str(json_object_get(doc, "job"), "id");

    if (!ws_check_same(&id, member)) {
        return "is not the latest job of its workspace";
    }

    return w->queued.len ? NULL : "does not wait";
}


/* it may be later than the document says: signs of life put it off */

static const char *
ws_check_due(ws_check_t *check, ngx_pool_t *pool, ws_check_key_t *k,
    ngx_str_t *member, ngx_str_t *value, ngx_str_t *fields)
{
    ws_due_t         due;
    ngx_str_t        id;
    ngx_uint_t       i;
    ws_due_entry_t  *e;
    ws_workspace_t  *w;

    if (ws_due_parse(member, &due) != NGX_OK) {
        return "is nothing that can be due";
    }

    id = ws_uuid_str(pool, &due.workspace);

    if (fields[0].data == NULL
        || ws_check_load(pool, &id, fields, &w) != NGX_OK)
    {
        return "is of no workspace";
    }

    e = w->due->elts;

    for (i = 0; i < w->due->nelts; i++) {
        if (ws_check_same(&e[i].member, member)) {
            return strtod((char *) value->data, NULL) < (double) e[i].at_ms
                   ? "is too early" : NULL;
        }
    }

    return "is not due any more";
}


static ngx_uint_t
ws_check_lower_is(ngx_pool_t *pool, ngx_str_t *name, ngx_str_t *lower)
{
    ngx_str_t  own;

    own = ws_lower_str(pool, name);

    return own.data && ws_check_same(&own, lower);
}


static ngx_uint_t
ws_check_id_is(ngx_pool_t *pool, const ws_uuid_t *id, ngx_str_t *text)
{
    ngx_str_t  own;

    own = ws_uuid_str(pool, id);

    return own.data && ws_check_same(&own, text);
}
