
/*
 * A token in a query string would end up in every access log.  It is copied
 * out first and then overwritten where it stands; all the strings that nginx
 * logs are treated, since they are different memory for different protocols.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_secret.h"
#include "ws_http.h"
#include "ws_query.h"


static ngx_int_t ws_secret_cookie(ngx_http_request_t *r, ngx_str_t *token);
static ngx_int_t ws_secret_copy(ngx_http_request_t *r, ngx_str_t *token);
static ngx_uint_t ws_secret_overwrite(ngx_pool_t *pool, u_char *p,
    u_char *end);
static ngx_uint_t ws_secret_is_name(ngx_pool_t *pool, u_char *p, u_char *end);


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
    u_char       *p, *end;
    ngx_str_t     raw;
    ngx_uint_t    i;
    ngx_str_t    *lines[3];

    if (r->args.len) {
        (void) ws_secret_overwrite(r->pool, r->args.data,
                                   r->args.data + r->args.len);
    }

    ngx_str_null(&raw);

    if (r->request_line.data == NULL && r->request_start && r->header_in) {

        /* refused within its first line: nginx logs what has come of it */

        raw.data = r->request_start;

        for (p = raw.data; p < r->header_in->last; p++) {
            if (*p == CR || *p == LF) {
                break;
            }
        }

        raw.len = p - raw.data;
    }

    lines[0] = &r->unparsed_uri;
    lines[1] = &r->request_line;
    lines[2] = &raw;

    for (i = 0; i < 3; i++) {

        if (lines[i]->len == 0) {
            continue;
        }

        end = lines[i]->data + lines[i]->len;
        p = memchr(lines[i]->data, '?', lines[i]->len);

        if (p) {
            (void) ws_secret_overwrite(r->pool, p + 1, end);
        }
    }
}


void
ws_secret_hide_line(ngx_http_request_t *r)
{
    u_char     *p, *end;
    ngx_str_t   line;

    end = r->request_line.data + r->request_line.len;
    p = ngx_strlchr(r->request_line.data, end, '?');

    if (p == NULL) {
        return;
    }

    line.len = r->request_line.len;
    line.data = ngx_pstrdup(r->pool, &r->request_line);

    if (line.data == NULL) {
        return;
    }

    if (ws_secret_overwrite(r->pool,
                            line.data + (p + 1 - r->request_line.data),
                            line.data + line.len))
    {
        r->request_line = line;
    }
}


static ngx_uint_t
ws_secret_overwrite(ngx_pool_t *pool, u_char *p, u_char *end)
{
    u_char      *eq, *next;
    ngx_uint_t   found;

    found = 0;

    while (p < end) {

        /* a request line ends in " HTTP/1.1" */

        for (next = p; next < end && *next != '&' && *next != ' '; next++) {
            /* void */
        }

        eq = ngx_strlchr(p, next, '=');

        if (eq && ws_secret_is_name(pool, p, eq)) {
            ngx_memset(eq + 1, 'x', next - eq - 1);
            found = 1;
        }

        if (next < end && *next == ' ') {
            break;
        }

        p = next + 1;
    }

    return found;
}


static ngx_uint_t
ws_secret_is_name(ngx_pool_t *pool, u_char *p, u_char *end)
{
    ngx_str_t  in, out;

    in.data = p;
    in.len = end - p;

    /* each character may be written as %XX */

    if (in.len < sizeof(WS_SECRET_NAME) - 1
        || in.len > 3 * (sizeof(WS_SECRET_NAME) - 1)
        || ws_query_unescape(pool, &in, &out) != NGX_OK)
    {
        return 0;
    }

    return out.len == sizeof(WS_SECRET_NAME) - 1
           && ngx_strncmp(out.data, WS_SECRET_NAME, out.len) == 0;
}
