
/*
 * What a build left behind: resources, their agents, their apps.
 */


#ifndef _WS_RESOURCE_H_INCLUDED_
#define _WS_RESOURCE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>
#include "ws_uuid.h"


#define WS_RESOURCES_MAX  64        /* of a build */
#define WS_AGENTS_MAX     32        /* of a resource */
#define WS_APPS_MAX       64        /* of an agent */
#define WS_RESOURCES_SIZE (1024 * 1024)     /* bytes, all filled in */


/* lists inside each other: resources, their agents, the agents' apps */
#define WS_RESOURCE_DEPTH  3

typedef struct {
    ngx_pool_t   *pool;             /* for the detail */
    ws_uuid_t     owner;            /* ids are made in this one's shard */
    ws_uuid_t     job;
    const char   *transition;
    int64_t       now_ms;
    int64_t       daily_cost;       /* out: the sum over the resources */
    const char   *detail;           /* out, when declined: what is wrong,
                                       where: "[0].agents[1].name: ..." */

    ngx_uint_t    depth;            /* private: the place being looked at */
    struct {
        const char  *list;
        size_t       index;
    } at[WS_RESOURCE_DEPTH];
} ws_resource_ctx_t;


/*
 * Makes the array of the API out of what was reported: a new reference with
 * every required field, ids and times filled in where missing, unknown fields
 * left out.  "given" is borrowed; NULL gives an empty array.
 * NGX_OK, NGX_DECLINED (ctx->detail), NGX_ERROR.
 */
ngx_int_t ws_resource_complete(ws_resource_ctx_t *ctx, json_t *given,
    json_t **out);


/* whether a value is one that the API knows; 1 or 0 */
typedef enum {
    WS_KNOWN_LIFECYCLE = 0,         /* of an agent */
    WS_KNOWN_HEALTH                 /* of an app */
} ws_known_e;

ngx_uint_t ws_resource_known(ngx_uint_t what, ngx_str_t *value);


#endif /* _WS_RESOURCE_H_INCLUDED_ */
