
/*
 * The only script that writes.  It knows nothing of workspaces: what has to
 * hold and what is to be written is decided in C and handed to it.
 *
 * KEYS: one for each guard, then one for each command.
 * ARGV: the number of guards; for each guard an operator ("=" or "!"), a
 * hash field and the value wanted; for each run of commands that differ in
 * nothing but their keys, how many there are, the number of words that follow
 * without the key, the command's name, and its other arguments.
 *
 * Lua hashes every byte of every argument: so what several commands have in
 * common is handed to it once.
 *
 * It answers 0, or the number of the first guard that failed, from 1.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <stdarg.h>
#include "ws_key.h"
#include "ws_txn.h"


static void ws_txn_push(ws_txn_t *txn, ngx_array_t *a, ngx_str_t s);
static void ws_txn_push_cstr(ws_txn_t *txn, ngx_array_t *a, const char *s);
static ngx_str_t *ws_txn_append(ngx_str_t *p, ngx_array_t *a);
static ngx_str_t *ws_txn_runs(ngx_str_t *p, ws_txn_t *txn);
static ngx_uint_t ws_txn_same(ngx_str_t *a, ngx_str_t *b, ngx_uint_t words);


ngx_str_t  ws_txn_script = ngx_string(
    "local K, A, call, unpack = KEYS, ARGV, redis.call, unpack\n"
    "local g, a = tonumber(A[1]), 2\n"
    "for k = 1, g do\n"
    "  local have = call('HGET', K[k], A[a + 1])\n"
    "  if A[a] == '=' then\n"
    "    if have ~= A[a + 2] then return k end\n"
    "  elseif have then\n"
    "    return k\n"
    "  end\n"
    "  a = a + 3\n"
    "end\n"
    "local k = g + 1\n"
    "while k <= #K do\n"
    "  local next, last = k + A[a], a + 1 + A[a + 1]\n"
    "  for i = k, next - 1 do\n"
    "    call(A[a + 2], K[i], unpack(A, a + 3, last))\n"
    "  end\n"
    "  k, a = next, last + 1\n"
    "end\n"
    "return 0\n");


ngx_int_t
ws_txn_init(ws_txn_t *txn, ngx_pool_t *pool)
{
    txn->pool = pool;
    txn->failed = 0;

    if (ngx_array_init(&txn->guard_keys, pool, 4, sizeof(ngx_str_t)) != NGX_OK
        || ngx_array_init(&txn->guard_args, pool, 8, sizeof(ngx_str_t))
           != NGX_OK
        || ngx_array_init(&txn->keys, pool, 16, sizeof(ngx_str_t)) != NGX_OK
        || ngx_array_init(&txn->args, pool, 64, sizeof(ngx_str_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    return NGX_OK;
}


void
ws_txn_require(ws_txn_t *txn, ngx_str_t key, const char *field,
    ngx_str_t value)
{
    ngx_str_t  name;

    name.data = (u_char *) field;
    name.len = ngx_strlen(field);

    ws_txn_require_field(txn, key, name, value);
}


void
ws_txn_require_field(ws_txn_t *txn, ngx_str_t key, ngx_str_t field,
    ngx_str_t value)
{
    ws_txn_push(txn, &txn->guard_keys, key);
    ws_txn_push_cstr(txn, &txn->guard_args, "=");
    ws_txn_push(txn, &txn->guard_args, field);
    ws_txn_push(txn, &txn->guard_args, value);
}


void
ws_txn_require_absent(ws_txn_t *txn, ngx_str_t key, ngx_str_t field)
{
    ws_txn_push(txn, &txn->guard_keys, key);
    ws_txn_push_cstr(txn, &txn->guard_args, "!");
    ws_txn_push(txn, &txn->guard_args, field);
    ws_txn_push_cstr(txn, &txn->guard_args, "");
}


void
ws_txn_command(ws_txn_t *txn, const char *name, ngx_str_t key, ngx_uint_t n,
    ...)
{
    va_list      ap;
    ngx_uint_t   i;

    ws_txn_push(txn, &txn->keys, key);
    ws_txn_push(txn, &txn->args, ws_int_str(txn->pool, n + 1));
    ws_txn_push_cstr(txn, &txn->args, name);

    va_start(ap, n);

    for (i = 0; i < n; i++) {
        ws_txn_push(txn, &txn->args, *va_arg(ap, ngx_str_t *));
    }

    va_end(ap);
}


void
ws_txn_hset(ws_txn_t *txn, ngx_str_t key, const char *field, ngx_str_t value)
{
    ngx_str_t  name;

    name.data = (u_char *) field;
    name.len = ngx_strlen(field);

    ws_txn_command(txn, "HSET", key, 2, &name, &value);
}


void
ws_txn_publish(ws_txn_t *txn, ws_keyspace_t *ks, ngx_str_t channel,
    ngx_str_t payload)
{
    ws_txn_command(txn, ks->sharded ? "SPUBLISH" : "PUBLISH", channel, 1,
                   &payload);
}


ngx_int_t
ws_txn_argv(ws_txn_t *txn, ngx_uint_t *argc, ngx_str_t **argv)
{
    ngx_str_t   *p, *first;
    ngx_uint_t   n;

    if (txn->failed) {
        return NGX_ERROR;
    }

    /* at most: each command is a run of its own */

    n = 2 + txn->guard_keys.nelts + 2 * txn->keys.nelts
        + txn->guard_args.nelts + txn->args.nelts;

    first = ngx_palloc(txn->pool, n * sizeof(ngx_str_t));
    if (first == NULL) {
        return NGX_ERROR;
    }

    p = first;
    *p++ = ws_int_str(txn->pool, txn->guard_keys.nelts + txn->keys.nelts);
    p = ws_txn_append(p, &txn->guard_keys);
    p = ws_txn_append(p, &txn->keys);
    *p++ = ws_int_str(txn->pool, txn->guard_keys.nelts);
    p = ws_txn_append(p, &txn->guard_args);
    p = ws_txn_runs(p, txn);

    if (p == NULL
        || first[0].data == NULL
        || first[1 + txn->guard_keys.nelts + txn->keys.nelts].data == NULL)
    {
        return NGX_ERROR;
    }

    *argc = p - first;
    *argv = first;

    return NGX_OK;
}


ngx_int_t
ws_txn_result(ws_reply_t *reply, ngx_uint_t *guard)
{
    if (reply == NULL || reply->type != WS_REPLY_INTEGER) {
        return NGX_ERROR;
    }

    if (reply->integer == 0) {
        return NGX_OK;
    }

    *guard = reply->integer - 1;

    return NGX_DECLINED;
}


static void
ws_txn_push(ws_txn_t *txn, ngx_array_t *a, ngx_str_t s)
{
    ngx_str_t  *p;

    p = ngx_array_push(a);

    if (p == NULL || (s.data == NULL && s.len)) {
        txn->failed = 1;
        return;
    }

    /* a name that found no memory came back as a null string */

    if (s.data == NULL) {
        txn->failed = 1;
    }

    *p = s;
}


static void
ws_txn_push_cstr(ws_txn_t *txn, ngx_array_t *a, const char *s)
{
    ngx_str_t  str;

    str.data = (u_char *) s;
    str.len = ngx_strlen(s);

    ws_txn_push(txn, a, str);
}


static ngx_str_t *
ws_txn_append(ngx_str_t *p, ngx_array_t *a)
{
    ngx_memcpy(p, a->elts, a->nelts * sizeof(ngx_str_t));

    return p + a->nelts;
}


/* commands follow each other in "args", each behind the number of its words */

static ngx_str_t *
ws_txn_runs(ngx_str_t *p, ws_txn_t *txn)
{
    ngx_str_t   *args, *last, *run;
    ngx_uint_t   n, words;

    args = txn->args.elts;
    last = args + txn->args.nelts;

    while (args < last) {
        run = args;
        words = 1 + ngx_atoi(run->data, run->len);
        n = 0;

        do {
            n++;
            args += words;
        } while (args < last && ws_txn_same(run, args, words));

        *p = ws_int_str(txn->pool, n);
        if (p->data == NULL) {
            return NULL;
        }

        p++;
        ngx_memcpy(p, run, words * sizeof(ngx_str_t));
        p += words;
    }

    return p;
}


/* the number of words is the first of them */

static ngx_uint_t
ws_txn_same(ngx_str_t *a, ngx_str_t *b, ngx_uint_t words)
{
    while (words--) {
        if (!ws_str_eq(a++, b++)) {
            return 0;
        }
    }

    return 1;
}
