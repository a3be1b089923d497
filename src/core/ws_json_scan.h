
/*
 * Looking into JSON text that this module has written itself, without parsing
 * it: readers show documents by copying their bytes, and sometimes they want
 * a part of them only.
 */


#ifndef _WS_JSON_SCAN_H_INCLUDED_
#define _WS_JSON_SCAN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/*
 * Finds a member of an object.  "members" is the text of the object, with its
 * braces or without them, compact as ws_json_dump() writes it: no blanks
 * between tokens, and no escapes in the key that is looked for.
 *
 * NGX_OK: *value is the text of the value and points into members.
 * NGX_DECLINED: there is no such member, or the text is not what it should
 * be; never is a byte outside of it touched, whatever it is.
 */
ngx_int_t ws_json_scan(ngx_str_t *members, const char *key, ngx_str_t *value);

/*
 * The same for a string without escapes: *value is what is between its
 * quotes.
 */
ngx_int_t ws_json_scan_str(ngx_str_t *members, const char *key,
    ngx_str_t *value);


#endif /* _WS_JSON_SCAN_H_INCLUDED_ */
