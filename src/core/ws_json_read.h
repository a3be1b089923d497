/*
 * Reading plain JSON quickly: what this module writes itself, and most of
 * what it is sent.  jansson's own reader goes through the text character by
 * character and takes six times the instructions; it remains the judge of
 * everything that is not plain.
 */


#ifndef _WS_JSON_READ_H_INCLUDED_
#define _WS_JSON_READ_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>


/*
 * Returns a new reference to the value that json_loadb() would return with
 * JSON_DECODE_ANY, or NULL: no memory, or the text is not JSON, or it has
 * something that is left to json_loadb(): reals and integers of more than 18
 * digits, escapes in keys, \u beyond ASCII, keys beyond ASCII or of 64 bytes
 * and more, more than 64 levels.
 */
json_t *ws_json_read(ngx_str_t *text);


#endif /* _WS_JSON_READ_H_INCLUDED_ */
