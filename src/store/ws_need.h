
/*
 * What a job needs of the provisioner that runs it, and whether one meets it.
 *
 * Tags are names with values, a JSON object of strings.  A job has those of
 * its template version; a provisioner meets them when it has every one of
 * them with the same value, and may have more.  A provisioner that belongs to
 * an organization meets only jobs of that organization's workspaces.
 *
 * Neither changes during a job's life, so it is kept, beside the workspace
 * and the build, in the job's hash as the field "r": "<organization> <tags>".
 */


#ifndef _WS_NEED_H_INCLUDED_
#define _WS_NEED_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>
#include "ws_uuid.h"


#define WS_TAGS_MAX       32        /* of a job or a provisioner */
#define WS_TAG_NAME_MAX   64        /* bytes */
#define WS_TAG_VALUE_MAX  256


typedef struct {
    ws_uuid_t    org;
    ngx_str_t    tags;              /* JSON object */
} ws_need_t;


/* what a provisioner has to offer; borrowed */

typedef struct {
    ws_uuid_t    org;               /* nil: any organization's jobs */
    json_t      *tags;
} ws_offer_t;


/*
 * Whether a name and a value can be a tag: a name is [A-Za-z0-9._/-]+, a
 * value UTF-8 without control characters, both within their limits.
 * NGX_OK, or NGX_DECLINED with a constant detail.
 */
ngx_int_t ws_tag_valid(ngx_str_t *name, ngx_str_t *value,
    const char **detail);

/* the text for the field "r", in the pool; NULL data without memory */
ngx_str_t ws_need_write(ngx_pool_t *pool, const ws_uuid_t *org, json_t *tags);

/* reads it, need->tags points into it; NGX_OK or NGX_DECLINED */
ngx_int_t ws_need_parse(ngx_str_t *text, ws_need_t *need);

/* 1 when it is met, else 0 */
ngx_uint_t ws_need_met(ws_need_t *need, ws_offer_t *offer);


#endif /* _WS_NEED_H_INCLUDED_ */
