
/*
 * Contract: Authentication, Who may do what.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_permit.h"
#include "ws_policy.h"


static ngx_int_t ws_permit_token(ws_permit_t *permit, ws_store_t *store,
    ws_watcher_id_t *who);


ngx_int_t
ws_permit_ask(ws_permit_t *permit, ws_store_t *store, ws_watcher_id_t *who,
    const ws_uuid_t *owner, const ws_uuid_t *org)
{
    u_char      text[WS_UUID_LEN];
    ngx_int_t   rc;
    ngx_str_t   key;
    ws_user_t  *user;

    rc = ws_permit_token(permit, store, who);
    if (rc != NGX_OK) {
        return rc;
    }

    key.data = text;
    key.len = ws_uuid_format(text, &who->user) - text;

    permit->user.handler = permit->handler;
    permit->user.data = permit->data;

    rc = ws_dir_get(store->dir, &permit->user, WS_DIR_USER, &key);
    if (rc != NGX_OK) {
        return rc;
    }

    user = &permit->user.entry->u.user;

    if (!user->active) {
        return NGX_DECLINED;
    }

    return ws_policy_allows(&user->subject, permit->action, owner, org);
}


static ngx_int_t
ws_permit_token(ws_permit_t *permit, ws_store_t *store, ws_watcher_id_t *who)
{
    ngx_int_t           rc;
    ngx_str_t           key;
    ws_token_record_t  *token;

    if (!who->has_token) {
        return NGX_OK;
    }

    key.data = who->token;
    key.len = WS_TOKEN_ID_LEN;

    permit->token.handler = permit->handler;
    permit->token.data = permit->data;

    rc = ws_dir_get(store->dir, &permit->token, WS_DIR_TOKEN, &key);
    if (rc != NGX_OK) {
        return rc;
    }

    token = &permit->token.entry->u.token;

    if (!ws_uuid_eq(&token->user, &who->user)
        || (token->expires_ms
            && token->expires_ms <= ws_store_now_ms(store)))
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


void
ws_permit_release(ws_permit_t *permit)
{
    ws_dir_unref(&permit->token);
    ws_dir_unref(&permit->user);
}
