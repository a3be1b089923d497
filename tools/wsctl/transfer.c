
/* The kinds of keys, see docs/design.md. */


#include <ngx_config.h>
#include <ngx_core.h>
#include "transfer.h"
#include "ws_due.h"


static const ws_transfer_kind_t  ws_transfer_dir[] = {
    { "orgs", "hash", WS_BY_NOTHING },
    { "users", "hash", WS_BY_NOTHING },
    { "provisioners", "hash", WS_BY_NOTHING },
    { "templates:", "hash", WS_BY_NOTHING },
    { "versions:", "hash", WS_BY_NOTHING },
    { "template-name:", "set", WS_BY_NOTHING },
    { "tokens:", "set", WS_BY_NOTHING },
    { "org:", "hash", WS_BY_NOTHING },
    { "user:", "hash", WS_BY_NOTHING },
    { "template:", "hash", WS_BY_NOTHING },
    { "version:", "hash", WS_BY_NOTHING },
    { "provisioner:", "hash", WS_BY_NOTHING },
    { "token:", "hash", WS_BY_NOTHING },
    { NULL, NULL, WS_BY_NOTHING }
};


static const ws_transfer_kind_t  ws_transfer_shards[] = {
    { "w:", "hash", WS_BY_KEY },
    { "build:", "hash", WS_BY_KEY },
    { "job:", "hash", WS_BY_KEY },
    { "alive:", "hash", WS_BY_KEY },
    { "names:", "hash", WS_BY_KEY },
    { "builds:", "zset", WS_BY_KEY },
    { "gone:", "zset", WS_BY_KEY },
    { "logs:", "list", WS_BY_KEY },
    { "queue", "zset", WS_BY_MEMBER },
    { "live:", "zset", WS_BY_END },
    { "deleted:", "zset", WS_BY_END },
    { "due", "zset", WS_BY_DUE },
    { NULL, NULL, WS_BY_NOTHING }
};


const ws_transfer_kind_t *
ws_transfer_kind(ngx_uint_t dir, ngx_str_t *name, ngx_str_t *arg)
{
    size_t                     len;
    const ws_transfer_kind_t  *k;

    for (k = dir ? ws_transfer_dir : ws_transfer_shards; k->kind; k++) {

        len = ngx_strlen(k->kind);

        if (name->len < len || ngx_memcmp(name->data, k->kind, len) != 0) {
            continue;
        }

        arg->data = name->data + len;
        arg->len = name->len - len;

        if (k->kind[len - 1] == ':' ? arg->len > 0 : arg->len == 0) {
            return k;
        }
    }

    return NULL;
}


ngx_int_t
ws_transfer_shard(ws_ctl_t *ctl, const ws_transfer_kind_t *kind,
    ngx_str_t *arg, ngx_str_t *member, ngx_uint_t *shard)
{
    ngx_str_t  text;
    ws_due_t   due;
    ws_uuid_t  id;

    switch (kind->by) {

    case WS_BY_NOTHING:
        *shard = 0;
        return NGX_OK;

    case WS_BY_DUE:
        if (ws_due_parse(member, &due) != NGX_OK) {
            return NGX_ERROR;
        }

        *shard = ws_uuid_shard(&due.workspace, ctl->ks.shards);
        return NGX_OK;

    case WS_BY_KEY:
        text = *arg;
        break;

    case WS_BY_MEMBER:
        text = *member;
        break;

    default: /* WS_BY_END */
        text = *member;

        if (text.len > WS_UUID_LEN) {
            text.data += text.len - WS_UUID_LEN;
            text.len = WS_UUID_LEN;
        }
    }

    /* behind the id there may be another one, or a name */

    if (kind->by == WS_BY_KEY && text.len > WS_UUID_LEN
        && text.data[WS_UUID_LEN] == ':')
    {
        text.len = WS_UUID_LEN;
    }

    if (ws_uuid_parse(&text, &id) != NGX_OK) {
        return NGX_ERROR;
    }

    *shard = ws_uuid_shard(&id, ctl->ks.shards);

    return NGX_OK;
}
