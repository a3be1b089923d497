
/*
 * Commands to Redis, or to a cluster, by blocking connections.
 *
 * Functions return WS_EXIT_OK; WS_EXIT_REDIS, there is no answer; and those
 * that say so WS_EXIT_FAILED, the answer was an error.  The message has been
 * written.
 */


#ifndef _WSCTL_CLIENT_H_INCLUDED_
#define _WSCTL_CLIENT_H_INCLUDED_


#include "wsctl.h"
#include "ws_txn.h"


/*
 * Connects, unless that was done, and reads how the data is laid out into
 * ctl->ks (layout.h).  The first command does so as well: this is for those
 * that have to know the shards before.
 */
int ws_client_open(ws_ctl_t *ctl);

/*
 * One command and its reply.  The name and "ngx_str_t *" arguments, the last
 * one NULL.  The reply is valid until the next one is read.
 * An error reply is WS_EXIT_FAILED.
 */
int ws_client_command(ws_ctl_t *ctl, ws_reply_t **reply, const char *name,
    ...);

/*
 * Pipelining: sends without waiting, then each reply in its turn.  Error
 * replies are returned like others.
 */
int ws_client_send(ws_ctl_t *ctl, const char *name, ...);
int ws_client_send_argv(ws_ctl_t *ctl, ngx_uint_t n, ngx_str_t *argv);
int ws_client_receive(ws_ctl_t *ctl, ws_reply_t **reply);

/* says what an error reply says; the exit status for it */
int ws_client_error(ws_reply_t *reply);

/*
 * Commands without a key (MULTI) go where the one before them went, or, after
 * this, where the key is.
 */
void ws_client_near(ws_ctl_t *ctl, ngx_str_t *key);

/*
 * Carries out a transaction.  *guard is the number of the guard that failed,
 * nothing was changed then; or -1, committed.
 * An error reply is WS_EXIT_FAILED.
 */
int ws_client_commit(ws_ctl_t *ctl, ws_txn_t *txn, ngx_int_t *guard);

/*
 * Goes through all that HSCAN, SSCAN or ZSCAN finds in a key, or SCAN with
 * a pattern.  The handler is called with each page: n strings in a pool of
 * its own, which ends with the page; it may use the connection.  A page may
 * be empty, an element may come more than once
 * (https://redis.io/commands/scan/).
 * An error reply is WS_EXIT_FAILED; what the handler returns ends the scan
 * unless it is WS_EXIT_OK.
 */
typedef int (*ws_scan_pt)(ws_ctl_t *ctl, ngx_pool_t *pool, ngx_str_t *items,
    ngx_uint_t n, void *data);

int ws_client_scan(ws_ctl_t *ctl, const char *name, ngx_str_t *what,
    ws_scan_pt handler, void *data);

/* SCAN's pattern for all keys of the deployment; NULL data without memory */
ngx_str_t ws_client_pattern(ws_ctl_t *ctl);

/* a copy of a string reply in a pool; NULL data without memory */
ngx_str_t ws_client_copy(ngx_pool_t *pool, ws_reply_t *reply);

void ws_client_close(ws_ctl_t *ctl);


#endif /* _WSCTL_CLIENT_H_INCLUDED_ */
