
/*
 * The documents of a listing, as text: fetched in batches, written one after
 * another, a comma between them, into buffers that are used again once they
 * have been sent.
 *
 * Two batches are under way at most, and none is asked for while more than
 * WS_LIST_DOCS_UNSENT bytes wait to be sent: a slow reader slows the fetching,
 * and memory does not grow with the number of documents.  Nor is one asked for
 * when so many other listings have theirs under way that they leave no room.
 *
 * A document is shown as it is when it is fetched.  One that was deleted or
 * has changed its status since its id was found, so that it does not belong to
 * the listing any more, is left out, and so is one that is broken or whose
 * template is missing (which is logged).
 */


#ifndef _WS_LIST_DOCS_H_INCLUDED_
#define _WS_LIST_DOCS_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_store.h"
#include "ws_list.h"
#include "ws_list_text.h"


#define WS_LIST_DOCS_BATCH   64         /* documents, at most */
#define WS_LIST_DOCS_FIRST   8          /* of the first of several batches */
#define WS_LIST_DOCS_BYTES   (32 * 1024)   /* of a batch, about */
#define WS_LIST_DOCS_UNSENT  (32 * 1024)


typedef struct ws_list_docs_s  ws_list_docs_t;


/*
 * The handler is called whenever a batch has been written, there may be room
 * again, or something has failed; it is never called from inside, and may end
 * the request.  Memory is the pool's, which cancels what is under way when it
 * goes; plan and subject must live as long.
 *
 * NULL without memory.
 */
ws_list_docs_t *ws_list_docs_create(ngx_pool_t *pool, ws_store_t *store,
    ws_list_plan_t *plan, const ws_subject_t *subject,
    void (*handler)(void *data), void *data);

/*
 * Where to take ids from, from now on; "all" is set when no more will be added
 * to them.  They must live as long as the documents, or until others are
 * given.
 */
void ws_list_docs_ids(ws_list_docs_t *docs, ws_list_ids_t *ids,
    ngx_uint_t all);

/*
 * Asks for the next batches as far as there is room.
 * NGX_OK, or NGX_ERROR: Redis does not take it, or no memory.
 */
ngx_int_t ws_list_docs_more(ws_list_docs_t *docs);

/* what has been written, for the caller to take out and send */
ws_list_text_t *ws_list_docs_text(ws_list_docs_t *docs);

/* 1 once every document has been written but for those left out */
ngx_uint_t ws_list_docs_done(ws_list_docs_t *docs, ngx_uint_t *left_out);

/* 1 when Redis did not answer, or there was no memory: no more will come */
ngx_uint_t ws_list_docs_failed(ws_list_docs_t *docs);

/* makes it so; the handler is not called any more */
void ws_list_docs_fail(ws_list_docs_t *docs);

/* microseconds waited for Redis */
uint64_t ws_list_docs_usec(ws_list_docs_t *docs);


#endif /* _WS_LIST_DOCS_H_INCLUDED_ */
