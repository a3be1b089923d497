
/*
 * CRC16 of Redis Cluster is that of XMODEM: polynomial 0x1021, from 0, no bit
 * reversed (https://redis.io/docs/reference/cluster-spec/, appendix A).
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_slot.h"


static ngx_uint_t ws_slot_crc16(const u_char *p, size_t len);
static ngx_int_t ws_slot_port(int64_t n, ws_slot_range_t *range);
static void ws_slot_metadata(const ws_reply_t *node, ngx_str_t *host);


ngx_uint_t
ws_slot(const ngx_str_t *key)
{
    u_char  *open, *close, *end;

    end = key->data + key->len;
    open = ngx_strlchr(key->data, end, '{');

    if (open) {
        close = ngx_strlchr(open + 1, end, '}');

        if (close && close > open + 1) {
            return ws_slot_crc16(open + 1, close - open - 1) % WS_SLOTS;
        }
    }

    return ws_slot_crc16(key->data, key->len) % WS_SLOTS;
}


/* four bits at a time: keys' tags are short */

static ngx_uint_t
ws_slot_crc16(const u_char *p, size_t len)
{
    uint16_t  crc;

    static const uint16_t  table[] = {
        0x0000, 0x1021, 0x2042, 0x3063, 0x4084, 0x50a5, 0x60c6, 0x70e7,
        0x8108, 0x9129, 0xa14a, 0xb16b, 0xc18c, 0xd1ad, 0xe1ce, 0xf1ef
    };

    crc = 0;

    while (len--) {
        crc = (uint16_t) (crc << 4) ^ table[(crc >> 12) ^ (*p >> 4)];
        crc = (uint16_t) (crc << 4) ^ table[(crc >> 12) ^ (*p & 0x0f)];
        p++;
    }

    return crc;
}


ngx_int_t
ws_slot_range(const ws_reply_t *reply, ngx_uint_t i, ws_slot_range_t *range)
{
    const ws_reply_t  *item, *node;

    if (reply->type != WS_REPLY_ARRAY || i >= reply->n) {
        return NGX_ERROR;
    }

    item = &reply->elts[i];

    if (item->type != WS_REPLY_ARRAY || item->n < 3
        || item->elts[0].type != WS_REPLY_INTEGER
        || item->elts[1].type != WS_REPLY_INTEGER
        || item->elts[0].integer < 0
        || item->elts[0].integer > item->elts[1].integer
        || item->elts[1].integer >= WS_SLOTS)
    {
        return NGX_ERROR;
    }

    range->first = item->elts[0].integer;
    range->last = item->elts[1].integer;

    node = &item->elts[2];

    if (node->type != WS_REPLY_ARRAY || node->n < 2
        || node->elts[1].type != WS_REPLY_INTEGER)
    {
        return NGX_ERROR;
    }

    ngx_str_null(&range->host);

    if (node->elts[0].type == WS_REPLY_STRING) {
        range->host = node->elts[0].str;
    }

    ws_slot_metadata(node, &range->host);

    return ws_slot_port(node->elts[1].integer, range);
}


/* Redis 7: where a name is preferred, the address comes after the node's id */

static void
ws_slot_metadata(const ws_reply_t *node, ngx_str_t *host)
{
    ngx_uint_t         i;
    const ws_reply_t  *more;

    if (node->n < 4 || node->elts[3].type != WS_REPLY_ARRAY) {
        return;
    }

    more = &node->elts[3];

    for (i = 0; i + 1 < more->n; i += 2) {

        if (more->elts[i].type == WS_REPLY_STRING
            && more->elts[i + 1].type == WS_REPLY_STRING
            && more->elts[i].str.len == 2
            && ngx_strncmp(more->elts[i].str.data, "ip", 2) == 0)
        {
            *host = more->elts[i + 1].str;
            return;
        }
    }
}


ngx_int_t
ws_slot_redirect(const ngx_str_t *text, ws_slot_range_t *range)
{
    u_char     *p, *q, *end;
    ngx_int_t   slot;

    end = text->data + text->len;

    p = ngx_strlchr(text->data, end, ' ');
    q = p ? ngx_strlchr(p + 1, end, ' ') : NULL;

    if (q == NULL) {
        return NGX_ERROR;
    }

    slot = ngx_atoi(p + 1, q - p - 1);

    if (slot == NGX_ERROR || slot >= WS_SLOTS) {
        return NGX_ERROR;
    }

    range->first = slot;
    range->last = slot;

    /* an IPv6 address is without brackets: the port follows the last colon */

    range->host.data = q + 1;

    for (p = end; p > q + 1 && p[-1] != ':'; p--) { /* void */ }

    if (p == q + 1) {
        return NGX_ERROR;
    }

    range->host.len = p - 1 - range->host.data;

    return ws_slot_port(ngx_atoi(p, end - p), range);
}


static ngx_int_t
ws_slot_port(int64_t n, ws_slot_range_t *range)
{
    if (n < 1 || n > 65535) {
        return NGX_ERROR;
    }

    range->port = (in_port_t) n;

    return NGX_OK;
}
