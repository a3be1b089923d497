
/*
 * The command line: wsctl NOUN VERB [ARGUMENT], with options anywhere after
 * the words that they belong to; "--" ends the options.  What is not known
 * is refused, with the nearest thing that is.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdio.h>
#include "wsctl.h"


#define WS_ARGS_WORD  64            /* longest word that gets a hint */


static int ws_args_word(ws_ctl_t *ctl, char *word);
static int ws_args_noun(ws_ctl_t *ctl, char *word);
static int ws_args_verb(ws_ctl_t *ctl, char *word);
static int ws_args_option(ws_ctl_t *ctl, int argc, char **argv, int *i);
static const ws_opt_t *ws_args_find(ws_ctl_t *ctl, const char *name,
    size_t len);
static int ws_args_unknown(ws_ctl_t *ctl, const char *name, size_t len);
static int ws_args_add(ws_ctl_t *ctl, const ws_opt_t *opt, char *value);
static int ws_args_complete(ws_ctl_t *ctl);
static ngx_uint_t ws_args_is_text(const char *s);
static const char *ws_args_nearer(const char *word, const char *candidate,
    const char *best);
static ngx_uint_t ws_args_distance(const char *a, const char *b);


int
ws_args_parse(ws_ctl_t *ctl, int argc, char **argv)
{
    int         rc, i;
    ngx_uint_t  only_words;

    only_words = 0;

    for (i = 1; i < argc; i++) {

        if (!ws_args_is_text(argv[i])) {
            return ws_usage(ctl, "argument %d is not valid UTF-8", i);
        }

        if (!only_words && ngx_strcmp(argv[i], "--") == 0) {
            only_words = 1;
            continue;
        }

        if (!only_words && argv[i][0] == '-' && argv[i][1] != '\0') {
            rc = ws_args_option(ctl, argc, argv, &i);

        } else {
            rc = ws_args_word(ctl, argv[i]);
        }

        if (rc != WS_EXIT_OK) {
            return rc;
        }
    }

    if (ctl->help) {
        return WS_EXIT_OK;
    }

    return ws_args_complete(ctl);
}


static int
ws_args_word(ws_ctl_t *ctl, char *word)
{
    if (ctl->noun == NULL) {
        return ws_args_noun(ctl, word);
    }

    if (ctl->command == NULL) {
        return ws_args_verb(ctl, word);
    }

    if (ctl->command->arg == NULL || ctl->arg.data) {
        return ws_usage(ctl, "\"%s\" is one argument too many", word);
    }

    ctl->arg.data = (u_char *) word;
    ctl->arg.len = ngx_strlen(word);

    return WS_EXIT_OK;
}


static int
ws_args_noun(ws_ctl_t *ctl, char *word)
{
    const char          *hint;
    const ws_command_t  *c;

    if (ngx_strcmp(word, "help") == 0) {
        ctl->help = 1;
        return WS_EXIT_OK;
    }

    hint = NULL;

    for (c = ws_commands; c->noun; c++) {

        if (ngx_strcmp(word, c->noun) == 0) {
            ctl->noun = c->noun;

            if (c->verb == NULL) {
                ctl->command = c;
            }

            return WS_EXIT_OK;
        }

        hint = ws_args_nearer(word, c->noun, hint);
    }

    return ws_usage(ctl, "unknown command \"%s\"%s%s%s", word,
                    hint ? "; do you mean \"" : "", hint ? hint : "",
                    hint ? "\"?" : "");
}


static int
ws_args_verb(ws_ctl_t *ctl, char *word)
{
    const char          *hint;
    const ws_command_t  *c;

    hint = NULL;

    for (c = ws_commands; c->noun; c++) {

        if (ngx_strcmp(c->noun, ctl->noun) != 0) {
            continue;
        }

        if (ngx_strcmp(c->verb, word) == 0) {
            ctl->command = c;
            return WS_EXIT_OK;
        }

        hint = ws_args_nearer(word, c->verb, hint);
    }

    return ws_usage(ctl, "unknown command \"%s %s\"%s%s%s", ctl->noun, word,
                    hint ? "; do you mean \"" : "", hint ? hint : "",
                    hint ? "\"?" : "");
}


static int
ws_args_option(ws_ctl_t *ctl, int argc, char **argv, int *i)
{
    char            *name, *value;
    size_t           len;
    const ws_opt_t  *opt;

    if (ngx_strcmp(argv[*i], "-h") == 0) {
        ctl->help = 1;
        return WS_EXIT_OK;
    }

    if (argv[*i][1] != '-') {
        return ws_usage(ctl, "unknown option \"%s\"; options begin with "
                        "\"--\"", argv[*i]);
    }

    name = argv[*i] + 2;
    value = strchr(name, '=');
    len = value ? (size_t) (value - name) : ngx_strlen(name);

    opt = ws_args_find(ctl, name, len);

    if (opt == NULL) {
        return ws_args_unknown(ctl, name, len);
    }

    if (opt->value == NULL) {

        if (value) {
            return ws_usage(ctl, "--%s takes no value", opt->name);
        }

        return ws_args_add(ctl, opt, "");
    }

    if (value) {
        return ws_args_add(ctl, opt, value + 1);
    }

    if (*i + 1 == argc) {
        return ws_usage(ctl, "--%s needs a value: %s", opt->name, opt->value);
    }

    (*i)++;

    if (!ws_args_is_text(argv[*i])) {
        return ws_usage(ctl, "argument %d is not valid UTF-8", *i);
    }

    return ws_args_add(ctl, opt, argv[*i]);
}


static const ws_opt_t *
ws_args_find(ws_ctl_t *ctl, const char *name, size_t len)
{
    ngx_uint_t       i;
    const ws_opt_t  *opt, *lists[2];

    lists[0] = ws_global_opts;
    lists[1] = ctl->command ? ctl->command->opts : NULL;

    for (i = 0; i < 2; i++) {
        for (opt = lists[i]; opt && opt->name; opt++) {
            if (ngx_strlen(opt->name) == len
                && ngx_strncmp(opt->name, name, len) == 0)
            {
                return opt;
            }
        }
    }

    return NULL;
}


static int
ws_args_unknown(ws_ctl_t *ctl, const char *name, size_t len)
{
    char             word[WS_ARGS_WORD];
    const char      *hint;
    const ws_opt_t  *opt;

    hint = NULL;

    (void) ngx_cpystrn((u_char *) word, (u_char *) name,
                       ngx_min(len + 1, sizeof(word)));

    for (opt = ws_global_opts; opt->name; opt++) {
        hint = ws_args_nearer(word, opt->name, hint);
    }

    if (ctl->command == NULL) {
        return ws_usage(ctl, "unknown option \"--%s\"%s%s%s", word,
                        hint ? "; do you mean --" : "", hint ? hint : "",
                        hint ? "?" : "; the options of a command come after "
                        "it");
    }

    for (opt = ctl->command->opts; opt && opt->name; opt++) {
        hint = ws_args_nearer(word, opt->name, hint);
    }

    return ws_usage(ctl, "unknown option \"--%s\"%s%s%s", word,
                    hint ? "; do you mean --" : "", hint ? hint : "",
                    hint ? "?" : "");
}


static int
ws_args_add(ws_ctl_t *ctl, const ws_opt_t *opt, char *value)
{
    ws_opt_value_t  *v;

    if (!opt->repeat && ws_arg(ctl, opt->name)) {
        return ws_usage(ctl, "--%s is given twice", opt->name);
    }

    v = ngx_array_push(&ctl->values);
    if (v == NULL) {
        return ws_no_memory();
    }

    v->opt = opt;
    v->value.data = (u_char *) value;
    v->value.len = ngx_strlen(value);

    if (ngx_strcmp(opt->name, "help") == 0) {
        ctl->help = 1;
    }

    if (ngx_strcmp(opt->name, "json") == 0) {
        ctl->json = 1;
    }

    return WS_EXIT_OK;
}


static int
ws_args_complete(ws_ctl_t *ctl)
{
    if (ctl->noun == NULL) {
        return ws_usage(ctl, "a command is expected");
    }

    if (ctl->command == NULL) {
        return ws_usage(ctl, "\"%s\" is not a whole command", ctl->noun);
    }

    if (ctl->command->arg && ctl->arg.len == 0) {
        return ws_usage(ctl, "%s is missing", ctl->command->arg);
    }

    return WS_EXIT_OK;
}


ngx_str_t *
ws_arg(ws_ctl_t *ctl, const char *name)
{
    ngx_uint_t       i;
    ws_opt_value_t  *v;

    v = ctl->values.elts;

    for (i = ctl->values.nelts; i > 0; i--) {
        if (ngx_strcmp(v[i - 1].opt->name, name) == 0) {
            return &v[i - 1].value;
        }
    }

    return NULL;
}


ngx_str_t *
ws_arg_next(ws_ctl_t *ctl, const char *name, ngx_uint_t *i)
{
    ws_opt_value_t  *v;

    v = ctl->values.elts;

    while (*i < ctl->values.nelts) {
        if (ngx_strcmp(v[(*i)++].opt->name, name) == 0) {
            return &v[*i - 1].value;
        }
    }

    return NULL;
}


int
ws_arg_text(ws_ctl_t *ctl, const char *name, size_t max, ngx_str_t *dst)
{
    size_t      i;
    ngx_str_t  *value;

    value = ws_arg(ctl, name);

    if (value == NULL) {
        return WS_EXIT_OK;
    }

    if (value->len > max) {
        return ws_usage(ctl, "--%s: longer than %lu bytes", name,
                        (unsigned long) max);
    }

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < 0x20 || value->data[i] == 0x7f) {
            return ws_usage(ctl, "--%s: control characters", name);
        }
    }

    *dst = *value;

    return WS_EXIT_OK;
}


/* jansson takes valid UTF-8 only */

static ngx_uint_t
ws_args_is_text(const char *s)
{
    json_t  *v;

    v = json_string(s);
    json_decref(v);

    return v != NULL;
}


/* the one of two candidates that is nearer to a word, if near at all */

static const char *
ws_args_nearer(const char *word, const char *candidate, const char *best)
{
    ngx_uint_t  d, limit;

    d = ws_args_distance(word, candidate);
    limit = best ? ws_args_distance(word, best)
                 : ngx_min(ngx_strlen(word) / 3 + 2, 4);

    return d < limit ? candidate : best;
}


/* Levenshtein's: characters to insert, delete or replace */

static ngx_uint_t
ws_args_distance(const char *a, const char *b)
{
    size_t      i, j, n;
    ngx_uint_t  row[WS_ARGS_WORD + 1], diagonal, above;

    n = ngx_strlen(b);

    if (n > WS_ARGS_WORD) {
        return n;
    }

    for (j = 0; j <= n; j++) {
        row[j] = j;
    }

    for (i = 0; a[i]; i++) {
        diagonal = row[0];
        row[0] = i + 1;

        for (j = 1; j <= n; j++) {
            above = row[j];
            row[j] = ngx_min(ngx_min(row[j], row[j - 1]) + 1,
                             diagonal + (a[i] != b[j - 1]));
            diagonal = above;
        }
    }

    return row[n];
}
