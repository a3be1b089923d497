
/* Reading builds. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_api.h"
#include "ws_respond.h"


ngx_int_t
ws_api_build_list(ws_request_t *req)
{
    return ws_respond_not_found(req);
}


ngx_int_t
ws_api_build_by_number(ws_request_t *req)
{
    return ws_respond_not_found(req);
}


ngx_int_t
ws_api_build_read(ws_request_t *req)
{
    return ws_respond_not_found(req);
}


ngx_int_t
ws_api_build_resources(ws_request_t *req)
{
    return ws_respond_not_found(req);
}


ngx_int_t
ws_api_build_parameters(ws_request_t *req)
{
    return ws_respond_not_found(req);
}
