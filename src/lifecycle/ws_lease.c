
/* The secret of the agents is made as those of tokens are. */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_key.h"
#include "ws_lease.h"
#include "ws_token.h"


ngx_int_t
ws_lease_generate(ngx_pool_t *pool, const ws_uuid_t *workspace,
    ws_lease_t *lease)
{
    u_char      token[WS_TOKEN_LEN], *p;
    ngx_str_t   text, secret;
    ws_uuid_t   id;
    ws_token_t  parts;

    text.data = token;
    text.len = WS_TOKEN_LEN;

    if (ws_token_generate(token) != NGX_OK
        || ws_token_parse(&text, &parts) != NGX_OK)
    {
        return NGX_ERROR;
    }

    secret = parts.secret;

    lease->agent_token.len = WS_UUID_LEN + 1 + secret.len;
    lease->agent_token.data = ngx_pnalloc(pool, lease->agent_token.len);
    lease->agent_hash.len = WS_TOKEN_HASH_LEN;
    lease->agent_hash.data = ngx_pnalloc(pool, WS_TOKEN_HASH_LEN);

    if (lease->agent_token.data == NULL || lease->agent_hash.data == NULL
        || ws_token_hash(&secret, lease->agent_hash.data) != NGX_OK)
    {
        return NGX_ERROR;
    }

    p = ws_uuid_format(lease->agent_token.data, workspace);
    *p++ = '-';
    ngx_memcpy(p, secret.data, secret.len);

    ws_uuid_generate(&id);
    lease->id = ws_uuid_str(pool, &id);

    return lease->id.data ? NGX_OK : NGX_ERROR;
}
