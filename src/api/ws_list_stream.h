
/*
 * Sending a listing that is longer than a batch of documents.
 */


#ifndef _WS_LIST_STREAM_H_INCLUDED_
#define _WS_LIST_STREAM_H_INCLUDED_


#include "ws_request.h"
#include "ws_list_docs.h"


typedef struct ws_list_stream_s  ws_list_stream_t;


/* NULL without memory */
ws_list_stream_t *ws_list_stream_create(ws_request_t *req, ngx_uint_t count);

/*
 * Sends the header and the first batch, which has been written, and owns the
 * request from then on: req->streaming.  Returns NGX_DONE.  "count" of the
 * answer comes after the workspaces, without those that were left out, so
 * that it agrees with them.
 *
 * When Redis fails from now on, the connection is closed before the answer
 * has its end: no client can take it for a whole one.
 */
ngx_int_t ws_list_stream_start(ws_list_stream_t *stream, ws_list_docs_t *docs);

/* for the handler of the documents: goes on with what has come */
void ws_list_stream_run(ws_list_stream_t *stream);


#endif /* _WS_LIST_STREAM_H_INCLUDED_ */
