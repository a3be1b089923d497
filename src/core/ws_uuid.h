/*
 * UUIDs (RFC 9562) as sixteen bytes, and the shard an id lives in.
 *
 * The ids of workspaces, builds, jobs and agents are random (version 4)
 * except for their first WS_UUID_SHARD_BITS bits, which are those of the
 * owner's id.  So everything of one owner is in one shard, and any such id
 * tells its shard without a look-up.
 */


#ifndef _WS_UUID_H_INCLUDED_
#define _WS_UUID_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define WS_UUID_LEN         36
#define WS_UUID_SHARD_BITS  10
#define WS_UUID_SHARDS_MAX  (1 << WS_UUID_SHARD_BITS)


typedef struct {
    u_char  b[16];                  /* in the order they are printed */
} ws_uuid_t;


/*
 * Reads a UUID of exactly WS_UUID_LEN bytes, 8-4-4-4-12 hexadecimal digits of
 * either case (contract: Path values); any version and variant, the nil UUID
 * too.  Returns NGX_OK, or NGX_DECLINED for anything else: braces, "urn:",
 * missing dashes, surrounding spaces.  On NGX_DECLINED *id is undefined.
 */
ngx_int_t ws_uuid_parse(ngx_str_t *text, ws_uuid_t *id);

/*
 * Writes WS_UUID_LEN bytes in lower case at p, without a terminating zero.
 * Returns p + WS_UUID_LEN.
 */
u_char *ws_uuid_format(u_char *p, const ws_uuid_t *id);

/*
 * Makes a random UUID, version 4, RFC variant, from the kernel's random
 * source (libuuid); cannot fail.
 */
void ws_uuid_generate(ws_uuid_t *id);

/*
 * As ws_uuid_generate(), but the first WS_UUID_SHARD_BITS bits are those of
 * owner, so that both are in the same shard.  id and owner may be the same.
 */
void ws_uuid_generate_near(ws_uuid_t *id, const ws_uuid_t *owner);

/*
 * The shard of an id: its first WS_UUID_SHARD_BITS bits modulo shards, which
 * must be a power of two from 1 to WS_UUID_SHARDS_MAX.  0 <= shard < shards.
 */
ngx_uint_t ws_uuid_shard(const ws_uuid_t *id, ngx_uint_t shards);


/* 1 when both are the same id, else 0 */
static ngx_inline ngx_uint_t
ws_uuid_eq(const ws_uuid_t *a, const ws_uuid_t *b)
{
    return ngx_memcmp(a->b, b->b, sizeof(a->b)) == 0;
}


/* 1 when all bits are zero, which stands for "none", else 0 */
static ngx_inline ngx_uint_t
ws_uuid_is_nil(const ws_uuid_t *id)
{
    static const ws_uuid_t  nil;

    return ws_uuid_eq(id, &nil);
}


#endif /* _WS_UUID_H_INCLUDED_ */
