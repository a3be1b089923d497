
/* A tree by the jobs' ids; one allocation for each job. */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include "ws_needs.h"


#define WS_NEEDS_CLEAR_MS  60000


typedef struct {
    ngx_str_node_t     sn;          /* the job's id; must be first */
    ws_uuid_t          workspace;
    size_t             len;         /* of what it needs, which follows */
} ws_needs_job_t;


static ws_needs_job_t *ws_needs_lookup(ws_needs_t *needs, ngx_str_t *job);


void
ws_needs_init(ws_needs_t *needs, ngx_log_t *log)
{
    ngx_memzero(needs, sizeof(ws_needs_t));

    needs->log = log;

    ngx_rbtree_init(&needs->tree, &needs->sentinel,
                    ngx_str_rbtree_insert_value);
}


ngx_int_t
ws_needs_find(ws_needs_t *needs, ngx_str_t *job, ngx_pool_t *pool,
    ws_uuid_t *workspace, ws_need_t *need)
{
    ngx_str_t        text;
    ws_needs_job_t  *known;

    known = ws_needs_lookup(needs, job);

    if (known == NULL) {
        return NGX_DECLINED;
    }

    /* it may be forgotten while the caller still needs it */

    text.len = known->len;
    text.data = ngx_pnalloc(pool, text.len);

    if (text.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(text.data, (u_char *) (known + 1) + known->sn.str.len,
               text.len);

    *workspace = known->workspace;

    return ws_need_parse(&text, need) == NGX_OK ? NGX_OK : NGX_DECLINED;
}


void
ws_needs_add(ws_needs_t *needs, ngx_str_t *job, const ws_uuid_t *workspace,
    ws_need_t *need)
{
    u_char          *p;
    size_t           len;
    ws_needs_job_t  *known;

    if (ws_needs_lookup(needs, job)) {
        return;
    }

    if (needs->n >= WS_NEEDS_MAX) {
        if (ngx_current_msec - needs->cleared < WS_NEEDS_CLEAR_MS) {
            return;
        }

        ws_needs_clear(needs);
    }

    len = WS_UUID_LEN + 1 + need->tags.len;

    known = ngx_alloc(sizeof(ws_needs_job_t) + job->len + len, needs->log);
    if (known == NULL) {
        return;
    }

    known->workspace = *workspace;
    known->len = len;

    p = (u_char *) (known + 1);

    known->sn.str.len = job->len;
    known->sn.str.data = p;
    known->sn.node.key = ngx_crc32_short(job->data, job->len);

    /* as ws_need_parse() reads it */

    p = ngx_cpymem(p, job->data, job->len);
    p = ws_uuid_format(p, &need->org);
    *p++ = ' ';
    ngx_memcpy(p, need->tags.data, need->tags.len);

    ngx_rbtree_insert(&needs->tree, &known->sn.node);
    needs->n++;
}


void
ws_needs_clear(ws_needs_t *needs)
{
    ws_needs_job_t  *known;

    while (needs->tree.root != &needs->sentinel) {
        known = (ws_needs_job_t *) needs->tree.root;

        ngx_rbtree_delete(&needs->tree, &known->sn.node);
        ngx_free(known);
    }

    needs->n = 0;
    needs->cleared = ngx_current_msec;
}


static ws_needs_job_t *
ws_needs_lookup(ws_needs_t *needs, ngx_str_t *job)
{
    return (ws_needs_job_t *)
               ngx_str_rbtree_lookup(&needs->tree, job,
                                     ngx_crc32_short(job->data, job->len));
}
