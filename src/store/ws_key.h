
/*
 * Names of Redis keys: "<prefix>{<tag>}:<kind>[:<a>[:<b>]]".
 *
 * The tag in braces is Redis Cluster's hash tag: the number of the shard for
 * all that belongs to workspaces, "dir" for the directory of users,
 * organizations, templates, template versions, provisioners and tokens.
 */


#ifndef _WS_KEY_H_INCLUDED_
#define _WS_KEY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_uuid.h"
#include "ws_tz.h"


typedef struct {
    ngx_str_t    prefix;
    ngx_uint_t   shards;            /* a power of two, 1 .. 1024 */
    ws_tz_db_t  *tz;                /* for schedules; NULL: none are set off */
    unsigned     sharded:1;         /* channels too: SPUBLISH, in a cluster */
} ws_keyspace_t;


/*
 * Each function allocates the name from the pool and returns it by value;
 * its data is NULL when there is no memory.  "a" and "b" may be NULL.  Case
 * is not folded here: names are passed in lower case.
 */
ngx_str_t ws_key(ngx_pool_t *pool, ws_keyspace_t *ks, ngx_uint_t shard,
    const char *kind, ngx_str_t *a, ngx_str_t *b);
ngx_str_t ws_key_dir(ngx_pool_t *pool, ws_keyspace_t *ks, const char *kind,
    ngx_str_t *a);

/* how changes are told of, as the layout has it: "plain" or "sharded" */
ngx_str_t ws_keyspace_pubsub(ws_keyspace_t *ks);

/* the hash, and the channel, of one workspace; the shard comes from the id */
ngx_str_t ws_key_workspace(ngx_pool_t *pool, ws_keyspace_t *ks,
    const ws_uuid_t *id);

/* the 36 characters of an id in the pool; data is NULL without memory */
ngx_str_t ws_uuid_str(ngx_pool_t *pool, const ws_uuid_t *id);

/* the lower-case copy of a name in the pool; data is NULL without memory */
ngx_str_t ws_lower_str(ngx_pool_t *pool, ngx_str_t *name);

/* decimal digits of a number in the pool; data is NULL without memory */
ngx_str_t ws_int_str(ngx_pool_t *pool, int64_t n);

/* whether both are the same bytes; those of an empty one may be NULL */
ngx_uint_t ws_str_eq(ngx_str_t *a, ngx_str_t *b);


#endif /* _WS_KEY_H_INCLUDED_ */
