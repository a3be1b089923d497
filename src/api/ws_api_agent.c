
/* Agents reporting. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_api.h"
#include "ws_respond.h"


ngx_int_t
ws_api_agent_heartbeat(ws_request_t *req)
{
    return ws_respond_not_found(req);
}


ngx_int_t
ws_api_agent_state(ws_request_t *req)
{
    return ws_respond_not_found(req);
}


ngx_int_t
ws_api_agent_disconnect(ws_request_t *req)
{
    return ws_respond_not_found(req);
}


ngx_int_t
ws_api_usage(ws_request_t *req)
{
    return ws_respond_not_found(req);
}
