
/*
 * Parameters: what a template version declares, and the values that a build
 * is given for them.
 *
 * A declaration is an array of objects with the fields
 *     name         1-64 characters, no control characters; unique
 *     description  text for people, optional
 *     type         string (the default), number, bool or list(string)
 *     default      the value when none is given; none: no default
 *     required     true: without a value there is no build; false
 *     mutable      true: later builds may change the value; false
 *     options      [{"name", "value", "description"}]: the values allowed;
 *                  for a list(string), those allowed for its elements
 *     regex        for a string: a POSIX extended regular expression that
 *                  has to match somewhere in the value (anchor with ^ and $)
 *     min, max     for a number: the least and the greatest value
 *
 * Values are strings, whatever the type, as the API has them: a number is
 * decimal digits, perhaps with a sign and a fraction; a bool "true" or
 * "false"; a list(string) the text of a JSON array of strings.
 */


#ifndef _WS_PARAM_H_INCLUDED_
#define _WS_PARAM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>


#define WS_PARAM_MAX            128     /* parameters of a version */
#define WS_PARAM_OPTIONS_MAX    256     /* options of a parameter */
#define WS_PARAM_NAME_MAX       64
#define WS_PARAM_VALUE_MAX      8192    /* bytes */

/*
 * Operators write the patterns, users the values.  The C library's matcher
 * is linear in the value only for patterns without back-references, and its
 * memory grows with value times pattern, repetitions written out: hence all
 * three are bounded.
 */

#define WS_PARAM_REGEX_MAX      256     /* bytes of a pattern */
#define WS_PARAM_REGEX_SIZE     512     /* atoms, repetitions written out */
#define WS_PARAM_MATCHED_MAX    1024    /* bytes of a value that is matched */


/*
 * Checks a declaration, as wsctl version create --parameters takes it.  Takes
 * defaults and options' values in JSON's own types as well (4, true,
 * ["a","b"]) and turns them into strings in place, and an option that is
 * a plain string into {"name", "value"}.
 * NGX_OK, or NGX_DECLINED with a detail in the pool, or NGX_ERROR (memory).
 */
ngx_int_t ws_param_check(ngx_pool_t *pool, json_t *declared,
    ngx_str_t *detail);

/*
 * Checks one value against one checked declaration.
 * NGX_OK, or NGX_DECLINED with a detail in the pool, or NGX_ERROR (memory).
 */
ngx_int_t ws_param_value(ngx_pool_t *pool, json_t *param, ngx_str_t *value,
    ngx_str_t *detail);

/*
 * Checks the values of a request against the declaration, and completes
 * them: "given" ([{"name","value"}], or NULL) first, then "previous" (the
 * values of the build before, or NULL for a first build), then the default.
 * A value that is immutable must equal the previous one.  An empty value
 * counts as not given for every type but string.  A parameter that is not
 * required and has neither value nor default is left out.
 *
 * NGX_OK with *values, a new reference to [{"name","value"}] in the order of
 * the declaration; NGX_DECLINED with the name and what is wrong, for
 * "validations" (the name is "rich_parameter_values" when "given" is not
 * such an array); NGX_ERROR, no memory or a declaration never checked.
 */
ngx_int_t ws_param_resolve(ngx_pool_t *pool, json_t *declared, json_t *given,
    json_t *previous, json_t **values, ngx_str_t *name, ngx_str_t *detail);

/*
 * Checks the "regex" of a declaration, if it has one, against its type and
 * the bounds above.
 * NGX_OK, or NGX_DECLINED with a detail in the pool, or NGX_ERROR (memory).
 */
ngx_int_t ws_param_check_regex(ngx_pool_t *pool, json_t *param,
    const char *type, ngx_str_t *detail);

/*
 * The text of a detail, printf-like, cut at 255 bytes; allocated from the
 * pool.  Always NGX_DECLINED, or NGX_ERROR without memory.
 */
ngx_int_t ws_param_decline(ngx_pool_t *pool, ngx_str_t *detail,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));


#endif /* _WS_PARAM_H_INCLUDED_ */
