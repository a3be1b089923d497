
/*
 * Each shard has its queue, a sorted set of job ids by the time when they
 * were made.  The reader holds a page of each shard; the next job is the
 * oldest of the pages' first ones, so a page that is used up has to be
 * followed by the next before anything can be told.  What the jobs need is
 * read for some of a page when the first one's turn has come: of most shards
 * only the ids are ever looked at.
 *
 * Where the next page begins is remembered as a time and the number of jobs
 * of that time already seen: jobs before it may come and go meanwhile.  One
 * that is missed so is found by the next walk.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_needs.h"
#include "ws_queue.h"


typedef struct ws_queue_page_s  ws_queue_page_t;


typedef struct {
    ws_queued_t        job;
    int64_t            at_ms;
    ws_queue_page_t   *page;
    ws_redis_cmd_t    *cmd;         /* reads what it needs */
    unsigned           told:1;      /* what it needs, if it is there */
    unsigned           there:1;
} ws_queue_job_t;


/* a shard; its page while there is one */

struct ws_queue_page_s {
    ws_queue_t        *queue;
    ngx_uint_t         shard;
    ngx_pool_t        *pool;
    ws_queue_job_t    *jobs;
    ngx_uint_t         n;
    ngx_uint_t         next;
    ngx_uint_t         size;        /* asked for */
    int64_t            from_ms;     /* the next page begins here ... */
    ngx_uint_t         skip;        /* ... after so many */
    ws_redis_cmd_t    *cmd;         /* reads the page */
    ngx_uint_t         details;     /* jobs to be read next at once */
    ngx_uint_t         pending;     /* jobs being read */

    unsigned           marked:1;
    unsigned           more:1;      /* there may be another page */
};


struct ws_queue_s {
    ws_store_t        *store;
    void             (*handler)(void *data);
    void              *data;
    ws_queue_page_t   *pages;       /* of all shards */
    ngx_uint_t         size;        /* of first pages */
    ws_queue_job_t    *last;        /* returned by ws_queue_next() */
    ws_needs_t         known;       /* of jobs that were passed over */
    unsigned           lost:1;      /* a shard, by this walk */
};


static ngx_int_t ws_queue_read(ws_queue_page_t *page);
static void ws_queue_page(void *data, ws_reply_t *reply);
static ngx_int_t ws_queue_fill(ws_queue_page_t *page, ws_reply_t *reply);
static ngx_int_t ws_queue_details(ws_queue_page_t *page);
static void ws_queue_detail(void *data, ws_reply_t *reply);
static ngx_uint_t ws_queue_recall(ws_queue_job_t *job);
static void ws_queue_lose(ws_queue_page_t *page);
static void ws_queue_drop(ws_queue_page_t *page);


ws_queue_t *
ws_queue_create(ngx_pool_t *pool, ws_store_t *store,
    void (*handler)(void *data), void *data)
{
    ngx_uint_t   i;
    ws_queue_t  *queue;

    queue = ngx_pcalloc(pool, sizeof(ws_queue_t));
    if (queue == NULL) {
        return NULL;
    }

    queue->store = store;
    queue->handler = handler;
    queue->data = data;

    ws_needs_init(&queue->known, store->log);

    queue->pages = ngx_pcalloc(pool, store->ks->shards
                                     * sizeof(ws_queue_page_t));
    if (queue->pages == NULL) {
        return NULL;
    }

    for (i = 0; i < store->ks->shards; i++) {
        queue->pages[i].queue = queue;
        queue->pages[i].shard = i;
    }

    return queue;
}


void
ws_queue_mark(ws_queue_t *queue, ngx_uint_t shard)
{
    queue->pages[shard].marked = 1;
}


void
ws_queue_mark_all(ws_queue_t *queue)
{
    ngx_uint_t  i;

    for (i = 0; i < queue->store->ks->shards; i++) {
        queue->pages[i].marked = 1;
    }
}


ngx_uint_t
ws_queue_marked(ws_queue_t *queue)
{
    ngx_uint_t  i;

    for (i = 0; i < queue->store->ks->shards; i++) {
        if (queue->pages[i].marked) {
            return 1;
        }
    }

    return 0;
}


void
ws_queue_start(ws_queue_t *queue, ngx_uint_t want)
{
    ngx_uint_t        i;
    ws_queue_page_t  *page;

    ws_queue_stop(queue);

    queue->size = ngx_min(ngx_max(want, WS_QUEUE_PAGE_MIN),
                          WS_QUEUE_PAGE_MAX);

    for (i = 0; i < queue->store->ks->shards; i++) {
        page = &queue->pages[i];

        page->more = page->marked;
        page->marked = 0;
        page->size = 0;
        page->from_ms = 0;
        page->skip = 0;
    }
}


ngx_int_t
ws_queue_next(ws_queue_t *queue, ws_queued_t **job)
{
    ngx_uint_t        i, waiting, lost;
    ws_queue_page_t  *page, *first;

    queue->last = NULL;

again:

    first = NULL;
    waiting = 0;

    for (i = 0; i < queue->store->ks->shards; i++) {
        page = &queue->pages[i];

        if (page->next < page->n) {
            if (first == NULL
                || page->jobs[page->next].at_ms
                   < first->jobs[first->next].at_ms)
            {
                first = page;
            }

            continue;
        }

        if (page->cmd == NULL && page->more && ws_queue_read(page) != NGX_OK) {
            ws_queue_lose(page);
        }

        waiting |= (page->cmd != NULL);
    }

    if (waiting) {
        return NGX_AGAIN;
    }

    if (first == NULL) {
        lost = queue->lost;
        ws_queue_stop(queue);

        return lost ? NGX_ERROR : NGX_DONE;
    }

    if (!first->jobs[first->next].told && first->pending == 0
        && ws_queue_details(first) != NGX_OK)
    {
        ws_queue_lose(first);
        goto again;
    }

    if (first->pending) {
        return NGX_AGAIN;
    }

    queue->last = &first->jobs[first->next++];

    if (!queue->last->there) {
        goto again;
    }

    *job = &queue->last->job;

    return NGX_OK;
}


/* asks for the next page of a shard */

static ngx_int_t
ws_queue_read(ws_queue_page_t *page)
{
    ngx_str_t    argv[9];
    ws_queue_t  *queue;

    queue = page->queue;

    ws_queue_drop(page);

    page->size = page->size ? ngx_min(page->size * 4, WS_QUEUE_PAGE_MAX)
                            : queue->size;

    page->pool = ngx_create_pool(1024, queue->store->log);
    if (page->pool == NULL) {
        return NGX_ERROR;
    }

    ngx_str_set(&argv[0], "ZRANGE");
    argv[1] = ws_key(page->pool, queue->store->ks, page->shard, "queue", NULL,
                     NULL);
    argv[2] = ws_int_str(page->pool, page->from_ms);
    ngx_str_set(&argv[3], "+inf");
    ngx_str_set(&argv[4], "BYSCORE");
    ngx_str_set(&argv[5], "LIMIT");
    argv[6] = ws_int_str(page->pool, page->skip);
    argv[7] = ws_int_str(page->pool, page->size);
    ngx_str_set(&argv[8], "WITHSCORES");

    if (argv[1].data == NULL || argv[2].data == NULL || argv[6].data == NULL
        || argv[7].data == NULL)
    {
        return NGX_ERROR;
    }

    page->cmd = ws_redis_command(queue->store->redis, WS_REDIS_READ, 9, argv,
                                 ws_queue_page, page);

    return page->cmd ? NGX_OK : NGX_ERROR;
}


/* whoever walks is told of each reply: any may be the one it waits for */

static void
ws_queue_page(void *data, ws_reply_t *reply)
{
    ws_queue_page_t *page = data;

    page->cmd = NULL;

    if (reply == NULL || reply->type != WS_REPLY_ARRAY
        || ws_queue_fill(page, reply) != NGX_OK)
    {
        ws_queue_lose(page);
    }

    page->queue->handler(page->queue->data);
}


static ngx_int_t
ws_queue_fill(ws_queue_page_t *page, ws_reply_t *reply)
{
    ngx_uint_t       i;
    ws_reply_t      *id, *at;
    ws_queue_job_t  *job;

    page->jobs = ngx_pcalloc(page->pool, (reply->n / 2 + 1)
                                         * sizeof(ws_queue_job_t));
    if (page->jobs == NULL) {
        return NGX_ERROR;
    }

    for (i = 0; i + 1 < reply->n; i += 2) {
        id = &reply->elts[i];
        at = &reply->elts[i + 1];
        job = &page->jobs[page->n];

        job->page = page;
        job->at_ms = ngx_atoi(at->str.data, at->str.len);
        job->job.id.len = id->str.len;
        job->job.id.data = ngx_pstrdup(page->pool, &id->str);

        if (job->job.id.data == NULL || job->at_ms < 0) {
            return NGX_ERROR;
        }

        if (job->at_ms != page->from_ms) {
            page->from_ms = job->at_ms;
            page->skip = 0;
        }

        page->skip++;
        page->n++;
    }

    page->more = (page->n == page->size);

    return NGX_OK;
}


/* asks what the next jobs of a page need, of those of which it is not known */

static ngx_int_t
ws_queue_details(ws_queue_page_t *page)
{
    ngx_str_t        argv[4];
    ngx_uint_t       i;
    ws_queue_t      *queue;
    ws_queue_job_t  *job;

    queue = page->queue;

    ngx_str_set(&argv[0], "HMGET");
    ngx_str_set(&argv[2], "w");
    ngx_str_set(&argv[3], "r");

    page->details = page->details ? ngx_min(page->details * 4,
                                            WS_QUEUE_PAGE_MAX)
                                  : queue->size;

    for (i = page->next; i < page->n && page->pending < page->details; i++) {
        job = &page->jobs[i];

        if (job->told || ws_queue_recall(job)) {
            continue;
        }

        argv[1] = ws_key(page->pool, queue->store->ks, page->shard, "job",
                         &job->job.id, NULL);
        if (argv[1].data == NULL) {
            return NGX_ERROR;
        }

        job->cmd = ws_redis_command(queue->store->redis, WS_REDIS_READ, 4,
                                    argv, ws_queue_detail, job);
        if (job->cmd == NULL) {
            return NGX_ERROR;
        }

        page->pending++;
    }

    return NGX_OK;
}


static void
ws_queue_detail(void *data, ws_reply_t *reply)
{
    ws_queue_job_t *job = data;

    ngx_str_t         text;
    ws_queue_page_t  *page;

    page = job->page;

    job->cmd = NULL;
    job->told = 1;
    page->pending--;

    if (reply == NULL || reply->type != WS_REPLY_ARRAY || reply->n != 2) {
        ws_queue_lose(page);

    } else if (reply->elts[0].type == WS_REPLY_STRING
               && reply->elts[1].type == WS_REPLY_STRING)
    {
        text.len = reply->elts[1].str.len;
        text.data = ngx_pstrdup(page->pool, &reply->elts[1].str);

        job->there = (text.data
                      && ws_need_parse(&text, &job->job.need) == NGX_OK
                      && ws_uuid_parse(&reply->elts[0].str,
                                       &job->job.workspace)
                         == NGX_OK);
    }

    if (page->pending == 0) {
        page->queue->handler(page->queue->data);
    }
}


/* whether it is known what a job needs */

static ngx_uint_t
ws_queue_recall(ws_queue_job_t *job)
{
    ws_queue_page_t  *page;

    page = job->page;

    if (ws_needs_find(&page->queue->known, &job->job.id, page->pool,
                      &job->job.workspace, &job->job.need)
        != NGX_OK)
    {
        return 0;
    }

    job->told = 1;
    job->there = 1;

    return 1;
}


void
ws_queue_remember(ws_queue_t *queue)
{
    ws_queued_t  *job;

    if (queue->last) {
        job = &queue->last->job;

        ws_needs_add(&queue->known, &job->id, &job->workspace, &job->need);
    }
}


void
ws_queue_forget(ws_queue_t *queue)
{
    ws_needs_clear(&queue->known);
}


void
ws_queue_stop(ws_queue_t *queue)
{
    ngx_uint_t  i;

    queue->lost = 0;
    queue->last = NULL;

    for (i = 0; i < queue->store->ks->shards; i++) {
        queue->pages[i].more = 0;
        ws_queue_drop(&queue->pages[i]);
    }
}


/* this walk goes on without the shard, for another to come */

static void
ws_queue_lose(ws_queue_page_t *page)
{
    ws_queue_drop(page);

    page->more = 0;
    page->marked = 1;
    page->queue->lost = 1;
}


static void
ws_queue_drop(ws_queue_page_t *page)
{
    ngx_uint_t  i;

    if (page->cmd) {
        ws_redis_cancel(page->cmd);
        page->cmd = NULL;
    }

    for (i = 0; i < page->n; i++) {
        if (page->jobs[i].cmd) {
            ws_redis_cancel(page->jobs[i].cmd);
        }
    }

    if (page->pool) {
        ngx_destroy_pool(page->pool);
        page->pool = NULL;
    }

    page->n = 0;
    page->next = 0;
    page->pending = 0;
    page->details = 0;
}
