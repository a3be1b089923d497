/* links: src/core/ws_time.c */

/*
 * A time that is taken is in range and is read back from how it is printed;
 * one that is printed is taken.  The input is a time, a duration and, if it
 * has eight bytes, a number of milliseconds.
 */


#include <assert.h>

#include "ws_time.h"


int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);


static void
fuzz_round_trip(int64_t ms)
{
    u_char     text[WS_TIME_LEN];
    int64_t    back;
    ngx_str_t  s;

    assert(ws_time_format(text, ms) == text + WS_TIME_LEN);

    s.data = text;
    s.len = WS_TIME_LEN;

    assert(ws_time_parse(&s, &back) == NGX_OK);

    if (ms < WS_TIME_MIN_MS) {
        ms = WS_TIME_MIN_MS;
    }

    if (ms > WS_TIME_MAX_MS) {
        ms = WS_TIME_MAX_MS;
    }

    assert(back == ms);
}


int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int64_t    ms;
    ngx_str_t  s;

    s.data = (u_char *) data;
    s.len = size;

    if (ws_time_parse(&s, &ms) == NGX_OK) {
        assert(ms >= WS_TIME_MIN_MS && ms <= WS_TIME_MAX_MS);
        fuzz_round_trip(ms);
    }

    if (ws_duration_parse(&s, &ms) == NGX_OK) {
        assert(ms >= 0 && ms <= WS_DURATION_MAX_MS);
    }

    if (size == sizeof(ms)) {
        ngx_memcpy(&ms, data, sizeof(ms));
        fuzz_round_trip(ms);
    }

    return 0;
}
