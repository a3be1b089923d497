
/* The logs of a build. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_api.h"
#include "ws_respond.h"


ngx_int_t
ws_api_build_logs(ws_request_t *req)
{
    return ws_respond_not_found(req);
}
