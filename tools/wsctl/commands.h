
/*
 * The functions that carry out commands, and their options; each noun's are
 * in its own file.
 */


#ifndef _WSCTL_COMMANDS_H_INCLUDED_
#define _WSCTL_COMMANDS_H_INCLUDED_


#include "wsctl.h"


int ws_org_create_run(ws_ctl_t *ctl);
int ws_org_list_run(ws_ctl_t *ctl);

extern const ws_opt_t  ws_user_create_opts[];
int ws_user_create_run(ws_ctl_t *ctl);
int ws_user_suspend_run(ws_ctl_t *ctl);
int ws_user_activate_run(ws_ctl_t *ctl);
int ws_user_list_run(ws_ctl_t *ctl);

extern const ws_opt_t  ws_token_create_opts[];
int ws_token_create_run(ws_ctl_t *ctl);
int ws_token_list_run(ws_ctl_t *ctl);
int ws_token_revoke_run(ws_ctl_t *ctl);

extern const ws_opt_t  ws_template_create_opts[];
extern const ws_opt_t  ws_template_edit_opts[];
extern const ws_opt_t  ws_template_list_opts[];
int ws_template_create_run(ws_ctl_t *ctl);
int ws_template_edit_run(ws_ctl_t *ctl);
int ws_template_delete_run(ws_ctl_t *ctl);
int ws_template_list_run(ws_ctl_t *ctl);

extern const ws_opt_t  ws_version_create_opts[];
extern const ws_opt_t  ws_version_promote_opts[];
extern const ws_opt_t  ws_version_list_opts[];
int ws_version_create_run(ws_ctl_t *ctl);
int ws_version_promote_run(ws_ctl_t *ctl);
int ws_version_list_run(ws_ctl_t *ctl);

extern const ws_opt_t  ws_provisioner_create_opts[];
int ws_provisioner_create_run(ws_ctl_t *ctl);
int ws_provisioner_list_run(ws_ctl_t *ctl);
int ws_provisioner_delete_run(ws_ctl_t *ctl);

extern const ws_opt_t  ws_job_finish_opts[];
int ws_job_list_run(ws_ctl_t *ctl);
int ws_job_finish_run(ws_ctl_t *ctl);

int ws_check_run(ws_ctl_t *ctl);
int ws_export_run(ws_ctl_t *ctl);
int ws_import_run(ws_ctl_t *ctl);


#endif /* _WSCTL_COMMANDS_H_INCLUDED_ */
