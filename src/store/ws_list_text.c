
/*
 * Two or three buffers go round however long the text is.  A piece is never
 * cut: one that the buffer has no room for begins the next.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_list_text.h"


static ngx_int_t ws_list_text_buffer(ws_list_text_t *text, ngx_buf_t *b,
    size_t size);


#define ws_list_text_tag  ((ngx_buf_tag_t) &ws_list_text_init)


void
ws_list_text_init(ws_list_text_t *text, ngx_pool_t *pool)
{
    ngx_memzero(text, sizeof(ws_list_text_t));

    text->pool = pool;
    text->last = &text->out;
}


ngx_int_t
ws_list_text_begin(ws_list_text_t *text, ws_json_t *w, size_t size)
{
    ngx_buf_t    *b;
    ngx_chain_t  *cl;

    b = text->buf;

    if (b == NULL || (size_t) (b->end - b->last) < size) {

        cl = ngx_chain_get_free_buf(text->pool, &text->free);
        if (cl == NULL
            || ws_list_text_buffer(text, cl->buf, size) != NGX_OK)
        {
            return NGX_ERROR;
        }

        *text->last = cl;
        text->last = &cl->next;

        b = cl->buf;
        text->buf = b;
    }

    ngx_memzero(w, sizeof(ws_json_t));

    w->pool = text->pool;
    w->start = b->start;
    w->last = b->last;
    w->end = b->end;

    return NGX_OK;
}


static ngx_int_t
ws_list_text_buffer(ws_list_text_t *text, ngx_buf_t *b, size_t size)
{
    size_t   room;
    u_char  *start;

    start = b->start;
    room = b->end - b->start;

    if (start == NULL || room < size) {

        if (start) {
            (void) ngx_pfree(text->pool, start);
        }

        room = ngx_max(size, WS_LIST_TEXT_BUFFER);

        start = ngx_palloc(text->pool, room);
        if (start == NULL) {
            return NGX_ERROR;
        }
    }

    ngx_memzero(b, sizeof(ngx_buf_t));

    b->start = start;
    b->pos = start;
    b->last = start;
    b->end = start + room;
    b->temporary = 1;
    b->tag = ws_list_text_tag;

    return NGX_OK;
}


ngx_int_t
ws_list_text_end(ws_list_text_t *text, ws_json_t *w)
{
    ngx_buf_t  *b;

    if (w->failed) {
        return NGX_ERROR;
    }

    b = text->buf;

    text->size += (w->last - w->start) - (b->last - b->start);

    /* the writer moves when it was given too little room */

    b->start = w->start;
    b->pos = w->start;
    b->last = w->last;
    b->end = w->end;

    return NGX_OK;
}


ngx_chain_t *
ws_list_text_take(ws_list_text_t *text, off_t *size)
{
    ngx_chain_t  *out;

    out = text->out;
    *size = text->size;

    text->out = NULL;
    text->last = &text->out;
    text->buf = NULL;
    text->size = 0;

    return out;
}


void
ws_list_text_sent(ws_list_text_t *text, ngx_chain_t *out)
{
    ngx_chain_update_chains(text->pool, &text->free, &text->busy, &out,
                            ws_list_text_tag);
}


off_t
ws_list_text_unsent(ws_list_text_t *text)
{
    off_t         size;
    ngx_chain_t  *cl;

    size = 0;

    for (cl = text->busy; cl; cl = cl->next) {
        size += ngx_buf_size(cl->buf);
    }

    return size;
}
