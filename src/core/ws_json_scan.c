
/*
 * Only two things matter for finding where a value ends: strings, in which
 * nothing counts but the closing quote, and the depth of brackets.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_json_scan.h"


static u_char *ws_json_skip_string(u_char *p, u_char *last);
static u_char *ws_json_skip_value(u_char *p, u_char *last);


ngx_int_t
ws_json_scan(ngx_str_t *members, const char *key, ngx_str_t *value)
{
    size_t   len;
    u_char  *p, *last, *name, *end;

    p = members->data;
    last = p + members->len;
    len = ngx_strlen(key);

    if (p < last && *p == '{') {
        p++;
    }

    while (p < last && *p == '"') {
        name = p + 1;

        p = ws_json_skip_string(p, last);

        if (p == NULL || p == last || *p != ':') {
            return NGX_DECLINED;
        }

        end = ws_json_skip_value(p + 1, last);
        if (end == NULL) {
            return NGX_DECLINED;
        }

        if ((size_t) (p - 1 - name) == len && ngx_memcmp(name, key, len) == 0)
        {
            value->data = p + 1;
            value->len = end - value->data;
            return NGX_OK;
        }

        if (end == last || *end != ',') {
            return NGX_DECLINED;
        }

        p = end + 1;
    }

    return NGX_DECLINED;
}


ngx_int_t
ws_json_scan_str(ngx_str_t *members, const char *key, ngx_str_t *value)
{
    ngx_str_t  text;

    if (ws_json_scan(members, key, &text) != NGX_OK || text.data[0] != '"') {
        return NGX_DECLINED;
    }

    text.data++;
    text.len -= 2;

    if (ngx_strlchr(text.data, text.data + text.len, '\\')) {
        return NGX_DECLINED;
    }

    *value = text;

    return NGX_OK;
}


/* p is at the opening quote; returns what follows the closing one, or NULL */

static u_char *
ws_json_skip_string(u_char *p, u_char *last)
{
    for (p++; p < last; p++) {

        if (*p == '"') {
            return p + 1;
        }

        if (*p == '\\') {
            p++;
        }
    }

    return NULL;
}


/* returns what follows the value, a comma, a bracket or the end; or NULL */

static u_char *
ws_json_skip_value(u_char *p, u_char *last)
{
    u_char      *start;
    ngx_uint_t   depth;

    start = p;
    depth = 0;

    while (p < last) {

        switch (*p) {

        case '"':
            p = ws_json_skip_string(p, last);
            if (p == NULL) {
                return NULL;
            }

            continue;

        case '{':
        case '[':
            depth++;
            break;

        case '}':
        case ']':
            if (depth == 0) {
                return p > start ? p : NULL;
            }

            depth--;
            break;

        case ',':
            if (depth == 0) {
                return p > start ? p : NULL;
            }

            break;
        }

        p++;
    }

    return depth == 0 && p > start ? p : NULL;
}
