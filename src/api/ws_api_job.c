
/* Provisioners at work on a job. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_api.h"
#include "ws_respond.h"


ngx_int_t
ws_api_job_heartbeat(ws_request_t *req)
{
    return ws_respond_not_found(req);
}


ngx_int_t
ws_api_job_complete(ws_request_t *req)
{
    return ws_respond_not_found(req);
}


ngx_int_t
ws_api_job_fail(ws_request_t *req)
{
    return ws_respond_not_found(req);
}
