
/*
 * Most jobs have no tags: that case costs no parsing.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_json.h"
#include "ws_need.h"


ngx_int_t
ws_tag_valid(ngx_str_t *name, ngx_str_t *value, const char **detail)
{
    size_t  i;
    u_char  c;

    *detail = "the name of a tag is 1 to 64 letters, digits and . _ / -";

    if (name->len == 0 || name->len > WS_TAG_NAME_MAX) {
        return NGX_DECLINED;
    }

    for (i = 0; i < name->len; i++) {
        c = name->data[i];

        if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
            && !(c >= '0' && c <= '9')
            && c != '.' && c != '_' && c != '/' && c != '-')
        {
            return NGX_DECLINED;
        }
    }

    *detail = "the value of a tag is at most 256 bytes, no control characters";

    if (value->len > WS_TAG_VALUE_MAX) {
        return NGX_DECLINED;
    }

    for (i = 0; i < value->len; i++) {
        if (value->data[i] < 0x20 || value->data[i] == 0x7f) {
            return NGX_DECLINED;
        }
    }

    return NGX_OK;
}


ngx_str_t
ws_need_write(ngx_pool_t *pool, const ws_uuid_t *org, json_t *tags)
{
    u_char     *p;
    ngx_str_t   text, json;

    ngx_str_null(&text);

    if (tags == NULL || json_object_size(tags) == 0) {
        ngx_str_set(&json, "{}");

    } else if (ws_json_dump(pool, tags, &json) != NGX_OK) {
        return text;
    }

    p = ngx_pnalloc(pool, WS_UUID_LEN + 1 + json.len);
    if (p == NULL) {
        return text;
    }

    text.data = p;
    text.len = WS_UUID_LEN + 1 + json.len;

    p = ws_uuid_format(p, org);
    *p++ = ' ';
    ngx_memcpy(p, json.data, json.len);

    return text;
}


ngx_int_t
ws_need_parse(ngx_str_t *text, ws_need_t *need)
{
    ngx_str_t  org;

    /* a tag's object has at least its braces */

    if (text->len < WS_UUID_LEN + 1 + 2 || text->data[WS_UUID_LEN] != ' ') {
        return NGX_DECLINED;
    }

    org.data = text->data;
    org.len = WS_UUID_LEN;

    need->tags.data = text->data + WS_UUID_LEN + 1;
    need->tags.len = text->len - WS_UUID_LEN - 1;

    return ws_uuid_parse(&org, &need->org);
}


ngx_uint_t
ws_need_met(ws_need_t *need, ws_offer_t *offer)
{
    json_t      *tags, *value;
    ngx_str_t    detail;
    ngx_uint_t   met;
    const char  *name;

    if (!ws_uuid_is_nil(&offer->org) && !ws_uuid_eq(&offer->org, &need->org)) {
        return 0;
    }

    if (need->tags.len == 2) {
        return 1;
    }

    if (ws_json_parse_object(&need->tags, &tags, &detail) != NGX_OK) {
        return 0;
    }

    met = 1;

    json_object_foreach(tags, name, value) {
        if (!json_is_string(value)
            || !json_equal(json_object_get(offer->tags, name), value))
        {
            met = 0;
            break;
        }
    }

    json_decref(tags);

    return met;
}
