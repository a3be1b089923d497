
/* --tag NAME=VALUE, as often as needed, as a JSON object. */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_json.h"
#include "ws_need.h"
#include "wsctl.h"


static int ws_tags_add(ws_ctl_t *ctl, json_t *tags, ngx_str_t *text);


int
ws_tags(ws_ctl_t *ctl, ngx_str_t *out)
{
    int          rc;
    json_t      *tags;
    ngx_str_t   *text;
    ngx_uint_t   i;

    tags = json_object();
    if (tags == NULL) {
        return ws_no_memory();
    }

    rc = WS_EXIT_OK;
    i = 0;

    while (rc == WS_EXIT_OK && (text = ws_arg_next(ctl, "tag", &i)) != NULL) {
        rc = ws_tags_add(ctl, tags, text);
    }

    if (rc == WS_EXIT_OK && json_object_size(tags) > WS_TAGS_MAX) {
        rc = ws_usage(ctl, "--tag: at most %d tags", WS_TAGS_MAX);
    }

    if (rc == WS_EXIT_OK && ws_json_dump(ctl->pool, tags, out) != NGX_OK) {
        rc = ws_no_memory();
    }

    json_decref(tags);

    return rc;
}


static int
ws_tags_add(ws_ctl_t *ctl, json_t *tags, ngx_str_t *text)
{
    u_char      *sep;
    ngx_str_t    name, value;
    const char  *detail;

    sep = memchr(text->data, '=', text->len);

    if (sep == NULL) {
        return ws_usage(ctl, "--tag \"%s\": NAME=VALUE is expected",
                        text->data);
    }

    name.data = text->data;
    name.len = sep - text->data;
    value.data = sep + 1;
    value.len = text->data + text->len - value.data;

    if (ws_tag_valid(&name, &value, &detail) != NGX_OK) {
        return ws_usage(ctl, "--tag \"%s\": %s", text->data, detail);
    }

    /* its name is ended by a zero byte for jansson */

    name.data = ngx_pnalloc(ctl->pool, name.len + 1);
    if (name.data == NULL) {
        return ws_no_memory();
    }

    *ngx_cpymem(name.data, text->data, name.len) = '\0';

    if (json_object_get(tags, (char *) name.data)) {
        return ws_usage(ctl, "--tag: \"%s\" is there twice", name.data);
    }

    if (json_object_set_new(tags, (char *) name.data,
                            json_stringn((char *) value.data, value.len))
        != 0)
    {
        return ws_no_memory();
    }

    return WS_EXIT_OK;
}
