
/* A roster is written from the document and read without it. */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_roster.h"


static ngx_int_t ws_roster_agents(json_t *build, ws_json_t *w);
static void ws_roster_text(ws_json_t *w, json_t *agent, const char *key);
static ngx_int_t ws_roster_take(ngx_str_t *rest, size_t len, u_char after,
    ngx_str_t *part);
static ngx_int_t ws_roster_take_text(ngx_str_t *rest, u_char after,
    ngx_str_t *part);


ngx_int_t
ws_roster_write(ws_workspace_t *w, ngx_str_t *roster)
{
    json_t     *build;
    ngx_str_t   status;
    ws_json_t   json;

    ngx_str_null(roster);

    build = ws_workspace_build(w);
    status = ws_json_get_str(build, "status");

    if (status.len != 7 || ngx_memcmp(status.data, "running", 7) != 0) {
        return NGX_OK;
    }

    ws_json_init(&json, w->pool, 128);

    if (ws_roster_agents(build, &json) != NGX_OK) {
        return NGX_ERROR;
    }

    return ws_json_str(&json, roster);
}


static ngx_int_t
ws_roster_agents(json_t *build, ws_json_t *w)
{
    size_t      i, k;
    json_t     *resource, *agent;
    ngx_str_t   status;
    ws_uuid_t   id;
    u_char      text[WS_UUID_LEN];

    json_array_foreach(json_object_get(build, "resources"), i, resource) {
        json_array_foreach(json_object_get(resource, "agents"), k, agent) {

            if (ws_json_get_uuid(agent, "id", &id) != NGX_OK) {
                return NGX_ERROR;
            }

            (void) ws_uuid_format(text, &id);
            status = ws_json_get_str(agent, "status");

            ws_json_raw(w, text, WS_UUID_LEN);
            ws_json_lit(w, " ");
            ws_json_raw(w, status.data, status.len);
            ws_roster_text(w, agent, "name");
            ws_roster_text(w, agent, "version");
            ws_json_lit(w, ";");
        }
    }

    return NGX_OK;
}


static void
ws_roster_text(ws_json_t *w, json_t *agent, const char *key)
{
    ngx_str_t  s;

    s = ws_json_get_str(agent, key);

    ws_json_lit(w, " ");
    ws_json_int(w, s.len);
    ws_json_lit(w, ":");
    ws_json_raw(w, s.data, s.len);
}


ngx_int_t
ws_roster_next(ngx_str_t *rest, ws_roster_agent_t *agent)
{
    u_char     *p;
    ngx_str_t   id;

    if (rest->len == 0) {
        return NGX_DONE;
    }

    if (ws_roster_take(rest, WS_UUID_LEN, ' ', &id) != NGX_OK
        || ws_uuid_parse(&id, &agent->id) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    p = ngx_strlchr(rest->data, rest->data + rest->len, ' ');

    if (p == NULL
        || ws_roster_take(rest, p - rest->data, ' ', &agent->status) != NGX_OK
        || ws_roster_take_text(rest, ' ', &agent->name) != NGX_OK
        || ws_roster_take_text(rest, ';', &agent->version) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ws_roster_take(ngx_str_t *rest, size_t len, u_char after, ngx_str_t *part)
{
    if (len >= rest->len || rest->data[len] != after) {
        return NGX_DECLINED;
    }

    part->data = rest->data;
    part->len = len;

    rest->data += len + 1;
    rest->len -= len + 1;

    return NGX_OK;
}


static ngx_int_t
ws_roster_take_text(ngx_str_t *rest, u_char after, ngx_str_t *part)
{
    u_char     *p;
    ngx_int_t   len;
    ngx_str_t   number;

    p = ngx_strlchr(rest->data, rest->data + rest->len, ':');

    if (p == NULL
        || ws_roster_take(rest, p - rest->data, ':', &number) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    len = ngx_atoi(number.data, number.len);

    return len == NGX_ERROR ? NGX_DECLINED
                            : ws_roster_take(rest, len, after, part);
}


ngx_int_t
ws_roster_find(ngx_str_t *roster, ngx_str_t *name, ws_roster_agent_t *agent)
{
    ngx_int_t          rc;
    ngx_str_t          rest;
    ws_uuid_t          id;
    ngx_uint_t         n, have_id;
    ws_roster_agent_t  next;

    n = 0;
    rest = *roster;
    have_id = (ws_uuid_parse(name, &id) == NGX_OK);

    for ( ;; ) {
        rc = ws_roster_next(&rest, &next);

        if (rc == NGX_DECLINED) {
            return NGX_ERROR;
        }

        if (rc == NGX_DONE) {
            break;
        }

        if (name->len == 0) {
            *agent = next;
            n++;

        } else if ((next.name.len == name->len
                    && ngx_memcmp(next.name.data, name->data, name->len) == 0)
                   || (have_id && ws_uuid_eq(&next.id, &id)))
        {
            *agent = next;
            return NGX_OK;
        }
    }

    return n == 0 ? NGX_DECLINED : n == 1 ? NGX_OK : NGX_ABORT;
}


ngx_uint_t
ws_roster_has(ngx_str_t *roster, const ws_uuid_t *id)
{
    ngx_str_t          rest;
    ws_roster_agent_t  next;

    rest = *roster;

    while (ws_roster_next(&rest, &next) == NGX_OK) {
        if (ws_uuid_eq(&next.id, id)) {
            return 1;
        }
    }

    return 0;
}
