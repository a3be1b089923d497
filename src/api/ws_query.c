
/*
 * A query string is read on demand: a parameter is looked for when a handler
 * asks for it, and only a value with escapes is copied.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_query.h"


#define WS_NUMBER_MAX  9007199254740991     /* 2^53 - 1 */


static u_char *ws_query_byte(u_char *p, u_char *last, u_char *c);
static ngx_int_t ws_query_hex(u_char c);
static ngx_int_t ws_query_text_valid(ngx_str_t *text);
static u_char *ws_query_utf8_next(u_char *p, u_char *last);
static ngx_int_t ws_digits_parse(ngx_str_t *text, int64_t max, int64_t *out);


ngx_int_t
ws_query_arg(ngx_pool_t *pool, ngx_str_t *args, const char *name,
    ngx_str_t *value)
{
    u_char     *p, *last, *end, *eq;
    ngx_int_t   rc;
    ngx_str_t   raw;

    if (args->len == 0) {
        return NGX_DECLINED;
    }

    p = args->data;
    last = p + args->len;

    while (p < last) {

        end = ngx_strlchr(p, last, '&');
        if (end == NULL) {
            end = last;
        }

        eq = ngx_strlchr(p, end, '=');
        if (eq == NULL) {
            eq = end;
        }

        if (ws_query_name_eq(p, eq, name)) {

            raw.data = (eq < end) ? eq + 1 : end;
            raw.len = end - raw.data;

            rc = ws_query_unescape(pool, &raw, value);

            return (rc == NGX_DECLINED) ? NGX_ABORT : rc;
        }

        /* not past last: the last parameter has no "&" */
        p = (end < last) ? end + 1 : last;
    }

    return NGX_DECLINED;
}


ngx_int_t
ws_query_unescape(ngx_pool_t *pool, ngx_str_t *in, ngx_str_t *out)
{
    u_char  *p, *last, *dst;

    *out = *in;

    if (in->len == 0) {
        return NGX_OK;
    }

    p = in->data;
    last = p + in->len;

    while (p < last && *p != '%' && *p != '+') {
        p++;
    }

    if (p == last) {
        return ws_query_text_valid(out);
    }

    out->data = ngx_pnalloc(pool, in->len);
    if (out->data == NULL) {
        return NGX_ERROR;
    }

    dst = out->data;

    for (p = in->data; p < last; dst++) {
        p = ws_query_byte(p, last, dst);
    }

    out->len = dst - out->data;

    return ws_query_text_valid(out);
}


ngx_int_t
ws_bool_parse(ngx_str_t *text, ngx_uint_t *out)
{
    ngx_uint_t         i;
    const char       **word;

    static const char *words[2][7] = {
        { "0", "f", "F", "FALSE", "false", "False", NULL },
        { "1", "t", "T", "TRUE", "true", "True", NULL }
    };

    for (i = 0; i < 2; i++) {
        for (word = words[i]; *word; word++) {

            if (text->len == ngx_strlen(*word)
                && ngx_strncmp(text->data, *word, text->len) == 0)
            {
                *out = i;
                return NGX_OK;
            }
        }
    }

    return NGX_DECLINED;
}


ngx_int_t
ws_limit_parse(ngx_str_t *text, int64_t *out)
{
    return ws_digits_parse(text, INT32_MAX, out);
}


ngx_int_t
ws_number_parse(ngx_str_t *text, int64_t *out)
{
    return ws_digits_parse(text, WS_NUMBER_MAX, out);
}


static ngx_int_t
ws_digits_parse(ngx_str_t *text, int64_t max, int64_t *out)
{
    size_t   i;
    u_char   c;
    int64_t  n;

    if (text->len == 0) {
        return NGX_DECLINED;
    }

    n = 0;

    for (i = 0; i < text->len; i++) {
        c = text->data[i];

        if (c < '0' || c > '9') {
            return NGX_DECLINED;
        }

        n = n * 10 + (c - '0');

        if (n > max) {
            return NGX_DECLINED;
        }
    }

    *out = n;

    return NGX_OK;
}


ngx_uint_t
ws_query_name_eq(u_char *p, u_char *last, const char *name)
{
    u_char  c;

    for ( /* void */ ; p < last && *name; name++) {
        p = ws_query_byte(p, last, &c);

        if (c != (u_char) *name) {
            return 0;
        }
    }

    return p == last && *name == '\0';
}


/* decodes what stands at p, returns the place after it */

static u_char *
ws_query_byte(u_char *p, u_char *last, u_char *c)
{
    ngx_int_t  hi, lo;

    if (*p == '%' && last - p > 2) {

        hi = ws_query_hex(p[1]);
        lo = ws_query_hex(p[2]);

        if (hi != NGX_ERROR && lo != NGX_ERROR) {
            *c = (u_char) (hi << 4 | lo);
            return p + 3;
        }
    }

    *c = (*p == '+') ? ' ' : *p;

    return p + 1;
}


static ngx_int_t
ws_query_hex(u_char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }

    c |= 0x20;

    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }

    return NGX_ERROR;
}


static ngx_int_t
ws_query_text_valid(ngx_str_t *text)
{
    u_char  *p, *last;

    p = text->data;
    last = p + text->len;

    while (p < last) {
        p = ws_query_utf8_next(p, last);

        if (p == NULL) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


/* RFC 3629, section 4: the place after one character, NULL when it is none */

static u_char *
ws_query_utf8_next(u_char *p, u_char *last)
{
    u_char      lo, hi;
    ngx_uint_t  n;

    if (*p < 0x80) {
        return *p ? p + 1 : NULL;
    }

    /* the range of the second byte keeps out overlong forms and surrogates */

    lo = 0x80;
    hi = 0xbf;

    if (*p >= 0xc2 && *p <= 0xdf) {
        n = 1;

    } else if (*p >= 0xe0 && *p <= 0xef) {
        n = 2;
        lo = (*p == 0xe0) ? 0xa0 : lo;
        hi = (*p == 0xed) ? 0x9f : hi;

    } else if (*p >= 0xf0 && *p <= 0xf4) {
        n = 3;
        lo = (*p == 0xf0) ? 0x90 : lo;
        hi = (*p == 0xf4) ? 0x8f : hi;

    } else {
        return NULL;
    }

    for (p++; n; n--, p++) {

        if (p == last || *p < lo || *p > hi) {
            return NULL;
        }

        lo = 0x80;
        hi = 0xbf;
    }

    return p;
}
