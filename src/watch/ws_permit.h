/*
 * Whether somebody may still see what a stream shows of a workspace: the same
 * question as at its beginning, asked of the directory's cache again and
 * again.
 */


#ifndef _WS_PERMIT_H_INCLUDED_
#define _WS_PERMIT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_dir.h"
#include "ws_token.h"
#include "ws_uuid.h"


/* who: all that a stream has to remember */

typedef struct {
    ws_uuid_t        user;
    u_char           token[WS_TOKEN_ID_LEN];
    unsigned         has_token:1;   /* else nginx has identified the user */
} ws_watcher_id_t;


/* a question under way; zero it, set the first part */

typedef struct {
    void           (*handler)(void *data);
    void            *data;
    ngx_uint_t       action;        /* ws_action_e */

    ws_dir_ref_t     user;
    ws_dir_ref_t     token;
} ws_permit_t;


/*
 * NGX_OK        may do it with a workspace of that owner in that organization
 * NGX_DECLINED  the token is gone or expired, the user is not active, or the
 *               roles allow it no more
 * NGX_AGAIN     the handler will be called, then ask again
 * NGX_ERROR     Redis did not answer
 *
 * Afterwards, and to give up waiting, ws_permit_release().
 */
ngx_int_t ws_permit_ask(ws_permit_t *permit, ws_store_t *store,
    ws_watcher_id_t *who, const ws_uuid_t *owner, const ws_uuid_t *org);

void ws_permit_release(ws_permit_t *permit);


#endif /* _WS_PERMIT_H_INCLUDED_ */
