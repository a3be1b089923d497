
/*
 * Any bytes as a TZif file.  Of a zone that comes out: offsets are bounded,
 * and a wall time is found at the first instant the clock gets there.  The
 * last eight bytes of the input are the time, in seconds.
 */


#include <assert.h>
#include <stdint.h>

#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_tz.h"
#include "ws_tz_rule.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_rule(ngx_str_t *text, int64_t utc)
{
    int32_t        offset;
    int64_t        end;
    ws_tz_rule_t   rule;

    if (ws_tz_rule_parse(text, &rule) != NGX_OK) {
        return;
    }

    offset = ws_tz_rule_at(&rule, utc, &end);

    assert(offset == rule.std || offset == rule.dst);

    if (utc < WS_TZ_MIN_TIME || utc > WS_TZ_MAX_TIME) {
        return;
    }

    assert(end > utc);

    if (end != INT64_MAX) {
        assert(ws_tz_rule_at(&rule, end - 1, &end) == offset);
    }
}


static void
fuzz_zone(ws_tz_t *tz, int64_t time)
{
    int32_t  offset;
    int64_t  utc;

    offset = ws_tz_offset(tz, time);
    assert(offset > -WS_TZ_MAX_OFFSET && offset < WS_TZ_MAX_OFFSET);

    if (ws_tz_from_local(tz, time, &utc) != NGX_OK) {
        assert(time < WS_TZ_MIN_TIME || time > WS_TZ_MAX_TIME);
        return;
    }

    assert(utc + ws_tz_offset(tz, utc) >= time);
    assert(utc - 1 + ws_tz_offset(tz, utc - 1) < time);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t      time;
    ngx_int_t    rc;
    ws_tz_t     *tz;
    ngx_str_t    file;
    ngx_pool_t  *pool;

    if (size < sizeof(time)) {
        return 0;
    }

    file.data = (u_char *) data;
    file.len = size - sizeof(time);

    ngx_memcpy(&time, data + file.len, sizeof(time));

    pool = ngx_create_pool(1024, NULL);
    assert(pool);

    rc = ws_tz_parse(pool, &file, &tz);
    assert(rc == NGX_OK || rc == NGX_DECLINED);

    if (rc == NGX_OK) {
        fuzz_zone(tz, time);
        fuzz_zone(tz, time % WS_TZ_MAX_TIME);
    }

    fuzz_rule(&file, time);
    fuzz_rule(&file, time % WS_TZ_MAX_TIME);

    ngx_destroy_pool(pool);

    return 0;
}
