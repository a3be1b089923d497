
/*
 * nginx' own error answers (413 before the handler runs, 503 of limit_req,
 * 403 of access rules, ...) in the API's shape.  contract: Errors
 */


#ifndef _WS_ERROR_FILTER_H_INCLUDED_
#define _WS_ERROR_FILTER_H_INCLUDED_


void ws_error_filter_init(void);


#endif /* _WS_ERROR_FILTER_H_INCLUDED_ */
