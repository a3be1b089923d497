
/*
 * From filters to sets.
 *
 * Sites' administrators read "all"; members read their own set.  Who
 * administers organizations reads theirs and his own, and his own workspaces
 * in them are in both: then the own set is marked, so that the reader drops
 * doubles, and what both share is known by the sets "oo" (owner and
 * organization), so that it can be counted.
 */


#ifndef _GNU_SOURCE
#define _GNU_SOURCE                     /* memmem() */
#endif

#include <ngx_config.h>
#include <ngx_core.h>
#include <string.h>
#include "ws_list_plan.h"
#include "ws_name.h"


#define WS_LIST_ANY_SHARD  ((ngx_uint_t) -1)

#define ws_list_kind(plan, name)                                              \
    ((plan)->deleted ? "deleted:" name : "live:" name)


typedef struct {
    ngx_pool_t        *pool;
    ws_keyspace_t     *ks;
    ws_list_filter_t  *filter;
    ws_list_plan_t    *plan;
    ngx_uint_t         shard;           /* the only one, or any */
} ws_list_maker_t;


static ngx_uint_t ws_list_impossible(ws_list_filter_t *f, ngx_uint_t deleted);
static ngx_int_t ws_list_scope(ws_list_maker_t *m);
static ngx_int_t ws_list_scope_admin(ws_list_maker_t *m);
static ngx_int_t ws_list_filters(ws_list_maker_t *m);
static ws_list_term_t *ws_list_term(ws_list_maker_t *m, ngx_uint_t sets);
static ngx_int_t ws_list_add(ws_list_maker_t *m, ws_list_term_t *term,
    const char *kind, ngx_str_t *a, ngx_str_t *b);
static ws_list_set_t *ws_list_add_set(ws_list_maker_t *m,
    ws_list_term_t *term, ngx_uint_t shard, const char *kind, ngx_str_t *a,
    ngx_str_t *b);
static ngx_int_t ws_list_add_ids(ws_list_maker_t *m, ws_list_term_t *term,
    const char *kind, const ws_uuid_t *a, const ws_uuid_t *b);
static ngx_int_t ws_list_add_value(ws_list_maker_t *m, const char *kind,
    ngx_str_t *value);


ngx_int_t
ws_list_plan(ngx_pool_t *pool, ws_keyspace_t *ks, ws_list_filter_t *filter,
    ws_list_plan_t *plan)
{
    ws_list_term_t   *term;
    ws_list_maker_t   m;

    ngx_memzero(plan, sizeof(ws_list_plan_t));

    m.pool = pool;
    m.ks = ks;
    m.filter = filter;
    m.plan = plan;
    m.shard = WS_LIST_ANY_SHARD;

    plan->names = filter->names;
    plan->status = filter->status;
    plan->deleted = (filter->status.len == sizeof("deleted") - 1
                     && ngx_strncmp(filter->status.data, "deleted",
                                    sizeof("deleted") - 1)
                        == 0);

    if (ngx_array_init(&plan->terms, pool, 4, sizeof(ws_list_term_t))
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    if (ws_list_impossible(filter, plan->deleted)) {
        plan->nothing = 1;
        return NGX_OK;
    }

    if (ws_list_scope(&m) != NGX_OK || ws_list_filters(&m) != NGX_OK) {
        return NGX_ERROR;
    }

    if (plan->nothing) {
        plan->terms.nelts = 0;
        plan->nsets = 0;
        return NGX_OK;
    }

    if (plan->terms.nelts == 0) {
        term = ws_list_term(&m, 1);

        return term ? ws_list_add(&m, term, ws_list_kind(plan, "all"), NULL,
                                  NULL)
                    : NGX_ERROR;
    }

    return NGX_OK;
}


/* filters that no workspace can meet */

static ngx_uint_t
ws_list_impossible(ws_list_filter_t *f, ngx_uint_t deleted)
{
    ngx_str_t   *name;
    ngx_uint_t   i;

    /* contract: has_agent looks only at builds that are a start */

    if (deleted && f->agents.nelts) {
        return 1;
    }

    if (f->templates && f->ntemplates == 0) {
        return 1;
    }

    name = f->names.elts;

    for (i = 0; i < f->names.nelts; i++) {
        if (name[i].len > WS_NAME_MAX) {
            return 1;
        }
    }

    return 0;
}


/* whose workspaces: what the user may read, and those of the owner */

static ngx_int_t
ws_list_scope(ws_list_maker_t *m)
{
    ngx_uint_t           i, all, own;
    const ws_uuid_t     *owner;
    ws_list_term_t      *term;
    const ws_subject_t  *s;

    s = m->filter->subject;
    owner = m->filter->owner;
    all = ws_policy_reads_all(s);

    if (owner == NULL) {
        if (all) {
            return NGX_OK;
        }

        if (s->nadmin_orgs) {
            return ws_list_scope_admin(m);
        }

        owner = &s->id;
    }

    own = all || ws_uuid_eq(owner, &s->id);

    if (!own && s->nadmin_orgs == 0) {
        m->plan->nothing = 1;
        return NGX_OK;
    }

    /* everything that follows is about this owner's workspaces */

    m->shard = ws_uuid_shard(owner, m->ks->shards);

    term = ws_list_term(m, own ? 1 : s->nadmin_orgs);
    if (term == NULL) {
        return NGX_ERROR;
    }

    if (own) {
        return ws_list_add_ids(m, term, ws_list_kind(m->plan, "owner"), owner,
                               NULL);
    }

    for (i = 0; i < s->nadmin_orgs; i++) {
        if (ws_list_add_ids(m, term, ws_list_kind(m->plan, "oo"), owner,
                            &s->admin_orgs[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ws_list_scope_admin(ws_list_maker_t *m)
{
    ngx_uint_t           i, first;
    ws_list_set_t       *sets;
    ws_list_term_t      *term;
    const ws_subject_t  *s;

    s = m->filter->subject;

    term = ws_list_term(m, 2 * s->nadmin_orgs + 1);
    if (term == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i < s->nadmin_orgs; i++) {
        if (ws_list_add_ids(m, term, ws_list_kind(m->plan, "org"),
                            &s->admin_orgs[i], NULL)
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    m->shard = ws_uuid_shard(&s->id, m->ks->shards);
    first = term->sets.nelts;

    if (ws_list_add_ids(m, term, ws_list_kind(m->plan, "owner"), &s->id, NULL)
        != NGX_OK)
    {
        return NGX_ERROR;
    }

    for (i = 0; i < s->nadmin_orgs; i++) {
        if (ws_list_add_ids(m, term, ws_list_kind(m->plan, "oo"), &s->id,
                            &s->admin_orgs[i])
            != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    m->shard = WS_LIST_ANY_SHARD;

    sets = term->sets.elts;
    sets[first].own = 1;
    term->overlap = 1;

    for (i = first + 1; i < term->sets.nelts; i++) {
        sets[i].shared = 1;
    }

    return NGX_OK;
}


static ngx_int_t
ws_list_filters(ws_list_maker_t *m)
{
    ngx_str_t         *agent;
    ngx_uint_t         i;
    ws_list_term_t    *term;
    ws_list_filter_t  *f;

    f = m->filter;

    if (f->templates) {
        term = ws_list_term(m, f->ntemplates);
        if (term == NULL) {
            return NGX_ERROR;
        }

        for (i = 0; i < f->ntemplates; i++) {
            if (ws_list_add_ids(m, term, ws_list_kind(m->plan, "template"),
                                &f->templates[i], NULL)
                != NGX_OK)
            {
                return NGX_ERROR;
            }
        }
    }

    if (f->status.len && !m->plan->deleted
        && ws_list_add_value(m, "live:status", &f->status) != NGX_OK)
    {
        return NGX_ERROR;
    }

    agent = f->agents.elts;

    for (i = 0; i < f->agents.nelts; i++) {
        if (ws_list_add_value(m, "live:agent", &agent[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ws_list_add_value(ws_list_maker_t *m, const char *kind, ngx_str_t *value)
{
    ws_list_term_t  *term;

    term = ws_list_term(m, 1);

    return term ? ws_list_add(m, term, kind, value, NULL) : NGX_ERROR;
}


static ws_list_term_t *
ws_list_term(ws_list_maker_t *m, ngx_uint_t sets)
{
    ws_list_term_t  *term;

    term = ngx_array_push(&m->plan->terms);
    if (term == NULL) {
        return NULL;
    }

    ngx_memzero(term, sizeof(ws_list_term_t));

    if (m->shard == WS_LIST_ANY_SHARD) {
        sets *= m->ks->shards;
    }

    return ngx_array_init(&term->sets, m->pool, sets, sizeof(ws_list_set_t))
           == NGX_OK ? term : NULL;
}


static ngx_int_t
ws_list_add_ids(ws_list_maker_t *m, ws_list_term_t *term, const char *kind,
    const ws_uuid_t *a, const ws_uuid_t *b)
{
    u_char     text[2 * WS_UUID_LEN];
    ngx_str_t  sa, sb;

    sa.data = text;
    sa.len = ws_uuid_format(text, a) - text;

    if (b) {
        sb.data = text + WS_UUID_LEN;
        sb.len = ws_uuid_format(sb.data, b) - sb.data;
    }

    return ws_list_add(m, term, kind, &sa, b ? &sb : NULL);
}


static ngx_int_t
ws_list_add(ws_list_maker_t *m, ws_list_term_t *term, const char *kind,
    ngx_str_t *a, ngx_str_t *b)
{
    ngx_uint_t  shard;

    if (m->shard != WS_LIST_ANY_SHARD) {
        return ws_list_add_set(m, term, m->shard, kind, a, b) ? NGX_OK
                                                              : NGX_ERROR;
    }

    for (shard = 0; shard < m->ks->shards; shard++) {
        if (ws_list_add_set(m, term, shard, kind, a, b) == NULL) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ws_list_set_t *
ws_list_add_set(ws_list_maker_t *m, ws_list_term_t *term, ngx_uint_t shard,
    const char *kind, ngx_str_t *a, ngx_str_t *b)
{
    ws_list_set_t  *set;

    set = ngx_array_push(&term->sets);
    if (set == NULL) {
        return NULL;
    }

    ngx_memzero(set, sizeof(ws_list_set_t));

    set->shard = shard;
    set->key = ws_key(m->pool, m->ks, shard, kind, a, b);

    if (set->key.data == NULL) {
        return NULL;
    }

    m->plan->nsets++;

    return set;
}


ngx_uint_t
ws_list_term_count(ws_list_term_t *term)
{
    ngx_int_t       n;
    ngx_uint_t      i;
    ws_list_set_t  *set;

    n = 0;
    set = term->sets.elts;

    for (i = 0; i < term->sets.nelts; i++) {
        n += set[i].shared ? -set[i].card : set[i].card;
    }

    /* the sets were not counted at one instant */

    return ngx_max(n, 0);
}


ws_list_term_t *
ws_list_plan_driver(ws_list_plan_t *plan)
{
    ngx_uint_t       i, n, least;
    ws_list_term_t  *term, *driver;

    term = plan->terms.elts;
    driver = NULL;
    least = 0;

    for (i = 0; i < plan->terms.nelts; i++) {
        n = ws_list_term_count(&term[i]);

        if (driver == NULL || n < least) {
            driver = &term[i];
            least = n;
        }
    }

    return driver;
}


ngx_uint_t
ws_list_plan_named(ws_list_plan_t *plan, u_char *name, size_t len)
{
    ngx_str_t   *part;
    ngx_uint_t   i;

    part = plan->names.elts;

    for (i = 0; i < plan->names.nelts; i++) {
        if (memmem(name, len, part[i].data, part[i].len) == NULL) {
            return 0;
        }
    }

    return 1;
}


ngx_uint_t
ws_list_plan_status(ws_list_plan_t *plan, ngx_str_t *status,
    ngx_uint_t deleted)
{
    if (plan->deleted || deleted) {
        return plan->deleted && deleted;
    }

    return plan->status.len == 0
           || (plan->status.len == status->len
               && ngx_memcmp(plan->status.data, status->data, status->len)
                  == 0);
}
