
/*
 * Frames are written by the same writer as the JSON inside them, so that an
 * event is one piece of memory.
 */


#include "ws_sse.h"


static u_char *ws_sse_skip(u_char *p, u_char *last);


void
ws_sse_id(ws_json_t *w, int64_t id)
{
    ws_json_lit(w, "id: ");
    ws_json_int(w, id);
    ws_json_lit(w, "\n");
}


void
ws_sse_begin(ws_json_t *w, const char *name)
{
    ws_json_lit(w, "event: ");
    ws_json_raw(w, name, ngx_strlen(name));
    ws_json_lit(w, "\ndata: ");
}


void
ws_sse_end(ws_json_t *w)
{
    ws_json_lit(w, "\n\n");
}


void
ws_sse_retry(ws_json_t *w, ngx_uint_t ms)
{
    ws_json_lit(w, "retry: ");
    ws_json_int(w, ms);
    ws_json_lit(w, "\n\n");
}


ngx_uint_t
ws_sse_one_line(u_char *p, u_char *last)
{
    ngx_uint_t  n;

    n = 0;

    for ( /* void */ ; p < last; p++) {
        if (*p == LF || *p == CR) {
            *p = ' ';
            n++;
        }
    }

    return n;
}


ngx_int_t
ws_sse_parse_id(ngx_str_t *text, int64_t *id)
{
    size_t   i;
    int64_t  n;
    u_char   c;

    n = 0;
    *id = 0;

    /* 18 digits are no overflow; a version has far less */

    if (text->len == 0 || text->len > 18 || text->data[0] == '0') {
        return NGX_DECLINED;
    }

    for (i = 0; i < text->len; i++) {
        c = text->data[i];

        if (c < '0' || c > '9') {
            return NGX_DECLINED;
        }

        n = n * 10 + (c - '0');
    }

    *id = n;

    return NGX_OK;
}


/* Accept = #( media-range [ weight ] ), RFC 9110, section 12.5.1 */

ngx_uint_t
ws_sse_accepted(ngx_str_t *accept)
{
    size_t   len;
    u_char  *p, *last, *next, *end;

    len = sizeof(WS_SSE_TYPE) - 1;
    p = accept->data;
    last = p + accept->len;

    while (p < last) {

        next = memchr(p, ',', last - p);
        if (next == NULL) {
            next = last;
        }

        p = ws_sse_skip(p, next);

        if ((size_t) (next - p) >= len
            && ngx_strncasecmp(p, (u_char *) WS_SSE_TYPE, len) == 0)
        {
            end = ws_sse_skip(p + len, next);

            if (end == next || *end == ';') {
                return 1;
            }
        }

        p = next + 1;
    }

    return 0;
}


static u_char *
ws_sse_skip(u_char *p, u_char *last)
{
    while (p < last && (*p == ' ' || *p == '\t')) {
        p++;
    }

    return p;
}
