
/*
 * What a template version may declare.  A declaration is checked once, when
 * the version is made, so that nothing in it can fail, or take long, when
 * a build is: types, limits, defaults and options that fit them.  Patterns
 * are looked at in ws_param_regex.c.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_param.h"


static ngx_int_t ws_param_check_one(ngx_pool_t *pool, json_t *param,
    ngx_str_t *detail);
static ngx_int_t ws_param_check_fields(ngx_pool_t *pool, json_t *object,
    const char **fields, ngx_str_t *detail);
static ngx_int_t ws_param_check_name(ngx_pool_t *pool, json_t *param,
    ngx_str_t *detail);
static ngx_int_t ws_param_check_kinds(ngx_pool_t *pool, json_t *param,
    ngx_str_t *detail);
static ngx_int_t ws_param_check_range(ngx_pool_t *pool, json_t *param,
    const char *type, ngx_str_t *detail);
static ngx_int_t ws_param_check_default(ngx_pool_t *pool, json_t *param,
    ngx_str_t *detail);
static ngx_int_t ws_param_check_options(ngx_pool_t *pool, json_t *param,
    const char *type, ngx_str_t *detail);
static ngx_int_t ws_param_check_option(ngx_pool_t *pool, json_t *probe,
    json_t *options, size_t n, ngx_str_t *detail);
static ngx_int_t ws_param_stringify(json_t *object, const char *key);


static const char  *ws_param_fields[] = {
    "name", "description", "type", "default", "required", "mutable",
    "options", "regex", "min", "max", NULL
};

static const char  *ws_param_option_fields[] = {
    "name", "value", "description", NULL
};

static const char  *ws_param_types[] = {
    "string", "number", "bool", "list(string)", NULL
};


ngx_int_t
ws_param_check(ngx_pool_t *pool, json_t *declared, ngx_str_t *detail)
{
    size_t       i, j;
    json_t      *param;
    ngx_int_t    rc;
    ngx_str_t    what;
    const char  *name;

    if (!json_is_array(declared)) {
        return ws_param_decline(pool, detail, "an array of parameters is "
                                "expected");
    }

    if (json_array_size(declared) > WS_PARAM_MAX) {
        return ws_param_decline(pool, detail, "more than %d parameters",
                                WS_PARAM_MAX);
    }

    json_array_foreach(declared, i, param) {
        rc = ws_param_check_one(pool, param, &what);

        for (j = 0; rc == NGX_OK && j < i; j++) {
            if (json_equal(json_object_get(param, "name"),
                           json_object_get(json_array_get(declared, j),
                                           "name")))
            {
                rc = ws_param_decline(pool, &what, "the same name twice");
            }
        }

        if (rc == NGX_DECLINED) {
            name = json_string_value(json_object_get(param, "name"));

            return ws_param_decline(pool, detail, "parameter %d%s%s%s: %.*s",
                                    (int) i + 1, name ? " (" : "",
                                    name ? name : "", name ? ")" : "",
                                    (int) what.len, what.data);
        }

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ws_param_check_one(ngx_pool_t *pool, json_t *param, ngx_str_t *detail)
{
    ngx_int_t    rc;
    const char  *type;

    if (!json_is_object(param)) {
        return ws_param_decline(pool, detail, "an object is expected");
    }

    rc = ws_param_check_name(pool, param, detail);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ws_param_check_fields(pool, param, ws_param_fields, detail);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ws_param_check_kinds(pool, param, detail);
    if (rc != NGX_OK) {
        return rc;
    }

    type = json_string_value(json_object_get(param, "type"));
    if (type == NULL) {
        type = "string";
    }

    rc = ws_param_check_range(pool, param, type, detail);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ws_param_check_regex(pool, param, type, detail);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ws_param_check_options(pool, param, type, detail);
    if (rc != NGX_OK) {
        return rc;
    }

    return ws_param_check_default(pool, param, detail);
}


/* a misspelt field would otherwise just not be there */

static ngx_int_t
ws_param_check_fields(ngx_pool_t *pool, json_t *object, const char **fields,
    ngx_str_t *detail)
{
    json_t      *value;
    ngx_uint_t   i;
    const char  *key;

    json_object_foreach(object, key, value) {

        for (i = 0; fields[i]; i++) {
            if (ngx_strcmp(key, fields[i]) == 0) {
                break;
            }
        }

        if (fields[i] == NULL) {
            return ws_param_decline(pool, detail, "unknown field \"%.64s\"",
                                    key);
        }
    }

    return NGX_OK;
}


static ngx_int_t
ws_param_check_name(ngx_pool_t *pool, json_t *param, ngx_str_t *detail)
{
    size_t       i, len;
    json_t      *name;
    const char  *text;

    name = json_object_get(param, "name");

    if (!json_is_string(name)) {
        (void) json_object_del(param, "name");
        return ws_param_decline(pool, detail, "a \"name\" is required");
    }

    text = json_string_value(name);
    len = json_string_length(name);

    for (i = 0; i < len; i++) {
        if ((u_char) text[i] < 0x20 || text[i] == 0x7f) {
            len = 0;
        }
    }

    if (len == 0 || len > WS_PARAM_NAME_MAX) {

        /* no name fit to be shown in the message */

        (void) json_object_del(param, "name");

        return ws_param_decline(pool, detail, "a name has 1 to %d bytes and "
                                "no control characters", WS_PARAM_NAME_MAX);
    }

    return NGX_OK;
}


static ngx_int_t
ws_param_check_kinds(ngx_pool_t *pool, json_t *param, ngx_str_t *detail)
{
    json_t      *v;
    ngx_uint_t   i;
    const char  *type;

    v = json_object_get(param, "required");
    if (v && !json_is_boolean(v)) {
        return ws_param_decline(pool, detail, "\"required\" is true or false");
    }

    v = json_object_get(param, "mutable");
    if (v && !json_is_boolean(v)) {
        return ws_param_decline(pool, detail, "\"mutable\" is true or false");
    }

    v = json_object_get(param, "description");
    if (v && !json_is_string(v)) {
        return ws_param_decline(pool, detail, "\"description\" is a string");
    }

    v = json_object_get(param, "type");
    if (v == NULL) {
        return NGX_OK;
    }

    type = json_string_value(v);

    for (i = 0; type && ws_param_types[i]; i++) {
        if (ngx_strcmp(type, ws_param_types[i]) == 0) {
            return NGX_OK;
        }
    }

    return ws_param_decline(pool, detail, "\"type\" is one of string, number, "
                            "bool, list(string)");
}


static ngx_int_t
ws_param_check_range(ngx_pool_t *pool, json_t *param, const char *type,
    ngx_str_t *detail)
{
    json_t  *min, *max;

    min = json_object_get(param, "min");
    max = json_object_get(param, "max");

    if (min == NULL && max == NULL) {
        return NGX_OK;
    }

    if (ngx_strcmp(type, "number") != 0) {
        return ws_param_decline(pool, detail, "\"min\" and \"max\" are for "
                                "the type number");
    }

    if ((min && !json_is_number(min)) || (max && !json_is_number(max))) {
        return ws_param_decline(pool, detail, "\"min\" and \"max\" are "
                                "numbers");
    }

    if (min && max && json_number_value(min) > json_number_value(max)) {
        return ws_param_decline(pool, detail, "\"min\" is greater than "
                                "\"max\"");
    }

    return NGX_OK;
}


static ngx_int_t
ws_param_check_default(ngx_pool_t *pool, json_t *param, ngx_str_t *detail)
{
    json_t     *v;
    ngx_int_t   rc;
    ngx_str_t   value, what;

    v = json_object_get(param, "default");

    if (v == NULL || json_is_null(v)) {
        (void) json_object_del(param, "default");
        return NGX_OK;
    }

    rc = ws_param_stringify(param, "default");

    if (rc == NGX_DECLINED) {
        return ws_param_decline(pool, detail, "\"default\" is a string");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    v = json_object_get(param, "default");
    value.data = (u_char *) json_string_value(v);
    value.len = json_string_length(v);

    rc = ws_param_value(pool, param, &value, &what);

    if (rc == NGX_DECLINED) {
        return ws_param_decline(pool, detail, "\"default\": %.*s",
                                (int) what.len, what.data);
    }

    return rc;
}


static ngx_int_t
ws_param_check_options(ngx_pool_t *pool, json_t *param, const char *type,
    ngx_str_t *detail)
{
    size_t      i, n;
    json_t     *options, *probe;
    ngx_int_t   rc;
    ngx_str_t   what;

    options = json_object_get(param, "options");

    if (options == NULL) {
        return NGX_OK;
    }

    n = json_array_size(options);

    if (n == 0 || n > WS_PARAM_OPTIONS_MAX) {
        return ws_param_decline(pool, detail, "\"options\" is an array of 1 "
                                "to %d options", WS_PARAM_OPTIONS_MAX);
    }

    /* each value has to pass all that the options themselves do not say */

    probe = json_copy(param);
    if (probe == NULL) {
        return NGX_ERROR;
    }

    (void) json_object_del(probe, "options");

    if (ngx_strcmp(type, "list(string)") == 0) {
        (void) json_object_del(probe, "type");
    }

    rc = NGX_OK;

    for (i = 0; rc == NGX_OK && i < n; i++) {
        rc = ws_param_check_option(pool, probe, options, i, &what);
    }

    json_decref(probe);

    if (rc == NGX_DECLINED) {
        return ws_param_decline(pool, detail, "option %d: %.*s", (int) i,
                                (int) what.len, what.data);
    }

    return rc;
}


static ngx_int_t
ws_param_check_option(ngx_pool_t *pool, json_t *probe, json_t *options,
    size_t n, ngx_str_t *detail)
{
    size_t      i;
    json_t     *option, *v;
    ngx_int_t   rc;
    ngx_str_t   value;

    option = json_array_get(options, n);

    if (json_is_string(option)) {
        option = json_pack("{s:O, s:O}", "name", option, "value", option);

        if (option == NULL || json_array_set_new(options, n, option) != 0) {
            return NGX_ERROR;
        }
    }

    if (!json_is_object(option)
        || !json_is_string(json_object_get(option, "name")))
    {
        return ws_param_decline(pool, detail, "an object with \"name\" and "
                                "\"value\" is expected");
    }

    rc = ws_param_check_fields(pool, option, ws_param_option_fields, detail);
    if (rc != NGX_OK) {
        return rc;
    }

    rc = ws_param_stringify(option, "value");

    if (rc == NGX_DECLINED) {
        return ws_param_decline(pool, detail, "\"value\" is a string");
    }

    if (rc != NGX_OK) {
        return rc;
    }

    v = json_object_get(option, "value");

    for (i = 0; i < n; i++) {
        if (json_equal(json_object_get(json_array_get(options, i), "value"),
                       v))
        {
            return ws_param_decline(pool, detail, "the same value twice");
        }
    }

    value.data = (u_char *) json_string_value(v);
    value.len = json_string_length(v);

    return ws_param_value(pool, probe, &value, detail);
}


/* the string for object[key], whichever of JSON's types it has */

static ngx_int_t
ws_param_stringify(json_t *object, const char *key)
{
    char    *text;
    json_t  *v, *string;

    v = json_object_get(object, key);

    if (json_is_string(v)) {
        return NGX_OK;
    }

    if (!json_is_number(v) && !json_is_boolean(v) && !json_is_array(v)) {
        return NGX_DECLINED;
    }

    text = json_dumps(v, JSON_ENCODE_ANY|JSON_COMPACT|JSON_REAL_PRECISION(15));
    if (text == NULL) {
        return NGX_ERROR;
    }

    string = json_string(text);
    free(text);

    return json_object_set_new(object, key, string) == 0 ? NGX_OK : NGX_ERROR;
}
