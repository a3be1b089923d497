
/*
 * A zone is a list of the instants at which its offset changed, followed by
 * a rule for all time after them; both are taken from one TZif file
 * (RFC 9636).  Whatever is asked of a zone is answered by walking over spans
 * of constant offset.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_tz.h"
#include "ws_tz_rule.h"


#define WS_TZ_HEADER  44


struct ws_tz_s {
    /* offset[i] is in force from at[i] on, "first" before at[0] */
    int64_t         *at;
    int32_t         *offset;
    ngx_uint_t       n;
    int32_t          first;

    /* the rule counts from "since" on; INT64_MAX when there is none */
    int64_t          since;
    ws_tz_rule_t     rule;
};


/* RFC 9636, section 3.1: the counts, in the order of the header */

enum {
    WS_TZ_ISUTCNT = 0,
    WS_TZ_ISSTDCNT,
    WS_TZ_LEAPCNT,
    WS_TZ_TIMECNT,
    WS_TZ_TYPECNT,
    WS_TZ_CHARCNT,
    WS_TZ_COUNTS
};


typedef struct {
    u_char       version;
    size_t       time_size;
    size_t       timecnt;
    size_t       typecnt;
    u_char      *times;      /* what follows the header */
    u_char      *indexes;
    u_char      *types;
    u_char      *end;
} ws_tz_block_t;


static ngx_int_t ws_tz_parse_block(ngx_str_t *file, size_t start,
    size_t time_size, ws_tz_block_t *block);
static ngx_int_t ws_tz_parse_changes(ngx_pool_t *pool, ws_tz_block_t *block,
    ws_tz_t *tz);
static ngx_int_t ws_tz_parse_footer(ngx_str_t *file, ws_tz_block_t *block,
    ws_tz_t *tz);
static int32_t ws_tz_span(const ws_tz_t *tz, int64_t utc, int64_t *end);
static int64_t ws_tz_block_time(ws_tz_block_t *block, ngx_uint_t i);
static uint32_t ws_tz_uint32(u_char *p);


ngx_int_t
ws_tz_parse(ngx_pool_t *pool, ngx_str_t *file, ws_tz_t **out)
{
    ngx_int_t       rc;
    ws_tz_t        *tz;
    ws_tz_block_t   block;

    rc = ws_tz_parse_block(file, 0, 4, &block);

    if (rc == NGX_OK && block.version >= '2') {

        /* the same again with wide times; the first block is for others */

        rc = ws_tz_parse_block(file, block.end - file->data, 8, &block);
    }

    if (rc != NGX_OK) {
        return rc;
    }

    tz = ngx_pcalloc(pool, sizeof(ws_tz_t));
    if (tz == NULL) {
        return NGX_ERROR;
    }

    tz->since = INT64_MAX;

    rc = ws_tz_parse_changes(pool, &block, tz);

    if (rc == NGX_OK && block.time_size == 8) {
        rc = ws_tz_parse_footer(file, &block, tz);
    }

    *out = tz;

    return rc;
}


int32_t
ws_tz_offset(const ws_tz_t *tz, int64_t utc)
{
    int64_t  end;

    return ws_tz_span(tz, utc, &end);
}


ngx_int_t
ws_tz_from_local(const ws_tz_t *tz, int64_t local, int64_t *utc)
{
    int32_t  offset;
    int64_t  start, end;

    if (local < WS_TZ_MIN_TIME || local > WS_TZ_MAX_TIME) {
        return NGX_DECLINED;
    }

    /*
     * the first instant at which the wall clock shows "local" or more; it
     * shows less at "start", and beyond a day it cannot show less any more
     */

    start = local - WS_TZ_MAX_OFFSET;

    for ( ;; ) {
        offset = ws_tz_span(tz, start, &end);

        if (start + offset >= local) {
            *utc = start;
            return NGX_OK;
        }

        if (local - offset < end) {
            *utc = local - offset;
            return NGX_OK;
        }

        start = end;
    }
}


/* reads the header at "start" and finds the parts of the block behind it */

static ngx_int_t
ws_tz_parse_block(ngx_str_t *file, size_t start, size_t time_size,
    ws_tz_block_t *block)
{
    u_char      *p;
    size_t       rest, size, count[WS_TZ_COUNTS];
    ngx_uint_t   i;

    /* the bound keeps sums of sizes far below any overflow */

    if (file->len > WS_TZ_MAX_FILE || file->len < WS_TZ_HEADER
        || start > file->len - WS_TZ_HEADER)
    {
        return NGX_DECLINED;
    }

    p = file->data + start;
    rest = file->len - start - WS_TZ_HEADER;

    if (ngx_memcmp(p, "TZif", 4) != 0) {
        return NGX_DECLINED;
    }

    block->version = p[4];

    /* magic, version, 15 reserved bytes */

    p += 20;

    for (i = 0; i < WS_TZ_COUNTS; i++, p += 4) {
        count[i] = ws_tz_uint32(p);

        if (count[i] > rest) {
            return NGX_DECLINED;
        }
    }

    /* times of files with leap seconds are not what we count in */

    if (count[WS_TZ_LEAPCNT] || count[WS_TZ_TYPECNT] == 0) {
        return NGX_DECLINED;
    }

    size = count[WS_TZ_TIMECNT] * (time_size + 1)
           + count[WS_TZ_TYPECNT] * 6 + count[WS_TZ_CHARCNT]
           + count[WS_TZ_ISSTDCNT] + count[WS_TZ_ISUTCNT];

    if (size > rest) {
        return NGX_DECLINED;
    }

    block->time_size = time_size;
    block->timecnt = count[WS_TZ_TIMECNT];
    block->typecnt = count[WS_TZ_TYPECNT];

    block->times = p;
    block->indexes = p + block->timecnt * time_size;
    block->types = block->indexes + block->timecnt;
    block->end = p + size;

    return NGX_OK;
}


static ngx_int_t
ws_tz_parse_changes(ngx_pool_t *pool, ws_tz_block_t *block, ws_tz_t *tz)
{
    int32_t     offset, current;
    int64_t     at, before;
    ngx_uint_t  i, type;

    if (block->timecnt) {
        tz->at = ngx_palloc(pool, block->timecnt * sizeof(int64_t));
        tz->offset = ngx_palloc(pool, block->timecnt * sizeof(int32_t));

        if (tz->at == NULL || tz->offset == NULL) {
            return NGX_ERROR;
        }
    }

    before = INT64_MIN;
    current = 0;

    for (i = 0; i <= block->timecnt; i++) {

        /* type 0 first: RFC 9636, section 3.2, is what holds before at[0] */

        type = i ? block->indexes[i - 1] : 0;

        if (type >= block->typecnt) {
            return NGX_DECLINED;
        }

        offset = (int32_t) ws_tz_uint32(block->types + type * 6);

        if (offset <= -WS_TZ_MAX_OFFSET || offset >= WS_TZ_MAX_OFFSET) {
            return NGX_DECLINED;
        }

        if (i == 0) {
            tz->first = offset;
            current = offset;
            continue;
        }

        at = ws_tz_block_time(block, i - 1);

        if (at <= before && i > 1) {
            return NGX_DECLINED;
        }

        before = at;

        /* many changes are of the name only */

        if (offset != current) {
            tz->at[tz->n] = at;
            tz->offset[tz->n++] = offset;
            current = offset;
        }
    }

    return NGX_OK;
}


static ngx_int_t
ws_tz_parse_footer(ngx_str_t *file, ws_tz_block_t *block, ws_tz_t *tz)
{
    u_char     *p, *last;
    ngx_str_t   text;

    /* RFC 9636, section 3.3: a line feed, the rule or nothing, a line feed */

    p = block->end;
    last = file->data + file->len;

    if (p == last || *p != '\n') {
        return NGX_DECLINED;
    }

    text.data = ++p;

    p = ngx_strlchr(p, last, '\n');
    if (p == NULL) {
        return NGX_DECLINED;
    }

    text.len = p - text.data;

    if (text.len == 0) {
        return NGX_OK;
    }

    tz->since = block->timecnt
                ? ws_tz_block_time(block, block->timecnt - 1) : INT64_MIN;

    return ws_tz_rule_parse(&text, &tz->rule);
}


/*
 * the offset in force at a time, and a later time until which it lasts;
 * INT64_MAX when it lasts for ever
 */

static int32_t
ws_tz_span(const ws_tz_t *tz, int64_t utc, int64_t *end)
{
    ngx_uint_t  low, high, middle;

    /* without a rule the table holds to the end of time */

    if (utc >= tz->since && tz->since != INT64_MAX) {
        return ws_tz_rule_at(&tz->rule, utc, end);
    }

    /* how many changes are not after the time */

    low = 0;
    high = tz->n;

    while (low < high) {
        middle = low + (high - low) / 2;

        if (tz->at[middle] <= utc) {
            low = middle + 1;

        } else {
            high = middle;
        }
    }

    *end = (low < tz->n) ? tz->at[low] : tz->since;

    return low ? tz->offset[low - 1] : tz->first;
}


static int64_t
ws_tz_block_time(ws_tz_block_t *block, ngx_uint_t i)
{
    u_char  *p;

    p = block->times + i * block->time_size;

    if (block->time_size == 4) {
        return (int32_t) ws_tz_uint32(p);
    }

    return (int64_t) ((uint64_t) ws_tz_uint32(p) << 32 | ws_tz_uint32(p + 4));
}


static uint32_t
ws_tz_uint32(u_char *p)
{
    return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16
           | (uint32_t) p[2] << 8 | (uint32_t) p[3];
}
