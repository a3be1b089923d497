
/*
 * TLS of a link: libhiredis 0.14 has none.  Those that return text return
 * NULL when all is well, or what is wrong, valid until the next call.
 */


#ifndef _WSCTL_TLS_H_INCLUDED_
#define _WSCTL_TLS_H_INCLUDED_


#include "link.h"


/* --ssl-..: WS_EXIT_OK or WS_EXIT_USAGE */
int ws_tls_check(ws_ctl_t *ctl);

/* the handshake, over the socket of the link; verifies the other side */
const char *ws_tls_open(ws_ctl_t *ctl, ws_link_t *link);

const char *ws_tls_write(ws_link_t *link, const char *data, size_t len);

/* as read(), but 0 is an error as well, and *what then says which */
ssize_t ws_tls_read(ws_link_t *link, u_char *buf, size_t size,
    const char **what);

void ws_tls_close(ws_link_t *link);


#endif /* _WSCTL_TLS_H_INCLUDED_ */
