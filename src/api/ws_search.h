
/*
 * The filters of a listing: the search language of the parameter "q", and
 * the direct parameters, both brought to one list of terms.
 */

#ifndef _WS_SEARCH_H_INCLUDED_
#define _WS_SEARCH_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


typedef enum {
    WS_SEARCH_OWNER = 0,     /* a username or "me" */
    WS_SEARCH_TEMPLATE,      /* a template's name */
    WS_SEARCH_NAME,          /* a part of a workspace's name */
    WS_SEARCH_STATUS,        /* one of ws_statuses[] */
    WS_SEARCH_HAS_AGENT,     /* one of ws_agent_statuses[] */
    WS_SEARCH_COUNT
} ws_search_key_e;


/*
 * One condition; a workspace is listed when it meets all of them.  The value
 * is never empty and in lower case, since every comparison ignores case.
 */
typedef struct {
    ngx_uint_t    key;       /* ws_search_key_e */
    ngx_str_t     value;
} ws_search_term_t;


/* a listing has at most so many different terms */
#define WS_SEARCH_MAX_TERMS  64


/* workspace statuses (contract: Where a status comes from) */

typedef enum {
    WS_STATUS_PENDING = 0,
    WS_STATUS_STARTING,
    WS_STATUS_RUNNING,
    WS_STATUS_STOPPING,
    WS_STATUS_STOPPED,
    WS_STATUS_FAILED,
    WS_STATUS_CANCELING,
    WS_STATUS_CANCELED,
    WS_STATUS_DELETING,
    WS_STATUS_DELETED,
    WS_STATUS_COUNT
} ws_status_e;


typedef enum {
    WS_AGENT_CONNECTED = 0,
    WS_AGENT_CONNECTING,
    WS_AGENT_DISCONNECTED,
    WS_AGENT_TIMEOUT,
    WS_AGENT_COUNT
} ws_agent_status_e;


extern const ngx_str_t  ws_statuses[WS_STATUS_COUNT];
extern const ngx_str_t  ws_agent_statuses[WS_AGENT_COUNT];


/*
 * The number (ws_status_e, ws_agent_status_e) of a status, whose letters may
 * have either case; NGX_DECLINED when there is no such status.
 */
ngx_int_t ws_status_find(ngx_str_t *name);
ngx_int_t ws_agent_status_find(ngx_str_t *name);


/*
 * The direct query parameter of a key: "owner", "template", "name",
 * "status", "has_agent"; also the field to name in an error.  A constant.
 */
const char *ws_search_param(ngx_uint_t key);

/*
 * Appends the terms of "q" (contract: List), already decoded.
 *
 * pool     owns the values; they do not point into q
 * terms    array of ws_search_term_t
 * detail   set with NGX_DECLINED to a constant that says what is wrong
 *
 * Returns NGX_OK; NGX_DECLINED when q is not valid (what was appended before
 * the bad element stays); NGX_ERROR when out of memory.
 *
 * Where the contract is silent:
 * - keys are compared without case, as everything here;
 * - a quote may open and close anywhere in an element and is removed; what
 *   it holds, ":" and "/" included, is plain text; there is no escape for a
 *   quote; a quote that does not end is refused;
 * - the limit of one ":" and one "/" counts those outside quotes; one of
 *   each is fine ("name:a/b" looks for "a/b");
 * - an unknown key is refused, and so is a missing key, value, owner or name
 *   (":a", "owner:", "a/", "/b"); but a value that is there and empty
 *   (owner:"") is a filter not given, like an empty direct parameter;
 * - a key may come again, and then both terms must hold; the same term again
 *   adds nothing; more than WS_SEARCH_MAX_TERMS terms are refused;
 * - only the space separates elements.
 */
ngx_int_t ws_search_parse(ngx_pool_t *pool, ngx_str_t *q, ngx_array_t *terms,
    const char **detail);

/*
 * Appends the term of a direct parameter, whose decoded value may have
 * either case; an empty value is a parameter not given and appends nothing.
 * The stored value is a constant (status, has_agent) or in terms->pool.
 *
 * Returns NGX_OK; NGX_DECLINED with a constant detail when a status or agent
 * status does not exist, or there are too many terms; NGX_ERROR when out of
 * memory.
 */
ngx_int_t ws_search_add(ngx_array_t *terms, ngx_uint_t key, ngx_str_t *value,
    const char **detail);


#endif /* _WS_SEARCH_H_INCLUDED_ */
