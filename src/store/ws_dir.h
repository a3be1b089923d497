
/*
 * The directory: users, organizations, templates, template versions,
 * provisioners and tokens, read from Redis and kept in the worker for
 * WS_DIR_TTL_MS.  A change announced on the channel {dir}:changed drops the
 * entry at once; a lost subscription drops them all when it comes back.
 */


#ifndef _WS_DIR_H_INCLUDED_
#define _WS_DIR_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_entity.h"
#include "ws_store.h"


#define WS_DIR_TTL_MS       5000
#define WS_DIR_ENTRIES_MAX  8192


typedef enum {
    WS_DIR_USER = 0,                /* by id */
    WS_DIR_ORG,
    WS_DIR_TEMPLATE,
    WS_DIR_VERSION,
    WS_DIR_PROVISIONER,
    WS_DIR_TOKEN,
    WS_DIR_USERNAME,                /* lower-case name: to an id */
    WS_DIR_TEMPLATE_NAME,           /* lower-case name: to ids; not kept */
    WS_DIR_KINDS
} ws_dir_kind_e;


typedef struct ws_dir_entry_s  ws_dir_entry_t;


/* what an entry holds; valid as long as a reference is held */

struct ws_dir_entry_s {
    ngx_str_node_t       sn;        /* kind letter and id */
    ngx_queue_t          lru;
    ngx_queue_t          waiting;   /* ws_dir_ref_t */
    ngx_pool_t          *pool;
    ws_dir_t            *dir;
    ws_redis_cmd_t      *cmd;       /* loading */
    ngx_msec_t           loaded;
    ngx_uint_t           refs;
    ngx_uint_t           kind;
    int64_t              version;   /* "v" of the hash */

    unsigned             present:1; /* loaded */
    unsigned             again:1;   /* changed while it was loading */
    unsigned             linked:1;  /* in the tree */

    union {
        ws_user_t          user;
        ws_org_t           org;
        ws_template_t      template;
        ws_version_t       version;
        ws_provisioner_t   provisioner;
        ws_token_record_t  token;
    } u;

    ngx_str_t            fragment;  /* template: ws_template_fragment() */
    ws_uuid_t           *ids;       /* *_NAME */
    ngx_uint_t           nids;
};


/*
 * A reference to an entry, and the wait for it.  Zero it, set handler and
 * data, and pass it to ws_dir_get(), which fills it in once: later calls with
 * the same reference answer at once from what it holds, so that a request
 * sees one state of the directory from its beginning to its end.
 */

typedef struct {
    ngx_queue_t          queue;     /* private */
    ws_dir_entry_t      *entry;     /* when rc is NGX_OK */
    ngx_int_t            rc;        /* private */
    unsigned             done:1;    /* private */
    unsigned             waiting:1; /* private */

    void               (*handler)(void *data);
    void                *data;
} ws_dir_ref_t;


ws_dir_t *ws_dir_create(ngx_pool_t *pool, ws_store_t *store);

/*
 * NGX_OK        ref->entry is it
 * NGX_DECLINED  there is none
 * NGX_AGAIN     ref->handler will be called, then call again
 * NGX_ERROR     Redis did not answer
 *
 * "key" is an id as 36 lower-case characters, a token's ID, or a lower-case
 * name, by the kind; it is copied.  The handler is never called from inside.
 */
ngx_int_t ws_dir_get(ws_dir_t *dir, ws_dir_ref_t *ref, ngx_uint_t kind,
    ngx_str_t *key);

/*
 * Ends a wait, releases the entry and empties the reference, which can be
 * used again.  Legal at any time, on a zeroed reference too.
 */
void ws_dir_unref(ws_dir_ref_t *ref);

/*
 * Calls the handler for each announced change, and with an empty id and
 * kind for "anything may have changed" after a lost subscription.
 */
typedef void (*ws_dir_change_pt)(void *data, ngx_str_t *kind, ngx_str_t *id);

void ws_dir_on_change(ws_dir_t *dir, ws_dir_change_pt handler, void *data);


#endif /* _WS_DIR_H_INCLUDED_ */
