
/*
 * Who may do what (contract: Who may do what): decisions over plain values,
 * without looking anything up.
 */

#ifndef _WS_POLICY_H_INCLUDED_
#define _WS_POLICY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_uuid.h"


typedef struct {
    ws_uuid_t     id;

    unsigned      site_owner:1;
    unsigned      site_template_admin:1;
    unsigned      site_user_admin:1;
    unsigned      site_auditor:1;

    /* organizations the user belongs to, and those the user administers */
    ws_uuid_t    *orgs;
    ngx_uint_t    norgs;
    ws_uuid_t    *admin_orgs;
    ngx_uint_t    nadmin_orgs;
} ws_subject_t;


typedef enum {
    WS_ACTION_READ = 0,
    WS_ACTION_CREATE,
    WS_ACTION_UPDATE,    /* rename, extend, schedule, TTL, builds */
    WS_ACTION_WATCH
} ws_action_e;


/*
 * May the subject do this with a workspace of that owner in that
 * organization?  NGX_OK or NGX_DECLINED.  For WS_ACTION_CREATE, where there
 * is no workspace yet, ask ws_policy_may_create(): here it is declined, and
 * so is an unknown action.
 */
ngx_int_t ws_policy_allows(const ws_subject_t *s, ngx_uint_t action,
    const ws_uuid_t *owner, const ws_uuid_t *org);

/*
 * May the subject create a workspace for the target in that organization?
 * NGX_OK or NGX_DECLINED.  The target may be the subject itself; of the
 * target only the id and the organizations matter.  A site owner creates for
 * anyone, in any organization.
 */
ngx_int_t ws_policy_may_create(const ws_subject_t *s,
    const ws_subject_t *target, const ws_uuid_t *org);

/*
 * 1 when the subject reads every workspace; otherwise 0: a listing then
 * holds its own ones and those in s->admin_orgs.
 */
ngx_uint_t ws_policy_reads_all(const ws_subject_t *s);

/*
 * 1 when the subject belongs to the organization, as one who administers it
 * does; otherwise 0.
 */
ngx_uint_t ws_policy_belongs(const ws_subject_t *s, const ws_uuid_t *org);


/*
 * 1 when the subject administers what is in the organization, as a site owner
 * or its administrator; otherwise 0.
 */
ngx_uint_t ws_policy_administers(const ws_subject_t *s, const ws_uuid_t *org);


#endif /* _WS_POLICY_H_INCLUDED_ */
