
/*
 * A request to the API on its way from the route to the answer.
 *
 * A handler is written as if nothing had to be waited for, and returns
 * NGX_AGAIN wherever something is not there yet; it is called again from its
 * beginning when that has come.  So every step must be one that can be
 * repeated: it answers at once when it has been done before.
 *
 * Steps and handlers return
 *     NGX_OK     go on
 *     NGX_AGAIN  waiting: return it
 *     NGX_DONE   the answer has been sent (an error's too): return it
 *     NGX_ERROR  no memory or a broken document: return it, 500 follows
 */


#ifndef _WS_REQUEST_H_INCLUDED_
#define _WS_REQUEST_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_route.h"
#include "ws_store.h"
#include "ws_cache.h"
#include "ws_dir.h"
#include "ws_watch.h"
#include "ws_dispatch.h"
#include "ws_tz.h"
#include "ws_workspace.h"


#define WS_DIALECT_PUBLISHED  0
#define WS_DIALECT_CODER      1


extern ngx_module_t  ngx_http_workspace_module;


/* configuration of a location, as far as requests need it */

typedef struct ws_loc_conf_s  ws_loc_conf_t;

struct ws_loc_conf_s {
    ngx_flag_t                  enabled;
    ngx_str_t                   prefix;
    ngx_uint_t                  dialect;
    ngx_http_complex_value_t   *identity;
    ngx_msec_t                  agent_timeout;  /* silence that means gone */
    ws_store_conf_t            *store;
    ngx_uint_t                  shards;     /* of the store */
    ngx_uint_t                  wait_replicas;  /* of the store as well */
    ngx_msec_t                  wait_timeout;
    ngx_shm_zone_t             *cache;      /* NULL: not used here */
    ws_tz_db_t                **tz;         /* the zones, loaded last */
    ws_loc_conf_t              *apis;       /* of a server: locations ... */
    ws_loc_conf_t              *next;       /* ... with the API, in a list */
};


/* what a request looks up in the directory, once each */

typedef enum {
    WS_REF_TOKEN = 0,
    WS_REF_USER,                    /* who asks */
    WS_REF_USER_NAME,               /* by workspace_identity */
    WS_REF_TARGET,                  /* {user} */
    WS_REF_TARGET_NAME,
    WS_REF_ORG,
    WS_REF_TEMPLATE,
    WS_REF_VERSION,
    WS_REF_PROVISIONER,             /* who asks, when that is no user */
    WS_REF_COUNT
} ws_ref_e;


/* $workspace_cache_status */

typedef enum {
    WS_CACHE_UNUSED = 0,
    WS_CACHE_MISS,
    WS_CACHE_HIT,
    WS_CACHE_BYPASS                 /* it cannot be kept right just now */
} ws_cache_status_e;


typedef struct ws_request_s    ws_request_t;
typedef struct ws_build_ref_s  ws_build_ref_t;

typedef ngx_int_t (*ws_handler_pt)(ws_request_t *req);


struct ws_request_s {
    ngx_http_request_t         *http;
    ws_loc_conf_t              *conf;
    ws_store_t                 *store;
    ws_watch_t                 *watch;
    ws_dispatch_t              *dispatch;
    ws_route_t                  route;
    ngx_str_t                   uri;        /* that this is the route of */
    ngx_int_t                   route_rc;   /* of ws_route() */
    ws_handler_pt               handler;    /* called again after a wait */
    ngx_int_t                   rc;         /* to finalize with, when done */

    /* who */
    ngx_str_t                   token;      /* as sent; empty: none */
    ws_user_t                  *user;
    ws_provisioner_t           *provisioner;
    ngx_str_t                   token_id;   /* empty: by workspace_identity */
    ngx_str_t                   identity;   /* lower case; empty: no such */

    /* what the path names */
    ws_uuid_t                   id;         /* {workspace} */
    ws_uuid_t                   build;      /* {build} */
    ws_build_ref_t             *build_ref;  /* what was read of it */
    ws_uuid_t                   org;        /* {organization} */
    ws_user_t                  *target;     /* {user} */
    ws_dir_ref_t               *refs[WS_REF_COUNT]; /* NULL: not needed */

    /* the body */
    ngx_str_t                   body;
    size_t                      body_size;  /* allocated */
    json_t                     *json;

    ngx_str_t                   page;       /* instead of nginx' error page */

    /* reading */
    ws_redis_cmd_t             *cmd;        /* under way */
    ws_redis_handler_pt         on_reply;
    ws_state_t                  state;      /* of the workspace */
    ws_meta_t                   meta;
    ws_workspace_t             *workspace;  /* loaded for a change */
    ws_cache_token_t            cache_token;
    ws_cache_status_e           cache_status;

    /* writing */
    ws_handler_pt               done;       /* answers after the commit */
    ngx_uint_t                  retries;
    ngx_msec_t                  wrote;      /* the first time */

    uint64_t                    redis_usec; /* waited for Redis */
    void                       *ctx;        /* of the endpoint's own */

    unsigned                    have_id:1;      /* id is known */
    unsigned                    have_state:1;
    unsigned                    borrowed:1;     /* state is another's memory */
    unsigned                    for_change:1;   /* load it for a change */
    unsigned                    cacheable:1;    /* the cache's will do */
    unsigned                    body_started:1;
    unsigned                    body_read:1;
    unsigned                    body_handed:1;  /* nginx has called back */
    unsigned                    body_away:1;    /* only nginx holds it */
    unsigned                    body_optional:1;
    unsigned                    name_taken:1;   /* the commit was refused */
    unsigned                    absent:1;
    unsigned                    forbidden:1;    /* answered as if absent */
    unsigned                    unavailable:1;  /* Redis did not answer */
    unsigned                    writing:1;      /* the last command */
    unsigned                    unsure:1;       /* whether that happened */
    unsigned                    broken:1;       /* a stored document is */
    unsigned                    running:1;
    unsigned                    identifying:1;  /* waiting in an earlier one */
    unsigned                    answered:1;     /* by this module */
    unsigned                    streaming:1;    /* see below */
};


/*
 * Runs the handler (again); for whoever waited on the request's behalf.  The
 * request may be gone afterwards.
 *
 * A handler that has handed the request over to something with events of its
 * own sets "streaming" and returns NGX_DONE: whoever owns it then ends it by
 * ngx_http_finalize_request(), once.
 */
void ws_request_run(ws_request_t *req);

/*
 * The same from within the request's phases: nothing posted is run, so that
 * the request outlives the call, as nginx expects of a content handler.
 */
void ws_request_start(ws_request_t *req);

/* NULL without memory; the request's pool releases all that it holds */
ws_request_t *ws_request_create(ngx_http_request_t *r);

/* the one before an internal redirect, which took the context away, or NULL */
ws_request_t *ws_request_before(ws_request_t *req);

/* forgets who asks, and whatever else came from the directory */
void ws_request_forget(ws_request_t *req);

/*
 * Sends a read command to the ordinary connection; its handler gets the
 * request as data and calls ws_request_run() at its end.
 * NGX_AGAIN, or what ws_respond_unavailable() returns.
 */
ngx_int_t ws_request_read(ws_request_t *req, ngx_uint_t argc, ngx_str_t *argv,
    ws_redis_handler_pt handler);

/*
 * The same for a transaction, which is never sent twice; its handler takes
 * the reply to ws_txn_result().
 */
ngx_int_t ws_request_write(ws_request_t *req, ws_txn_t *txn,
    ws_redis_handler_pt handler);

/*
 * One directory entry through a reference of the request (ws_ref_e): as
 * ws_dir_get(), with NGX_ERROR without memory, too; the second answers
 * NGX_DONE instead of NGX_ERROR (503 has been sent).
 */
ngx_int_t ws_request_find(ws_request_t *req, ngx_uint_t ref, ngx_uint_t kind,
    ngx_str_t *key);
ngx_int_t ws_request_dir(ws_request_t *req, ngx_uint_t ref, ngx_uint_t kind,
    ngx_str_t *key);

/* the entry that it found */
#define ws_request_entry(req, ref)  ((req)->refs[ref]->entry)

/*
 * Steps.
 *
 * ws_request_target: {user} of the path as req->target, or 400.
 * ws_request_workspace: the workspace of the path, which the user must be
 * allowed to act upon, or 404: req->state and req->meta; with req->for_change
 * set before also req->workspace, with req->cacheable from the cache if there
 * is one.
 * ws_request_document: the workspace req->id for those who are no users:
 * nobody's rights are looked at; NGX_DECLINED when there is none.
 * ws_request_template: its template as ws_request_entry(req, WS_REF_TEMPLATE).
 */
ngx_int_t ws_request_target(ws_request_t *req);
ngx_int_t ws_request_path_id(ws_request_t *req);
ngx_int_t ws_request_build_id(ws_request_t *req);
ngx_int_t ws_request_workspace(ws_request_t *req, ngx_uint_t action);
ngx_int_t ws_request_document(ws_request_t *req);
ngx_int_t ws_request_template(ws_request_t *req, const ws_uuid_t *id);

/*
 * The parameters of a build of the version in WS_REF_VERSION: "given" in the
 * request, completed from "previous" and the defaults (ws_param_resolve).
 * *values is a new reference.  NGX_OK, NGX_DONE (400), NGX_ERROR.
 */
ngx_int_t ws_request_parameters(ws_request_t *req, json_t *given,
    json_t *previous, json_t **values);

/* whether a deleted workspace is asked for; NGX_OK or NGX_DONE */
ngx_int_t ws_request_include_deleted(ws_request_t *req, ngx_uint_t *include);

/*
 * Commits req->workspace.  NGX_AGAIN: once committed req->done is called
 * instead of the handler; when somebody else was faster the handler is called
 * again with the workspace as it is now; when the name was taken the handler
 * is called with name_taken set.
 */
ngx_int_t ws_request_commit(ws_request_t *req);

/*
 * A guard of a write has failed: 1 if that was once too often, or it has taken
 * too long, and 503 is in order; 0: try again.
 */
ngx_uint_t ws_request_outdone(ws_request_t *req, ngx_uint_t tries);

/* the request's own memory */
#define ws_request_pool(req)  ((req)->http->pool)

#define ws_request_now_ms(req)  ws_store_now_ms((req)->store)


#endif /* _WS_REQUEST_H_INCLUDED_ */
