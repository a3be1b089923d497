
/*
 * The log of a build: a list of JSON texts, one a line, in the order in which
 * they came; the key logs:<build> in the workspace's shard, gone WS_LOG_KEPT_S
 * after the last line.  The channel of that name is told the number of the
 * last line there is, once for all that came together, and "end" by the commit
 * that ends the job: whoever follows the log reads the list.
 *
 *     id           its place in the list, from 1
 *     created_at   RFC 3339
 *     log_source   "provisioner"
 *     log_level    trace debug info warn error
 *     stage        what was going on, as the provisioner calls it
 *     output       the line, without its end
 *
 * The number of lines is kept in the job's hash as the field "n", which
 * guards what is appended.
 */


#ifndef _WS_LOG_H_INCLUDED_
#define _WS_LOG_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <jansson.h>
#include "ws_key.h"
#include "ws_txn.h"


#define WS_LOG_LINES_MAX   5000     /* of a build */
#define WS_LOG_BATCH_MAX   1000     /* at once */
#define WS_LOG_READ        64       /* read at once */
#define WS_LOG_OUTPUT_MAX  4096     /* bytes of a line, the rest is cut off */
#define WS_LOG_STAGE_MAX   128
#define WS_LOG_KEPT_S      (7 * 24 * 3600)


typedef struct {
    ngx_pool_t      *pool;
    ws_keyspace_t   *ks;
    ngx_uint_t       shard;
    ngx_str_t        build;         /* id */
    ngx_str_t        job;           /* id */
    ngx_uint_t       count;         /* lines that are there; and then */
    int64_t          after;         /* the lines follow this one, those that
                                       are there already are passed over;
                                       -1: they follow the last one */
    int64_t          now_ms;        /* for lines without a time */
} ws_log_t;


/*
 * Adds to the transaction what appends "lines", an array of {created_at?,
 * stage?, level?, output}, to the log, with a guard on the number of lines
 * there are.  What is too much for the build is left out, and the last line
 * says so.  No lines: nothing is done.
 * NGX_OK; NGX_DECLINED with a constant *detail, the transaction is of no use
 * then; NGX_ERROR (no memory).
 */
ngx_int_t ws_log_append(ws_log_t *log, ws_txn_t *txn, json_t *lines,
    const char **detail);


#endif /* _WS_LOG_H_INCLUDED_ */
