
/*
 * What the readers and writers of the directory's documents share; for the
 * files that implement ws_entity.h only.
 */


#ifndef _WS_ENTITY_READ_H_INCLUDED_
#define _WS_ENTITY_READ_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_json.h"


/*
 * Parses the object and reads the fields that all but tokens have.  *root is
 * the caller's to release.  NGX_OK, NGX_DECLINED, NGX_ERROR.
 */
ngx_int_t ws_entity_parse(ngx_str_t *d, json_t **root, ws_uuid_t *id,
    int64_t *created_ms);

/*
 * Copies a string into the pool, a zero byte after it that is not counted.
 * NGX_OK, NGX_DECLINED (no string there), NGX_ERROR.
 */
ngx_int_t ws_entity_str(ngx_pool_t *pool, json_t *root, const char *key,
    ngx_str_t *dst);

/*
 * Reads an id.  Nil stands for "none" in the structures, so it is not one.
 * NGX_OK or NGX_DECLINED.
 */
ngx_int_t ws_entity_uuid(json_t *root, const char *key, ws_uuid_t *id);

/* what was written; NULL data when any step found no memory */
ngx_str_t ws_entity_text(ws_json_t *w);


#endif /* _WS_ENTITY_READ_H_INCLUDED_ */
