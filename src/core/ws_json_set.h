
/*
 * Setters for documents that this module writes: each replaces the member of
 * the object.  NGX_OK, or NGX_ERROR: no memory, or obj is no object, or what
 * ws_json_set_str() is given is not UTF-8.  Keys and C strings must be.
 */


#ifndef _WS_JSON_SET_H_INCLUDED_
#define _WS_JSON_SET_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>
#include "ws_uuid.h"


ngx_int_t ws_json_set_str(json_t *obj, const char *key, ngx_str_t *s);
ngx_int_t ws_json_set_cstr(json_t *obj, const char *key, const char *s);
ngx_int_t ws_json_set_int(json_t *obj, const char *key, int64_t n);
ngx_int_t ws_json_set_time(json_t *obj, const char *key, int64_t ms);
ngx_int_t ws_json_set_uuid(json_t *obj, const char *key, const ws_uuid_t *id);

/* takes over the reference to v, even when it fails; v may be NULL */
ngx_int_t ws_json_set(json_t *obj, const char *key, json_t *v);


#endif /* _WS_JSON_SET_H_INCLUDED_ */
