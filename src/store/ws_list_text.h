
/*
 * The text of a listing: pieces are appended to buffers, the buffers are
 * taken out to be sent, and used again once they have been.
 */


#ifndef _WS_LIST_TEXT_H_INCLUDED_
#define _WS_LIST_TEXT_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_json.h"


/* bytes of a buffer; a piece that is longer has one of its own */
#define WS_LIST_TEXT_BUFFER  (16 * 1024)


typedef struct {
    ngx_pool_t           *pool;
    ngx_chain_t          *out;          /* not yet taken */
    ngx_chain_t         **last;
    ngx_buf_t            *buf;          /* the last of out */
    ngx_chain_t          *free;
    ngx_chain_t          *busy;
    off_t                 size;         /* of out */
} ws_list_text_t;


void ws_list_text_init(ws_list_text_t *text, ngx_pool_t *pool);

/*
 * A writer for a piece of up to "size" bytes, and its end: between them
 * nothing else is done with the text.  NGX_OK or NGX_ERROR (no memory).
 */
ngx_int_t ws_list_text_begin(ws_list_text_t *text, ws_json_t *w, size_t size);
ngx_int_t ws_list_text_end(ws_list_text_t *text, ws_json_t *w);

/* takes out what has been written: NULL if nothing, else *size bytes */
ngx_chain_t *ws_list_text_take(ws_list_text_t *text, off_t *size);

/* tells that what was taken went to the output filters */
void ws_list_text_sent(ws_list_text_t *text, ngx_chain_t *out);

/* the bytes that the output filters still hold */
off_t ws_list_text_unsent(ws_list_text_t *text);


#endif /* _WS_LIST_TEXT_H_INCLUDED_ */
