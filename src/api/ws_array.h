
/*
 * A JSON array as an answer, read from Redis and sent batch by batch: the
 * next one is read when the client has taken the one before, so that no more
 * than a batch is in memory, however long the array and slow the client.
 *
 * What fits into the first batch is answered as everything else.  When Redis
 * fails later, the connection is closed before the answer has its end: no
 * client can take it for a whole one.
 */


#ifndef _WS_ARRAY_H_INCLUDED_
#define _WS_ARRAY_H_INCLUDED_


#include "ws_request.h"
#include "ws_stream.h"


typedef struct ws_array_s  ws_array_t;


/*
 * In the request's pool; zero it, set the first part.
 *
 * more  asks for the next batch: ws_array_item() for each, then
 *       ws_array_batch(), or else ws_array_failed(), never from inside.
 *       NGX_OK, or NGX_ERROR: Redis takes no commands, no memory
 * stop  nothing is wanted any more: cancels what more has begun
 */

struct ws_array_s {
    ws_stream_t     stream;             /* must be first; private */
    ws_request_t   *req;
    ngx_int_t     (*more)(ws_array_t *array);
    void          (*stop)(ws_array_t *array);
    void           *data;

    ws_event_t     *event;              /* private from here on */
    ws_json_t       json;
    ngx_event_t     run;
    ngx_uint_t      items;
    unsigned        open:1;
    unsigned        last:1;
    unsigned        failed:1;
    unsigned        broken:1;
};


/*
 * To be returned by the handler of the request: starts with the first batch.
 * 200 and the array, or 503; the handler is not called again.
 */
ngx_int_t ws_array_start(ws_array_t *array);

/* a writer for the next item, which is written completely before the next */
ws_json_t *ws_array_item(ws_array_t *array);

/*
 * The end of a batch; "last" tells that there are no more.  The array may be
 * gone when it returns, as after ws_array_failed().
 */
void ws_array_batch(ws_array_t *array, ngx_uint_t last);

/* Redis did not answer (broken = 0), or something stored is broken (1) */
void ws_array_failed(ws_array_t *array, ngx_uint_t broken);


#endif /* _WS_ARRAY_H_INCLUDED_ */
