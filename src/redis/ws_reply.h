
#ifndef _WS_REPLY_H_INCLUDED_
#define _WS_REPLY_H_INCLUDED_


/*
 * Replies of Redis as nginx values: hiredis' reader does the parsing, the
 * objects are ours and lie in an arena, so that a reply of 10,000 elements
 * costs a handful of allocations and is dropped at once.
 *
 * The reader owns no socket: it is fed bytes cut anywhere and hands out
 * complete replies.  Nothing here needs a running nginx.
 */


#include <ngx_config.h>
#include <ngx_core.h>


#define WS_REPLY_STRING    1
#define WS_REPLY_STATUS    2
#define WS_REPLY_ERROR     3
#define WS_REPLY_INTEGER   4
#define WS_REPLY_NIL       5
#define WS_REPLY_ARRAY     6

/* bytes one reply may take, in memory or not yet parsed */
#define WS_READER_LIMIT    (64 * 1024 * 1024)

/* bytes a line (status, error, integer, a length) may have */
#define WS_READER_LINE     (64 * 1024)

/* arrays inside each other; hiredis 0.14 itself stops here */
#define WS_READER_DEPTH    8


/*
 * One reply of RESP2 (https://redis.io/docs/reference/protocol-spec/).
 *
 * type     WS_REPLY_..
 * integer  INTEGER only
 * str      STRING, STATUS, ERROR: never NULL, any bytes, followed by a '\0'
 *          that is not counted; a status and an error are without the leading
 *          '+' or '-' and the line's end
 * elts, n  ARRAY: n elements one behind the other; elts may be NULL if n is 0
 *
 * Should a server speak RESP3 unasked: booleans are INTEGER 0 or 1, doubles,
 * big numbers and verbatim strings STRING, maps, sets and pushes a flat ARRAY.
 */

typedef struct ws_reply_s  ws_reply_t;

struct ws_reply_s {
    ngx_uint_t                  type;
    int64_t                     integer;
    ngx_str_t                   str;
    ngx_uint_t                  n;
    ws_reply_t                 *elts;
};


typedef struct ws_reader_s  ws_reader_t;


/*
 * Creates a reader; the small structure itself is from pool, everything else
 * is allocated apart and freed by ws_reader_destroy().  pool->log is used.
 * NULL: out of memory.
 */
ws_reader_t *ws_reader_create(ngx_pool_t *pool);

/*
 * Sets the limit, in bytes, on one reply instead of WS_READER_LIMIT.
 */
void ws_reader_limit(ws_reader_t *reader, size_t limit);

/*
 * Takes len bytes as they came from the server (they are copied).  Drain with
 * ws_reader_next() before feeding more: what is not yet parsed counts against
 * the limit.  NGX_OK, or NGX_ERROR: out of memory, over the limit, or the
 * reader failed before.
 */
ngx_int_t ws_reader_feed(ws_reader_t *reader, const u_char *data, size_t len);

/*
 * Takes out the next reply.
 *
 * NGX_OK     *reply is complete, valid until the next call with this reader
 * NGX_AGAIN  more bytes are needed
 * NGX_ERROR  not the Redis protocol, over a limit, or out of memory: final,
 *            the connection is of no use any more
 */
ngx_int_t ws_reader_next(ws_reader_t *reader, ws_reply_t **reply);

/*
 * Gives away the memory that the reply handed out last lies in: it stays valid
 * until the caller destroys the pool, whatever happens to the reader.  Never
 * NULL after NGX_OK of ws_reader_next().
 */
ngx_pool_t *ws_reader_keep(ws_reader_t *reader);

/*
 * What NGX_ERROR was about, for a log line; never NULL.  Valid until the
 * reader is reset or destroyed.  May quote one byte of the input, escaped.
 */
const char *ws_reader_error(ws_reader_t *reader);

/*
 * Forgets everything read so far, a failure included: for a new connection.
 * NGX_OK or NGX_ERROR (out of memory: a later reset may succeed).
 */
ngx_int_t ws_reader_reset(ws_reader_t *reader);

/*
 * Frees all but the structure itself; NULL is ignored.
 */
void ws_reader_destroy(ws_reader_t *reader);

/*
 * 1 when reply is an error whose first word is code ("NOSCRIPT", "LOADING"),
 * else 0; NULL as reply is no error.
 */
ngx_uint_t ws_reply_is_error(const ws_reply_t *reply, const char *code);


#endif /* _WS_REPLY_H_INCLUDED_ */
