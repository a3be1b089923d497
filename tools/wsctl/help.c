
/*
 * Help is written from the table of commands, so that it cannot say anything
 * else than what is done.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdio.h>
#include "wsctl.h"


#define WS_HELP_COLUMN  32


static void ws_help_commands(const char *noun);
static void ws_help_command(const ws_command_t *c);
static void ws_help_options(const ws_opt_t *opt);


void
ws_help(ws_ctl_t *ctl)
{
    if (ctl->command) {
        ws_help_command(ctl->command);
        return;
    }

    printf("Usage: wsctl %s [OPTION]...\n\nCommands:\n",
           ctl->noun ? ctl->noun : "COMMAND");

    ws_help_commands(ctl->noun);

    printf("\nOptions of every command:\n");

    ws_help_options(ws_global_opts);

    printf("\nURL may also be unix:/PATH[?db=N], "
           "sentinel://HOST[:PORT],../NAME[?db=N] or\n"
           "cluster://HOST[:PORT],..; over TLS rediss://, sentinels://, "
           "clusters://.\n"
           "ORG and USER are names or ids; wsctl COMMAND --help says more.\n\n"
           "Environment: WORKSPACE_REDIS stands for --redis, "
           "WORKSPACE_SENTINEL_AUTH is\n"
           "[USER]:PASSWORD for Sentinels.\n\n"
           "Exit status: 0 done; 1 refused or failed; 2 the command line is "
           "wrong;\n3 Redis cannot be reached.\n");
}


static void
ws_help_commands(const char *noun)
{
    int                  n;
    const ws_command_t  *c;

    for (c = ws_commands; c->noun; c++) {

        if (noun && ngx_strcmp(noun, c->noun) != 0) {
            continue;
        }

        n = printf("  %s %s %s", c->noun, c->verb ? c->verb : "",
                   c->arg ? c->arg : "");

        printf("%*s%s\n", n < WS_HELP_COLUMN ? WS_HELP_COLUMN - n : 1, "",
               c->help);
    }
}


static void
ws_help_command(const ws_command_t *c)
{
    printf("Usage: wsctl %s%s%s%s%s [OPTION]...\n\n%s\n", c->noun,
           c->verb ? " " : "", c->verb ? c->verb : "", c->arg ? " " : "",
           c->arg ? c->arg : "", c->help);

    if (c->more) {
        printf("\n%s", c->more);
    }

    if (c->opts) {
        printf("\nOptions:\n");
        ws_help_options(c->opts);
    }

    printf("\nOptions of every command:\n");

    ws_help_options(ws_global_opts);
}


static void
ws_help_options(const ws_opt_t *opt)
{
    int  n;

    for ( /* void */ ; opt->name; opt++) {
        n = printf("  --%s%s%s%s", opt->name, opt->value ? " " : "",
                   opt->value ? opt->value : "", opt->repeat ? " ..." : "");

        printf("%*s%s\n", n < WS_HELP_COLUMN ? WS_HELP_COLUMN - n : 1, "",
               opt->help);
    }
}
