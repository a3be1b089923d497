
/*
 * Fills an empty Redis with a deployment of any size, for benchmarks and for
 * tests of long listings: organizations, users with tokens, templates, and
 * workspaces in all states, written by the same code that the module uses.
 *
 *     fill --redis URL [--workspaces N] [--owners N] [--templates N]
 *          [--orgs N] [--prefix P] [--shards N]
 *
 * What it prints can be sourced by a shell: the tokens of an owner of the
 * site (ADMIN_TOKEN), of the administrator of the first organization
 * (ORG_ADMIN_TOKEN) and of the first member (MEMBER_TOKEN, MEMBER_NAME); the
 * name of the first template (TEMPLATE_NAME).
 *
 * The same N makes the same workspaces but for their ids.  They stay as they
 * are: what would fall due (a silent worker, an agent's timeout) is dropped,
 * so that no measurement meets another's clock.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/time.h>
#include "ws_build.h"
#include "ws_entity.h"
#include "ws_redis_url.h"
#include "ws_token.h"
#include "ws_workspace.h"


#define FILL_PIPELINE  64               /* commits under way */
#define FILL_NAME      33


typedef struct {
    ngx_pool_t      *pool;
    redisContext    *redis;
    ws_keyspace_t    ks;
    const char      *url;
    ngx_uint_t       flying;
    char             sha1[41];
    int64_t          now_ms;

    ngx_uint_t       workspaces;
    ngx_uint_t       nowners;
    ngx_uint_t       ntemplates;
    ngx_uint_t       norgs;

    ws_org_t        *orgs;
    ws_user_t       *owners;
    ws_template_t   *templates;
    ws_version_t    *versions;
    unsigned         committing:1;
} fill_t;


/* how the first and only build of a workspace goes */

typedef struct {
    const char      *transition;
    unsigned         begun:1;
    unsigned         finished:1;
    unsigned         failed:1;
} fill_state_t;


static const fill_state_t  fill_states[] = {
    { "start", 1, 1, 0 },               /* running: 6 of 16 */
    { "stop", 1, 1, 0 },                /* stopped: 4 */
    { "start", 1, 1, 0 },
    { "start", 1, 0, 0 },               /* starting */
    { "start", 1, 1, 0 },
    { "stop", 1, 1, 0 },
    { "start", 0, 0, 0 },               /* pending */
    { "start", 1, 1, 0 },
    { "stop", 1, 1, 0 },
    { "start", 1, 1, 1 },               /* failed */
    { "start", 1, 1, 0 },
    { "stop", 1, 0, 0 },                /* stopping */
    { "start", 1, 1, 0 },
    { "stop", 1, 1, 0 },
    { "delete", 1, 0, 0 },              /* deleting */
    { "delete", 1, 1, 1 }               /* failed */
};

static const char  *fill_agents[] = {
    "connected", "connected", "connecting", "connected", "disconnected",
    "connected", "timeout"
};

static const char  *fill_words[] = {
    "api", "web", "data", "ml", "infra", "docs", "mobile", "test", "demo",
    "proxy", "batch"
};


static void fill_args(fill_t *f, int argc, char **argv);
static void fill_connect(fill_t *f);
static void fill_directory(fill_t *f);
static void fill_user(fill_t *f, ws_user_t *user, const char *name,
    ngx_uint_t org, ngx_uint_t admin);
static void fill_token(fill_t *f, ws_user_t *user, const char *variable);
static void fill_template(fill_t *f, ngx_uint_t n);
static void fill_record(fill_t *f, const char *kind, ngx_str_t id,
    ngx_str_t d);
static void fill_set(fill_t *f, const char *command, const char *kind,
    ngx_str_t *a, ngx_str_t *member, ngx_str_t *value);
static void fill_workspace(fill_t *f, ngx_uint_t n);
static void fill_build(ws_workspace_t *w, ngx_uint_t n, int64_t now_ms);
static json_t *fill_resources(ngx_uint_t n);
static void fill_freeze(fill_t *f);
static void fill_command(fill_t *f, int argc, ngx_str_t *argv);
static void fill_drain(fill_t *f, ngx_uint_t left);
static ngx_str_t fill_name(fill_t *f, const char *format, ngx_uint_t n);
static void fill_check(ngx_uint_t good, const char *what);


int
main(int argc, char **argv)
{
    fill_t          f;
    ngx_uint_t      i;
    struct timeval  tv;

    fill_args(&f, argc, argv);

    f.pool = ngx_create_pool(4096, NULL);
    fill_check(f.pool != NULL, "memory");

    gettimeofday(&tv, NULL);
    f.now_ms = (int64_t) tv.tv_sec * 1000 + tv.tv_usec / 1000;

    fill_connect(&f);
    fill_directory(&f);
    fill_drain(&f, 0);

    f.committing = 1;

    for (i = 0; i < f.workspaces; i++) {
        fill_workspace(&f, i);
    }

    fill_drain(&f, 0);

    f.committing = 0;
    fill_freeze(&f);

    redisFree(f.redis);
    ngx_destroy_pool(f.pool);

    return 0;
}


static void
fill_args(fill_t *f, int argc, char **argv)
{
    int  i;

    memset(f, 0, sizeof(fill_t));

    ngx_str_set(&f->ks.prefix, "ws:");
    f->ks.shards = 1;
    f->workspaces = 1000;
    f->nowners = 20;
    f->ntemplates = 10;
    f->norgs = 2;

    for (i = 1; i + 1 < argc; i += 2) {

        if (strcmp(argv[i], "--redis") == 0) {
            f->url = argv[i + 1];

        } else if (strcmp(argv[i], "--workspaces") == 0) {
            f->workspaces = atol(argv[i + 1]);

        } else if (strcmp(argv[i], "--owners") == 0) {
            f->nowners = atol(argv[i + 1]);

        } else if (strcmp(argv[i], "--templates") == 0) {
            f->ntemplates = atol(argv[i + 1]);

        } else if (strcmp(argv[i], "--orgs") == 0) {
            f->norgs = atol(argv[i + 1]);

        } else if (strcmp(argv[i], "--shards") == 0) {
            f->ks.shards = atol(argv[i + 1]);

        } else if (strcmp(argv[i], "--prefix") == 0) {
            f->ks.prefix.data = (u_char *) argv[i + 1];
            f->ks.prefix.len = strlen(argv[i + 1]);

        } else {
            break;
        }
    }

    if (i != argc || f->url == NULL || f->nowners == 0 || f->ntemplates == 0
        || f->norgs == 0)
    {
        fprintf(stderr, "usage: fill --redis URL [--workspaces N] "
                "[--owners N] [--templates N]\n            [--orgs N] "
                "[--prefix P] [--shards N]\n");
        exit(2);
    }
}


static void
fill_connect(fill_t *f)
{
    ngx_str_t        text;
    redisReply      *reply;
    const char      *detail;
    ws_redis_url_t   url;

    text.data = (u_char *) f->url;
    text.len = strlen(f->url);

    fill_check(ws_redis_url_parse(f->pool, &text, &url, &detail) == NGX_OK,
               "a Redis URL");

    f->redis = url.path.len ? redisConnectUnix((char *) url.path.data)
                            : redisConnect((char *) url.hosts[0].name.data,
                                           url.hosts[0].port);

    fill_check(f->redis != NULL && f->redis->err == 0, "a connection");

    if (url.password.len) {
        reply = redisCommand(f->redis, "AUTH %s %s",
                             url.username.len ? (char *) url.username.data
                                              : "default",
                             url.password.data);
        fill_check(reply && reply->type != REDIS_REPLY_ERROR, "AUTH");
        freeReplyObject(reply);
    }

    reply = redisCommand(f->redis, "SELECT %d", (int) url.db);
    fill_check(reply && reply->type != REDIS_REPLY_ERROR, "SELECT");
    freeReplyObject(reply);

    reply = redisCommand(f->redis, "SCRIPT LOAD %b", ws_txn_script.data,
                         ws_txn_script.len);
    fill_check(reply && reply->type == REDIS_REPLY_STRING
               && reply->len == 40, "SCRIPT LOAD");
    memcpy(f->sha1, reply->str, 41);
    freeReplyObject(reply);
}


static void
fill_directory(fill_t *f)
{
    ngx_str_t   id, lower;
    ngx_uint_t  i;
    ws_user_t   admin;

    f->orgs = ngx_pcalloc(f->pool, f->norgs * sizeof(ws_org_t));
    f->owners = ngx_pcalloc(f->pool, f->nowners * sizeof(ws_user_t));
    f->templates = ngx_pcalloc(f->pool,
                               f->ntemplates * sizeof(ws_template_t));
    f->versions = ngx_pcalloc(f->pool, f->ntemplates * sizeof(ws_version_t));

    fill_check(f->orgs && f->owners && f->templates && f->versions, "memory");

    for (i = 0; i < f->norgs; i++) {
        ws_uuid_generate(&f->orgs[i].id);
        f->orgs[i].name = fill_name(f, "org-%u", i);
        f->orgs[i].created_ms = f->now_ms;

        id = ws_uuid_str(f->pool, &f->orgs[i].id);
        lower = ws_lower_str(f->pool, &f->orgs[i].name);

        fill_set(f, "HSET", "orgs", NULL, &lower, &id);
        fill_record(f, "org", id, ws_org_write(f->pool, &f->orgs[i]));
    }

    memset(&admin, 0, sizeof(admin));
    admin.subject.site_owner = 1;
    fill_user(f, &admin, "admin", 0, 0);
    fill_token(f, &admin, "ADMIN_TOKEN");

    memset(&admin, 0, sizeof(admin));
    fill_user(f, &admin, "org-admin", 0, 1);
    fill_token(f, &admin, "ORG_ADMIN_TOKEN");

    for (i = 0; i < f->nowners; i++) {
        lower = fill_name(f, "owner-%u", i);
        fill_user(f, &f->owners[i], (char *) lower.data, i % f->norgs, 0);
    }

    fill_token(f, &f->owners[0], "MEMBER_TOKEN");
    printf("MEMBER_NAME=owner-0\n");

    for (i = 0; i < f->ntemplates; i++) {
        fill_template(f, i);
    }

    printf("TEMPLATE_NAME=template-0\n");
}


static void
fill_user(fill_t *f, ws_user_t *user, const char *name, ngx_uint_t org,
    ngx_uint_t admin)
{
    ngx_str_t  id;

    ws_uuid_generate(&user->id);
    user->subject.id = user->id;
    user->username.data = (u_char *) name;
    user->username.len = strlen(name);
    ngx_str_set(&user->email, "");
    user->created_ms = f->now_ms;
    user->active = 1;

    fill_check(ws_user_add_org(f->pool, user, &f->orgs[org].id, admin)
               == NGX_OK, "memory");

    id = ws_uuid_str(f->pool, &user->id);

    fill_set(f, "HSET", "users", NULL, &user->username, &id);
    fill_record(f, "user", id, ws_user_write(f->pool, user));
}


static void
fill_token(fill_t *f, ws_user_t *user, const char *variable)
{
    u_char             text[WS_TOKEN_LEN], hash[WS_TOKEN_HASH_LEN];
    ngx_str_t          whole, id;
    ws_token_t         parts;
    ws_token_record_t  token;

    whole.data = text;
    whole.len = WS_TOKEN_LEN;

    fill_check(ws_token_generate(text) == NGX_OK
               && ws_token_parse(&whole, &parts) == NGX_OK
               && ws_token_hash(&parts.secret, hash) == NGX_OK, "a token");

    memset(&token, 0, sizeof(token));

    token.id = parts.id;
    token.user = user->id;
    token.hash.data = hash;
    token.hash.len = WS_TOKEN_HASH_LEN;
    token.created_ms = f->now_ms;

    id = ws_uuid_str(f->pool, &user->id);

    fill_set(f, "SADD", "tokens", &id, &parts.id, NULL);
    fill_record(f, "token", parts.id, ws_token_record_write(f->pool, &token));

    printf("%s=%.*s\n", variable, WS_TOKEN_LEN, text);
}


static void
fill_template(fill_t *f, ngx_uint_t n)
{
    ngx_str_t       id, org, version_id;
    ws_version_t   *version;
    ws_template_t  *template;

    template = &f->templates[n];
    version = &f->versions[n];

    ws_uuid_generate(&template->id);
    ws_uuid_generate(&version->id);
    ws_uuid_generate(&version->file);

    template->org = f->orgs[n % f->norgs].id;
    template->active_version = version->id;
    template->name = fill_name(f, "template-%u", n);
    template->display_name = fill_name(f, "Template %u", n);
    ngx_str_set(&template->icon, "/icon/template.svg");
    template->default_ttl_ms = 8 * 3600 * 1000;
    template->created_ms = f->now_ms;
    template->allow_user_cancel = 1;

    version->template = template->id;
    ngx_str_set(&version->name, "v1");
    ngx_str_set(&version->parameters, "[]");
    ngx_str_set(&version->tags, "{}");
    version->created_ms = f->now_ms;

    id = ws_uuid_str(f->pool, &template->id);
    org = ws_uuid_str(f->pool, &template->org);
    version_id = ws_uuid_str(f->pool, &version->id);

    fill_set(f, "HSET", "templates", &org, &template->name, &id);
    fill_set(f, "SADD", "template-name", &template->name, &id, NULL);
    fill_set(f, "HSET", "versions", &id, &version->name, &version_id);
    fill_record(f, "template", id, ws_template_write(f->pool, template));
    fill_record(f, "version", version_id, ws_version_write(f->pool, version));
}


static void
fill_record(fill_t *f, const char *kind, ngx_str_t id, ngx_str_t d)
{
    ngx_str_t  argv[6];

    fill_check(d.data != NULL, "memory");

    ngx_str_set(&argv[0], "HSET");
    argv[1] = ws_key_dir(f->pool, &f->ks, kind, &id);
    ngx_str_set(&argv[2], "v");
    ngx_str_set(&argv[3], "1");
    ngx_str_set(&argv[4], "d");
    argv[5] = d;

    fill_command(f, 6, argv);
}


static void
fill_set(fill_t *f, const char *command, const char *kind, ngx_str_t *a,
    ngx_str_t *member, ngx_str_t *value)
{
    ngx_str_t  argv[4];

    argv[0].data = (u_char *) command;
    argv[0].len = strlen(command);
    argv[1] = ws_key_dir(f->pool, &f->ks, kind, a);
    argv[2] = *member;

    if (value) {
        argv[3] = *value;
    }

    fill_command(f, value ? 4 : 3, argv);
}


static void
fill_workspace(fill_t *f, ngx_uint_t n)
{
    char                 name[FILL_NAME];
    ws_txn_t             txn;
    ngx_str_t           *args, *argv;
    ngx_uint_t           t, argc;
    ngx_pool_t          *pool;
    ws_workspace_t      *w;
    ws_build_new_t       build;
    ws_workspace_new_t   nw;

    pool = ngx_create_pool(4096, NULL);
    fill_check(pool != NULL, "memory");

    /* an owner's templates are those of the same organization */

    memset(&nw, 0, sizeof(nw));

    nw.owner = &f->owners[n % f->nowners];
    t = (n / f->nowners * f->norgs + n % f->nowners % f->norgs)
        % f->ntemplates;
    nw.template = &f->templates[t];
    nw.org = nw.template->org;

    nw.name.data = (u_char *) name;
    nw.name.len = snprintf(name, sizeof(name), "%s-%u",
                           fill_words[n % (sizeof(fill_words)
                                           / sizeof(fill_words[0]))],
                           (unsigned) n);

    /* three each were used in the same millisecond */

    nw.now_ms = f->now_ms - (int64_t) (n / 3);
    ws_uuid_generate_near(&nw.id, &nw.owner->id);

    w = ws_workspace_create(pool, &nw);
    fill_check(w != NULL, "memory");

    memset(&build, 0, sizeof(build));

    build.transition = fill_states[n % (sizeof(fill_states)
                                        / sizeof(fill_states[0]))].transition;
    build.reason = "initiator";
    build.initiator = nw.owner;
    build.version = &f->versions[t];
    build.now_ms = nw.now_ms;

    fill_check(ws_build_create(w, &build) == NGX_OK, "a build");
    fill_build(w, n, nw.now_ms);

    fill_check(ws_txn_init(&txn, pool) == NGX_OK
               && ws_workspace_commit(w, &f->ks, &txn, NULL) == NGX_OK
               && ws_txn_argv(&txn, &argc, &args) == NGX_OK, "a commit");

    argv = ngx_palloc(pool, (argc + 2) * sizeof(ngx_str_t));
    fill_check(argv != NULL, "memory");

    ngx_str_set(&argv[0], "EVALSHA");
    argv[1].data = (u_char *) f->sha1;
    argv[1].len = 40;
    memcpy(&argv[2], args, argc * sizeof(ngx_str_t));

    fill_command(f, argc + 2, argv);

    ngx_destroy_pool(pool);
}


static void
fill_build(ws_workspace_t *w, ngx_uint_t n, int64_t now_ms)
{
    json_t              *resources;
    ngx_int_t            rc;
    ngx_str_t            error;
    ws_uuid_t            worker;
    const char          *detail;
    const fill_state_t  *state;

    state = &fill_states[n % (sizeof(fill_states) / sizeof(fill_states[0]))];

    if (!state->begun) {
        return;
    }

    ws_uuid_generate(&worker);
    fill_check(ws_build_begin(w, &worker, now_ms) == NGX_OK, "a running job");

    if (!state->finished) {
        return;
    }

    if (state->failed) {
        ngx_str_set(&error, "the provisioner ran out of disk space");
        rc = ws_build_finish(w, &error, NULL, now_ms, &detail);

    } else {
        resources = fill_resources(n);
        rc = ws_build_finish(w, NULL, resources, now_ms, &detail);
        json_decref(resources);
    }

    fill_check(rc == NGX_OK, "a finished job");
}


/* a document of about 3 kB; every seventh has a second agent */

static json_t *
fill_resources(ngx_uint_t n)
{
    json_t       *resources, *agent;
    const char   *status;

    status = fill_agents[n / 2 % (sizeof(fill_agents)
                                  / sizeof(fill_agents[0]))];

    resources = json_pack(
        "[{s:s, s:s, s:b, s:s, s:i, s:[{s:s,s:s},{s:s,s:s}],"
        " s:[{s:s, s:s, s:s, s:s, s:s, s:s, s:{s:s,s:s},"
        "     s:[{s:s,s:s,s:s,s:b},{s:s,s:s,s:s,s:b}]}]}]",
        "type", "docker_container", "name", "workspace", "hide", 0,
        "icon", "/icon/docker.svg", "daily_cost", 4,
        "metadata", "key", "image", "value", "registry/images/dev:22.04",
        "key", "memory", "value", "16 GB",
        "agents", "name", "main", "status", status,
        "architecture", "amd64", "operating_system", "linux",
        "directory", "/home/dev",
        "startup_script", "#!/bin/sh\nset -e\ngit -C ~/src pull --ff-only\n"
                          "code-server --auth none --port 13337 &\n",
        "environment_variables", "GIT_AUTHOR_NAME", "Dev", "LANG", "C.UTF-8",
        "apps", "slug", "code", "display_name", "code-server",
        "icon", "/icon/code.svg", "subdomain", 1,
        "slug", "term", "display_name", "Terminal",
        "icon", "/icon/terminal.svg", "subdomain", 0);

    fill_check(resources != NULL, "resources");

    if (n % 7 == 0) {
        agent = json_pack("{s:s, s:s}", "name", "gpu", "status", "connected");
        json_array_append_new(
            json_object_get(json_array_get(resources, 0), "agents"), agent);
    }

    return resources;
}


static void
fill_freeze(fill_t *f)
{
    ngx_str_t   argv[2];
    ngx_uint_t  shard;

    ngx_str_set(&argv[0], "DEL");

    for (shard = 0; shard < f->ks.shards; shard++) {
        argv[1] = ws_key(f->pool, &f->ks, shard, "due", NULL, NULL);
        fill_command(f, 2, argv);
    }

    fill_drain(f, 0);
}


static void
fill_command(fill_t *f, int argc, ngx_str_t *argv)
{
    int          i;
    size_t       lens[argc];
    const char  *args[argc];

    for (i = 0; i < argc; i++) {
        args[i] = (char *) argv[i].data;
        lens[i] = argv[i].len;
    }

    fill_check(redisAppendCommandArgv(f->redis, argc, args, lens) == REDIS_OK,
               "memory");

    if (++f->flying == FILL_PIPELINE) {
        fill_drain(f, FILL_PIPELINE / 2);
    }
}


static void
fill_drain(fill_t *f, ngx_uint_t left)
{
    redisReply  *reply;

    while (f->flying > left) {
        fill_check(redisGetReply(f->redis, (void **) &reply) == REDIS_OK,
                   "an answer");

        if (reply->type == REDIS_REPLY_ERROR) {
            fill_check(0, reply->str);
        }

        /* the number of a guard that failed */

        fill_check(!f->committing || reply->integer == 0, "a commit");

        freeReplyObject(reply);
        f->flying--;
    }
}


static ngx_str_t
fill_name(fill_t *f, const char *format, ngx_uint_t n)
{
    ngx_str_t  name;

    name.data = ngx_pnalloc(f->pool, FILL_NAME);
    fill_check(name.data != NULL, "memory");

    name.len = snprintf((char *) name.data, FILL_NAME, format, (unsigned) n);

    return name;
}


static void
fill_check(ngx_uint_t good, const char *what)
{
    if (!good) {
        fprintf(stderr, "fill: failed: %s\n", what);
        exit(1);
    }
}
