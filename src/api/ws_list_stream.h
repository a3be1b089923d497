
/*
 * Sending a listing that is longer than a batch of documents.
 */


#ifndef _WS_LIST_STREAM_H_INCLUDED_
#define _WS_LIST_STREAM_H_INCLUDED_


#include "ws_request.h"
#include "ws_list_docs.h"


typedef struct ws_list_stream_s  ws_list_stream_t;


/*
 * Sends the header and what has been written so far, and owns the request
 * from then on: req->streaming.  Returns NULL without memory, and when the
 * answer cannot be sent: req->rc tells what to finalize the request with.
 *
 * "count" is looked at when all documents have been written: it comes after
 * the workspaces, without those that were left out, so that both agree.
 *
 * When Redis fails from now on, the connection is closed before the answer
 * has its end: no client can take it for a whole one.
 */
ws_list_stream_t *ws_list_stream_start(ws_request_t *req,
    ws_list_docs_t *docs, ngx_uint_t *count);

/*
 * Goes on, for whoever has news: documents, more ids, a failure.  The request
 * may be gone afterwards.
 */
void ws_list_stream_run(ws_list_stream_t *stream);


#endif /* _WS_LIST_STREAM_H_INCLUDED_ */
