
/*
 * One write to the store: guards on hash fields, then commands, carried out
 * as a whole by one script in Redis, or not at all.
 *
 * A transaction is built in a pool, turned into the arguments of EVALSHA and
 * sent by whoever owns a connection.  All keys of one transaction share one
 * hash tag.  While Redis Cluster moves them to another node, a script fails in
 * its middle if it brings back a key that it has emptied: so what is added to
 * a key comes before what is removed from it.
 *
 * Steps never return errors one by one: a step that found no
 * memory marks the transaction, and ws_txn_argv() fails.
 */


#ifndef _WS_TXN_H_INCLUDED_
#define _WS_TXN_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_key.h"
#include "ws_reply.h"


typedef struct {
    ngx_pool_t   *pool;
    ngx_array_t   guard_keys;       /* ngx_str_t */
    ngx_array_t   guard_args;
    ngx_array_t   keys;
    ngx_array_t   args;
    unsigned      failed:1;
} ws_txn_t;


/* the script's source, for SCRIPT LOAD, EVAL and its SHA-1 */
extern ngx_str_t  ws_txn_script;


/* NGX_OK or NGX_ERROR */
ngx_int_t ws_txn_init(ws_txn_t *txn, ngx_pool_t *pool);

/*
 * Guards, numbered from 0 in the order in which they were added: the hash
 * field must equal the value; must be absent.  Strings are not copied.
 */
void ws_txn_require(ws_txn_t *txn, ngx_str_t key, const char *field,
    ngx_str_t value);
void ws_txn_require_absent(ws_txn_t *txn, ngx_str_t key, ngx_str_t field);
void ws_txn_require_field(ws_txn_t *txn, ngx_str_t key, ngx_str_t field,
    ngx_str_t value);

/*
 * Any Redis command whose first argument is its only key, with "n" more:
 * pointers to ngx_str_t follow.
 */
void ws_txn_command(ws_txn_t *txn, const char *name, ngx_str_t key,
    ngx_uint_t n, ...);

/* the usual ones; a channel counts as a key, for Redis Cluster's sake */
void ws_txn_hset(ws_txn_t *txn, ngx_str_t key, const char *field,
    ngx_str_t value);
void ws_txn_publish(ws_txn_t *txn, ws_keyspace_t *ks, ngx_str_t channel,
    ngx_str_t payload);

/*
 * What follows the script's SHA-1 in EVALSHA: the number of keys, the keys,
 * the arguments.  Allocated from the transaction's pool.  NGX_OK, NGX_ERROR.
 */
ngx_int_t ws_txn_argv(ws_txn_t *txn, ngx_uint_t *argc, ngx_str_t **argv);

/*
 * What Redis said: NGX_OK committed; NGX_DECLINED a guard failed, nothing
 * changed, *guard is its number; NGX_ERROR no reply (the outcome is not
 * known) or an error reply.
 */
ngx_int_t ws_txn_result(ws_reply_t *reply, ngx_uint_t *guard);


#endif /* _WS_TXN_H_INCLUDED_ */
