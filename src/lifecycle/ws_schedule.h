
/*
 * Autostart schedules: five cron fields, in a time zone (contract:
 * Autostart).
 */

#ifndef _WS_SCHEDULE_H_INCLUDED_
#define _WS_SCHEDULE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_tz.h"


#define WS_SCHEDULE_MAX_LEN  256


typedef struct {
    const ws_tz_t  *tz;      /* of the database given to ws_schedule_parse() */
    uint64_t        minute;  /* bit n: minute n */
    uint32_t        hour;
    uint32_t        dow;     /* bit 0: Sunday */
} ws_schedule_t;


/*
 * Parses a schedule: "CRON_TZ=Europe/Berlin 30 9 * * MON-FRI".
 *
 * db       the zones; the schedule points into it
 * s        filled in with NGX_OK; needs no clean-up
 * detail   set with NGX_DECLINED to a constant that says what is wrong
 *
 * Returns NGX_OK or NGX_DECLINED.  An empty text is not a schedule: what
 * turns autostart off is for the caller to see first.
 *
 * Where the contract is silent: fields are separated by one or more spaces,
 * and spaces around the whole are ignored; day names have either case;
 * "a/n" runs from a to the end of the field; a step is at least 1 and may
 * exceed the field; a range must not run backwards; "?", "TZ=" and "@daily"
 * are refused; zones are named exactly as in the database; a text is at most
 * WS_SCHEDULE_MAX_LEN bytes.
 */
ngx_int_t ws_schedule_parse(const ws_tz_db_t *db, ngx_str_t *text,
    ws_schedule_t *s, const char **detail);

/*
 * The first time the schedule fires strictly after a moment, both in
 * milliseconds since the epoch.  A moment before the epoch counts as just
 * before it.
 *
 * A wall time that daylight saving skips fires at the instant of the skip,
 * one that it repeats fires at its first occurrence; several wall times that
 * fall on one instant fire once.
 *
 * Returns -1 when there is no such time until the end of the year 9999, UTC.
 */
int64_t ws_schedule_next(const ws_schedule_t *s, int64_t after_ms);


#endif /* _WS_SCHEDULE_H_INCLUDED_ */
