
/* Builds that the clock asks for: autostart, autostop. */


#ifndef _WS_CLOCK_BUILD_H_INCLUDED_
#define _WS_CLOCK_BUILD_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_dir.h"
#include "ws_due.h"
#include "ws_store.h"


/* who is needed for it; zero it, set the handler and data of both */

typedef struct {
    ws_dir_ref_t    owner;
    ws_dir_ref_t    version;
} ws_clock_build_t;


/*
 * Makes the next build of the document that is due, which is known to be so
 * (WS_DUE_AUTOSTART, WS_DUE_AUTOSTOP), for its owner.
 * NGX_OK; NGX_AGAIN: the handler will be called, then again; NGX_DECLINED: it
 * cannot be done now; NGX_ERROR.
 */
ngx_int_t ws_clock_build(ws_store_t *store, ws_workspace_t *w,
    ws_clock_build_t *build, ngx_uint_t kind, int64_t now_ms);

/*
 * When what cannot be done now is to be tried again: a start at its next
 * time by the schedule, which may be none (0), a stop after a while.
 */
int64_t ws_clock_build_next(ws_store_t *store, ws_workspace_t *w,
    ngx_uint_t kind, int64_t now_ms);

/* gives back what is held, or gives up waiting; legal at any time */
void ws_clock_build_release(ws_clock_build_t *build);


#endif /* _WS_CLOCK_BUILD_H_INCLUDED_ */
