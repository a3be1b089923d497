
/*
 * Commands as Redis takes them: an array of bulk strings
 * (https://redis.io/docs/reference/protocol-spec/).
 *
 * hiredis has this too, by way of sprintf() and an allocation for each
 * command; writing it straight into place costs a sixth of a GET less.
 */


#ifndef _WS_RESP_H_INCLUDED_
#define _WS_RESP_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* "*N\r\n", at most */
#define WS_RESP_HEAD_MAX  24

/* "$N\r\n" and "\r\n" around an argument, at most */
#define WS_RESP_BULK_MAX  26


/* at most so many bytes are written for these arguments */
size_t ws_resp_size(ngx_uint_t argc, ngx_str_t *argv);

/* "*N": an array of n follows.  Returns the end of what was written. */
u_char *ws_resp_head(u_char *p, ngx_uint_t n);

/* arguments one behind the other; data may be NULL where len is 0 */
u_char *ws_resp_bulk(u_char *p, ngx_uint_t argc, ngx_str_t *argv);


#endif /* _WS_RESP_H_INCLUDED_ */
