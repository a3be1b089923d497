/*
 * The names of workspaces, users, organizations and templates (contract:
 * Names): compared without case, shown as given.
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

/*
 * Writes name->len bytes at dst: name with ASCII letters in lower case, which
 * is the form names are compared and indexed in.  dst may be name->data.
 * Any bytes are taken, also of a name that is not valid.
 */
void ws_name_lower(u_char *dst, ngx_str_t *name);


#endif /* _WS_NAME_H_INCLUDED_ */
