
/*
 * A token leads to its record, the record to the user, or to the provisioner,
 * whose it is; all come from the directory's cache.  Whatever is wrong, the
 * answer is the same.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_auth.h"
#include "ws_layout.h"
#include "ws_name.h"
#include "ws_respond.h"
#include "ws_token.h"


static ngx_int_t ws_auth_record(ws_request_t *req, ws_token_t *token,
    ws_token_record_t **record);
static ngx_int_t ws_auth_by_provisioner(ws_request_t *req);
static ngx_int_t ws_auth_answer(ws_request_t *req, ngx_int_t rc);
static ngx_int_t ws_auth_layout(ws_request_t *req);
static ngx_int_t ws_auth_identity(ws_request_t *req);
static ngx_int_t ws_auth_user(ws_request_t *req, const ws_uuid_t *id);


ngx_int_t
ws_auth(ws_request_t *req)
{
    ngx_int_t  rc;

    if (req->user) {
        return ws_auth_layout(req);
    }

    if (req->conf->identity) {
        rc = ws_auth_identity(req);

        if (rc != NGX_DECLINED || req->identity.data) {
            goto done;
        }
    }

    rc = ws_auth_token(req);

done:

    return ws_auth_answer(req, rc);
}


static ngx_int_t
ws_auth_answer(ws_request_t *req, ngx_int_t rc)
{
    switch (rc) {

    case NGX_OK:
        return ws_auth_layout(req);

    case NGX_AGAIN:
        return rc;

    case NGX_DECLINED:
        return ws_auth_refuse(req);

    default:
        return ws_respond_unavailable(req);
    }
}


/*
 * Who is known here has been read after the layout was: if that is not known
 * all the same, it could not be read.
 */

static ngx_int_t
ws_auth_layout(ws_request_t *req)
{
    return ws_layout_agrees(req->store->layout) ? NGX_OK
                                                : ws_respond_unavailable(req);
}


ngx_int_t
ws_auth_token(ws_request_t *req)
{
    ngx_int_t           rc;
    ws_token_t          token;
    ws_token_record_t  *record;

    if (req->user) {
        return NGX_OK;
    }

    rc = ws_auth_record(req, &token, &record);

    if (rc == NGX_OK && ws_uuid_is_nil(&record->user)) {
        rc = NGX_DECLINED;
    }

    if (rc == NGX_OK) {
        rc = ws_auth_user(req, &record->user);
    }

    if (rc == NGX_OK) {
        req->token_id = token.id;
    }

    return rc;
}


ngx_int_t
ws_auth_provisioner(ws_request_t *req)
{
    if (req->provisioner) {
        return ws_auth_layout(req);
    }

    return ws_auth_answer(req, ws_auth_by_provisioner(req));
}


static ngx_int_t
ws_auth_by_provisioner(ws_request_t *req)
{
    u_char              text[WS_UUID_LEN];
    ngx_int_t           rc;
    ngx_str_t           key;
    ws_token_t          token;
    ws_token_record_t  *record;

    rc = ws_auth_record(req, &token, &record);

    if (rc != NGX_OK) {
        return rc;
    }

    if (ws_uuid_is_nil(&record->provisioner)) {
        return NGX_DECLINED;
    }

    key.data = text;
    key.len = ws_uuid_format(text, &record->provisioner) - text;

    rc = ws_request_find(req, WS_REF_PROVISIONER, WS_DIR_PROVISIONER, &key);

    if (rc == NGX_OK) {
        req->token_id = token.id;
        req->provisioner =
                  &ws_request_entry(req, WS_REF_PROVISIONER)->u.provisioner;
    }

    return rc;
}


/* the record of the request's token, whose secret was right */

static ngx_int_t
ws_auth_record(ws_request_t *req, ws_token_t *token,
    ws_token_record_t **record)
{
    ngx_int_t           rc;
    ws_token_record_t  *r;

    if (req->token.len == 0 || ws_token_parse(&req->token, token) != NGX_OK) {
        return NGX_DECLINED;
    }

    rc = ws_request_find(req, WS_REF_TOKEN, WS_DIR_TOKEN, &token->id);
    if (rc != NGX_OK) {
        return rc;
    }

    r = &ws_request_entry(req, WS_REF_TOKEN)->u.token;

    if (ws_token_verify(&token->secret, &r->hash) != NGX_OK
        || (r->expires_ms && r->expires_ms <= ws_request_now_ms(req)))
    {
        return NGX_DECLINED;
    }

    *record = r;

    return NGX_OK;
}


/* NGX_DECLINED with an empty identity: there is none, use the token */

static ngx_int_t
ws_auth_identity(ws_request_t *req)
{
    ngx_int_t   rc;
    ngx_str_t   value;

    if (req->identity.data == NULL) {

        if (ngx_http_complex_value(req->http, req->conf->identity, &value)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        if (value.len == 0) {
            return NGX_DECLINED;
        }

        req->identity = ws_lower_str(ws_request_pool(req), &value);

        if (req->identity.data == NULL) {
            return NGX_ERROR;
        }

        if (ws_name_valid(&value) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    rc = ws_request_find(req, WS_REF_USER_NAME, WS_DIR_USERNAME,
                         &req->identity);

    return rc == NGX_OK
           ? ws_auth_user(req, ws_request_entry(req, WS_REF_USER_NAME)->ids)
           : rc;
}


static ngx_int_t
ws_auth_user(ws_request_t *req, const ws_uuid_t *id)
{
    u_char      text[WS_UUID_LEN];
    ngx_int_t   rc;
    ngx_str_t   key;
    ws_user_t  *user;

    key.data = text;
    key.len = ws_uuid_format(text, id) - text;

    rc = ws_request_find(req, WS_REF_USER, WS_DIR_USER, &key);
    if (rc != NGX_OK) {
        return rc;
    }

    user = &ws_request_entry(req, WS_REF_USER)->u.user;

    if (!user->active) {
        return NGX_DECLINED;
    }

    req->user = user;

    return NGX_OK;
}


ngx_int_t
ws_auth_refuse(ws_request_t *req)
{
    return ws_respond_error(req, NGX_HTTP_UNAUTHORIZED,
                            ws_status_message(NGX_HTTP_UNAUTHORIZED),
                            "A valid session token is required.");
}
