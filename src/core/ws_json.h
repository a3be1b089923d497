/*
 * JSON (RFC 8259), out and in.
 *
 * Out: a writer that appends to a buffer growing in a pool.  It knows nothing
 * of commas and braces: callers write those, as literals together with the
 * keys, which makes the shape of a document readable in the code.  Errors are
 * remembered rather than returned at each step; ws_json_str() tells at the
 * end.
 *
 *     ws_json_init(&w, pool, 1024);
 *     ws_json_lit(&w, "{\"name\":");
 *     ws_json_string(&w, &name);
 *     ws_json_lit(&w, "}");
 *
 *     if (ws_json_str(&w, &out) != NGX_OK) {
 *         return NGX_ERROR;
 *     }
 *
 * In: jansson, with the rules that hold for all input here in one place, and
 * getters that do not distinguish an absent value from one of another type,
 * for documents this module has written itself.
 */


#ifndef _WS_JSON_H_INCLUDED_
#define _WS_JSON_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>

#include "ws_uuid.h"


typedef struct {
    ngx_pool_t  *pool;
    u_char      *start;
    u_char      *last;              /* what is written: start .. last */
    u_char      *end;
    unsigned     failed:1;          /* no memory: later writes do nothing */
} ws_json_t;


/*
 * Starts an empty text with room for size bytes (0 is allowed) in pool, where
 * it stays.  The room doubles when it is used up.
 */
void ws_json_init(ws_json_t *w, ngx_pool_t *pool, size_t size);

/* appends len bytes as they are; data must not lie in the writer's buffer */
void ws_json_raw(ws_json_t *w, const void *data, size_t len);

/* appends a string literal as it is */
#define ws_json_lit(w, s)  ws_json_raw(w, s, sizeof(s) - 1)

/*
 * Appends s as a JSON string in quotes.  s must be valid UTF-8; its bytes are
 * copied as they are, but for '"', '\', the control characters U+0000 to
 * U+001F (as \b \f \n \r \t or \u00xx) and the line ends of JavaScript
 * (\u2028, \u2029).
 */
void ws_json_string(ws_json_t *w, ngx_str_t *s);

/* appends a decimal integer */
void ws_json_int(ws_json_t *w, int64_t n);

/* appends true or false */
void ws_json_bool(ws_json_t *w, ngx_uint_t flag);

/* appends a time in quotes as ws_time_format() writes it */
void ws_json_time(ws_json_t *w, int64_t ms);

/* appends a UUID in quotes as ws_uuid_format() writes it */
void ws_json_uuid(ws_json_t *w, const ws_uuid_t *id);

/* appends any jansson value, compact, object members in their order */
void ws_json_value(ws_json_t *w, json_t *v);

/*
 * Sets *out to what is written; it is valid until the next write and as long
 * as the pool.  Returns NGX_OK, or NGX_ERROR when any step has failed.
 */
ngx_int_t ws_json_str(ws_json_t *w, ngx_str_t *out);


/*
 * Parses text as one JSON object, spaces around it allowed; of equal keys the
 * last one counts; nesting is bounded by jansson (2048).
 *
 * Returns NGX_OK and sets *root, which the caller releases by json_decref();
 * NGX_DECLINED when text is not JSON, not an object, not UTF-8, has a zero
 * character (also as \u0000) or a number too large for int64_t or double:
 * *root is NULL then and *detail says what is wrong, a string that lives
 * forever and holds nothing of text; NGX_ERROR when out of memory, *root is
 * NULL then (jansson cannot always tell this from a syntax error).
 */
ngx_int_t ws_json_parse_object(ngx_str_t *text, json_t **root,
    ngx_str_t *detail);

/*
 * Writes any value into pool: compact, no newline at the end, object members
 * in their order.  Returns NGX_OK, or NGX_ERROR when out of memory or v is
 * NULL.
 */
ngx_int_t ws_json_dump(ngx_pool_t *pool, json_t *v, ngx_str_t *out);


/*
 * Getters.  obj may be NULL or no object: everything is absent then.
 */

/* the string, empty when absent or no string; lives as long as it is in obj */
ngx_str_t ws_json_get_str(json_t *obj, const char *key);

/* the integer, or dflt when absent or no integer */
int64_t ws_json_get_int(json_t *obj, const char *key, int64_t dflt);

/* 1 or 0, or dflt when absent or no boolean */
ngx_uint_t ws_json_get_bool(json_t *obj, const char *key, ngx_uint_t dflt);

/* NGX_OK; NGX_DECLINED, *id untouched, when absent or no UUID */
ngx_int_t ws_json_get_uuid(json_t *obj, const char *key, ws_uuid_t *id);

/* NGX_OK; NGX_DECLINED, *ms untouched, when absent or no RFC 3339 time */
ngx_int_t ws_json_get_time(json_t *obj, const char *key, int64_t *ms);


#endif /* _WS_JSON_H_INCLUDED_ */
