
/*
 * Where the primary is, by Sentinel.
 */


#ifndef _WSCTL_SENTINEL_H_INCLUDED_
#define _WSCTL_SENTINEL_H_INCLUDED_


#include "wsctl.h"


/*
 * Asks the Sentinels of the URL in turn, until one names a Redis that says
 * itself that it is a primary.  WS_EXIT_OK or another, the message has been
 * written.
 */
int ws_sentinel_find(ws_ctl_t *ctl, ngx_str_t *host, in_port_t *port);


#endif /* _WSCTL_SENTINEL_H_INCLUDED_ */
