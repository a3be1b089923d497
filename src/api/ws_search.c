
/*
 * A search is read element by element: first its extent and its separators
 * are found, with quotes respected; then each part is copied without quotes
 * and in lower case, and becomes the value of a term.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_search.h"


typedef struct {
    u_char       *start;
    u_char       *end;
    u_char       *colon;     /* outside quotes, or NULL */
    u_char       *slash;
} ws_search_element_t;


typedef struct {
    ngx_str_t     word;      /* in q */
    const char   *param;     /* as a parameter of its own */
} ws_search_name_t;


static const char *ws_search_scan(u_char *p, u_char *last,
    ws_search_element_t *e);
static ngx_int_t ws_search_element(ngx_pool_t *pool, ws_search_element_t *e,
    ngx_array_t *terms, const char **detail);
static ngx_int_t ws_search_key(ngx_pool_t *pool, u_char *start, u_char *end,
    ngx_uint_t *key);
static ngx_int_t ws_search_part(ngx_pool_t *pool, u_char *start, u_char *end,
    ngx_str_t *out);
static ngx_int_t ws_search_value(ngx_pool_t *pool, u_char *start, u_char *end,
    ngx_array_t *terms, ngx_uint_t key, const char **detail);
static ngx_int_t ws_search_term(ngx_array_t *terms, ngx_uint_t key,
    ngx_str_t *value, const char **detail);
static ngx_int_t ws_search_push(ngx_array_t *terms, ngx_uint_t key,
    const ngx_str_t *value, const char **detail);
static ngx_int_t ws_search_find(const ngx_str_t *list, ngx_uint_t n,
    ngx_str_t *name);


const ngx_str_t  ws_statuses[WS_STATUS_COUNT] = {
    ngx_string("pending"),
    ngx_string("starting"),
    ngx_string("running"),
    ngx_string("stopping"),
    ngx_string("stopped"),
    ngx_string("failed"),
    ngx_string("canceling"),
    ngx_string("canceled"),
    ngx_string("deleting"),
    ngx_string("deleted")
};


const ngx_str_t  ws_agent_statuses[WS_AGENT_COUNT] = {
    ngx_string("connected"),
    ngx_string("connecting"),
    ngx_string("disconnected"),
    ngx_string("timeout")
};


static const ws_search_name_t  ws_search_names[WS_SEARCH_COUNT] = {
    { ngx_string("owner"), "owner" },
    { ngx_string("template"), "template" },
    { ngx_string("name"), "name" },
    { ngx_string("status"), "status" },
    { ngx_string("has-agent"), "has_agent" }
};


ngx_int_t
ws_status_find(ngx_str_t *name)
{
    return ws_search_find(ws_statuses, WS_STATUS_COUNT, name);
}


ngx_int_t
ws_agent_status_find(ngx_str_t *name)
{
    return ws_search_find(ws_agent_statuses, WS_AGENT_COUNT, name);
}


const char *
ws_search_param(ngx_uint_t key)
{
    return ws_search_names[key].param;
}


ngx_int_t
ws_search_parse(ngx_pool_t *pool, ngx_str_t *q, ngx_array_t *terms,
    const char **detail)
{
    u_char               *p, *last;
    ngx_int_t             rc;
    ws_search_element_t   e;

    if (q->len == 0) {
        return NGX_OK;
    }

    last = q->data + q->len;

    for (p = q->data; p < last; p = e.end) {

        if (*p == ' ') {
            e.end = p + 1;
            continue;
        }

        *detail = ws_search_scan(p, last, &e);

        if (*detail) {
            return NGX_DECLINED;
        }

        rc = ws_search_element(pool, &e, terms, detail);

        if (rc != NGX_OK) {
            return rc;
        }
    }

    return NGX_OK;
}


ngx_int_t
ws_search_add(ngx_array_t *terms, ngx_uint_t key, ngx_str_t *value,
    const char **detail)
{
    ngx_str_t  lower;

    if (value->len == 0) {
        return NGX_OK;
    }

    lower.len = value->len;
    lower.data = ngx_pnalloc(terms->pool, value->len);

    if (lower.data == NULL) {
        return NGX_ERROR;
    }

    ngx_strlow(lower.data, value->data, value->len);

    return ws_search_term(terms, key, &lower, detail);
}


/*
 * finds the end of the element at p, and its separators; returns what is
 * wrong with it, or NULL
 */

static const char *
ws_search_scan(u_char *p, u_char *last, ws_search_element_t *e)
{
    ngx_uint_t  quoted;

    e->start = p;
    e->colon = NULL;
    e->slash = NULL;

    quoted = 0;

    for ( /* void */ ; p < last && (quoted || *p != ' '); p++) {

        if (*p == '"') {
            quoted = !quoted;
            continue;
        }

        if (quoted) {
            continue;
        }

        if (*p == ':') {

            if (e->colon) {
                return "an element has more than one \":\"";
            }

            e->colon = p;
        }

        if (*p == '/') {

            if (e->slash) {
                return "an element has more than one \"/\"";
            }

            e->slash = p;
        }
    }

    if (quoted) {
        return "a quote does not end";
    }

    e->end = p;

    return NULL;
}


static ngx_int_t
ws_search_element(ngx_pool_t *pool, ws_search_element_t *e,
    ngx_array_t *terms, const char **detail)
{
    ngx_int_t   rc;
    ngx_uint_t  key;

    if (e->colon) {

        rc = ws_search_key(pool, e->start, e->colon, &key);

        if (rc != NGX_OK) {
            *detail = "a key is none of owner, template, name, status and "
                      "has-agent";
            return rc;
        }

        return ws_search_value(pool, e->colon + 1, e->end, terms, key,
                               detail);
    }

    if (e->slash == NULL) {
        return ws_search_value(pool, e->start, e->end, terms, WS_SEARCH_NAME,
                               detail);
    }

    rc = ws_search_value(pool, e->start, e->slash, terms, WS_SEARCH_OWNER,
                         detail);

    if (rc != NGX_OK) {
        return rc;
    }

    return ws_search_value(pool, e->slash + 1, e->end, terms, WS_SEARCH_NAME,
                           detail);
}


static ngx_int_t
ws_search_key(ngx_pool_t *pool, u_char *start, u_char *end, ngx_uint_t *key)
{
    ngx_str_t  word;

    if (ws_search_part(pool, start, end, &word) != NGX_OK) {
        return NGX_ERROR;
    }

    for (*key = 0; *key < WS_SEARCH_COUNT; (*key)++) {

        if (word.len == ws_search_names[*key].word.len
            && ngx_memcmp(word.data, ws_search_names[*key].word.data, word.len)
               == 0)
        {
            return NGX_OK;
        }
    }

    return NGX_DECLINED;
}


/* copies a part of an element without its quotes and in lower case */

static ngx_int_t
ws_search_part(ngx_pool_t *pool, u_char *start, u_char *end, ngx_str_t *out)
{
    u_char  *p, *dst;

    ngx_str_null(out);

    if (start == end) {
        return NGX_OK;
    }

    out->data = ngx_pnalloc(pool, end - start);
    if (out->data == NULL) {
        return NGX_ERROR;
    }

    dst = out->data;

    for (p = start; p < end; p++) {
        if (*p != '"') {
            *dst++ = ngx_tolower(*p);
        }
    }

    out->len = dst - out->data;

    return NGX_OK;
}


static ngx_int_t
ws_search_value(ngx_pool_t *pool, u_char *start, u_char *end,
    ngx_array_t *terms, ngx_uint_t key, const char **detail)
{
    ngx_str_t  value;

    if (start == end) {
        *detail = "a value is missing";
        return NGX_DECLINED;
    }

    if (ws_search_part(pool, start, end, &value) != NGX_OK) {
        return NGX_ERROR;
    }

    if (value.len == 0) {
        /* only quotes: a filter that is not given */
        return NGX_OK;
    }

    return ws_search_term(terms, key, &value, detail);
}


/* appends a value that is in lower case and in a pool */

static ngx_int_t
ws_search_term(ngx_array_t *terms, ngx_uint_t key, ngx_str_t *value,
    const char **detail)
{
    ngx_int_t  n;

    switch (key) {

    case WS_SEARCH_STATUS:
        n = ws_status_find(value);

        if (n == NGX_DECLINED) {
            *detail = "not a workspace status";
            return NGX_DECLINED;
        }

        return ws_search_push(terms, key, &ws_statuses[n], detail);

    case WS_SEARCH_HAS_AGENT:
        n = ws_agent_status_find(value);

        if (n == NGX_DECLINED) {
            *detail = "not an agent status";
            return NGX_DECLINED;
        }

        return ws_search_push(terms, key, &ws_agent_statuses[n], detail);

    default:
        return ws_search_push(terms, key, value, detail);
    }
}


static ngx_int_t
ws_search_push(ngx_array_t *terms, ngx_uint_t key, const ngx_str_t *value,
    const char **detail)
{
    ngx_uint_t         i;
    ws_search_term_t  *term;

    term = terms->elts;

    for (i = 0; i < terms->nelts; i++) {

        if (term[i].key == key
            && term[i].value.len == value->len
            && ngx_memcmp(term[i].value.data, value->data, value->len) == 0)
        {
            return NGX_OK;
        }
    }

    if (terms->nelts == WS_SEARCH_MAX_TERMS) {
        *detail = "too many filters";
        return NGX_DECLINED;
    }

    term = ngx_array_push(terms);
    if (term == NULL) {
        return NGX_ERROR;
    }

    term->key = key;
    term->value = *value;

    return NGX_OK;
}


static ngx_int_t
ws_search_find(const ngx_str_t *list, ngx_uint_t n, ngx_str_t *name)
{
    ngx_uint_t  i;

    for (i = 0; i < n; i++) {

        if (list[i].len == name->len
            && ngx_strncasecmp(list[i].data, name->data, name->len) == 0)
        {
            return i;
        }
    }

    return NGX_DECLINED;
}
