
/*
 * Any text as a schedule, asked from any moment.  The first eight bytes of
 * the input are the moment.  What fires does so after it, first, and where
 * the schedule says: at one of its wall times, or where the clock skips some.
 */


#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_schedule.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static ws_tz_db_t *
fuzz_zones(void)
{
    ngx_pool_t         *pool;

    static ws_tz_db_t  *db;

    if (db == NULL) {
        pool = ngx_create_pool(4096, NULL);
        assert(pool);

        db = ws_tz_db_load(pool, WS_TZ_DIR);
        assert(db);
    }

    return db;
}


static void
fuzz_firing(ws_schedule_t *s, int64_t next)
{
    int32_t  offset;
    int64_t  local;

    offset = ws_tz_offset(s->tz, next);

    if (offset > ws_tz_offset(s->tz, next - 1)) {
        /* the clock jumps ahead here */
        return;
    }

    /* 400 years are a whole number of weeks */

    local = next + offset + 12622780800LL;

    assert(local % 60 == 0);
    assert(s->minute & ((uint64_t) 1 << local / 60 % 60));
    assert(s->hour & (1u << local / 3600 % 24));
    assert(s->dow & (1u << (local / 86400 + 4) % 7));
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t         after_ms, next_ms;
    ngx_int_t       rc;
    ngx_str_t       text;
    const char     *detail;
    ws_schedule_t   s;

    if (size < sizeof(after_ms)) {
        return 0;
    }

    ngx_memcpy(&after_ms, data, sizeof(after_ms));

    text.data = (u_char *) data + sizeof(after_ms);
    text.len = size - sizeof(after_ms);

    detail = NULL;
    rc = ws_schedule_parse(fuzz_zones(), &text, &s, &detail);

    if (rc != NGX_OK) {
        assert(rc == NGX_DECLINED && detail);
        return 0;
    }

    assert(s.minute && s.minute >> 60 == 0);
    assert(s.hour && s.hour >> 24 == 0);
    assert(s.dow && s.dow >> 7 == 0);

    next_ms = ws_schedule_next(&s, after_ms);

    if (next_ms == -1) {
        /* within two weeks of the end of the calendar, or after it */
        assert(after_ms > 253402300799999LL - 14 * 86400000LL);
        return 0;
    }

    assert(next_ms > after_ms && next_ms >= 0 && next_ms % 1000 == 0);
    assert(next_ms - ngx_max(after_ms, -1) < 14 * 86400000LL);
    assert(ws_schedule_next(&s, next_ms - 1) == next_ms);

    fuzz_firing(&s, next_ms / 1000);

    return 0;
}
