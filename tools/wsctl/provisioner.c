
/*
 * Provisioners: programs that run jobs.  Each has one token, shown once; it
 * goes when the provisioner does.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_json.h"
#include "ws_token.h"
#include "commands.h"
#include "record.h"


const ws_opt_t  ws_provisioner_create_opts[] = {
    { "tag", "NAME=VALUE", "it runs jobs that need this", 1 },
    { "org", "ORG", "only this organization's jobs (default: any)", 0 },
    { NULL, NULL, NULL, 0 }
};


static int ws_provisioner_secret(u_char *text, u_char *hash,
    ws_token_record_t *token);
static int ws_provisioner_add(ws_ctl_t *ctl, ws_provisioner_t *p,
    ws_token_record_t *token, ngx_str_t *d);
static int ws_provisioner_show_new(ws_ctl_t *ctl, ngx_str_t *text,
    ngx_str_t *d);
static int ws_provisioner_line(ws_ctl_t *ctl, ngx_pool_t *pool,
    ws_record_t *rec, void *data);
static int ws_provisioner_find(ws_ctl_t *ctl, ws_provisioner_t *p,
    ws_record_t *rec);
static int ws_provisioner_try_delete(ws_ctl_t *ctl);
static int ws_provisioner_remove_tokens(ws_ctl_t *ctl, ws_txn_t *txn,
    ngx_str_t *id);


int
ws_provisioner_create_run(ws_ctl_t *ctl)
{
    int                 rc;
    u_char              text[WS_TOKEN_LEN], hash[WS_TOKEN_HASH_LEN];
    ws_org_t            org;
    ngx_str_t           d, whole;
    ws_provisioner_t    p;
    ws_token_record_t   token;

    ngx_memzero(&p, sizeof(ws_provisioner_t));

    rc = ws_record_name_valid("a provisioner", &ctl->arg);

    if (rc == WS_EXIT_OK) {
        rc = ws_tags(ctl, &p.tags);
    }

    if (rc == WS_EXIT_OK && ws_arg(ctl, "org")) {
        rc = ws_find_org(ctl, ws_arg(ctl, "org"), &org);

        if (rc == WS_EXIT_OK) {
            p.org = org.id;
        }
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_provisioner_secret(text, hash, &token);
    }

    if (rc != WS_EXIT_OK) {
        return rc;
    }

    ws_uuid_generate(&p.id);
    p.name = ctl->arg;
    p.created_ms = ws_now_ms();

    token.provisioner = p.id;
    token.created_ms = p.created_ms;

    rc = ws_provisioner_add(ctl, &p, &token, &d);

    if (rc == WS_RECORD_TAKEN) {
        return ws_fail(WS_EXIT_FAILED, "there is a provisioner \"%s\" "
                       "already", p.name.data);
    }

    if (rc == WS_RECORD_LOST) {
        return ws_fail(WS_EXIT_FAILED, "there is such a token already");
    }

    whole.data = text;
    whole.len = WS_TOKEN_LEN;

    return rc == WS_EXIT_OK ? ws_provisioner_show_new(ctl, &whole, &d) : rc;
}


/* a token that never expires */

static int
ws_provisioner_secret(u_char *text, u_char *hash, ws_token_record_t *token)
{
    ngx_str_t   whole;
    ws_token_t  parts;

    ngx_memzero(token, sizeof(ws_token_record_t));

    whole.data = text;
    whole.len = WS_TOKEN_LEN;

    if (ws_token_generate(text) != NGX_OK
        || ws_token_parse(&whole, &parts) != NGX_OK
        || ws_token_hash(&parts.secret, hash) != NGX_OK)
    {
        return ws_fail(WS_EXIT_FAILED, "libcrypto makes no token");
    }

    token->id = parts.id;
    token->hash.data = hash;
    token->hash.len = WS_TOKEN_HASH_LEN;

    return WS_EXIT_OK;
}


static int
ws_provisioner_add(ws_ctl_t *ctl, ws_provisioner_t *p,
    ws_token_record_t *token, ngx_str_t *d)
{
    ws_txn_t   txn;
    ngx_str_t  id, key, lower, tokens;

    id = ws_uuid_str(ctl->pool, &p->id);
    key = ws_key_dir(ctl->pool, &ctl->ks, "provisioners", NULL);
    tokens = ws_key_dir(ctl->pool, &ctl->ks, "tokens", &id);
    lower = ws_lower_str(ctl->pool, &p->name);
    *d = ws_provisioner_write(ctl->pool, p);

    if (ws_txn_init(&txn, ctl->pool) != NGX_OK) {
        return ws_no_memory();
    }

    ws_txn_require_absent(&txn, key, lower);
    ws_txn_command(&txn, "HSET", key, 2, &lower, &id);
    ws_record_add(ctl, &txn, "provisioner", id, *d);

    ws_record_add(ctl, &txn, "token", token->id,
                  ws_token_record_write(ctl->pool, token));
    ws_txn_command(&txn, "SADD", tokens, 1, &token->id);

    return ws_record_commit(ctl, &txn, 1);
}


static int
ws_provisioner_show_new(ws_ctl_t *ctl, ngx_str_t *text, ngx_str_t *d)
{
    ws_json_t  w;
    ngx_str_t  out;

    ws_json_init(&w, ctl->pool, 256);

    ws_json_lit(&w, "{\"token\":");
    ws_json_string(&w, text);
    ws_json_lit(&w, ",");

    /* the document, without its first brace */

    ws_json_raw(&w, d->data + 1, d->len - 1);

    if (ws_json_str(&w, &out) != NGX_OK) {
        return ws_no_memory();
    }

    ws_out_id(ctl, text, &out);

    return WS_EXIT_OK;
}


int
ws_provisioner_list_run(ws_ctl_t *ctl)
{
    int           rc;
    ngx_str_t     key;
    ngx_uint_t    n;
    ngx_array_t  *names;

    n = 0;
    key = ws_key_dir(ctl->pool, &ctl->ks, "provisioners", NULL);

    rc = ws_record_names(ctl, &key, &names);

    if (rc == WS_EXIT_OK) {
        rc = ws_record_each(ctl, "provisioner", names, ws_provisioner_line,
                            &n);
    }

    if (rc == WS_EXIT_OK) {
        ws_out_list_end(ctl, n);
    }

    return rc;
}


static int
ws_provisioner_line(ws_ctl_t *ctl, ngx_pool_t *pool, ws_record_t *rec,
    void *data)
{
    ngx_str_t          org;
    ngx_uint_t        *n = data;
    ws_provisioner_t   p;

    if (ws_provisioner_read(pool, &rec->d, &p) != NGX_OK) {
        return ws_record_broken(&rec->key);
    }

    ws_out_list_item(ctl, (*n)++);

    if (ctl->json) {
        ws_out_json(&rec->d);
        return WS_EXIT_OK;
    }

    ngx_str_set(&org, "-");

    if (!ws_uuid_is_nil(&p.org)) {
        org = ws_uuid_str(pool, &p.org);
    }

    ws_out_text(&rec->id);
    putchar('\t');
    ws_out_text(&p.name);
    putchar('\t');
    ws_out_text(&org);
    putchar('\t');
    ws_out_time(p.created_ms);
    putchar('\t');
    ws_out_line(&p.tags);

    return WS_EXIT_OK;
}


int
ws_provisioner_delete_run(ws_ctl_t *ctl)
{
    int         rc;
    ngx_uint_t  tries;

    for (tries = 0; tries < WS_CTL_TRIES; tries++) {
        rc = ws_provisioner_try_delete(ctl);

        if (rc != WS_RECORD_LOST) {
            return rc;
        }
    }

    return ws_record_give_up();
}


static int
ws_provisioner_try_delete(ws_ctl_t *ctl)
{
    int                rc;
    ws_txn_t           txn;
    ngx_str_t          key, lower;
    ws_record_t        rec;
    ws_provisioner_t   p;

    rc = ws_provisioner_find(ctl, &p, &rec);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    key = ws_key_dir(ctl->pool, &ctl->ks, "provisioners", NULL);
    lower = ws_lower_str(ctl->pool, &p.name);

    if (ws_txn_init(&txn, ctl->pool) != NGX_OK) {
        return ws_no_memory();
    }

    ws_record_remove(ctl, &txn, &rec);
    ws_txn_command(&txn, "HDEL", key, 1, &lower);

    rc = ws_provisioner_remove_tokens(ctl, &txn, &rec.id);

    return rc == WS_EXIT_OK ? ws_record_commit(ctl, &txn, 0) : rc;
}


static int
ws_provisioner_find(ws_ctl_t *ctl, ws_provisioner_t *p, ws_record_t *rec)
{
    int        rc;
    ngx_str_t  key, id;
    ws_uuid_t  uuid;

    if (ws_uuid_parse(&ctl->arg, &uuid) == NGX_OK) {
        id = ws_uuid_str(ctl->pool, &uuid);
        rc = id.data ? WS_EXIT_OK : ws_no_memory();

    } else {
        key = ws_key_dir(ctl->pool, &ctl->ks, "provisioners", NULL);
        rc = ws_record_named(ctl, &key, &ctl->arg, &id);
    }

    if (rc == WS_EXIT_OK) {
        rc = ws_record_load(ctl, "provisioner", &id, rec);
    }

    if (rc == WS_RECORD_NONE) {
        return ws_fail(WS_EXIT_FAILED, "there is no provisioner \"%s\"",
                       ctl->arg.data);
    }

    if (rc == WS_EXIT_OK && ws_provisioner_read(ctl->pool, &rec->d, p)
                            != NGX_OK)
    {
        return ws_record_broken(&rec->key);
    }

    return rc;
}


static int
ws_provisioner_remove_tokens(ws_ctl_t *ctl, ws_txn_t *txn, ngx_str_t *id)
{
    int           rc;
    ngx_str_t     key, *ids;
    ngx_uint_t    i, n;
    ws_reply_t   *reply;
    ws_record_t   rec;

    key = ws_key_dir(ctl->pool, &ctl->ks, "tokens", id);

    rc = ws_client_command(ctl, &reply, "SMEMBERS", &key, NULL);
    if (rc != WS_EXIT_OK) {
        return rc;
    }

    n = reply->n;
    ids = ngx_pcalloc(ctl->pool, (n + 1) * sizeof(ngx_str_t));

    if (ids == NULL) {
        return ws_no_memory();
    }

    for (i = 0; i < n; i++) {
        ids[i] = ws_client_copy(ctl->pool, &reply->elts[i]);

        if (ids[i].data == NULL) {
            return ws_no_memory();
        }
    }

    ws_txn_command(txn, "DEL", key, 0);

    for (i = 0; i < n; i++) {
        rc = ws_record_load(ctl, "token", &ids[i], &rec);

        if (rc == WS_EXIT_OK) {
            ws_record_remove(ctl, txn, &rec);

        } else if (rc != WS_RECORD_NONE) {
            return rc;
        }
    }

    return WS_EXIT_OK;
}
