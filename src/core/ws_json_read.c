/*
 * A plain descent.  Whatever is unusual ends it: the answer is NULL then, and
 * the caller asks jansson.  So nothing has to be decided here twice, and what
 * is accepted must mean the same to jansson (t/fuzz/fuzz_json.c compares).
 */


#include "ws_json_read.h"


#define WS_JSON_READ_DEPTH   64
#define WS_JSON_READ_KEY     64
#define WS_JSON_READ_DIGITS  18
#define WS_JSON_READ_TEXT    256


typedef struct {
    u_char      *pos;
    u_char      *end;
    ngx_uint_t   depth;
} ws_json_read_t;


static json_t *ws_json_read_value(ws_json_read_t *r);
static json_t *ws_json_read_object(ws_json_read_t *r);
static ngx_int_t ws_json_read_member(ws_json_read_t *r, json_t *obj);
static ngx_int_t ws_json_read_key(ws_json_read_t *r, char *key);
static json_t *ws_json_read_array(ws_json_read_t *r);
static json_t *ws_json_read_string(ws_json_read_t *r);
static json_t *ws_json_read_escaped(ws_json_read_t *r);
static ngx_int_t ws_json_read_escape(ws_json_read_t *r, u_char *c);
static ngx_int_t ws_json_read_hex(ws_json_read_t *r, u_char *c);
static json_t *ws_json_read_int(ws_json_read_t *r);
static json_t *ws_json_read_word(ws_json_read_t *r);
static ngx_int_t ws_json_read_next(ws_json_read_t *r, u_char c);


/* what ends the quick walk through a string: quote, escape, control */

static const u_char  ws_json_read_stop[256] = {
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    ['"'] = 1, ['\\'] = 1
};


json_t *
ws_json_read(ngx_str_t *text)
{
    json_t          *v;
    ws_json_read_t   r;

    r.pos = text->data;
    r.end = text->data + text->len;
    r.depth = 0;

    v = ws_json_read_value(&r);

    /* nothing but blanks may follow */

    (void) ws_json_read_next(&r, '\0');

    if (v && r.pos != r.end) {
        json_decref(v);
        return NULL;
    }

    return v;
}


/* skips blanks; NGX_OK: c came next, and is behind */

static ngx_int_t
ws_json_read_next(ws_json_read_t *r, u_char c)
{
    while (r->pos < r->end
           && (*r->pos == ' ' || *r->pos == '\n' || *r->pos == '\t'
               || *r->pos == '\r'))
    {
        r->pos++;
    }

    if (r->pos == r->end || *r->pos != c || c == '\0') {
        return NGX_DECLINED;
    }

    r->pos++;

    return NGX_OK;
}


static json_t *
ws_json_read_value(ws_json_read_t *r)
{
    json_t  *v;

    if (ws_json_read_next(r, '"') == NGX_OK) {
        return ws_json_read_string(r);
    }

    if (r->pos == r->end || r->depth == WS_JSON_READ_DEPTH) {
        return NULL;
    }

    r->depth++;

    switch (*r->pos) {

    case '{':
        r->pos++;
        v = ws_json_read_object(r);
        break;

    case '[':
        r->pos++;
        v = ws_json_read_array(r);
        break;

    case 't':
    case 'f':
    case 'n':
        v = ws_json_read_word(r);
        break;

    default:
        v = ws_json_read_int(r);
        break;
    }

    r->depth--;

    return v;
}


static json_t *
ws_json_read_object(ws_json_read_t *r)
{
    json_t  *obj;

    obj = json_object();

    if (obj == NULL || ws_json_read_next(r, '}') == NGX_OK) {
        return obj;
    }

    do {
        if (ws_json_read_member(r, obj) != NGX_OK) {
            json_decref(obj);
            return NULL;
        }

    } while (ws_json_read_next(r, ',') == NGX_OK);

    if (ws_json_read_next(r, '}') != NGX_OK) {
        json_decref(obj);
        return NULL;
    }

    return obj;
}


static ngx_int_t
ws_json_read_member(ws_json_read_t *r, json_t *obj)
{
    char     key[WS_JSON_READ_KEY];
    json_t  *v;

    if (ws_json_read_key(r, key) != NGX_OK) {
        return NGX_DECLINED;
    }

    v = ws_json_read_value(r);

    if (v == NULL) {
        return NGX_DECLINED;
    }

    return json_object_set_new_nocheck(obj, key, v) == 0 ? NGX_OK : NGX_ERROR;
}


/* a key of plain ASCII, and the colon */

static ngx_int_t
ws_json_read_key(ws_json_read_t *r, char *key)
{
    size_t   len;
    u_char  *p;

    if (ws_json_read_next(r, '"') != NGX_OK) {
        return NGX_DECLINED;
    }

    len = 0;

    for (p = r->pos; p < r->end && *p != '"'; p++) {

        if (ws_json_read_stop[*p] || *p >= 0x80
            || len == WS_JSON_READ_KEY - 1)
        {
            return NGX_DECLINED;
        }

        key[len++] = *p;
    }

    if (p == r->end) {
        return NGX_DECLINED;
    }

    key[len] = '\0';
    r->pos = p + 1;

    return ws_json_read_next(r, ':');
}


static json_t *
ws_json_read_array(ws_json_read_t *r)
{
    json_t  *list, *v;

    list = json_array();

    if (list == NULL || ws_json_read_next(r, ']') == NGX_OK) {
        return list;
    }

    do {
        v = ws_json_read_value(r);

        if (v == NULL || json_array_append_new(list, v) != 0) {
            json_decref(list);
            return NULL;
        }

    } while (ws_json_read_next(r, ',') == NGX_OK);

    if (ws_json_read_next(r, ']') != NGX_OK) {
        json_decref(list);
        return NULL;
    }

    return list;
}


static json_t *
ws_json_read_string(ws_json_read_t *r)
{
    u_char  *p, all, *start;

    start = r->pos;
    all = 0;

    for (p = start; p < r->end && !ws_json_read_stop[*p]; p++) {
        all |= *p;
    }

    if (p == r->end) {
        return NULL;
    }

    if (*p != '"') {
        return ws_json_read_escaped(r);
    }

    r->pos = p + 1;

    return (all < 0x80)
           ? json_stringn_nocheck((char *) start, p - start)
           : json_stringn((char *) start, p - start);
}


/* what is not escaped is longer than what is */

static json_t *
ws_json_read_escaped(ws_json_read_t *r)
{
    json_t  *v;
    u_char  *p, *out, *last, text[WS_JSON_READ_TEXT];

    for (p = r->pos; p < r->end && *p != '"'; p++) {
        if (*p == '\\') {
            p++;
        }
    }

    if (p >= r->end) {
        return NULL;
    }

    out = text;

    if (p - r->pos > WS_JSON_READ_TEXT) {
        out = malloc(p - r->pos);
        if (out == NULL) {
            return NULL;
        }
    }

    v = NULL;

    for (last = out; *r->pos != '"'; last++) {

        *last = *r->pos++;

        if (*last < 0x20
            || (*last == '\\' && ws_json_read_escape(r, last) != NGX_OK))
        {
            goto done;
        }
    }

    r->pos++;

    v = json_stringn((char *) out, last - out);

done:

    if (out != text) {
        free(out);
    }

    return v;
}


/* what follows a backslash; the string is known to have an end */

static ngx_int_t
ws_json_read_escape(ws_json_read_t *r, u_char *c)
{
    switch (*r->pos++) {

    case '"':
        *c = '"';
        return NGX_OK;

    case '\\':
        *c = '\\';
        return NGX_OK;

    case '/':
        *c = '/';
        return NGX_OK;

    case 'b':
        *c = '\b';
        return NGX_OK;

    case 'f':
        *c = '\f';
        return NGX_OK;

    case 'n':
        *c = '\n';
        return NGX_OK;

    case 'r':
        *c = '\r';
        return NGX_OK;

    case 't':
        *c = '\t';
        return NGX_OK;

    case 'u':
        return ws_json_read_hex(r, c);

    default:
        return NGX_DECLINED;
    }
}


/* the rest of \u00XX; jansson does not take \u0000 */

static ngx_int_t
ws_json_read_hex(ws_json_read_t *r, u_char *c)
{
    ngx_int_t  n;

    if (r->end - r->pos < 4 || r->pos[0] != '0' || r->pos[1] != '0') {
        return NGX_DECLINED;
    }

    n = ngx_hextoi(r->pos + 2, 2);

    if (n <= 0 || n >= 0x80) {
        return NGX_DECLINED;
    }

    *c = (u_char) n;
    r->pos += 4;

    return NGX_OK;
}


static json_t *
ws_json_read_int(ws_json_read_t *r)
{
    u_char      *p, *start;
    int64_t      n;
    ngx_uint_t   negative;

    p = r->pos;
    negative = (*p == '-');
    start = p + negative;
    n = 0;

    for (p = start; p < r->end && *p >= '0' && *p <= '9'; p++) {

        if (p - start == WS_JSON_READ_DIGITS) {
            return NULL;
        }

        n = n * 10 + (*p - '0');
    }

    if (p == start || (*start == '0' && (negative || p - start > 1))) {
        return NULL;
    }

    /* a real */

    if (p < r->end && (*p == '.' || (*p | 0x20) == 'e')) {
        return NULL;
    }

    r->pos = p;

    return json_integer(negative ? -n : n);
}


static json_t *
ws_json_read_word(ws_json_read_t *r)
{
    size_t  left;

    left = r->end - r->pos;

    if (left >= 4 && ngx_memcmp(r->pos, "true", 4) == 0) {
        r->pos += 4;
        return json_true();
    }

    if (left >= 4 && ngx_memcmp(r->pos, "null", 4) == 0) {
        r->pos += 4;
        return json_null();
    }

    if (left >= 5 && ngx_memcmp(r->pos, "false", 5) == 0) {
        r->pos += 5;
        return json_false();
    }

    return NULL;
}
