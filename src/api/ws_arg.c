
/* The same words for the same mistakes, whatever the endpoint. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_arg.h"
#include "ws_query.h"
#include "ws_respond.h"
#include "ws_time.h"


static ngx_int_t ws_arg_find(ws_request_t *req, const char *name,
    ngx_str_t *value);


ngx_int_t
ws_arg_string(ws_request_t *req, const char *name, ngx_str_t *value)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    rc = ws_arg_find(req, name, &text);
    if (rc != NGX_OK) {
        return rc;
    }

    if (text.len == 0) {
        return NGX_DECLINED;
    }

    *value = text;

    return NGX_OK;
}


ngx_int_t
ws_arg_number(ws_request_t *req, const char *name, int64_t *value)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    rc = ws_arg_string(req, name, &text);

    if (rc == NGX_OK && ws_number_parse(&text, value) != NGX_OK) {
        return ws_arg_invalid(req, name, "must be a non-negative integer");
    }

    return rc;
}


ngx_int_t
ws_arg_flag(ws_request_t *req, const char *name, ngx_uint_t *value)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    rc = ws_arg_find(req, name, &text);
    if (rc != NGX_OK) {
        return rc;
    }

    if (text.len == 0) {
        *value = 1;
        return NGX_OK;
    }

    return ws_bool_parse(&text, value) == NGX_OK
           ? NGX_OK : ws_arg_invalid(req, name, "must be a boolean");
}


ngx_int_t
ws_arg_time(ws_request_t *req, const char *name, int64_t *ms)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    rc = ws_arg_string(req, name, &text);

    if (rc == NGX_OK && ws_time_parse(&text, ms) != NGX_OK) {
        return ws_arg_invalid(req, name, "must be an RFC 3339 time");
    }

    return rc;
}


ngx_int_t
ws_arg_uuid(ws_request_t *req, const char *name, ws_uuid_t *id)
{
    ngx_int_t  rc;
    ngx_str_t  text;

    rc = ws_arg_string(req, name, &text);

    if (rc == NGX_OK && ws_uuid_parse(&text, id) != NGX_OK) {
        return ws_arg_invalid(req, name, "must be a UUID");
    }

    return rc;
}


ngx_int_t
ws_arg_invalid(ws_request_t *req, const char *name, const char *detail)
{
    return ws_respond_invalid_c(req, NGX_HTTP_BAD_REQUEST,
                                "A query parameter is not valid.", name,
                                detail);
}


static ngx_int_t
ws_arg_find(ws_request_t *req, const char *name, ngx_str_t *value)
{
    ngx_int_t  rc;

    rc = ws_query_arg(ws_request_pool(req), &req->http->args, name, value);

    return rc == NGX_ABORT
           ? ws_arg_invalid(req, name, "must be UTF-8 without zero bytes")
           : rc;
}
