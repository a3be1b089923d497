
/*
 * What the provisioner of a job is told, and nobody else: the id of its
 * lease, and the token that the agents of its build will come with.
 */


#ifndef _WS_LEASE_H_INCLUDED_
#define _WS_LEASE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_uuid.h"


typedef struct {
    ngx_str_t    id;
    ngx_str_t    agent_token;       /* <workspace>-<secret> */
    ngx_str_t    agent_hash;        /* SHA-256 of the secret, hexadecimal */
} ws_lease_t;


/*
 * A new one for a job of that workspace, in the pool.  NGX_OK; NGX_ERROR: no
 * memory or no randomness, *lease is not to be used.
 */
ngx_int_t ws_lease_generate(ngx_pool_t *pool, const ws_uuid_t *workspace,
    ws_lease_t *lease);


#endif /* _WS_LEASE_H_INCLUDED_ */
