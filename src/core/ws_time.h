/*
 * Points in time and durations.  A point in time is an int64_t of
 * milliseconds since 1970-01-01T00:00:00Z without leap seconds (variables end
 * in _ms), in the proleptic Gregorian calendar, always UTC.
 */


#ifndef _WS_TIME_H_INCLUDED_
#define _WS_TIME_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define WS_TIME_LEN         24      /* 2026-11-24T02:09:36.123Z */

#define WS_TIME_MIN_MS      (-62167219200000LL) /* 0000-01-01T00:00:00Z */
#define WS_TIME_ZERO_MS     (-62135596800000LL) /* 0001-01-01T00:00:00Z, the
                                                   zero time of the contract */
#define WS_TIME_MAX_MS      253402300799999LL   /* 9999-12-31T23:59:59.999Z */

#define WS_DURATION_MAX_MS  3153600000000LL     /* 36500d */


/*
 * Reads an RFC 3339 date-time (section 5.6): 2026-11-24T02:09:36Z with "T"
 * and "Z" in either case, any numeric offset (-00:00 counts as UTC), a
 * fraction of any number of digits, cut to milliseconds without rounding.
 * A leap second is taken as the last millisecond of the second before it; it
 * may stand only where UTC can have one, at 23:59:60 UTC on the last day of
 * a month (section 5.7).
 *
 * Returns NGX_OK and sets *ms, WS_TIME_MIN_MS .. WS_TIME_MAX_MS; or
 * NGX_DECLINED when text is anything else, a day its month does not have or
 * an instant whose year in UTC is not 0000 .. 9999 included: *ms is untouched
 * then.
 */
ngx_int_t ws_time_parse(ngx_str_t *text, int64_t *ms);

/*
 * Writes exactly WS_TIME_LEN bytes at p, 2026-11-24T02:09:36.123Z, without a
 * terminating zero; all such strings sort as their times do.  A time outside
 * WS_TIME_MIN_MS .. WS_TIME_MAX_MS is written as the nearer of the two.
 * Returns p + WS_TIME_LEN.
 */
u_char *ws_time_format(u_char *p, int64_t ms);

/*
 * Reads a duration as operators write it: 30d, 8h, 90m, 45s, 500ms, or
 * several of them together from the largest unit to the smallest, each at
 * most once (1h30m).  No sign, fraction or space.
 *
 * Returns NGX_OK and sets *ms, 0 .. WS_DURATION_MAX_MS (so that the sum with
 * the present time still is a time); or NGX_DECLINED when text is anything
 * else, *ms is untouched then.
 */
ngx_int_t ws_duration_parse(ngx_str_t *text, int64_t *ms);

/*
 * Microseconds since some moment before this machine's processes began, by a
 * clock that nobody sets; where the system has such a clock it goes on while
 * the machine is suspended.
 */
uint64_t ws_time_monotonic_usec(void);


#endif /* _WS_TIME_H_INCLUDED_ */
