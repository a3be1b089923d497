
/* The writing half of the protocol; the reading half is ws_reply.c. */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_resp.h"
#include "ws_int.h"


static u_char *ws_resp_number(u_char *p, u_char mark, size_t n);


size_t
ws_resp_size(ngx_uint_t argc, ngx_str_t *argv)
{
    size_t      size;
    ngx_uint_t  i;

    size = WS_RESP_HEAD_MAX;

    for (i = 0; i < argc; i++) {
        size += WS_RESP_BULK_MAX + argv[i].len;
    }

    return size;
}


u_char *
ws_resp_head(u_char *p, ngx_uint_t n)
{
    return ws_resp_number(p, '*', n);
}


u_char *
ws_resp_bulk(u_char *p, ngx_uint_t argc, ngx_str_t *argv)
{
    ngx_uint_t  i;

    for (i = 0; i < argc; i++) {
        p = ws_resp_number(p, '$', argv[i].len);

        if (argv[i].len) {
            p = ngx_cpymem(p, argv[i].data, argv[i].len);
        }

        *p++ = '\r';
        *p++ = '\n';
    }

    return p;
}


static u_char *
ws_resp_number(u_char *p, u_char mark, size_t n)
{
    u_char  digits[WS_INT_LEN], *d;

    d = ws_int_digits(digits + WS_INT_LEN, n);

    *p++ = mark;
    p = ngx_cpymem(p, d, digits + WS_INT_LEN - d);
    *p++ = '\r';
    *p++ = '\n';

    return p;
}
