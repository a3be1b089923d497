
/* The module's variables, see docs/directives.md. */


#ifndef _WS_VARIABLE_H_INCLUDED_
#define _WS_VARIABLE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


ngx_int_t ws_variable_add(ngx_conf_t *cf);


#endif /* _WS_VARIABLE_H_INCLUDED_ */
