
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


static const char *ws_param_regex_bounds(const char *regex);
static const char *ws_param_regex_atom(const char *p);
static const char *ws_param_regex_bracket(const char *p);
static const char *ws_param_regex_times(const char *p, ngx_uint_t *times);


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
 * NULL, or what is wrong with it.
 */

static const char *
ws_param_regex_bounds(const char *regex)
{
    const char  *p;
    ngx_uint_t   depth, last, times, size[WS_PARAM_DEPTH_MAX + 1];

    depth = 0;
    last = 0;
    size[0] = 0;

    for (p = regex; *p; p++) {
        times = 1;

        switch (*p) {

        case '(':
            if (depth == WS_PARAM_DEPTH_MAX) {
                return "parentheses too deep";
            }

            size[++depth] = 0;
            last = 0;
            continue;

        case ')':
            if (depth) {
                last = size[depth--] + 1;
                size[depth] += last;
            }

            break;

        case '{':
            p = ws_param_regex_times(p, &times);
            break;

        case '+':
            times = 2;      /* x+ is xx* to the library */
            break;

        case '*':
        case '?':
            break;

        default:
            p = ws_param_regex_atom(p);

            if (p == NULL) {
                return "back-references are not supported";
            }

            last = 1;
            size[depth]++;
        }

        size[depth] += last * (times - 1);
        last *= times;

        if (size[depth] > WS_PARAM_REGEX_SIZE) {
            return "too many repetitions";
        }
    }

    return NULL;
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


/* from the "{" of {m}, {m,}, {,n}, {m,n} to its end, or to the last digit */

static const char *
ws_param_regex_times(const char *p, ngx_uint_t *times)
{
    ngx_uint_t  n;

    n = 0;
    *times = 1;

    while (p[1]) {

        if (p[1] >= '0' && p[1] <= '9') {
            n = ngx_min(n * 10 + (p[1] - '0'), 100000);

        } else if (p[1] == ',') {
            *times = ngx_max(*times, n + 1);
            n = 0;

        } else {
            break;
        }

        p++;
    }

    *times = ngx_max(*times, n);

    return p[1] == '}' ? p + 1 : p;
}
