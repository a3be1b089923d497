
/*
 * The fields of a resource, an agent and an app are tables; one function
 * copies an object by its table.  A field with a default is always there, one
 * without is left out when it was not given.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdio.h>
#include "ws_json.h"
#include "ws_json_set.h"
#include "ws_resource.h"


#define WS_FIELD_STR_MAX        (64 * 1024)
#define WS_RESOURCE_DETAIL_MAX  256


typedef struct {
    const char         *name;
    json_type           type;
    const char         *dflt;       /* JSON; NULL: left out when absent */
    const char *const  *values;     /* of a string; NULL: any */
    unsigned            required:1;
} ws_field_t;


static ngx_int_t ws_resource_fields(ws_resource_ctx_t *ctx,
    const ws_field_t *fields, json_t *given, json_t *out);
static ngx_int_t ws_resource_field(ws_resource_ctx_t *ctx,
    const ws_field_t *f, json_t *v, json_t *out);
static ngx_int_t ws_resource_one(ws_resource_ctx_t *ctx, json_t *given,
    json_t *out);
static ngx_int_t ws_resource_agents(ws_resource_ctx_t *ctx, json_t *given,
    json_t *resource);
static ngx_int_t ws_resource_agent(ws_resource_ctx_t *ctx, json_t *given,
    json_t *out);
static ngx_int_t ws_resource_apps(ws_resource_ctx_t *ctx, json_t *given,
    json_t *agent);
static ngx_int_t ws_resource_metadata(ws_resource_ctx_t *ctx, json_t *given,
    json_t *resource);
static ngx_int_t ws_resource_list(ws_resource_ctx_t *ctx, const char *name,
    json_t *given, size_t max);
static ngx_int_t ws_resource_id(ws_resource_ctx_t *ctx, json_t *out);
static void ws_resource_enter(ws_resource_ctx_t *ctx, const char *list,
    size_t index);
static ngx_int_t ws_resource_declined(ws_resource_ctx_t *ctx,
    const char *field, const char *detail);


static const char *const  ws_agent_status_values[] = {
    "connecting", "connected", "disconnected", "timeout", NULL
};

static const char *const  ws_agent_lifecycles[] = {
    "created", "starting", "start_timeout", "start_error", "ready",
    "shutting_down", "shutdown_timeout", "shutdown_error", "off", NULL
};

static const char *const  ws_app_healths[] = {
    "disabled", "initializing", "healthy", "unhealthy", NULL
};

static const char *const  ws_app_levels[] = {
    "owner", "authenticated", "public", NULL
};


static const ws_field_t  ws_resource_table[] = {
    { "name",       JSON_STRING,  NULL,        NULL, 1 },
    { "type",       JSON_STRING,  NULL,        NULL, 1 },
    { "hide",       JSON_TRUE,    "false",     NULL, 0 },
    { "icon",       JSON_STRING,  "\"\"",      NULL, 0 },
    { "daily_cost", JSON_INTEGER, "0",         NULL, 0 },
    { NULL, JSON_NULL, NULL, NULL, 0 }
};

static const ws_field_t  ws_agent_table[] = {
    { "name",                           JSON_STRING,  NULL, NULL, 1 },
    { "architecture",                   JSON_STRING,  "\"amd64\"", NULL, 0 },
    { "operating_system",               JSON_STRING,  "\"linux\"", NULL, 0 },
    { "connection_timeout_seconds",     JSON_INTEGER, "120", NULL, 0 },
    { "delay_login_until_ready",        JSON_TRUE,    "false", NULL, 0 },
    { "directory",                      JSON_STRING,  NULL, NULL, 0 },
    { "environment_variables",          JSON_OBJECT,  "{}", NULL, 0 },
    { "instance_id",                    JSON_STRING,  NULL, NULL, 0 },
    { "lifecycle_state",                JSON_STRING,  "\"created\"",
      ws_agent_lifecycles, 0 },
    { "startup_script",                 JSON_STRING,  NULL, NULL, 0 },
    { "startup_script_timeout_seconds", JSON_INTEGER, "0", NULL, 0 },
    { "status",                         JSON_STRING,  "\"connecting\"",
      ws_agent_status_values, 0 },
    { "troubleshooting_url",            JSON_STRING,  "\"\"", NULL, 0 },
    { "version",                        JSON_STRING,  "\"\"", NULL, 0 },
    { NULL, JSON_NULL, NULL, NULL, 0 }
};

static const ws_field_t  ws_app_table[] = {
    { "slug",          JSON_STRING, NULL,           NULL, 1 },
    { "display_name",  JSON_STRING, "\"\"",         NULL, 0 },
    { "command",       JSON_STRING, NULL,           NULL, 0 },
    { "external",      JSON_TRUE,   "false",        NULL, 0 },
    { "health",        JSON_STRING, "\"disabled\"", ws_app_healths, 0 },
    { "icon",          JSON_STRING, NULL,           NULL, 0 },
    { "sharing_level", JSON_STRING, "\"owner\"",    ws_app_levels, 0 },
    { "subdomain",     JSON_TRUE,   "false",        NULL, 0 },
    { "url",           JSON_STRING, "\"\"",         NULL, 0 },
    { NULL, JSON_NULL, NULL, NULL, 0 }
};

static const ws_field_t  ws_healthcheck_table[] = {
    { "url",       JSON_STRING,  "\"\"", NULL, 0 },
    { "interval",  JSON_INTEGER, "0",    NULL, 0 },
    { "threshold", JSON_INTEGER, "0",    NULL, 0 },
    { NULL, JSON_NULL, NULL, NULL, 0 }
};

static const ws_field_t  ws_metadata_table[] = {
    { "key",       JSON_STRING, NULL,    NULL, 1 },
    { "value",     JSON_STRING, "\"\"",  NULL, 0 },
    { "sensitive", JSON_TRUE,   "false", NULL, 0 },
    { NULL, JSON_NULL, NULL, NULL, 0 }
};


ngx_int_t
ws_resource_complete(ws_resource_ctx_t *ctx, json_t *given, json_t **out)
{
    size_t      i;
    json_t     *list, *item, *resource;
    ngx_int_t   rc;

    ctx->daily_cost = 0;
    ctx->depth = 0;

    list = json_array();
    rc = ws_resource_list(ctx, "", given, WS_RESOURCES_MAX);

    json_array_foreach(given, i, item) {
        if (rc != NGX_OK) {
            break;
        }

        resource = json_object();

        ws_resource_enter(ctx, "", i);
        rc = ws_resource_one(ctx, item, resource);

        if (json_array_append_new(list, resource) != 0) {
            rc = NGX_ERROR;
        }

        if (rc == NGX_OK) {
            ctx->depth--;
        }
    }

    if (rc == NGX_OK
        && json_dumpb(list, NULL, 0, JSON_COMPACT) > WS_RESOURCES_SIZE)
    {
        rc = ws_resource_declined(ctx, "", "come to more than 1 MB");
    }

    if (rc != NGX_OK || list == NULL) {
        json_decref(list);
        return rc == NGX_OK ? NGX_ERROR : rc;
    }

    *out = list;

    return NGX_OK;
}


ngx_uint_t
ws_resource_known(ngx_uint_t what, ngx_str_t *value)
{
    const char *const  *v;

    v = (what == WS_KNOWN_LIFECYCLE) ? ws_agent_lifecycles : ws_app_healths;

    for ( /* void */ ; *v; v++) {
        if (ngx_strlen(*v) == value->len
            && ngx_memcmp(*v, value->data, value->len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


static ngx_int_t
ws_resource_one(ws_resource_ctx_t *ctx, json_t *given, json_t *out)
{
    ngx_int_t  rc;

    rc = ws_resource_fields(ctx, ws_resource_table, given, out);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ws_resource_id(ctx, out);
    rc |= ws_json_set_time(out, "created_at", ctx->now_ms);
    rc |= ws_json_set_uuid(out, "job_id", &ctx->job);
    rc |= ws_json_set_cstr(out, "workspace_transition", ctx->transition);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    ctx->daily_cost += ws_json_get_int(out, "daily_cost", 0);

    rc = ws_resource_metadata(ctx, json_object_get(given, "metadata"), out);
    if (rc != NGX_OK) {
        return rc;
    }

    return ws_resource_agents(ctx, json_object_get(given, "agents"), out);
}


static ngx_int_t
ws_resource_agents(ws_resource_ctx_t *ctx, json_t *given, json_t *resource)
{
    size_t      i;
    json_t     *list, *item, *agent;
    ngx_int_t   rc;

    rc = ws_resource_list(ctx, "agents", given, WS_AGENTS_MAX);

    if (rc != NGX_OK || json_array_size(given) == 0) {
        return rc;
    }

    list = json_array();

    if (ws_json_set(resource, "agents", list) != NGX_OK) {
        return NGX_ERROR;
    }

    json_array_foreach(given, i, item) {
        agent = json_object();

        if (json_array_append_new(list, agent) != 0) {
            return NGX_ERROR;
        }

        ws_resource_enter(ctx, "agents", i);

        rc = ws_resource_agent(ctx, item, agent);
        if (rc != NGX_OK) {
            return rc;
        }

        ctx->depth--;

        rc = ws_json_set(agent, "resource_id",
                         json_incref(json_object_get(resource, "id")));
        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ws_resource_agent(ws_resource_ctx_t *ctx, json_t *given, json_t *out)
{
    json_t      *v;
    ngx_int_t    rc;
    const char  *key;

    rc = ws_resource_fields(ctx, ws_agent_table, given, out);
    if (rc != NGX_OK) {
        return rc;
    }

    json_object_foreach(json_object_get(out, "environment_variables"), key, v)
    {
        if (!json_is_string(v)) {
            return ws_resource_declined(ctx, "environment_variables",
                                        "must hold strings");
        }
    }

    rc = ws_resource_id(ctx, out);
    rc |= ws_json_set_time(out, "created_at", ctx->now_ms);
    rc |= ws_json_set_time(out, "updated_at", ctx->now_ms);

    if (rc != NGX_OK) {
        return NGX_ERROR;
    }

    return ws_resource_apps(ctx, json_object_get(given, "apps"), out);
}


static ngx_int_t
ws_resource_apps(ws_resource_ctx_t *ctx, json_t *given, json_t *agent)
{
    size_t      i;
    json_t     *list, *item, *app, *check, *empty;
    ngx_int_t   rc;

    rc = ws_resource_list(ctx, "apps", given, WS_APPS_MAX);
    if (rc != NGX_OK) {
        return rc;
    }

    list = json_array();

    if (ws_json_set(agent, "apps", list) != NGX_OK) {
        return NGX_ERROR;
    }

    json_array_foreach(given, i, item) {
        app = json_object();
        check = json_object();

        if (json_array_append_new(list, app) != 0
            || ws_json_set(app, "healthcheck", check) != NGX_OK)
        {
            return NGX_ERROR;
        }

        ws_resource_enter(ctx, "apps", i);

        rc = ws_resource_fields(ctx, ws_app_table, item, app);
        if (rc != NGX_OK) {
            return rc;
        }

        if (ws_resource_id(ctx, app) != NGX_OK) {
            return NGX_ERROR;
        }

        empty = json_object_get(item, "healthcheck") ? NULL : json_object();

        rc = ws_resource_fields(ctx, ws_healthcheck_table,
                                empty ? empty
                                      : json_object_get(item, "healthcheck"),
                                check);
        json_decref(empty);

        if (rc != NGX_OK) {
            return rc;
        }

        ctx->depth--;
    }

    return NGX_OK;
}


static ngx_int_t
ws_resource_metadata(ws_resource_ctx_t *ctx, json_t *given, json_t *resource)
{
    size_t      i;
    json_t     *list, *item, *entry;
    ngx_int_t   rc;

    rc = ws_resource_list(ctx, "metadata", given, WS_RESOURCES_MAX);

    if (rc != NGX_OK || json_array_size(given) == 0) {
        return rc;
    }

    list = json_array();

    if (ws_json_set(resource, "metadata", list) != NGX_OK) {
        return NGX_ERROR;
    }

    json_array_foreach(given, i, item) {
        entry = json_object();

        if (json_array_append_new(list, entry) != 0) {
            return NGX_ERROR;
        }

        ws_resource_enter(ctx, "metadata", i);

        rc = ws_resource_fields(ctx, ws_metadata_table, item, entry);
        if (rc != NGX_OK) {
            return rc;
        }

        ctx->depth--;
    }

    return NGX_OK;
}


/* absent and null are an empty list */

static ngx_int_t
ws_resource_list(ws_resource_ctx_t *ctx, const char *name, json_t *given,
    size_t max)
{
    if (given == NULL || json_is_null(given)) {
        return NGX_OK;
    }

    if (!json_is_array(given)) {
        return ws_resource_declined(ctx, name, "must be a list");
    }

    if (json_array_size(given) > max) {
        return ws_resource_declined(ctx, name, "is too long a list");
    }

    return NGX_OK;
}


static ngx_int_t
ws_resource_fields(ws_resource_ctx_t *ctx, const ws_field_t *fields,
    json_t *given, json_t *out)
{
    ngx_int_t          rc;
    const ws_field_t  *f;

    if (!json_is_object(given)) {
        return ws_resource_declined(ctx, "", "must be an object");
    }

    for (f = fields; f->name; f++) {
        rc = ws_resource_field(ctx, f, json_object_get(given, f->name), out);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ws_resource_field(ws_resource_ctx_t *ctx, const ws_field_t *f, json_t *v,
    json_t *out)
{
    ngx_uint_t  i;

    if (v == NULL || json_is_null(v)) {
        if (f->required) {
            return ws_resource_declined(ctx, f->name, "is required");
        }

        if (f->dflt == NULL) {
            return NGX_OK;
        }

        return ws_json_set(out, f->name,
                           json_loads(f->dflt, JSON_DECODE_ANY, NULL));
    }

    /* contract: left out when there is no value */

    if (f->dflt == NULL && !f->required && json_string_length(v) == 0
        && json_is_string(v))
    {
        return NGX_OK;
    }

    if (f->type == JSON_TRUE ? !json_is_boolean(v)
                             : json_typeof(v) != f->type)
    {
        return ws_resource_declined(ctx, f->name, "is of the wrong type");
    }

    /* costs are summed up, and seconds added to times */

    if (json_is_integer(v)
        && (json_integer_value(v) < 0 || json_integer_value(v) > INT32_MAX))
    {
        return ws_resource_declined(ctx, f->name, "is out of range");
    }

    if (json_is_string(v) && json_string_length(v) > WS_FIELD_STR_MAX) {
        return ws_resource_declined(ctx, f->name, "is too long");
    }

    for (i = 0; f->values && f->values[i]; i++) {
        if (ngx_strcmp(f->values[i], json_string_value(v)) == 0) {
            break;
        }
    }

    if (f->values && f->values[i] == NULL) {
        return ws_resource_declined(ctx, f->name, "has an unknown value");
    }

    return ws_json_set(out, f->name, json_incref(v));
}


static ngx_int_t
ws_resource_id(ws_resource_ctx_t *ctx, json_t *out)
{
    ws_uuid_t  id;

    ws_uuid_generate_near(&id, &ctx->owner);

    return ws_json_set_uuid(out, "id", &id);
}


/* one element of a list; left by ctx->depth-- */

static void
ws_resource_enter(ws_resource_ctx_t *ctx, const char *list, size_t index)
{
    ctx->at[ctx->depth].list = list;
    ctx->at[ctx->depth].index = index;
    ctx->depth++;
}


/* "[0].agents[1].name: is required" */

static ngx_int_t
ws_resource_declined(ws_resource_ctx_t *ctx, const char *field,
    const char *detail)
{
    char        *text, *p, *end;
    ngx_uint_t   i;

    ctx->detail = detail;

    text = ngx_pnalloc(ctx->pool, WS_RESOURCE_DETAIL_MAX);
    if (text == NULL) {
        return NGX_ERROR;
    }

    /* names and messages are ours, and short */

    p = text;
    end = text + WS_RESOURCE_DETAIL_MAX;

    for (i = 0; i < ctx->depth; i++) {
        p += snprintf(p, end - p, "%s%s[%lu]", i ? "." : "", ctx->at[i].list,
                      (unsigned long) ctx->at[i].index);
    }

    (void) snprintf(p, end - p, "%s%s%s%s", *field && p > text ? "." : "",
                    field, *field || p > text ? ": " : "", detail);

    ctx->detail = text;

    return NGX_DECLINED;
}
