
/*
 * Query strings: finding and decoding a parameter, and the plain types that
 * parameters have.
 */

#ifndef _WS_QUERY_H_INCLUDED_
#define _WS_QUERY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Finds a parameter of a query string ("a=1&b=2", without the "?", as in
 * r->args).  Names are compared with case, after decoding; of a parameter
 * given twice the first one counts; a name without "=" has an empty value.
 *
 * Returns NGX_OK, with the decoded value; NGX_DECLINED when there is no such
 * parameter; NGX_ABORT when its value has a NUL or is not UTF-8; NGX_ERROR
 * when out of memory.  The value points into args where nothing had to be
 * decoded, else into the pool.
 */
ngx_int_t ws_query_arg(ngx_pool_t *pool, ngx_str_t *args, const char *name,
    ngx_str_t *value);

/*
 * Decodes one value of a query string (WHATWG URL, section 5.1): "%XX" is a
 * byte and "+" a space; a "%" that no two hexadecimal digits follow stays as
 * it is.
 *
 * Returns NGX_OK; NGX_DECLINED when the result has a NUL or is not valid
 * UTF-8 (RFC 3629: no overlong forms, no surrogates); NGX_ERROR when out of
 * memory.  "out" is "in" where nothing had to be decoded, else it is in the
 * pool.
 */
ngx_int_t ws_query_unescape(ngx_pool_t *pool, ngx_str_t *in, ngx_str_t *out);

/*
 * Whether what is from p to last, decoded as above, is the name.  Allocates
 * nothing.
 */
ngx_uint_t ws_query_name_eq(u_char *p, u_char *last, const char *name);

/*
 * Contract: Booleans in a query.  "1 t T TRUE true True" sets 1,
 * "0 f F FALSE false False" sets 0, NGX_OK; anything else, the empty string
 * included, is NGX_DECLINED and leaves *out alone.
 */
ngx_int_t ws_bool_parse(ngx_str_t *text, ngx_uint_t *out);

/*
 * Contract: List, "limit" and "offset".  Decimal digits only, up to
 * 2147483647; anything else, the empty string included, is NGX_DECLINED and
 * leaves *out alone.
 */
ngx_int_t ws_limit_parse(ngx_str_t *text, int64_t *out);

/*
 * The same up to 9007199254740991, what JavaScript has integers for: its
 * clients ask for logs before the current time in milliseconds, meaning all.
 */
ngx_int_t ws_number_parse(ngx_str_t *text, int64_t *out);


#endif /* _WS_QUERY_H_INCLUDED_ */
