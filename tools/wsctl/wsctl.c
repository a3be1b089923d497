
/*
 * wsctl: what an operator does from the shell.  The store's code is the
 * module's own; here are the commands.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <signal.h>
#include <stdio.h>
#include "client.h"
#include "commands.h"
#include "tls.h"


#define WS_CTL_PREFIX_MAX  64


static int ws_ctl_settings(ws_ctl_t *ctl);
static int ws_ctl_redis(ws_ctl_t *ctl);
static int ws_ctl_sentinel(ws_ctl_t *ctl);
static int ws_ctl_prefix(ws_ctl_t *ctl);
static int ws_ctl_shards(ws_ctl_t *ctl);
static int ws_ctl_pubsub(ws_ctl_t *ctl);
static int ws_ctl_end(int rc);


const ws_opt_t  ws_global_opts[] = {
    { "redis", "URL", "redis://[[USER]:PASSWORD@]HOST[:PORT][/DB], or see "
      "wsctl --help", 0 },
    { "prefix", "TEXT", "what keys begin with, as in nginx (default \"ws:\")",
      0 },
    { "ssl-ca", "FILE", "over TLS: who signs Redis' certificate", 0 },
    { "ssl-name", "NAME", "what it has to be for", 0 },
    { "ssl-verify", "on|off", "whether that matters (default on)", 0 },
    { "ssl-certificate", "FILE", "what is shown to Redis", 0 },
    { "ssl-certificate-key", "FILE", "the key of that", 0 },
    { "shards", "N", "number of shards of a new store (default 1)", 0 },
    { "pubsub", "HOW", "a new cluster's: sharded (default) or plain", 0 },
    { "json", NULL, "answer in JSON", 0 },
    { "help", NULL, "this", 0 },
    { NULL, NULL, NULL, 0 }
};


static const char  ws_roles_help[] =
    "Roles: owner, template-admin, user-admin, auditor (of the whole site),\n"
    "member (which everybody is), organization-admin (of every --org), and\n"
    "organization-admin:ORG.\n";

static const char  ws_template_help[] =
    "TEMPLATE is a name, ORG/NAME or an id.\n";

static const char  ws_parameters_help[] =
    "The file is a JSON array of objects: name, type (string, number, bool,\n"
    "list(string)), description, default, required, mutable, options, regex,\n"
    "min, max.  TEMPLATE is a name, ORG/NAME or an id.\n";

static const char  ws_provisioner_help[] =
    "A provisioner runs jobs whose tags it has, every one with the same\n"
    "value; jobs have the tags of their template version.\n";

static const char  ws_check_help[] =
    "Reads the whole store and says on a line each what is wrong with which\n"
    "key; exit status 1 then.  May run while the store is in use.\n";


const ws_command_t  ws_commands[] = {

    { "org", "create", "NAME", NULL,
      "make an organization, answer its id", NULL, ws_org_create_run },

    { "org", "list", NULL, NULL,
      "id, name", NULL, ws_org_list_run },

    { "user", "create", "NAME", ws_user_create_opts,
      "make a user, answer the id", ws_roles_help, ws_user_create_run },

    { "user", "suspend", "USER", NULL,
      "refuse a user's tokens", NULL, ws_user_suspend_run },

    { "user", "activate", "USER", NULL,
      "take them again", NULL, ws_user_activate_run },

    { "user", "list", NULL, NULL,
      "id, name, status, e-mail", NULL, ws_user_list_run },

    { "token", "create", "USER", ws_token_create_opts,
      "make a token and answer it, this once", NULL, ws_token_create_run },

    { "token", "list", "USER", NULL,
      "id, created, expires", NULL, ws_token_list_run },

    { "token", "revoke", "ID", NULL,
      "delete a token; ID is what precedes its \"-\"", NULL,
      ws_token_revoke_run },

    { "template", "create", "NAME", ws_template_create_opts,
      "make a template, answer its id", NULL, ws_template_create_run },

    { "template", "edit", "TEMPLATE", ws_template_edit_opts,
      "change a template", ws_template_help, ws_template_edit_run },

    { "template", "delete", "TEMPLATE", NULL,
      "delete a template, free its name", ws_template_help,
      ws_template_delete_run },

    { "template", "list", NULL, ws_template_list_opts,
      "id, organization, name, active version", NULL, ws_template_list_run },

    { "version", "create", "NAME", ws_version_create_opts,
      "make a template version, answer its id", ws_parameters_help,
      ws_version_create_run },

    { "version", "promote", "VERSION", ws_version_promote_opts,
      "make a version the active one", ws_template_help,
      ws_version_promote_run },

    { "version", "list", NULL, ws_version_list_opts,
      "id, name, created, active or -", ws_template_help,
      ws_version_list_run },

    { "provisioner", "create", "NAME", ws_provisioner_create_opts,
      "make a provisioner and answer its token, this once",
      ws_provisioner_help, ws_provisioner_create_run },

    { "provisioner", "list", NULL, NULL,
      "id, name, organization or -, created, tags", NULL,
      ws_provisioner_list_run },

    { "provisioner", "delete", "PROVISIONER", NULL,
      "delete a provisioner and its token", NULL, ws_provisioner_delete_run },

    { "job", "list", NULL, NULL,
      "jobs that wait or run: id, status, transition, created, workspace, "
      "OWNER/NAME", NULL, ws_job_list_run },

    { "job", "finish", "JOB", ws_job_finish_opts,
      "end a job by hand, as done or failed", NULL, ws_job_finish_run },

    { "check", NULL, NULL, NULL,
      "is all in the store as it has to be?", ws_check_help, ws_check_run },

    { "export", NULL, NULL, NULL,
      "write all data to stdout; nginx must not run", NULL, ws_export_run },

    { "import", NULL, NULL, NULL,
      "read it from stdin into an empty store, of --shards N",
      NULL, ws_import_run },

    { NULL, NULL, NULL, NULL, NULL, NULL, NULL }
};


int
main(int argc, char **argv)
{
    int       rc;
    ws_ctl_t  ctl;

    (void) signal(SIGPIPE, SIG_IGN);

    ngx_memzero(&ctl, sizeof(ws_ctl_t));

    ctl.pool = ngx_create_pool(16 * 1024, NULL);
    if (ctl.pool == NULL) {
        return ws_no_memory();
    }

    if (ngx_array_init(&ctl.values, ctl.pool, 16, sizeof(ws_opt_value_t))
        != NGX_OK)
    {
        return ws_no_memory();
    }

    rc = ws_args_parse(&ctl, argc, argv);

    if (rc == WS_EXIT_OK && ctl.help) {
        ws_help(&ctl);

    } else if (rc == WS_EXIT_OK) {
        rc = ws_ctl_settings(&ctl);

        if (rc == WS_EXIT_OK) {
            rc = ctl.command->run(&ctl);
        }
    }

    ws_client_close(&ctl);
    ngx_destroy_pool(ctl.pool);

    return ws_ctl_end(rc);
}


/* an answer that could not be written is none */

static int
ws_ctl_end(int rc)
{
    if ((fflush(stdout) != 0 || ferror(stdout)) && rc == WS_EXIT_OK) {
        return ws_fail(WS_EXIT_FAILED, "stdout: %s", strerror(errno));
    }

    return rc;
}


static int
ws_ctl_settings(ws_ctl_t *ctl)
{
    int  rc;

    rc = ws_ctl_redis(ctl);

    if (rc == WS_EXIT_OK) {
        rc = ws_ctl_prefix(ctl);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_ctl_shards(ctl);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_ctl_pubsub(ctl);
    }

    return rc;
}


static int
ws_ctl_redis(ws_ctl_t *ctl)
{
    int          rc;
    char        *env;
    ngx_str_t   *arg, url;
    const char  *detail, *from;

    arg = ws_arg(ctl, "redis");
    from = "--redis";

    if (arg) {
        url = *arg;

    } else {
        from = "WORKSPACE_REDIS";
        env = getenv(from);

        if (env == NULL || env[0] == '\0') {
            return ws_usage(ctl, "where is Redis? Use --redis or the "
                            "environment variable WORKSPACE_REDIS");
        }

        url.data = (u_char *) env;
        url.len = ngx_strlen(env);
    }

    switch (ws_redis_url_parse(ctl->pool, &url, &ctl->url, &detail)) {

    case NGX_OK:
        break;

    case NGX_DECLINED:
        return ws_usage(ctl, "%s: %s", from, detail);

    default:
        return ws_no_memory();
    }

    if (ctl->url.kind == WS_REDIS_SENTINEL
        && (rc = ws_ctl_sentinel(ctl)) != WS_EXIT_OK)
    {
        return rc;
    }

    return ws_tls_check(ctl);
}


/* "user:password" or ":password": a command line would show it to others */

static int
ws_ctl_sentinel(ws_ctl_t *ctl)
{
    char  *env, *colon;

    env = getenv("WORKSPACE_SENTINEL_AUTH");
    if (env == NULL) {
        return WS_EXIT_OK;
    }

    colon = strchr(env, ':');
    if (colon == NULL) {
        return ws_usage(ctl, "WORKSPACE_SENTINEL_AUTH: [USER]:PASSWORD is "
                        "expected");
    }

    ctl->sentinel_username.data = (u_char *) env;
    ctl->sentinel_username.len = colon - env;
    ctl->sentinel_password.data = (u_char *) colon + 1;
    ctl->sentinel_password.len = strlen(colon + 1);

    return WS_EXIT_OK;
}


static int
ws_ctl_prefix(ws_ctl_t *ctl)
{
    size_t      i;
    u_char      c;
    ngx_str_t  *arg;

    ngx_str_set(&ctl->ks.prefix, "ws:");

    arg = ws_arg(ctl, "prefix");

    if (arg == NULL) {
        return WS_EXIT_OK;
    }

    for (i = 0; i < arg->len; i++) {
        c = arg->data[i];

        /* the first braces of a key are Redis Cluster's hash tag */

        if (c <= ' ' || c == 0x7f || c == '{' || c == '}') {
            break;
        }
    }

    if (i < arg->len || arg->len > WS_CTL_PREFIX_MAX) {
        return ws_usage(ctl, "--prefix: at most %d characters without spaces "
                        "and braces are expected", WS_CTL_PREFIX_MAX);
    }

    ctl->ks.prefix = *arg;

    return WS_EXIT_OK;
}


static int
ws_ctl_shards(ws_ctl_t *ctl)
{
    ngx_int_t   n;
    ngx_str_t  *arg;

    ctl->ks.shards = 1;

    arg = ws_arg(ctl, "shards");

    if (arg == NULL) {
        return WS_EXIT_OK;
    }

    n = ngx_atoi(arg->data, arg->len);

    if (n < 1 || n > WS_UUID_SHARDS_MAX || (n & (n - 1))) {
        return ws_usage(ctl, "--shards \"%s\": a power of two from 1 to %d is "
                        "expected", arg->data, WS_UUID_SHARDS_MAX);
    }

    ctl->ks.shards = n;

    return WS_EXIT_OK;
}


static int
ws_ctl_pubsub(ws_ctl_t *ctl)
{
    ngx_str_t  *arg;

    ctl->ks.sharded = (ctl->url.kind == WS_REDIS_CLUSTER);

    arg = ws_arg(ctl, "pubsub");

    if (arg == NULL) {
        return WS_EXIT_OK;
    }

    if (ngx_strcmp(arg->data, "plain") == 0) {
        ctl->ks.sharded = 0;
        return WS_EXIT_OK;
    }

    if (ngx_strcmp(arg->data, "sharded") == 0 && ctl->ks.sharded) {
        return WS_EXIT_OK;
    }

    return ws_usage(ctl, "--pubsub: \"plain\", or with a cluster \"sharded\", "
                    "is expected");
}
