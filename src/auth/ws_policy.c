
/*
 * The table of the contract, turned round: a right is the widest scope that
 * any of the subject's roles gives to an action.  Every user is a member and
 * roles only add, so "own" is where everything starts; auditor and user-admin
 * add nothing here.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_policy.h"


static ngx_uint_t ws_policy_everywhere(const ws_subject_t *s,
    ngx_uint_t action);
static ngx_uint_t ws_policy_has(const ws_uuid_t *list, ngx_uint_t n,
    const ws_uuid_t *id);


ngx_int_t
ws_policy_allows(const ws_subject_t *s, ngx_uint_t action,
    const ws_uuid_t *owner, const ws_uuid_t *org)
{
    switch (action) {

    case WS_ACTION_READ:
    case WS_ACTION_UPDATE:
    case WS_ACTION_WATCH:
        break;

    default:
        return NGX_DECLINED;
    }

    if (ws_policy_everywhere(s, action)
        || ws_policy_has(s->admin_orgs, s->nadmin_orgs, org)
        || ws_uuid_eq(&s->id, owner))
    {
        return NGX_OK;
    }

    return NGX_DECLINED;
}


ngx_int_t
ws_policy_may_create(const ws_subject_t *s, const ws_subject_t *target,
    const ws_uuid_t *org)
{
    if (ws_policy_everywhere(s, WS_ACTION_CREATE)) {
        return NGX_OK;
    }

    if (!ws_policy_belongs(target, org)) {
        return NGX_DECLINED;
    }

    if (ws_policy_has(s->admin_orgs, s->nadmin_orgs, org)
        || ws_uuid_eq(&s->id, &target->id))
    {
        return NGX_OK;
    }

    return NGX_DECLINED;
}


ngx_uint_t
ws_policy_reads_all(const ws_subject_t *s)
{
    return ws_policy_everywhere(s, WS_ACTION_READ);
}


ngx_uint_t
ws_policy_belongs(const ws_subject_t *s, const ws_uuid_t *org)
{
    return ws_policy_has(s->orgs, s->norgs, org)
           || ws_policy_has(s->admin_orgs, s->nadmin_orgs, org);
}


ngx_uint_t
ws_policy_administers(const ws_subject_t *s, const ws_uuid_t *org)
{
    return s->site_owner
           || ws_policy_has(s->admin_orgs, s->nadmin_orgs, org);
}


static ngx_uint_t
ws_policy_everywhere(const ws_subject_t *s, ngx_uint_t action)
{
    if (s->site_owner) {
        return 1;
    }

    return s->site_template_admin
           && (action == WS_ACTION_READ || action == WS_ACTION_WATCH);
}


static ngx_uint_t
ws_policy_has(const ws_uuid_t *list, ngx_uint_t n, const ws_uuid_t *id)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {
        if (ws_uuid_eq(&list[i], id)) {
            return 1;
        }
    }

    return 0;
}
