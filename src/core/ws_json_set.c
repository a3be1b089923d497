
/*
 * jansson's setters in this project's terms: ngx_str_t, ids and times.  That
 * text is UTF-8 is checked where it can be something else.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_json_set.h"
#include "ws_time.h"


ngx_int_t
ws_json_set(json_t *obj, const char *key, json_t *v)
{
    return json_object_set_new_nocheck(obj, key, v) == 0 ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ws_json_set_str(json_t *obj, const char *key, ngx_str_t *s)
{
    return ws_json_set(obj, key, json_stringn((char *) s->data, s->len));
}


ngx_int_t
ws_json_set_cstr(json_t *obj, const char *key, const char *s)
{
    return ws_json_set(obj, key, json_string_nocheck(s));
}


ngx_int_t
ws_json_set_int(json_t *obj, const char *key, int64_t n)
{
    return ws_json_set(obj, key, json_integer(n));
}


ngx_int_t
ws_json_set_time(json_t *obj, const char *key, int64_t ms)
{
    u_char  text[WS_TIME_LEN];

    (void) ws_time_format(text, ms);

    return ws_json_set(obj, key,
                       json_stringn_nocheck((char *) text, WS_TIME_LEN));
}


ngx_int_t
ws_json_set_uuid(json_t *obj, const char *key, const ws_uuid_t *id)
{
    u_char  text[WS_UUID_LEN];

    (void) ws_uuid_format(text, id);

    return ws_json_set(obj, key,
                       json_stringn_nocheck((char *) text, WS_UUID_LEN));
}
