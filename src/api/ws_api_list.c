
/*
 * Listing workspaces: the filters are read, names become ids, the plan of the
 * listing is carried out, and the documents are fetched.  When one batch of
 * documents is all there is, which is the rule, the answer is sent as a whole;
 * otherwise it is streamed.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
#include "ws_api.h"
#include "ws_list.h"
#include "ws_list_docs.h"
#include "ws_list_stream.h"
#include "ws_name.h"
#include "ws_query.h"
#include "ws_respond.h"
#include "ws_search.h"


typedef struct {
    ws_request_t       *req;
    ws_list_filter_t    filter;
    ws_list_plan_t      plan;
    ngx_uint_t          offset;
    ngx_uint_t          limit;          /* 0: none */
    ngx_str_t           owner;          /* a name to be resolved */
    ngx_str_t           template;
    ws_list_t          *list;
    ws_list_ids_t       ids;            /* once all are found */
    ws_list_docs_t     *docs;
    ws_list_stream_t   *stream;
    ngx_uint_t          count;
    unsigned            nothing:1;      /* no workspace meets the filters */
} ws_listing_t;


static ngx_int_t ws_listing_parse(ws_listing_t *l, ngx_array_t *terms);
static ngx_int_t ws_listing_arg(ws_listing_t *l, const char *name,
    ngx_str_t *value);
static ngx_int_t ws_listing_number(ws_listing_t *l, const char *name,
    ngx_uint_t *n);
static ngx_int_t ws_listing_filters(ws_listing_t *l, ngx_array_t *terms);
static ngx_int_t ws_listing_term(ws_listing_t *l, ws_search_term_t *term);
static void ws_listing_name(ws_listing_t *l, ngx_str_t *name,
    ngx_str_t *value);
static ngx_int_t ws_listing_resolve(ws_request_t *req);
static ngx_int_t ws_listing_step(ws_request_t *req);
static ngx_int_t ws_listing_answer(ws_listing_t *l);
static ngx_int_t ws_listing_find(ws_listing_t *l);
static ngx_int_t ws_listing_fetch(ws_listing_t *l);
static ngx_int_t ws_listing_whole(ws_listing_t *l);
static void ws_listing_cleanup(void *data);
static void ws_listing_resume(void *data);
static ngx_int_t ws_listing_invalid(ws_listing_t *l, const char *field,
    const char *detail);


ngx_int_t
ws_api_list(ws_request_t *req)
{
    ngx_int_t            rc;
    ngx_pool_t          *pool;
    ngx_array_t          terms;
    ws_listing_t        *l;
    ngx_pool_cleanup_t  *cln;

    pool = ws_request_pool(req);

    l = ngx_pcalloc(pool, sizeof(ws_listing_t));
    cln = ngx_pool_cleanup_add(pool, 0);

    if (l == NULL || cln == NULL
        || ngx_array_init(&terms, pool, 4, sizeof(ws_search_term_t)) != NGX_OK)
    {
        return NGX_ERROR;
    }

    cln->handler = ws_listing_cleanup;
    cln->data = l;

    l->req = req;
    req->ctx = l;

    rc = ws_listing_parse(l, &terms);
    if (rc != NGX_OK) {
        return rc;
    }

    if (ws_listing_filters(l, &terms) != NGX_OK) {
        return NGX_ERROR;
    }

    req->handler = ws_listing_resolve;

    return ws_listing_resolve(req);
}


static void
ws_listing_cleanup(void *data)
{
    ws_listing_t *l = data;

    ws_list_destroy(l->list);
    ws_list_ids_free(&l->ids);
}


/* for those who were waited for; they have a request, not a listing */

static void
ws_listing_resume(void *data)
{
    ws_listing_t *l = data;

    if (l->req->streaming) {
        (void) ws_listing_find(l);
        ws_list_stream_run(l->stream);

    } else {
        ws_request_run(l->req);
    }
}


/* contract: List; NGX_OK, or the answer has been sent */

static ngx_int_t
ws_listing_parse(ws_listing_t *l, ngx_array_t *terms)
{
    ngx_int_t    rc;
    ngx_str_t    value;
    ngx_uint_t   key;
    const char  *name, *detail;

    rc = ws_listing_number(l, "offset", &l->offset);

    if (rc == NGX_OK) {
        rc = ws_listing_number(l, "limit", &l->limit);
    }

    for (key = 0; key < WS_SEARCH_COUNT && rc == NGX_OK; key++) {

        name = ws_search_param(key);
        rc = ws_listing_arg(l, name, &value);

        if (rc == NGX_OK) {
            rc = ws_search_add(terms, key, &value, &detail);

            if (rc == NGX_DECLINED) {
                return ws_listing_invalid(l, name, detail);
            }
        }
    }

    if (rc == NGX_OK) {
        rc = ws_listing_arg(l, "q", &value);
    }

    if (rc == NGX_OK) {
        rc = ws_search_parse(ws_request_pool(l->req), &value, terms, &detail);

        if (rc == NGX_DECLINED) {
            return ws_listing_invalid(l, "q", detail);
        }
    }

    return rc;
}


/* empty when it is not there */

static ngx_int_t
ws_listing_arg(ws_listing_t *l, const char *name, ngx_str_t *value)
{
    ngx_int_t  rc;

    ngx_str_set(value, "");

    rc = ws_query_arg(ws_request_pool(l->req), &l->req->http->args, name,
                      value);

    if (rc == NGX_ABORT) {
        return ws_listing_invalid(l, name, "must be UTF-8 without zero bytes");
    }

    return rc == NGX_DECLINED ? NGX_OK : rc;
}


static ngx_int_t
ws_listing_number(ws_listing_t *l, const char *name, ngx_uint_t *n)
{
    int64_t    number;
    ngx_int_t  rc;
    ngx_str_t  value;

    rc = ws_listing_arg(l, name, &value);

    if (rc != NGX_OK || value.len == 0) {
        return rc;
    }

    if (ws_limit_parse(&value, &number) != NGX_OK) {
        return ws_listing_invalid(l, name, "must be a non-negative integer");
    }

    *n = number;

    return NGX_OK;
}


/* all terms must hold: two that contradict each other leave nothing */

static ngx_int_t
ws_listing_filters(ws_listing_t *l, ngx_array_t *terms)
{
    ngx_uint_t         i;
    ngx_pool_t        *pool;
    ws_search_term_t  *term;

    pool = ws_request_pool(l->req);

    if (ngx_array_init(&l->filter.names, pool, 1, sizeof(ngx_str_t)) != NGX_OK
        || ngx_array_init(&l->filter.agents, pool, 1, sizeof(ngx_str_t))
           != NGX_OK)
    {
        return NGX_ERROR;
    }

    l->filter.subject = &l->req->user->subject;

    term = terms->elts;

    for (i = 0; i < terms->nelts; i++) {
        if (ws_listing_term(l, &term[i]) != NGX_OK) {
            return NGX_ERROR;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ws_listing_term(ws_listing_t *l, ws_search_term_t *term)
{
    ngx_str_t    *value, own;
    ngx_array_t  *list;

    switch (term->key) {

    case WS_SEARCH_OWNER:

        /* oneself has two names */

        own = ws_lower_str(ws_request_pool(l->req), &l->req->user->username);
        if (own.data == NULL) {
            return NGX_ERROR;
        }

        if (term->value.len == 2 && ngx_memcmp(term->value.data, "me", 2) == 0)
        {
            term->value = own;
        }

        ws_listing_name(l, &l->owner, &term->value);

        if (own.len == term->value.len
            && ngx_memcmp(own.data, term->value.data, own.len) == 0)
        {
            l->filter.owner = &l->req->user->id;
        }

        return NGX_OK;

    case WS_SEARCH_TEMPLATE:
        ws_listing_name(l, &l->template, &term->value);
        return NGX_OK;

    case WS_SEARCH_STATUS:

        /* each comes once: a second one is another */

        l->nothing |= (l->filter.status.len != 0);
        l->filter.status = term->value;
        return NGX_OK;

    case WS_SEARCH_HAS_AGENT:
        list = &l->filter.agents;
        break;

    default: /* WS_SEARCH_NAME */
        list = &l->filter.names;
    }

    value = ngx_array_push(list);
    if (value == NULL) {
        return NGX_ERROR;
    }

    *value = term->value;

    return NGX_OK;
}


/* a name of something that there is one of for each workspace */

static void
ws_listing_name(ws_listing_t *l, ngx_str_t *name, ngx_str_t *value)
{
    if (name->len == 0) {
        *name = *value;
        l->nothing |= (ws_name_valid(value) != NGX_OK);
        return;
    }

    l->nothing |= (name->len != value->len
                   || ngx_memcmp(name->data, value->data, value->len) != 0);
}


/* names to ids; what has no such name has no workspaces */

static ngx_int_t
ws_listing_resolve(ws_request_t *req)
{
    ngx_int_t        rc;
    ws_listing_t    *l;
    ws_dir_entry_t  *e;

    l = req->ctx;

    if (!l->nothing && l->owner.len && l->filter.owner == NULL) {

        rc = ws_request_dir(req, WS_REF_TARGET_NAME, WS_DIR_USERNAME,
                            &l->owner);

        if (rc == NGX_OK) {
            l->filter.owner = ws_request_entry(req, WS_REF_TARGET_NAME)->ids;

        } else if (rc == NGX_DECLINED) {
            l->nothing = 1;

        } else {
            return rc;
        }
    }

    if (!l->nothing && l->template.len) {

        rc = ws_request_dir(req, WS_REF_TEMPLATE, WS_DIR_TEMPLATE_NAME,
                            &l->template);

        if (rc == NGX_OK) {
            e = ws_request_entry(req, WS_REF_TEMPLATE);
            l->filter.templates = e->ids;
            l->filter.ntemplates = e->nids;

        } else if (rc == NGX_DECLINED) {
            l->nothing = 1;

        } else {
            return rc;
        }
    }

    if (!l->nothing) {
        if (ws_list_plan(ws_request_pool(req), req->store->ks, &l->filter,
                         &l->plan)
            != NGX_OK)
        {
            return NGX_ERROR;
        }

        l->nothing = l->plan.nothing;
    }

    if (l->nothing) {
        return ws_listing_whole(l);
    }

    l->list = ws_list_create(req->store, req->http->connection->log, &l->plan,
                             l->offset, l->limit, ws_listing_resume, l);
    if (l->list == NULL) {
        return NGX_ERROR;
    }

    req->handler = ws_listing_step;

    return ws_listing_step(req);
}


/* runs until the answer has been sent, or is a stream's */

static ngx_int_t
ws_listing_step(ws_request_t *req)
{
    ngx_int_t      rc;
    ws_listing_t  *l;

    l = req->ctx;

    rc = ws_listing_answer(l);

    if (rc != NGX_AGAIN && !req->streaming) {

        /* nobody is to be called again */

        ws_list_destroy(l->list);
        l->list = NULL;

        if (l->docs) {
            ws_list_docs_fail(l->docs);
        }
    }

    return rc;
}


static ngx_int_t
ws_listing_answer(ws_listing_t *l)
{
    ngx_int_t  rc;

    rc = ws_listing_find(l);

    if (rc == NGX_ERROR) {
        return ws_respond_unavailable(l->req);
    }

    if (rc == NGX_AGAIN) {
        return rc;
    }

    if (l->req->http->method == NGX_HTTP_HEAD
        || (rc == NGX_OK && l->docs == NULL && l->ids.n == 0))
    {
        return ws_listing_whole(l);
    }

    return ws_listing_fetch(l);
}


/* NGX_OK: all ids are found; NGX_BUSY: some; NGX_AGAIN, NGX_ERROR */

static ngx_int_t
ws_listing_find(ws_listing_t *l)
{
    ngx_int_t  rc;

    if (l->list == NULL) {
        return NGX_OK;
    }

    rc = ws_list_find(l->list, &l->count);

    if (rc == NGX_AGAIN || rc == NGX_BUSY) {
        return rc;
    }

    l->req->redis_usec += ws_list_usec(l->list);

    if (rc == NGX_OK) {
        l->ids = *ws_list_ids(l->list);
        ws_list_ids_init(ws_list_ids(l->list), l->ids.log);

        if (l->docs) {
            ws_list_docs_ids(l->docs, &l->ids, 1);
        }

    } else if (l->docs) {
        ws_list_docs_fail(l->docs);
    }

    /* its memory is not needed while documents are sent */

    ws_list_destroy(l->list);
    l->list = NULL;

    return rc;
}


static ngx_int_t
ws_listing_fetch(ws_listing_t *l)
{
    ngx_uint_t     left_out;
    ws_request_t  *req;

    req = l->req;

    if (l->docs == NULL) {
        l->docs = ws_list_docs_create(ws_request_pool(req), req->store,
                                      &l->plan, &req->user->subject,
                                      ws_listing_resume, l);
        if (l->docs == NULL) {
            return NGX_ERROR;
        }

        ws_list_docs_ids(l->docs, l->list ? ws_list_ids(l->list) : &l->ids,
                         l->list == NULL);
    }

    if (ws_list_docs_more(l->docs) != NGX_OK) {
        return ws_respond_unavailable(req);
    }

    if (ws_list_docs_done(l->docs, &left_out)) {
        l->count -= left_out;
        req->redis_usec += ws_list_docs_usec(l->docs);
        return ws_listing_whole(l);
    }

    if (ws_list_docs_text(l->docs)->out == NULL) {
        return NGX_AGAIN;
    }

    l->stream = ws_list_stream_start(req, l->docs, &l->count);

    return NGX_DONE;
}


static ngx_int_t
ws_listing_whole(ws_listing_t *l)
{
    off_t                size;
    ngx_buf_t           *head, *tail;
    ngx_chain_t          first, last, **link;
    ngx_http_request_t  *r;

    r = l->req->http;

    if (r->method == NGX_HTTP_HEAD) {
        l->req->rc = ws_respond_header(l->req, NGX_HTTP_OK, -1);
        return NGX_DONE;
    }

    size = 0;

    head = ngx_create_temp_buf(r->pool, sizeof("{\"count\":,\"workspaces\":[")
                                        + NGX_INT_T_LEN);
    tail = ngx_calloc_buf(r->pool);

    if (head == NULL || tail == NULL) {
        return NGX_ERROR;
    }

    head->last = ngx_sprintf(head->last, "{\"count\":%ui,\"workspaces\":[",
                             l->count);

    tail->pos = (u_char *) "]}";
    tail->last = tail->pos + sizeof("]}") - 1;
    tail->memory = 1;
    tail->last_buf = (r == r->main);
    tail->last_in_chain = 1;

    first.buf = head;
    first.next = l->docs ? ws_list_text_take(ws_list_docs_text(l->docs), &size)
                         : NULL;

    for (link = &first.next; *link; link = &(*link)->next) { /* void */ }

    *link = &last;
    last.buf = tail;
    last.next = NULL;

    l->req->rc = ws_respond_header(l->req, NGX_HTTP_OK,
                                   (head->last - head->pos) + size
                                   + (tail->last - tail->pos));

    if (l->req->rc == NGX_ERROR || l->req->rc > NGX_OK || r->header_only) {
        return NGX_DONE;
    }

    l->req->rc = ngx_http_output_filter(r, &first);

    return NGX_DONE;
}


static ngx_int_t
ws_listing_invalid(ws_listing_t *l, const char *field, const char *detail)
{
    return ws_respond_invalid_c(l->req, NGX_HTTP_BAD_REQUEST,
                                "The filters are not valid.", field, detail);
}
