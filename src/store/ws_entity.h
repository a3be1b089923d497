
/*
 * The directory's small documents: organizations, users, templates, template
 * versions, provisioners and tokens.  Each is one hash: "v", its version,
 * from 1, and "d", a JSON object:
 *
 *     org       id name created_at
 *     user      id username email status created_at
 *               roles          [owner template-admin user-admin auditor]
 *               organizations  [{id, roles: [organization-admin]}]
 *     template  id organization_id name display_name icon default_ttl_ms
 *               allow_user_cancel_workspace_jobs deleted created_at
 *               active_version_id     null until a version is promoted
 *     version   id template_id file_id name created_at
 *               parameters     array, see ws_param.h
 *               tags           object, see ws_need.h
 *     provisioner  id name created_at
 *               organization_id  null: of all organizations
 *               tags           object, see ws_need.h
 *     token     id hash created_at
 *               user_id or provisioner_id, whose it is
 *               expires_at     null: never
 *
 * All fields are always there; times are RFC 3339; status is "active" or
 * "suspended".
 *
 * The readers take the text of "d", allocate everything from the pool, and
 * return NGX_OK, NGX_DECLINED (the text is not such a document) or NGX_ERROR
 * (no memory).  The writers return the text, with NULL data without memory.
 */


#ifndef _WS_ENTITY_H_INCLUDED_
#define _WS_ENTITY_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_uuid.h"
#include "ws_policy.h"


typedef struct {
    ws_uuid_t      id;
    ngx_str_t      name;
    int64_t        created_ms;
} ws_org_t;


typedef struct {
    ws_uuid_t      id;
    ngx_str_t      username;
    ngx_str_t      email;
    int64_t        created_ms;
    ws_subject_t   subject;         /* id, roles and memberships */
    unsigned       active:1;
} ws_user_t;


typedef struct {
    ws_uuid_t      id;
    ws_uuid_t      org;
    ws_uuid_t      active_version;  /* nil until one is promoted */
    ngx_str_t      name;
    ngx_str_t      display_name;
    ngx_str_t      icon;
    int64_t        default_ttl_ms;  /* 0: none */
    int64_t        created_ms;
    unsigned       allow_user_cancel:1;
    unsigned       deleted:1;
} ws_template_t;


typedef struct {
    ws_uuid_t      id;
    ws_uuid_t      template;
    ws_uuid_t      file;            /* the API's job.file_id */
    ngx_str_t      name;
    ngx_str_t      parameters;      /* JSON array, see ws_param.h */
    ngx_str_t      tags;            /* JSON object, see ws_need.h */
    int64_t        created_ms;
} ws_version_t;


typedef struct {
    ws_uuid_t      id;
    ws_uuid_t      org;             /* nil: of all organizations */
    ngx_str_t      name;
    ngx_str_t      tags;            /* JSON object, see ws_need.h */
    int64_t        created_ms;
} ws_provisioner_t;


typedef struct {
    ngx_str_t      id;              /* 10 characters */
    ws_uuid_t      user;            /* one of these is nil: the other ... */
    ws_uuid_t      provisioner;     /* ... may come with it */
    ngx_str_t      hash;            /* lower-case hex SHA-256 of the secret */
    int64_t        created_ms;
    int64_t        expires_ms;      /* 0: never */
} ws_token_record_t;


ngx_int_t ws_org_read(ngx_pool_t *pool, ngx_str_t *d, ws_org_t *org);
ngx_str_t ws_org_write(ngx_pool_t *pool, ws_org_t *org);

ngx_int_t ws_user_read(ngx_pool_t *pool, ngx_str_t *d, ws_user_t *user);
ngx_str_t ws_user_write(ngx_pool_t *pool, ws_user_t *user);

ngx_int_t ws_template_read(ngx_pool_t *pool, ngx_str_t *d,
    ws_template_t *template);
ngx_str_t ws_template_write(ngx_pool_t *pool, ws_template_t *template);

ngx_int_t ws_version_read(ngx_pool_t *pool, ngx_str_t *d,
    ws_version_t *version);
ngx_str_t ws_version_write(ngx_pool_t *pool, ws_version_t *version);

ngx_int_t ws_provisioner_read(ngx_pool_t *pool, ngx_str_t *d,
    ws_provisioner_t *provisioner);
ngx_str_t ws_provisioner_write(ngx_pool_t *pool,
    ws_provisioner_t *provisioner);

ngx_int_t ws_token_record_read(ngx_pool_t *pool, ngx_str_t *d,
    ws_token_record_t *token);
ngx_str_t ws_token_record_write(ngx_pool_t *pool, ws_token_record_t *token);

/*
 * Gives a user a role of the whole site: owner, template-admin, user-admin,
 * auditor; member, which every user is, changes nothing.
 * NGX_OK, or NGX_DECLINED: there is no such role.
 */
ngx_int_t ws_user_add_role(ws_user_t *user, ngx_str_t *role);

/*
 * Makes a user a member of an organization, and its administrator when
 * "admin" is set; one who is already stays it.
 * NGX_OK, or NGX_ERROR without memory.
 */
ngx_int_t ws_user_add_org(ngx_pool_t *pool, ws_user_t *user,
    const ws_uuid_t *org, ngx_uint_t admin);

/*
 * What of a template shows inside a workspace's JSON, ready to be spliced in:
 * "template_name":...,"template_display_name":..., without braces or commas
 * around it.
 */
ngx_str_t ws_template_fragment(ngx_pool_t *pool, ws_template_t *template);


#endif /* _WS_ENTITY_H_INCLUDED_ */
