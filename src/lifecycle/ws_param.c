
/*
 * The values of a build's parameters: where each comes from, and whether it
 * is one that the template version allows.  What a version may declare is
 * in ws_param_check.c.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <regex.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "ws_param.h"


static ngx_int_t ws_param_given_check(ngx_pool_t *pool, json_t *declared,
    json_t *given, ngx_str_t *name, ngx_str_t *detail);
static ngx_int_t ws_param_one(ngx_pool_t *pool, json_t *param, json_t *given,
    json_t *previous, json_t **value, ngx_str_t *detail);
static ngx_int_t ws_param_number(ngx_pool_t *pool, json_t *param,
    ngx_str_t *value, ngx_str_t *detail);
static ngx_int_t ws_param_list(ngx_pool_t *pool, json_t *param,
    ngx_str_t *value, ngx_str_t *detail);
static ngx_int_t ws_param_match(ngx_pool_t *pool, json_t *param,
    ngx_str_t *value, ngx_str_t *detail);
static ngx_uint_t ws_param_is_option(json_t *options, ngx_str_t *value);
static json_t *ws_param_find(json_t *array, const char *name);
static ngx_int_t ws_param_append(json_t *values, const char *name,
    json_t *value);
static ngx_int_t ws_param_copy(ngx_pool_t *pool, ngx_str_t *dst,
    const char *src);
static ngx_str_t ws_param_text(json_t *string);


ngx_int_t
ws_param_resolve(ngx_pool_t *pool, json_t *declared, json_t *given,
    json_t *previous, json_t **values, ngx_str_t *name, ngx_str_t *detail)
{
    size_t       i;
    json_t      *param, *result, *value;
    ngx_int_t    rc;
    const char  *key;

    if (!json_is_array(declared)) {
        return NGX_ERROR;
    }

    if (json_is_null(given)) {
        given = NULL;
    }

    rc = ws_param_given_check(pool, declared, given, name, detail);
    if (rc != NGX_OK) {
        return rc;
    }

    result = json_array();
    if (result == NULL) {
        return NGX_ERROR;
    }

    json_array_foreach(declared, i, param) {
        key = json_string_value(json_object_get(param, "name"));

        if (key == NULL) {
            json_decref(result);
            return NGX_ERROR;
        }

        value = NULL;
        rc = ws_param_one(pool, param, ws_param_find(given, key),
                          ws_param_find(previous, key), &value, detail);

        if (rc == NGX_DECLINED && ws_param_copy(pool, name, key) != NGX_OK) {
            rc = NGX_ERROR;
        }

        if (rc == NGX_OK && value
            && ws_param_append(result, key, value) != NGX_OK)
        {
            rc = NGX_ERROR;
        }

        if (rc != NGX_OK) {
            json_decref(result);
            return rc;
        }
    }

    *values = result;

    return NGX_OK;
}


/*
 * Is "given" an array of names and values, each name declared and there
 * once?
 */

static ngx_int_t
ws_param_given_check(ngx_pool_t *pool, json_t *declared, json_t *given,
    ngx_str_t *name, ngx_str_t *detail)
{
    size_t       i;
    json_t      *item;
    const char  *key, *what;

    if (given == NULL) {
        return NGX_OK;
    }

    what = NULL;

    if (!json_is_array(given)) {
        what = "an array of names and values is expected";

    } else if (json_array_size(given) > WS_PARAM_MAX) {
        what = "too many values";

    } else {
        json_array_foreach(given, i, item) {
            if (!json_is_string(json_object_get(item, "name"))
                || !json_is_string(json_object_get(item, "value")))
            {
                what = "each needs a \"name\" and a \"value\", both strings";
                break;
            }
        }
    }

    if (what) {
        ngx_str_set(name, "rich_parameter_values");
        return ws_param_decline(pool, detail, "%s", what);
    }

    json_array_foreach(given, i, item) {
        key = json_string_value(json_object_get(item, "name"));

        if (ws_param_find(declared, key) == NULL) {
            what = "the template version has no such parameter";

        } else if (ws_param_find(given, key) != item) {
            what = "given more than once";
        }

        if (what) {
            if (ws_param_copy(pool, name, key) != NGX_OK) {
                return NGX_ERROR;
            }

            return ws_param_decline(pool, detail, "%s", what);
        }
    }

    return NGX_OK;
}


/*
 * Decides one parameter's value; "given" and "previous" are its entries, or
 * NULL.  *value is borrowed, NULL when the parameter has no value.
 */

static ngx_int_t
ws_param_one(ngx_pool_t *pool, json_t *param, json_t *given,
    json_t *previous, json_t **value, ngx_str_t *detail)
{
    json_t      *g, *p;
    ngx_str_t    text;
    ngx_uint_t   string, required;
    const char  *type;

    type = json_string_value(json_object_get(param, "type"));
    string = (type == NULL || ngx_strcmp(type, "string") == 0);
    required = json_is_true(json_object_get(param, "required"));

    g = json_object_get(given, "value");
    p = json_object_get(previous, "value");

    if (!json_is_string(p)) {
        p = NULL;
    }

    if (g && json_string_length(g) == 0) {
        if (required) {
            return ws_param_decline(pool, detail, "a value is required");
        }

        if (!string) {
            g = NULL;
        }
    }

    if (g && p && !json_is_true(json_object_get(param, "mutable"))
        && !json_equal(g, p))
    {
        return ws_param_decline(pool, detail, "it cannot be changed once the "
                                "workspace exists");
    }

    *value = g ? g : p ? p : json_object_get(param, "default");

    if (*value == NULL) {
        if (required) {
            return ws_param_decline(pool, detail, "a value is required");
        }

        return NGX_OK;
    }

    text = ws_param_text(*value);

    return ws_param_value(pool, param, &text, detail);
}


ngx_int_t
ws_param_value(ngx_pool_t *pool, json_t *param, ngx_str_t *value,
    ngx_str_t *detail)
{
    json_t      *options;
    ngx_int_t    rc;
    const char  *type;

    if (value->len > WS_PARAM_VALUE_MAX) {
        return ws_param_decline(pool, detail, "longer than %d bytes",
                                WS_PARAM_VALUE_MAX);
    }

    type = json_string_value(json_object_get(param, "type"));
    options = json_object_get(param, "options");

    if (type && ngx_strcmp(type, "list(string)") == 0) {
        return ws_param_list(pool, param, value, detail);
    }

    rc = NGX_OK;

    if (type && ngx_strcmp(type, "number") == 0) {
        rc = ws_param_number(pool, param, value, detail);

    } else if (type && ngx_strcmp(type, "bool") == 0) {

        if ((value->len != 4 || ngx_memcmp(value->data, "true", 4) != 0)
            && (value->len != 5 || ngx_memcmp(value->data, "false", 5) != 0))
        {
            return ws_param_decline(pool, detail,
                                    "\"true\" or \"false\" is expected");
        }

    } else if (json_object_get(param, "regex")) {
        rc = ws_param_match(pool, param, value, detail);
    }

    if (rc == NGX_OK && json_array_size(options)
        && !ws_param_is_option(options, value))
    {
        return ws_param_decline(pool, detail, "it is not one of the options");
    }

    return rc;
}


static ngx_int_t
ws_param_number(ngx_pool_t *pool, json_t *param, ngx_str_t *value,
    ngx_str_t *detail)
{
    char         buf[65];
    double       n;
    size_t       i, digits;
    json_t      *min, *max;
    ngx_uint_t   dot;

    dot = 0;
    digits = 0;

    i = (value->len && value->data[0] == '-');

    for ( /* void */ ; i < value->len; i++) {

        if (value->data[i] >= '0' && value->data[i] <= '9') {
            digits++;

        } else if (value->data[i] == '.' && digits && !dot
                   && i + 1 < value->len)
        {
            dot = 1;

        } else {
            digits = 0;
            break;
        }
    }

    if (digits == 0 || value->len >= sizeof(buf)) {
        return ws_param_decline(pool, detail, "a decimal number is expected");
    }

    *ngx_cpymem(buf, value->data, value->len) = '\0';

    n = strtod(buf, NULL);

    min = json_object_get(param, "min");
    max = json_object_get(param, "max");

    if (min && n < json_number_value(min)) {
        return ws_param_decline(pool, detail, "less than %.15g",
                                json_number_value(min));
    }

    if (max && n > json_number_value(max)) {
        return ws_param_decline(pool, detail, "greater than %.15g",
                                json_number_value(max));
    }

    return NGX_OK;
}


static ngx_int_t
ws_param_list(ngx_pool_t *pool, json_t *param, ngx_str_t *value,
    ngx_str_t *detail)
{
    size_t         i;
    json_t        *list, *item, *options;
    ngx_str_t      text;
    const char    *what;
    json_error_t   error;

    options = json_object_get(param, "options");
    list = json_loadb((char *) value->data, value->len, 0, &error);
    what = NULL;

    if (!json_is_array(list)) {
        what = "a JSON array of strings is expected";
    }

    json_array_foreach(list, i, item) {

        if (!json_is_string(item)) {
            what = "a JSON array of strings is expected";
            break;
        }

        text = ws_param_text(item);

        if (json_array_size(options) && !ws_param_is_option(options, &text)) {
            what = "an element is not one of the options";
            break;
        }
    }

    json_decref(list);

    return what ? ws_param_decline(pool, detail, "%s", what) : NGX_OK;
}


static ngx_int_t
ws_param_match(ngx_pool_t *pool, json_t *param, ngx_str_t *value,
    ngx_str_t *detail)
{
    int          rc;
    char        *text;
    regex_t      re;
    const char  *regex;

    regex = json_string_value(json_object_get(param, "regex"));

    if (value->len > WS_PARAM_MATCHED_MAX) {
        return ws_param_decline(pool, detail, "longer than %d bytes",
                                WS_PARAM_MATCHED_MAX);
    }

    /* regexec() wants a terminating zero; values hold none themselves */

    text = ngx_pnalloc(pool, value->len + 1);
    if (text == NULL || regex == NULL) {
        return NGX_ERROR;
    }

    *ngx_cpymem(text, value->data, value->len) = '\0';

    if (regcomp(&re, regex, REG_EXTENDED|REG_NOSUB) != 0) {
        return NGX_ERROR;
    }

    rc = regexec(&re, text, 0, NULL, 0);

    regfree(&re);

    if (rc == 0) {
        return NGX_OK;
    }

    if (rc != REG_NOMATCH) {
        return NGX_ERROR;
    }

    return ws_param_decline(pool, detail, "it does not match %s", regex);
}


static ngx_uint_t
ws_param_is_option(json_t *options, ngx_str_t *value)
{
    size_t      i;
    json_t     *option;
    ngx_str_t   text;

    json_array_foreach(options, i, option) {
        text = ws_param_text(json_object_get(option, "value"));

        if (text.len == value->len
            && ngx_memcmp(text.data, value->data, text.len) == 0)
        {
            return 1;
        }
    }

    return 0;
}


/* the first object of an array whose "name" is this one; NULL array: none */

static json_t *
ws_param_find(json_t *array, const char *name)
{
    size_t       i;
    json_t      *item;
    const char  *s;

    json_array_foreach(array, i, item) {
        s = json_string_value(json_object_get(item, "name"));

        if (s && ngx_strcmp(s, name) == 0) {
            return item;
        }
    }

    return NULL;
}


static ngx_int_t
ws_param_append(json_t *values, const char *name, json_t *value)
{
    json_t  *item;

    item = json_pack("{s:s, s:O}", "name", name, "value", value);

    /* json_array_append_new() takes NULL for an error, and frees the item */

    return json_array_append_new(values, item) == 0 ? NGX_OK : NGX_ERROR;
}


ngx_int_t
ws_param_decline(ngx_pool_t *pool, ngx_str_t *detail, const char *fmt, ...)
{
    int      n;
    char    *p;
    va_list  ap;

    p = ngx_pnalloc(pool, 256);
    if (p == NULL) {
        return NGX_ERROR;
    }

    va_start(ap, fmt);
    n = vsnprintf(p, 256, fmt, ap);
    va_end(ap);

    if (n < 0) {
        return NGX_ERROR;
    }

    /* cut, but never within a UTF-8 character: the last one goes as a whole */

    if (n > 255) {
        for (n = 255; n && ((u_char) p[n - 1] & 0xc0) == 0x80; n--) {
            /* void */
        }

        n -= (n && ((u_char) p[n - 1] & 0x80));
    }

    detail->data = (u_char *) p;
    detail->len = n;

    return NGX_DECLINED;
}


static ngx_int_t
ws_param_copy(ngx_pool_t *pool, ngx_str_t *dst, const char *src)
{
    dst->len = ngx_strlen(src);
    dst->data = ngx_pnalloc(pool, dst->len + 1);

    if (dst->data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(dst->data, src, dst->len + 1);

    return NGX_OK;
}


static ngx_str_t
ws_param_text(json_t *string)
{
    ngx_str_t  text;

    text.data = (u_char *) json_string_value(string);
    text.len = json_string_length(string);

    return text;
}
