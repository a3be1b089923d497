
/*
 * One connection to one Redis: blocking, opened by the first command, with
 * the user and the database of the URL.
 *
 * Functions return WS_EXIT_OK, or another status; the message has been
 * written then.
 */


#ifndef _WSCTL_LINK_H_INCLUDED_
#define _WSCTL_LINK_H_INCLUDED_


#include "wsctl.h"


typedef struct redisContext  ws_link_redis_t;
typedef struct ssl_st        ws_link_ssl_t;


typedef struct {
    ngx_str_t         path;         /* of a socket, or .. */
    ngx_str_t         host;         /* .. a host; followed by a zero byte */
    in_port_t         port;
    ws_link_redis_t  *redis;        /* NULL: not open */
    ws_link_ssl_t    *ssl;          /* NULL: without TLS */
    ws_reader_t      *reader;
    unsigned          sentinel:1;   /* what is there */
} ws_link_t;


/* opens the connection unless it is open */
int ws_link_open(ws_ctl_t *ctl, ws_link_t *link);

/* puts a command into the buffer of the connection, which is open */
int ws_link_send(ws_link_t *link, ngx_uint_t n, ngx_str_t *argv);

/* sends what is in the buffer, then reads the next reply, even an error */
int ws_link_receive(ws_link_t *link, ws_reply_t **reply);

void ws_link_close(ws_link_t *link);


#endif /* _WSCTL_LINK_H_INCLUDED_ */
