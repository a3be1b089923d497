
/*
 * A token in a query string would end up in every access log.  It is copied
 * out first and then overwritten where it stands; all the strings that nginx
 * logs are treated, since they are different memory for different protocols.
 * Until then the error log is read over whenever nginx writes a line.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_secret.h"
#include "ws_http.h"
#include "ws_query.h"


static ngx_int_t ws_secret_cookie(ngx_http_request_t *r, ngx_str_t *token);
static ngx_int_t ws_secret_copy(ngx_http_request_t *r, ngx_str_t *token);
static void ws_secret_hide_url(ngx_str_t *text);
static u_char *ws_secret_log(ngx_http_request_t *r, ngx_http_request_t *sr,
    u_char *buf, size_t len);
static void ws_secret_overwrite(u_char *p, u_char *end);


static ngx_http_log_handler_pt  ws_secret_next_log;


ngx_int_t
ws_secret_find(ngx_http_request_t *r, ngx_str_t *token)
{
    ngx_int_t  rc;

    if (ws_secret_cookie(r, token) == NGX_OK && token->len) {
        return ws_secret_copy(r, token);
    }

    if (r->args.len) {
        rc = ws_query_arg(r->pool, &r->args, WS_SECRET_NAME, token);

        if (rc == NGX_ERROR) {
            return NGX_ERROR;
        }

        if (rc == NGX_OK && token->len) {
            return ws_secret_copy(r, token);
        }
    }

    if (ws_http_header(r, "coder-session-token", token) == NGX_OK) {
        return ws_secret_copy(r, token);
    }

    ngx_str_null(token);

    return NGX_OK;
}


static ngx_int_t
ws_secret_cookie(ngx_http_request_t *r, ngx_str_t *token)
{
    ngx_str_t  name = ngx_string(WS_SECRET_NAME);

#if (nginx_version >= 1023000)

    if (ngx_http_parse_multi_header_lines(r, r->headers_in.cookie, &name,
                                          token)
        == NULL)
    {
        return NGX_DECLINED;
    }

#else

    if (ngx_http_parse_multi_header_lines(&r->headers_in.cookies, &name, token)
        == NGX_DECLINED)
    {
        return NGX_DECLINED;
    }

#endif

    return NGX_OK;
}


/* what is found may be overwritten, or be too long to be a token */

static ngx_int_t
ws_secret_copy(ngx_http_request_t *r, ngx_str_t *token)
{
    u_char  *p;

    p = ngx_pstrdup(r->pool, token);
    if (p == NULL) {
        return NGX_ERROR;
    }

    token->data = p;

    return NGX_OK;
}


void
ws_secret_hide(ngx_http_request_t *r)
{
    u_char     *p;
    ngx_str_t   raw;

    if (r->args.len) {
        ws_secret_overwrite(r->args.data, r->args.data + r->args.len);
    }

    ws_secret_hide_url(&r->unparsed_uri);
    ws_secret_hide_url(&r->request_line);

    if (r->headers_in.referer) {
        ws_secret_hide_url(&r->headers_in.referer->value);
    }

    if (r->request_line.data == NULL && r->request_start && r->header_in) {

        /* refused within its first line: nginx logs what has come of it */

        raw.data = r->request_start;

        for (p = raw.data; p < r->header_in->last; p++) {
            if (*p == CR || *p == LF) {
                break;
            }
        }

        raw.len = p - raw.data;

        ws_secret_hide_url(&raw);
    }
}


/* of a URL, or of a line with one */

static void
ws_secret_hide_url(ngx_str_t *text)
{
    u_char  *p, *end;

    if (text->len == 0) {
        return;
    }

    end = text->data + text->len;
    p = ngx_strlchr(text->data, end, '?');

    if (p) {
        ws_secret_overwrite(p + 1, end);
    }
}


void
ws_secret_hide_errors(ngx_http_request_t *r)
{
    /* nginx sets the same one for all; another module's is left alone */

    if (ws_secret_next_log == NULL) {
        ws_secret_next_log = r->log_handler;
    }

    if (r->log_handler == ws_secret_next_log) {
        r->log_handler = ws_secret_log;
    }
}


/* request: "GET /?...", upstream: "http://127.0.0.1/?...", referrer: "..." */

static u_char *
ws_secret_log(ngx_http_request_t *r, ngx_http_request_t *sr, u_char *buf,
    size_t len)
{
    u_char  *last;

    last = ws_secret_next_log(r, sr, buf, len);

    ws_secret_overwrite(buf, last);

    return last;
}


/* a query string, or a text with URLs in it, each in quotes or alone */

static void
ws_secret_overwrite(u_char *p, u_char *end)
{
    u_char  *name, *eq, *next;

    for ( /* void */ ; p < end; p = next + 1) {

        for (next = p; next < end; next++) {
            if (*next == '&' || *next == ' ' || *next == '"') {
                break;
            }
        }

        name = ngx_strlchr(p, next, '?');
        name = name ? name + 1 : p;
        eq = ngx_strlchr(name, next, '=');

        if (eq && ws_query_name_eq(name, eq, WS_SECRET_NAME)) {
            ngx_memset(eq + 1, 'x', next - eq - 1);
        }
    }
}
