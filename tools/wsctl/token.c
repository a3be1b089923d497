
/*
 * Tokens: shown once, when they are made; what is stored cannot be turned
 * back into one.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_json.h"
#include "ws_time.h"
#include "ws_token.h"
#include "commands.h"
#include "record.h"


#define WS_TOKEN_LIFETIME_MS  (30 * 24 * 3600 * (int64_t) 1000)


const ws_opt_t  ws_token_create_opts[] = {
    { "lifetime", "DURATION", "as 90m, 8h, 30d; or never (default 30d)", 0 },
    { NULL, NULL, NULL, 0 }
};


static int ws_token_lifetime(ws_ctl_t *ctl, int64_t *expires_ms);
static int ws_token_show_new(ws_ctl_t *ctl, ngx_str_t *text,
    ws_token_record_t *token);
static void ws_token_json(ws_json_t *w, ws_token_record_t *token);
static int ws_token_ids(ws_ctl_t *ctl, ngx_pool_t *pool, ngx_str_t *items,
    ngx_uint_t n, void *data);
static int ws_token_line(ws_ctl_t *ctl, ngx_pool_t *pool, ws_record_t *rec,
    void *data);


int
ws_token_create_run(ws_ctl_t *ctl)
{
    int                 rc;
    u_char              text[WS_TOKEN_LEN], hash[WS_TOKEN_HASH_LEN];
    ngx_str_t           whole, user_id, key, d;
    ws_txn_t            txn;
    ws_user_t           user;
    ws_token_t          parts;
    ws_token_record_t   token;

    ngx_memzero(&token, sizeof(ws_token_record_t));

    rc = ws_token_lifetime(ctl, &token.expires_ms);

    if (rc == WS_EXIT_OK) {
        rc = ws_find_user(ctl, &ctl->arg, &user, NULL);
    }

    if (rc != WS_EXIT_OK) {
        return rc;
    }

    whole.data = text;
    whole.len = WS_TOKEN_LEN;

    if (ws_token_generate(text) != NGX_OK
        || ws_token_parse(&whole, &parts) != NGX_OK
        || ws_token_hash(&parts.secret, hash) != NGX_OK)
    {
        return ws_fail(WS_EXIT_FAILED, "libcrypto makes no token");
    }

    token.id = parts.id;
    token.user = user.id;
    token.hash.data = hash;
    token.hash.len = WS_TOKEN_HASH_LEN;
    token.created_ms = ws_now_ms();

    if (token.expires_ms) {
        token.expires_ms += token.created_ms;
    }

    user_id = ws_uuid_str(ctl->pool, &user.id);
    key = ws_key_dir(ctl->pool, &ctl->ks, "tokens", &user_id);
    d = ws_token_record_write(ctl->pool, &token);

    if (ws_txn_init(&txn, ctl->pool) != NGX_OK) {
        return ws_no_memory();
    }

    ws_record_add(ctl, &txn, "token", token.id, d);
    ws_txn_command(&txn, "SADD", key, 1, &token.id);

    rc = ws_record_commit(ctl, &txn, 0);

    if (rc == WS_RECORD_LOST) {

        /* 62^10 ids: this is no accident worth a second try */

        return ws_fail(WS_EXIT_FAILED, "there is such a token already");
    }

    return rc == WS_EXIT_OK ? ws_token_show_new(ctl, &whole, &token) : rc;
}


static int
ws_token_lifetime(ws_ctl_t *ctl, int64_t *expires_ms)
{
    ngx_str_t  *value;

    *expires_ms = WS_TOKEN_LIFETIME_MS;

    value = ws_arg(ctl, "lifetime");

    if (value == NULL) {
        return WS_EXIT_OK;
    }

    if (ngx_strcmp(value->data, "never") == 0) {
        *expires_ms = 0;
        return WS_EXIT_OK;
    }

    if (ws_duration_parse(value, expires_ms) != NGX_OK || *expires_ms == 0) {
        return ws_usage(ctl, "--lifetime \"%s\": a duration such as 90m, 8h, "
                        "30d, or never, is expected", value->data);
    }

    return WS_EXIT_OK;
}


static int
ws_token_show_new(ws_ctl_t *ctl, ngx_str_t *text, ws_token_record_t *token)
{
    ws_json_t  w;
    ngx_str_t  out;

    ws_json_init(&w, ctl->pool, 256);

    ws_json_lit(&w, "{\"token\":");
    ws_json_string(&w, text);
    ws_json_lit(&w, ",");
    ws_token_json(&w, token);
    ws_json_lit(&w, "}");

    if (ws_json_str(&w, &out) != NGX_OK) {
        return ws_no_memory();
    }

    ws_out_id(ctl, text, &out);

    return WS_EXIT_OK;
}


/* all but the hash */

static void
ws_token_json(ws_json_t *w, ws_token_record_t *token)
{
    ws_json_lit(w, "\"id\":");
    ws_json_string(w, &token->id);
    ws_json_lit(w, ",\"user_id\":");
    ws_json_uuid(w, &token->user);
    ws_json_lit(w, ",\"created_at\":");
    ws_json_time(w, token->created_ms);
    ws_json_lit(w, ",\"expires_at\":");

    if (token->expires_ms) {
        ws_json_time(w, token->expires_ms);

    } else {
        ws_json_lit(w, "null");
    }
}


int
ws_token_list_run(ws_ctl_t *ctl)
{
    int          rc;
    ngx_str_t    id, key;
    ws_user_t    user;
    ngx_uint_t   n;
    ngx_array_t  ids;

    rc = ws_find_user(ctl, &ctl->arg, &user, NULL);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    if (ngx_array_init(&ids, ctl->pool, 16, sizeof(ws_named_t)) != NGX_OK) {
        return ws_no_memory();
    }

    n = 0;
    id = ws_uuid_str(ctl->pool, &user.id);
    key = ws_key_dir(ctl->pool, &ctl->ks, "tokens", &id);

    rc = ws_client_scan(ctl, "SSCAN", &key, ws_token_ids, &ids);

    if (rc == WS_EXIT_OK) {
        rc = ws_record_each(ctl, "token", &ids, ws_token_line, &n);
    }

    if (rc == WS_EXIT_OK) {
        ws_out_list_end(ctl, n);
    }

    return rc;
}


static int
ws_token_ids(ws_ctl_t *ctl, ngx_pool_t *pool, ngx_str_t *items, ngx_uint_t n,
    void *data)
{
    ngx_uint_t    i, k;
    ws_named_t   *elt;
    ngx_array_t  *ids = data;

    for (i = 0; i < n; i++) {
        elt = ids->elts;

        for (k = 0; k < ids->nelts; k++) {
            if (elt[k].id.len == items[i].len
                && ngx_memcmp(elt[k].id.data, items[i].data, items[i].len)
                   == 0)
            {
                break;
            }
        }

        if (k < ids->nelts) {
            continue;
        }

        elt = ngx_array_push(ids);
        if (elt == NULL) {
            return ws_no_memory();
        }

        elt->id.len = items[i].len;
        elt->id.data = ngx_pstrdup(ctl->pool, &items[i]);

        if (elt->id.data == NULL) {
            return ws_no_memory();
        }
    }

    return WS_EXIT_OK;
}


static int
ws_token_line(ws_ctl_t *ctl, ngx_pool_t *pool, ws_record_t *rec, void *data)
{
    ws_json_t           w;
    ngx_str_t           out;
    ngx_uint_t         *n = data;
    ws_token_record_t   token;

    if (ws_token_record_read(pool, &rec->d, &token) != NGX_OK) {
        return ws_record_broken(&rec->key);
    }

    ws_out_list_item(ctl, (*n)++);

    if (ctl->json) {
        ws_json_init(&w, pool, 256);
        ws_json_lit(&w, "{");
        ws_token_json(&w, &token);
        ws_json_lit(&w, "}");

        if (ws_json_str(&w, &out) != NGX_OK) {
            return ws_no_memory();
        }

        ws_out_json(&out);
        return WS_EXIT_OK;
    }

    ws_out_text(&token.id);
    putchar('\t');
    ws_out_time(token.created_ms);
    putchar('\t');

    if (token.expires_ms) {
        ws_out_time(token.expires_ms);

    } else {
        fputs("never", stdout);
    }

    putchar('\n');

    return WS_EXIT_OK;
}


int
ws_token_revoke_run(ws_ctl_t *ctl)
{
    int                 rc;
    size_t              i;
    u_char              c;
    ngx_str_t           id, key;
    ws_txn_t            txn;
    ngx_uint_t          tries;
    ws_record_t         rec;
    ws_token_record_t   token;

    rc = (ctl->arg.len == WS_TOKEN_ID_LEN) ? WS_EXIT_OK : WS_EXIT_FAILED;

    for (i = 0; i < ctl->arg.len; i++) {
        c = ctl->arg.data[i];

        if (!((c | 0x20) >= 'a' && (c | 0x20) <= 'z')
            && !(c >= '0' && c <= '9'))
        {
            rc = WS_EXIT_FAILED;
        }
    }

    if (rc != WS_EXIT_OK) {

        /* not repeated: it may well be a whole token */

        return ws_fail(rc, "not the id of a token: the %d characters before "
                       "the \"-\" are", WS_TOKEN_ID_LEN);
    }

    for (tries = 0; tries < WS_CTL_TRIES; tries++) {

        rc = ws_record_load(ctl, "token", &ctl->arg, &rec);

        if (rc == WS_RECORD_NONE) {
            return ws_fail(WS_EXIT_FAILED, "there is no token \"%s\"",
                           ctl->arg.data);
        }

        if (rc != WS_EXIT_OK) {
            return rc;
        }

        if (ws_token_record_read(ctl->pool, &rec.d, &token) != NGX_OK) {
            return ws_record_broken(&rec.key);
        }

        id = ws_uuid_str(ctl->pool, ws_uuid_is_nil(&token.user)
                                    ? &token.provisioner : &token.user);
        key = ws_key_dir(ctl->pool, &ctl->ks, "tokens", &id);

        if (ws_txn_init(&txn, ctl->pool) != NGX_OK) {
            return ws_no_memory();
        }

        ws_record_remove(ctl, &txn, &rec);
        ws_txn_command(&txn, "SREM", key, 1, &ctl->arg);

        rc = ws_record_commit(ctl, &txn, 0);

        if (rc != WS_RECORD_LOST) {
            return rc;
        }
    }

    return ws_record_give_up();
}
