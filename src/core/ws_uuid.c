/*
 * UUIDs are kept as bytes in printing order, so that formatting is one walk
 * and the shard is a matter of the first two bytes.  The dashes are before
 * bytes 4, 6, 8 and 10.
 */


#include "ws_uuid.h"

#include <uuid/uuid.h>


static ngx_inline ngx_uint_t ws_uuid_unhex(u_char *b, const u_char *p,
    ngx_uint_t n);
static ngx_inline u_char *ws_uuid_hex(u_char *p, const u_char *b,
    ngx_uint_t n);


/* the value of a hexadecimal digit plus one; 0: it is none */

static const u_char  ws_uuid_digits[256] = {
    ['0'] = 1, ['1'] = 2, ['2'] = 3, ['3'] = 4, ['4'] = 5, ['5'] = 6,
    ['6'] = 7, ['7'] = 8, ['8'] = 9, ['9'] = 10,
    ['a'] = 11, ['b'] = 12, ['c'] = 13, ['d'] = 14, ['e'] = 15, ['f'] = 16,
    ['A'] = 11, ['B'] = 12, ['C'] = 13, ['D'] = 14, ['E'] = 15, ['F'] = 16
};


ngx_int_t
ws_uuid_parse(ngx_str_t *text, ws_uuid_t *id)
{
    u_char      *p;
    ngx_uint_t   bits;

    if (text->len != WS_UUID_LEN) {
        return NGX_DECLINED;
    }

    p = text->data;

    if (p[8] != '-' || p[13] != '-' || p[18] != '-' || p[23] != '-') {
        return NGX_DECLINED;
    }

    bits = ws_uuid_unhex(id->b, p, 4);
    bits |= ws_uuid_unhex(id->b + 4, p + 9, 2);
    bits |= ws_uuid_unhex(id->b + 6, p + 14, 2);
    bits |= ws_uuid_unhex(id->b + 8, p + 19, 2);
    bits |= ws_uuid_unhex(id->b + 10, p + 24, 6);

    return bits > 0xf ? NGX_DECLINED : NGX_OK;
}


/* the bits of all digits: more than four when one was none */

static ngx_inline ngx_uint_t
ws_uuid_unhex(u_char *b, const u_char *p, ngx_uint_t n)
{
    ngx_uint_t  high, low, bits;

    bits = 0;

    while (n--) {
        high = (ngx_uint_t) ws_uuid_digits[*p++] - 1;
        low = (ngx_uint_t) ws_uuid_digits[*p++] - 1;

        bits |= high | low;
        *b++ = (u_char) (high << 4 | low);
    }

    return bits;
}


u_char *
ws_uuid_format(u_char *p, const ws_uuid_t *id)
{
    p = ws_uuid_hex(p, id->b, 4);
    *p++ = '-';
    p = ws_uuid_hex(p, id->b + 4, 2);
    *p++ = '-';
    p = ws_uuid_hex(p, id->b + 6, 2);
    *p++ = '-';
    p = ws_uuid_hex(p, id->b + 8, 2);
    *p++ = '-';

    return ws_uuid_hex(p, id->b + 10, 6);
}


static ngx_inline u_char *
ws_uuid_hex(u_char *p, const u_char *b, ngx_uint_t n)
{
    static const u_char  hex[] = "0123456789abcdef";

    while (n--) {
        *p++ = hex[*b >> 4];
        *p++ = hex[*b++ & 0xf];
    }

    return p;
}


void
ws_uuid_generate(ws_uuid_t *id)
{
    uuid_generate_random(id->b);
}


void
ws_uuid_generate_near(ws_uuid_t *id, const ws_uuid_t *owner)
{
    u_char  first, second;

    /* id may be owner */

    first = owner->b[0];
    second = owner->b[1] & 0xc0;

    ws_uuid_generate(id);

    id->b[0] = first;
    id->b[1] = second | (id->b[1] & 0x3f);
}


ngx_uint_t
ws_uuid_shard(const ws_uuid_t *id, ngx_uint_t shards)
{
    ngx_uint_t  bits;

    bits = (ngx_uint_t) id->b[0] << 2 | id->b[1] >> 6;

    return bits & (shards - 1);
}
