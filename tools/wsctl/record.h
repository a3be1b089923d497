
/*
 * Records of the directory: how wsctl finds, reads and writes users,
 * organizations, templates, template versions and tokens.
 *
 * A record is read with its version, and a write is guarded by it: a lost
 * race is WS_RECORD_LOST, for which the caller reads and decides again.
 */


#ifndef _WSCTL_RECORD_H_INCLUDED_
#define _WSCTL_RECORD_H_INCLUDED_


#include "client.h"
#include "ws_entity.h"


/* beside the exit status; no message has been written */
#define WS_RECORD_NONE   (-1)       /* there is no such record */
#define WS_RECORD_LOST   (-2)       /* others were faster; try again */
#define WS_RECORD_TAKEN  (-3)       /* guard 0, that of a name, failed */


typedef struct {
    const char    *kind;            /* user org template version token */
    ngx_str_t      id;
    ngx_str_t      key;
    int64_t        v;
    ngx_str_t      d;
} ws_record_t;


/* a name in one of the directory's hashes, and what it stands for */

typedef struct {
    ngx_str_t      name;
    ngx_str_t      id;
} ws_named_t;


/* reads a record by its id into ctl->pool; also WS_RECORD_NONE */
int ws_record_load(ws_ctl_t *ctl, const char *kind, ngx_str_t *id,
    ws_record_t *rec);

/*
 * Find by name or id (templates: also ORG/NAME) and read; "rec" may be NULL.
 * That there is none, or more than one, is WS_EXIT_FAILED with a message.
 * A template that is deleted is not found.
 */
int ws_find_org(ws_ctl_t *ctl, ngx_str_t *text, ws_org_t *org);
int ws_find_user(ws_ctl_t *ctl, ngx_str_t *text, ws_user_t *user,
    ws_record_t *rec);
int ws_find_template(ws_ctl_t *ctl, ngx_str_t *text, ws_template_t *template,
    ws_record_t *rec);

/* a version by its id, or by its name in a template (may be NULL) */
int ws_find_version(ws_ctl_t *ctl, ngx_str_t *text, ws_template_t *template,
    ws_version_t *version);

/*
 * What a hash of the directory holds for a name, in any case.  *id is in
 * ctl->pool; also WS_RECORD_NONE.
 */
int ws_record_named(ws_ctl_t *ctl, ngx_str_t *key, ngx_str_t *name,
    ngx_str_t *id);

/* all of such a hash, ordered by name: ws_named_t in ctl->pool */
int ws_record_names(ws_ctl_t *ctl, ngx_str_t *key, ngx_array_t **names);

/*
 * Reads records of one kind by their ids, in batches, and hands each to
 * a function with its number, from 0; those that are gone by then are left
 * out.  The records are in a pool that ends with the batch.
 */
typedef int (*ws_record_pt)(ws_ctl_t *ctl, ngx_pool_t *pool,
    ws_record_t *rec, void *data);

int ws_record_each(ws_ctl_t *ctl, const char *kind, ngx_array_t *names,
    ws_record_pt handler, void *data);

/*
 * Commits a new organization or user, whose name is to be in the hash "index"
 * of the directory; with the layout if it is the first of the store.  Also
 * WS_RECORD_TAKEN.
 */
int ws_record_create(ws_ctl_t *ctl, const char *index, const char *kind,
    ngx_str_t name, ngx_str_t id, ngx_str_t d);

/* writes: a new record, a changed one, one that goes; and its announcement */
void ws_record_add(ws_ctl_t *ctl, ws_txn_t *txn, const char *kind,
    ngx_str_t id, ngx_str_t d);
void ws_record_change(ws_ctl_t *ctl, ws_txn_t *txn, ws_record_t *rec,
    ngx_str_t d);
void ws_record_remove(ws_ctl_t *ctl, ws_txn_t *txn, ws_record_t *rec);

/*
 * Commits.  WS_EXIT_OK; WS_RECORD_TAKEN when guard 0 failed and "named" is
 * set, which says that this guard was a name's; WS_RECORD_LOST when another
 * guard failed.
 */
int ws_record_commit(ws_ctl_t *ctl, ws_txn_t *txn, ngx_uint_t named);

/* "changed by others again and again": after WS_CTL_TRIES lost races */
int ws_record_give_up(void);

/*
 * Checks a new name (contract: Times, names, booleans); "what" is for the
 * message.
 */
int ws_record_name_valid(const char *what, ngx_str_t *name);

/* "Where a record of the store should be, there is none": a broken store */
int ws_record_broken(ngx_str_t *key);


#endif /* _WSCTL_RECORD_H_INCLUDED_ */
