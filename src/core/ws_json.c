/*
 * The JSON writer and what is needed of jansson.
 *
 * Every write asks for room first, once; then it copies without further
 * checks.  When memory runs out, "failed" is set and all later writes return
 * at once, so a document is either whole or reported as failed.
 */


#include "ws_json.h"
#include "ws_int.h"
#include "ws_time.h"


#define WS_JSON_ROOM_MIN  64


/* characters that may have to be escaped: see ws_json_escape() */

static const u_char  ws_json_special[256] = {
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
    ['"'] = 1, ['\\'] = 1, [0xe2] = 1
};


static u_char *ws_json_room(ws_json_t *w, size_t len);
static size_t ws_json_escape(u_char *p, u_char *end, u_char esc[6]);
static void ws_json_members(ws_json_t *w, json_t *v);
static void ws_json_elements(ws_json_t *w, json_t *v);
static void ws_json_real(ws_json_t *w, json_t *v);


void
ws_json_init(ws_json_t *w, ngx_pool_t *pool, size_t size)
{
    ngx_memzero(w, sizeof(ws_json_t));

    w->pool = pool;

    if (size) {
        (void) ws_json_room(w, size);
    }
}


/* makes len bytes free at w->last; NULL when that has failed, now or before */

static u_char *
ws_json_room(ws_json_t *w, size_t len)
{
    u_char  *p;
    size_t   used, size;

    if (w->failed) {
        return NULL;
    }

    if ((size_t) (w->end - w->last) >= len && w->start) {
        return w->last;
    }

    used = w->last - w->start;
    size = ngx_max((size_t) (w->end - w->start) * 2, used + len);
    size = ngx_max(size, WS_JSON_ROOM_MIN);

    p = (len > NGX_MAX_SIZE_T_VALUE / 4) ? NULL : ngx_pnalloc(w->pool, size);

    if (p == NULL) {
        w->failed = 1;
        return NULL;
    }

    if (w->start) {
        ngx_memcpy(p, w->start, used);

        /* large blocks go back to the heap, small ones stay in the pool */

        (void) ngx_pfree(w->pool, w->start);
    }

    w->start = p;
    w->last = p + used;
    w->end = p + size;

    return w->last;
}


void
ws_json_raw(ws_json_t *w, const void *data, size_t len)
{
    u_char  *p;

    if (len == 0) {
        return;
    }

    p = ws_json_room(w, len);

    if (p) {
        w->last = ngx_cpymem(p, data, len);
    }
}


void
ws_json_string(ws_json_t *w, ngx_str_t *s)
{
    u_char  *p, *end, *plain, esc[6];
    size_t   len;

    if (ws_json_room(w, s->len + 2) == NULL) {
        return;
    }

    *w->last++ = '"';

    p = s->data;
    end = p + s->len;
    plain = p;

    while (p < end && !ws_json_special[*p]) {
        p++;
    }

    if (p == end) {

        /* most of them: there is room for all of it */

        if (s->len) {
            w->last = ngx_cpymem(w->last, s->data, s->len);
        }

        *w->last++ = '"';
        return;
    }

    while (p < end) {

        if (!ws_json_special[*p]) {
            p++;
            continue;
        }

        len = ws_json_escape(p, end, esc);

        if (len == 0) {
            p++;
            continue;
        }

        ws_json_raw(w, plain, p - plain);
        ws_json_raw(w, esc, len);

        p += (*p == 0xe2) ? 3 : 1;
        plain = p;
    }

    ws_json_raw(w, plain, p - plain);
    ws_json_lit(w, "\"");
}


/* the escape for the character at p: its length, 0 when it needs none */

static size_t
ws_json_escape(u_char *p, u_char *end, u_char esc[6])
{
    static u_char  hex[] = "0123456789abcdef";

    esc[0] = '\\';

    switch (*p) {

    case '"':
    case '\\':
        esc[1] = *p;
        return 2;

    case '\b':
        esc[1] = 'b';
        return 2;

    case '\f':
        esc[1] = 'f';
        return 2;

    case '\n':
        esc[1] = 'n';
        return 2;

    case '\r':
        esc[1] = 'r';
        return 2;

    case '\t':
        esc[1] = 't';
        return 2;

    case 0xe2:

        /* U+2028 and U+2029 are e2 80 a8 and e2 80 a9 in UTF-8 */

        if (end - p < 3 || p[1] != 0x80 || (p[2] | 1) != 0xa9) {
            return 0;
        }

        ngx_memcpy(esc + 1, "u202", 4);
        esc[5] = hex[p[2] & 0xf];
        return 6;

    default:
        ngx_memcpy(esc + 1, "u00", 3);
        esc[4] = hex[*p >> 4];
        esc[5] = hex[*p & 0xf];
        return 6;
    }
}


void
ws_json_int(ws_json_t *w, int64_t n)
{
    u_char  text[WS_INT_LEN], *p;

    p = ws_int_signed(text + WS_INT_LEN, n);

    ws_json_raw(w, p, text + sizeof(text) - p);
}


void
ws_json_bool(ws_json_t *w, ngx_uint_t flag)
{
    if (flag) {
        ws_json_lit(w, "true");

    } else {
        ws_json_lit(w, "false");
    }
}


void
ws_json_time(ws_json_t *w, int64_t ms)
{
    u_char  *p;

    p = ws_json_room(w, WS_TIME_LEN + 2);

    if (p) {
        *p++ = '"';
        p = ws_time_format(p, ms);
        *p++ = '"';
        w->last = p;
    }
}


void
ws_json_uuid(ws_json_t *w, const ws_uuid_t *id)
{
    u_char  *p;

    p = ws_json_room(w, WS_UUID_LEN + 2);

    if (p) {
        *p++ = '"';
        p = ws_uuid_format(p, id);
        *p++ = '"';
        w->last = p;
    }
}


/*
 * Not by jansson's own writer: it checks every string for UTF-8 again and
 * takes three times the instructions.  Depth is bounded by what made v.
 */

void
ws_json_value(ws_json_t *w, json_t *v)
{
    ngx_str_t  s;

    if (v == NULL) {
        w->failed = 1;
        return;
    }

    switch (json_typeof(v)) {

    case JSON_OBJECT:
        ws_json_members(w, v);
        break;

    case JSON_ARRAY:
        ws_json_elements(w, v);
        break;

    case JSON_STRING:
        s.data = (u_char *) json_string_value(v);
        s.len = json_string_length(v);
        ws_json_string(w, &s);
        break;

    case JSON_INTEGER:
        ws_json_int(w, json_integer_value(v));
        break;

    case JSON_REAL:
        ws_json_real(w, v);
        break;

    case JSON_TRUE:
        ws_json_lit(w, "true");
        break;

    case JSON_FALSE:
        ws_json_lit(w, "false");
        break;

    default: /* JSON_NULL */
        ws_json_lit(w, "null");
    }
}


static void
ws_json_members(ws_json_t *w, json_t *v)
{
    void       *iter;
    ngx_str_t   key;

    ws_json_lit(w, "{");

    for (iter = json_object_iter(v);
         iter;
         iter = json_object_iter_next(v, iter))
    {
        if (iter != json_object_iter(v)) {
            ws_json_lit(w, ",");
        }

        key.data = (u_char *) json_object_iter_key(iter);
        key.len = ngx_strlen(key.data);

        ws_json_string(w, &key);
        ws_json_lit(w, ":");
        ws_json_value(w, json_object_iter_value(iter));
    }

    ws_json_lit(w, "}");
}


static void
ws_json_elements(ws_json_t *w, json_t *v)
{
    size_t   i;
    json_t  *item;

    ws_json_lit(w, "[");

    json_array_foreach(v, i, item) {
        if (i) {
            ws_json_lit(w, ",");
        }

        ws_json_value(w, item);
    }

    ws_json_lit(w, "]");
}


/* jansson knows how many digits a real needs */

static void
ws_json_real(ws_json_t *w, json_t *v)
{
    char    text[64];
    size_t  len;

    len = json_dumpb(v, text, sizeof(text), JSON_ENCODE_ANY);

    if (len == 0 || len > sizeof(text)) {
        w->failed = 1;
        return;
    }

    ws_json_raw(w, text, len);
}


ngx_int_t
ws_json_str(ws_json_t *w, ngx_str_t *out)
{
    if (w->failed) {
        return NGX_ERROR;
    }

    out->data = w->start;
    out->len = w->last - w->start;

    return NGX_OK;
}


ngx_int_t
ws_json_parse_object(ngx_str_t *text, json_t **root, ngx_str_t *detail)
{
    json_t        *v;
    json_error_t   error;

    *root = NULL;

    ngx_memzero(&error, sizeof(json_error_t));

    v = json_loadb((char *) text->data, text->len, JSON_DECODE_ANY, &error);

    if (v == NULL) {

        switch (json_error_code(&error)) {

        /* jansson says nothing when malloc() fails */

        case json_error_unknown:
        case json_error_out_of_memory:
            return NGX_ERROR;

        case json_error_invalid_utf8:
            ngx_str_set(detail, "must be valid UTF-8");
            break;

        case json_error_stack_overflow:
            ngx_str_set(detail, "must not be nested that deeply");
            break;

        case json_error_numeric_overflow:
            ngx_str_set(detail, "must not hold a number that large");
            break;

        case json_error_null_character:
        case json_error_null_byte_in_key:
            ngx_str_set(detail, "must not hold the character U+0000");
            break;

        default:
            ngx_str_set(detail, "must be valid JSON");
            break;
        }

        return NGX_DECLINED;
    }

    if (!json_is_object(v)) {
        json_decref(v);
        ngx_str_set(detail, "must be a JSON object");
        return NGX_DECLINED;
    }

    *root = v;

    return NGX_OK;
}


ngx_int_t
ws_json_dump(ngx_pool_t *pool, json_t *v, ngx_str_t *out)
{
    ws_json_t  w;

    ws_json_init(&w, pool, 512);
    ws_json_value(&w, v);

    return ws_json_str(&w, out);
}


ngx_str_t
ws_json_get_str(json_t *obj, const char *key)
{
    json_t     *v;
    ngx_str_t   s;

    ngx_str_null(&s);

    v = json_object_get(obj, key);

    if (json_is_string(v)) {
        s.data = (u_char *) json_string_value(v);
        s.len = json_string_length(v);
    }

    return s;
}


int64_t
ws_json_get_int(json_t *obj, const char *key, int64_t dflt)
{
    json_t  *v;

    v = json_object_get(obj, key);

    return json_is_integer(v) ? (int64_t) json_integer_value(v) : dflt;
}


ngx_uint_t
ws_json_get_bool(json_t *obj, const char *key, ngx_uint_t dflt)
{
    json_t  *v;

    v = json_object_get(obj, key);

    return json_is_boolean(v) ? json_is_true(v) : dflt;
}


ngx_int_t
ws_json_get_uuid(json_t *obj, const char *key, ws_uuid_t *id)
{
    ngx_str_t  s;
    ws_uuid_t  found;

    s = ws_json_get_str(obj, key);

    if (ws_uuid_parse(&s, &found) != NGX_OK) {
        return NGX_DECLINED;
    }

    *id = found;

    return NGX_OK;
}


ngx_int_t
ws_json_get_time(json_t *obj, const char *key, int64_t *ms)
{
    ngx_str_t  s;

    s = ws_json_get_str(obj, key);

    return ws_time_parse(&s, ms);
}
