/*
 * The names of workspaces, users, organizations and templates (contract:
 * Times, names, booleans): compared without case, shown as given.
 */


#ifndef _WS_NAME_H_INCLUDED_
#define _WS_NAME_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define WS_NAME_MAX  32

/* the rule in words, for validations */
#define WS_NAME_RULE \
    "must be 1 to 32 letters and digits, with single hyphens between them"


/*
 * Whether name is 1 .. WS_NAME_MAX bytes of [A-Za-z0-9]+(-[A-Za-z0-9]+)*.
 * Returns NGX_OK or NGX_DECLINED.
 */
ngx_int_t ws_name_valid(ngx_str_t *name);


#endif /* _WS_NAME_H_INCLUDED_ */
