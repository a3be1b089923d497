
/*
 * How the data is laid out (see ws_layout.h of the module): read when a
 * connection is made, written with the first organization or user.
 */


#ifndef _WSCTL_LAYOUT_H_INCLUDED_
#define _WSCTL_LAYOUT_H_INCLUDED_


#include "wsctl.h"
#include "ws_txn.h"


/*
 * Sets ctl->ks by what the store says, or, if it is new, by the options.
 * WS_EXIT_FAILED when the options say something else than the store.
 */
int ws_layout_read(ws_ctl_t *ctl);

/* what pubsub says while an import is under way */
#define WS_LAYOUT_IMPORTING  "importing"

/* writes it, with such a word; any exit status */
int ws_layout_write(ws_ctl_t *ctl, ngx_str_t pubsub);

/*
 * Adds it to a transaction if the store had none when the layout was read;
 * the transaction then fails if it has one by now.
 */
void ws_layout_add(ws_ctl_t *ctl, ws_txn_t *txn);


#endif /* _WSCTL_LAYOUT_H_INCLUDED_ */
