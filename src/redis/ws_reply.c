
/*
 * hiredis' reader with objects of our own.
 *
 * hiredis calls back for every object it meets, telling where it belongs:
 * an element goes straight into its place in the parent's array, so that an
 * array is one piece of memory.  Strings are copied, as hiredis moves its
 * buffer between two feeds.
 *
 * All of a reply lies in an arena, a pool.  It is not renewed after each
 * reply, which would cost more than small replies do, but once it holds
 * WS_READER_ARENA bytes: so it never holds more than that and one reply.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <hiredis/hiredis.h>
#include <ws_reply.h>


#define WS_READER_BLOCK  8192

/* with a sanitizer every reply has its own arena: late readers are caught */

#if defined(__SANITIZE_ADDRESS__)
#define WS_READER_ARENA  1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WS_READER_ARENA  1
#endif
#endif

#ifndef WS_READER_ARENA
#define WS_READER_ARENA  (64 * 1024)
#endif

#if (HIREDIS_MAJOR > 0)
typedef size_t  ws_reply_size_t;
#else
typedef int  ws_reply_size_t;
#endif


struct ws_reader_s {
    redisReader                *hiredis;
    ngx_pool_t                 *arena;
    ngx_log_t                  *log;

    size_t                      limit;
    size_t                      used;       /* by the reply being read */
    size_t                      held;       /* by the arena */

    const char                 *error;

    unsigned                    replied:1;
};


static ngx_int_t ws_reader_next_arena(ws_reader_t *reader);
static ngx_uint_t ws_reader_line_open(redisReader *hiredis);
static void *ws_reader_alloc(ws_reader_t *reader, size_t size);
static ws_reply_t *ws_reply_place(const redisReadTask *task, ngx_uint_t type);

static void *ws_reply_string(const redisReadTask *task, char *data,
    size_t len);
static void *ws_reply_array(const redisReadTask *task, ws_reply_size_t n);
static void *ws_reply_integer(const redisReadTask *task, long long value);
static void *ws_reply_nil(const redisReadTask *task);
static void ws_reply_free(void *reply);

#if (HIREDIS_MAJOR > 0)
static void *ws_reply_double(const redisReadTask *task, double value,
    char *data, size_t len);
static void *ws_reply_bool(const redisReadTask *task, int value);
#endif


static redisReplyObjectFunctions  ws_reply_functions = {
    .createString = ws_reply_string,
    .createArray = ws_reply_array,
    .createInteger = ws_reply_integer,
#if (HIREDIS_MAJOR > 0)
    .createDouble = ws_reply_double,
    .createBool = ws_reply_bool,
#endif
    .createNil = ws_reply_nil,
    .freeObject = ws_reply_free
};


ws_reader_t *
ws_reader_create(ngx_pool_t *pool)
{
    ws_reader_t  *reader;

    reader = ngx_pcalloc(pool, sizeof(ws_reader_t));
    if (reader == NULL) {
        return NULL;
    }

    reader->log = pool->log;
    reader->limit = WS_READER_LIMIT;

    if (ws_reader_reset(reader) != NGX_OK) {
        return NULL;
    }

    return reader;
}


void
ws_reader_limit(ws_reader_t *reader, size_t limit)
{
    reader->limit = limit;
}


ngx_int_t
ws_reader_reset(ws_reader_t *reader)
{
    ws_reader_destroy(reader);

    reader->hiredis = redisReaderCreateWithFunctions(&ws_reply_functions);

    if (reader->hiredis == NULL) {
        reader->error = "out of memory";
        return NGX_ERROR;
    }

    reader->hiredis->privdata = reader;

    if (ws_reader_next_arena(reader) != NGX_OK) {
        ws_reader_destroy(reader);
        return NGX_ERROR;
    }

    reader->error = NULL;

    return NGX_OK;
}


void
ws_reader_destroy(ws_reader_t *reader)
{
    if (reader == NULL) {
        return;
    }

    if (reader->hiredis) {
        redisReaderFree(reader->hiredis);
        reader->hiredis = NULL;
    }

    if (reader->arena) {
        ngx_destroy_pool(reader->arena);
        reader->arena = NULL;
    }

    reader->error = "reader is closed";
    reader->used = 0;
    reader->replied = 0;
}


ngx_int_t
ws_reader_feed(ws_reader_t *reader, const u_char *data, size_t len)
{
    size_t        waiting;
    redisReader  *hiredis;

    if (reader->error) {
        return NGX_ERROR;
    }

    hiredis = reader->hiredis;
    waiting = hiredis->len - hiredis->pos;

    if (waiting > reader->limit || len > reader->limit - waiting) {
        reader->error = "reply is too big";
        return NGX_ERROR;
    }

    if (redisReaderFeed(hiredis, (const char *) data, len) != REDIS_OK) {
        reader->error = "out of memory";
        return NGX_ERROR;
    }

    return NGX_OK;
}


ngx_int_t
ws_reader_next(ws_reader_t *reader, ws_reply_t **reply)
{
    void         *object;
    redisReader  *hiredis;

    if (reader->error) {
        return NGX_ERROR;
    }

    if (reader->replied) {
        reader->replied = 0;
        reader->used = 0;

        if (reader->held >= WS_READER_ARENA
            && ws_reader_next_arena(reader) != NGX_OK)
        {
            return NGX_ERROR;
        }
    }

    hiredis = reader->hiredis;

    if (redisReaderGetReply(hiredis, &object) != REDIS_OK) {

        /* a callback that returned NULL has said why */

        if (reader->error == NULL) {
            reader->error = hiredis->errstr;
        }

        return NGX_ERROR;
    }

    if (object) {
        *reply = object;
        reader->replied = 1;
        return NGX_OK;
    }

    if (ws_reader_line_open(hiredis)) {
        reader->error = "line is too long";
        return NGX_ERROR;
    }

    return NGX_AGAIN;
}


ngx_pool_t *
ws_reader_keep(ws_reader_t *reader)
{
    ngx_pool_t  *arena;

    arena = reader->arena;

    reader->arena = NULL;
    reader->replied = 0;
    reader->used = 0;

    /* should that fail, the next call of ws_reader_next() says so */

    (void) ws_reader_next_arena(reader);

    return arena;
}


const char *
ws_reader_error(ws_reader_t *reader)
{
    return reader->error ? reader->error : "no error";
}


ngx_uint_t
ws_reply_is_error(const ws_reply_t *reply, const char *code)
{
    size_t  len;

    if (reply == NULL || reply->type != WS_REPLY_ERROR) {
        return 0;
    }

    len = ngx_strlen(code);

    return reply->str.len >= len
           && ngx_memcmp(reply->str.data, code, len) == 0
           && (reply->str.len == len || reply->str.data[len] == ' ');
}


static ngx_int_t
ws_reader_next_arena(ws_reader_t *reader)
{
    if (reader->arena) {
        ngx_destroy_pool(reader->arena);
    }

    reader->held = 0;
    reader->arena = ngx_create_pool(WS_READER_BLOCK, reader->log);

    if (reader->arena == NULL) {
        reader->error = "out of memory";
        return NGX_ERROR;
    }

    return NGX_OK;
}


/*
 * An incomplete item starts with a line.  hiredis looks for its end from the
 * start again at every feed, so that an endless one must be stopped early.
 */

static ngx_uint_t
ws_reader_line_open(redisReader *hiredis)
{
    char  *p, *last;

    if (hiredis->len - hiredis->pos <= WS_READER_LINE) {
        return 0;
    }

    p = hiredis->buf + hiredis->pos;
    last = p + WS_READER_LINE;

    while (p < last) {
        p = memchr(p, CR, last - p);

        if (p == NULL) {
            break;
        }

        if (p[1] == LF) {
            return 0;
        }

        p++;
    }

    return 1;
}


static void *
ws_reader_alloc(ws_reader_t *reader, size_t size)
{
    void  *p;

    if (reader->used > reader->limit || size > reader->limit - reader->used) {
        reader->error = "reply is too big";
        return NULL;
    }

    p = ngx_palloc(reader->arena, size);

    if (p == NULL) {
        reader->error = "out of memory";
        return NULL;
    }

    reader->used += size;
    reader->held += size;

    return p;
}


static ws_reply_t *
ws_reply_place(const redisReadTask *task, ngx_uint_t type)
{
    ws_reply_t  *reply, *array;

    if (task->parent) {
        array = task->parent->obj;
        reply = &array->elts[task->idx];

    } else {
        reply = ws_reader_alloc(task->privdata, sizeof(ws_reply_t));
        if (reply == NULL) {
            return NULL;
        }
    }

    ngx_memzero(reply, sizeof(ws_reply_t));
    reply->type = type;

    return reply;
}


static void *
ws_reply_string(const redisReadTask *task, char *data, size_t len)
{
    ngx_uint_t   type;
    ws_reply_t  *reply;

    type = WS_REPLY_STRING;

    switch (task->type) {

    case REDIS_REPLY_ERROR:
        type = WS_REPLY_ERROR;
        break;

    case REDIS_REPLY_STATUS:
        type = WS_REPLY_STATUS;
        break;

#if (HIREDIS_MAJOR > 0)

    case REDIS_REPLY_VERB:

        /* "txt:", checked by hiredis */

        data += 4;
        len -= 4;
        break;

#endif
    }

    reply = ws_reply_place(task, type);
    if (reply == NULL) {
        return NULL;
    }

    reply->str.data = ws_reader_alloc(task->privdata, len + 1);
    if (reply->str.data == NULL) {
        return NULL;
    }

    ngx_memcpy(reply->str.data, data, len);
    reply->str.data[len] = '\0';
    reply->str.len = len;

    return reply;
}


static void *
ws_reply_array(const redisReadTask *task, ws_reply_size_t n)
{
    ngx_uint_t            depth;
    ws_reply_t           *reply;
    ws_reader_t          *reader;
    const redisReadTask  *parent;

    reader = task->privdata;
    depth = 1;

    for (parent = task->parent; parent; parent = parent->parent) {
        if (++depth > WS_READER_DEPTH) {
            reader->error = "reply is nested too deep";
            return NULL;
        }
    }

    reply = ws_reply_place(task, WS_REPLY_ARRAY);
    if (reply == NULL || n == 0) {
        return reply;
    }

    if ((size_t) n > reader->limit / sizeof(ws_reply_t)) {
        reader->error = "reply is too big";
        return NULL;
    }

    reply->elts = ws_reader_alloc(reader, n * sizeof(ws_reply_t));
    if (reply->elts == NULL) {
        return NULL;
    }

    /* the elements not read yet are never seen: no need to clear them */

    reply->n = n;

    return reply;
}


static void *
ws_reply_integer(const redisReadTask *task, long long value)
{
    ws_reply_t  *reply;

    reply = ws_reply_place(task, WS_REPLY_INTEGER);

    if (reply) {
        reply->integer = value;
    }

    return reply;
}


static void *
ws_reply_nil(const redisReadTask *task)
{
    return ws_reply_place(task, WS_REPLY_NIL);
}


/* the arena frees */

static void
ws_reply_free(void *reply)
{
}


#if (HIREDIS_MAJOR > 0)

static void *
ws_reply_double(const redisReadTask *task, double value, char *data,
    size_t len)
{
    return ws_reply_string(task, data, len);
}


static void *
ws_reply_bool(const redisReadTask *task, int value)
{
    return ws_reply_integer(task, value);
}

#endif
