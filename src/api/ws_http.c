
/* What of nginx' header lists differs between its versions is kept here. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_http.h"


ngx_int_t
ws_http_header(ngx_http_request_t *r, const char *name, ngx_str_t *value)
{
    size_t            len;
    ngx_uint_t        i;
    ngx_list_part_t  *part;
    ngx_table_elt_t  *h;

    len = ngx_strlen(name);
    part = &r->headers_in.headers.part;
    h = part->elts;

    for (i = 0; /* void */ ; i++) {

        if (i >= part->nelts) {
            if (part->next == NULL) {
                return NGX_DECLINED;
            }

            part = part->next;
            h = part->elts;
            i = 0;
        }

        if (h[i].key.len == len
            && ngx_memcmp(h[i].lowcase_key, name, len) == 0)
        {
            *value = h[i].value;
            return NGX_OK;
        }
    }
}


ngx_int_t
ws_http_add_header(ngx_http_request_t *r, const char *name, ngx_str_t *value)
{
    ngx_table_elt_t  *h;

    h = ngx_list_push(&r->headers_out.headers);
    if (h == NULL) {
        return NGX_ERROR;
    }

    h->hash = 1;
#if (nginx_version >= 1023000)
    h->next = NULL;
#endif
    h->key.data = (u_char *) name;
    h->key.len = ngx_strlen(name);
    h->value = *value;

    return NGX_OK;
}


void
ws_http_watch_client(ngx_http_request_t *r)
{
    ngx_event_t  *rev;

    /* a body that is still to be discarded has a handler of its own */

    if (r->discard_body) {
        return;
    }

    r->read_event_handler = ngx_http_test_reading;

    /* what was signalled until now is not signalled again */

    rev = r->connection->read;

    if (r->http_version < NGX_HTTP_VERSION_20
        && (rev->ready || rev->pending_eof))
    {
        ngx_post_event(rev, &ngx_posted_events);
    }
}
