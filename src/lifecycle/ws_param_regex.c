
/*
 * Patterns that operators declare and that users' values are matched with, by
 * the C library's regcomp() and regexec().  What could make either of them
 * costly is refused when the pattern is declared.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <regex.h>
#include "ws_param.h"


#define WS_PARAM_DEPTH_MAX  16      /* parentheses within each other */


/* one within parentheses, or the whole */

typedef struct {
    ngx_uint_t   size;          /* atoms, repetitions written out */
    ngx_uint_t   last;          /* of these the last part's */
    unsigned     other:1;       /* an alternative before may be empty, */
    unsigned     before:1;      /* so may what is before the last part, */
    unsigned     empty:1;       /* and the last part */
} ws_param_group_t;


static const char *ws_param_regex_bounds(const char *regex);
static void ws_param_regex_open(ws_param_group_t *g);
static void ws_param_regex_part(ws_param_group_t *g, ngx_uint_t size,
    ngx_uint_t empty);
static const char *ws_param_regex_repeat(ws_param_group_t *g,
    const char **pp);
static ngx_uint_t ws_param_regex_anchor(const char *p);
static const char *ws_param_regex_atom(const char *p);
static const char *ws_param_regex_bracket(const char *p);
static const char *ws_param_regex_times(const char *p, ngx_uint_t *least,
    ngx_uint_t *most);


ngx_int_t
ws_param_check_regex(ngx_pool_t *pool, json_t *param, const char *type,
    ngx_str_t *detail)
{
    int          rc;
    char         text[128];
    json_t      *regex;
    regex_t      re;
    const char  *what;

    regex = json_object_get(param, "regex");

    if (regex == NULL) {
        return NGX_OK;
    }

    if (ngx_strcmp(type, "string") != 0) {
        return ws_param_decline(pool, detail, "\"regex\" is for the type "
                                "string");
    }

    if (!json_is_string(regex)
        || json_string_length(regex) > WS_PARAM_REGEX_MAX)
    {
        return ws_param_decline(pool, detail, "\"regex\" is a string of at "
                                "most %d bytes", WS_PARAM_REGEX_MAX);
    }

    what = ws_param_regex_bounds(json_string_value(regex));
    if (what) {
        return ws_param_decline(pool, detail, "\"regex\": %s", what);
    }

    rc = regcomp(&re, json_string_value(regex), REG_EXTENDED|REG_NOSUB);

    if (rc != 0) {
        (void) regerror(rc, &re, text, sizeof(text));
        return ws_param_decline(pool, detail, "\"regex\": %s", text);
    }

    regfree(&re);

    return NGX_OK;
}


/*
 * Walks a pattern before the library sees it, which takes memory for each
 * repetition written out, and those multiply: ((a{9}){9}){9} has 729 atoms.
 * Repeating without end what may be empty, as (a?b?)* does, makes a circle
 * that consumes nothing: with a few of these in a row the library walks
 * through them for minutes.  NULL, or what is wrong with the pattern.
 */

static const char *
ws_param_regex_bounds(const char *regex)
{
    const char        *p, *what;
    ngx_uint_t         depth, empty;
    ws_param_group_t   groups[WS_PARAM_DEPTH_MAX + 1], *g;

    depth = 0;
    g = groups;
    ws_param_regex_open(g);

    for (p = regex; *p; p++) {

        if (*p == '(') {
            if (++depth > WS_PARAM_DEPTH_MAX) {
                return "parentheses too deep";
            }

            ws_param_regex_open(++g);
            continue;
        }

        if (*p == '|') {
            g->other |= g->before & g->empty;
            g->before = 1;
            g->empty = 1;
            continue;
        }

        if (*p == ')' && depth) {
            depth--;
            empty = g->other | (g->before & g->empty);
            g--;
            ws_param_regex_part(g, g[1].size + 1, empty);

        } else if (strchr("?*+{", *p)) {
            what = ws_param_regex_repeat(g, &p);
            if (what) {
                return what;
            }

        } else {
            empty = ws_param_regex_anchor(p);
            p = ws_param_regex_atom(p);

            if (p == NULL) {
                return "back-references are not supported";
            }

            ws_param_regex_part(g, 1, empty);
        }

        if (g->size > WS_PARAM_REGEX_SIZE) {
            return "too many repetitions";
        }
    }

    return NULL;
}


static void
ws_param_regex_open(ws_param_group_t *g)
{
    g->size = 0;
    g->last = 0;
    g->other = 0;
    g->before = 1;
    g->empty = 1;
}


static void
ws_param_regex_part(ws_param_group_t *g, ngx_uint_t size, ngx_uint_t empty)
{
    g->size += size;
    g->last = size;
    g->before &= g->empty;
    g->empty = empty;
}


/* to the last character of what follows a part */

static const char *
ws_param_regex_repeat(ws_param_group_t *g, const char **pp)
{
    ngx_uint_t  least, most, endless;

    least = (**pp == '+');
    most = 1;
    endless = (**pp == '*' || **pp == '+');

    if (**pp == '+') {
        most = 2;           /* x+ is xx* to the library */

    } else if (**pp == '{') {
        *pp = ws_param_regex_times(*pp, &least, &most);
        endless = (most == NGX_MAX_UINT32_VALUE);

        if (endless) {
            most = least + 1;
        }
    }

    if (endless && g->empty) {
        return "repeats without end what may be empty";
    }

    g->size += g->last * (ngx_max(most, 1) - 1);
    g->last *= ngx_max(most, 1);
    g->empty |= (least == 0);

    return NULL;
}


/* what matches no character */

static ngx_uint_t
ws_param_regex_anchor(const char *p)
{
    return *p == '^' || *p == '$'
           || (*p == '\\' && p[1] && strchr("bB<>`'", p[1]));
}


/* from the first to the last character of an atom; NULL: a back-reference */

static const char *
ws_param_regex_atom(const char *p)
{
    if (*p == '[') {
        return ws_param_regex_bracket(p);
    }

    if (*p != '\\' || p[1] == '\0') {
        return p;
    }

    return p[1] >= '1' && p[1] <= '9' ? NULL : p + 1;
}


/* from the "[" of a bracket expression to its "]", or to the last character */

static const char *
ws_param_regex_bracket(const char *p)
{
    char  class;

    p++;

    if (*p == '^') {
        p++;
    }

    if (*p == ']') {
        p++;
    }

    while (*p && *p != ']') {

        if (*p == '[' && (p[1] == ':' || p[1] == '.' || p[1] == '=')) {
            class = p[1];

            for (p += 2; *p && !(*p == class && p[1] == ']'); p++) {
                /* void */
            }

            if (*p) {
                p++;
            }
        }

        if (*p) {
            p++;
        }
    }

    return *p ? p : p - 1;
}


/*
 * From the "{" of {m}, {m,}, {,n}, {m,n} to its end, or to the last digit;
 * of {m,} the most is NGX_MAX_UINT32_VALUE.
 */

static const char *
ws_param_regex_times(const char *p, ngx_uint_t *least, ngx_uint_t *most)
{
    ngx_uint_t  n, comma, digits;

    n = 0;
    digits = 0;
    comma = 0;
    *least = 0;

    while (p[1]) {

        if (p[1] >= '0' && p[1] <= '9') {
            n = ngx_min(n * 10 + (p[1] - '0'), 100000);
            digits = 1;

        } else if (p[1] == ',' && !comma) {
            *least = n;
            n = 0;
            digits = 0;
            comma = 1;

        } else {
            break;
        }

        p++;
    }

    if (!comma) {
        *least = n;
    }

    *most = (comma && !digits) ? NGX_MAX_UINT32_VALUE : n;

    return p[1] == '}' ? p + 1 : p;
}
