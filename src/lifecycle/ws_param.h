
/*
 * Parameters of a template version: an array of
 *     {"name", "type": string|number|bool|list(string), "default"?,
 *      "required"?, "mutable"?, "options"?: [{"name","value"}],
 *      "regex"?, "min"?, "max"?, "description"?}
 * and the values that a build is given for them.
 */


#ifndef _WS_PARAM_H_INCLUDED_
#define _WS_PARAM_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>


/*
 * Checks a declaration, as wsctl version create --parameters takes it.
 * NGX_OK, or NGX_DECLINED with a detail in the pool.
 */
ngx_int_t ws_param_check(ngx_pool_t *pool, json_t *declared,
    ngx_str_t *detail);

/*
 * Checks the values of a request against the declaration, and completes
 * them: "given" ([{"name","value"}], or NULL) first, then "previous" (the
 * values of the build before, or NULL for a first build), then the default.
 * A value that is immutable must equal the previous one.
 * NGX_OK with *values, a new reference to [{"name","value"}] in the order of
 * the declaration; NGX_DECLINED with the name and what is wrong, for
 * "validations"; NGX_ERROR.
 */
ngx_int_t ws_param_resolve(ngx_pool_t *pool, json_t *declared, json_t *given,
    json_t *previous, json_t **values, ngx_str_t *name, ngx_str_t *detail);


#endif /* _WS_PARAM_H_INCLUDED_ */
