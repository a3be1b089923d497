
/*
 * wsctl, the operator's tool.
 *
 * A command is a row of a table (wsctl.c): its noun, verb, argument and
 * options, and the function that carries it out in the noun's file.  Such
 * functions return the exit status.  A message for people has been written
 * to stderr by whoever returns anything but WS_EXIT_OK.
 */


#ifndef _WSCTL_H_INCLUDED_
#define _WSCTL_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdio.h>
#include <jansson.h>
#include "ws_key.h"
#include "ws_redis_url.h"
#include "ws_reply.h"


#define WS_EXIT_OK       0
#define WS_EXIT_FAILED   1          /* refused, not found, or gone wrong */
#define WS_EXIT_USAGE    2          /* the command line is not right */
#define WS_EXIT_REDIS    3          /* Redis cannot be reached, or lets no
                                       one in, or the connection was lost */

#define WS_CTL_TIMEOUT   10         /* seconds that Redis has for an answer */
#define WS_CTL_TRIES     20         /* of a commit that others win */


typedef struct ws_ctl_s     ws_ctl_t;
typedef struct ws_client_s  ws_client_t;


typedef struct {
    const char          *name;      /* without "--" */
    const char          *value;     /* what it takes; NULL: a flag */
    const char          *help;
    unsigned             repeat:1;  /* may be given more than once */
} ws_opt_t;


typedef struct {
    const char          *noun;
    const char          *verb;      /* NULL: the noun is all there is */
    const char          *arg;       /* its argument, required; NULL: none */
    const ws_opt_t      *opts;      /* ends with a NULL name; NULL: none */
    const char          *help;      /* one line */
    const char          *more;      /* what else --help says; NULL: nothing */
    int                (*run)(ws_ctl_t *ctl);
} ws_command_t;


typedef struct {
    const ws_opt_t      *opt;
    ngx_str_t            value;
} ws_opt_value_t;


struct ws_ctl_s {
    ngx_pool_t          *pool;      /* lives as long as the program */
    const ws_command_t  *command;   /* NULL as long as it is not known */
    const char          *noun;      /* the one read so far, or NULL */
    ngx_str_t            arg;       /* the command's argument */
    ngx_array_t          values;    /* ws_opt_value_t, in the order given */

    ws_keyspace_t        ks;
    ws_redis_url_t       url;
    ngx_str_t            sentinel_username;
    ngx_str_t            sentinel_password;
    ws_client_t         *client;    /* NULL before the first command */

    unsigned             fresh:1;   /* the store has no data yet */
    unsigned             json:1;
    unsigned             help:1;
};


/* the commands, the last with a NULL noun; options of every command */
extern const ws_command_t  ws_commands[];
extern const ws_opt_t      ws_global_opts[];


/*
 * args.c: reads the command line into ctl.
 * WS_EXIT_OK or WS_EXIT_USAGE.
 */
int ws_args_parse(ws_ctl_t *ctl, int argc, char **argv);

/* an option's value, its last one; NULL when it was not given */
ngx_str_t *ws_arg(ws_ctl_t *ctl, const char *name);

/* the next value of a repeated option after the i-th value, or NULL */
ngx_str_t *ws_arg_next(ws_ctl_t *ctl, const char *name, ngx_uint_t *i);

/* a value that is to be shown: at most max bytes, no control characters */
int ws_arg_text(ws_ctl_t *ctl, const char *name, size_t max, ngx_str_t *dst);

/*
 * tags.c: the values of --tag as a JSON object in ctl->pool, "{}" when there
 * are none.  Any exit status.
 */
int ws_tags(ws_ctl_t *ctl, ngx_str_t *out);

/* writes the help of what ctl knows of the command: all, a noun, a command */
void ws_help(ws_ctl_t *ctl);


/*
 * output.c: messages, and values on stdout.
 */

/* "wsctl: ..." on stderr; returns the status */
int ws_fail(int status, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* the same with a pointer to --help; returns WS_EXIT_USAGE */
int ws_usage(ws_ctl_t *ctl, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* "out of memory"; returns WS_EXIT_FAILED */
int ws_no_memory(void);

/* a string in a plain line: control characters as \xNN */
void ws_out_text(ngx_str_t *s);

/* the same and a line's end */
void ws_out_line(ngx_str_t *s);

/* JSON, as it is */
void ws_out_json(ngx_str_t *s);

/* the line that a command answers: an id, or with --json the whole */
void ws_out_id(ws_ctl_t *ctl, ngx_str_t *id, ngx_str_t *d);

/* a time as RFC 3339 in UTC */
void ws_out_time(int64_t ms);

/*
 * Lists: with --json an array, each item on a line of its own, else nothing
 * between the lines.  n is the number of the item, from 0.
 */
void ws_out_list_item(ws_ctl_t *ctl, ngx_uint_t n);
void ws_out_list_end(ws_ctl_t *ctl, ngx_uint_t n);

int64_t ws_now_ms(void);


/*
 * file.c: reads one JSON value out of a file ("-": stdin) of at most max
 * bytes.  *v is the caller's to release.  WS_EXIT_OK or WS_EXIT_FAILED.
 */
int ws_file_json(ngx_str_t *path, size_t max, json_t **v);


#endif /* _WSCTL_H_INCLUDED_ */
