
/*
 * The rule that a time zone follows from now on: the footer of a TZif file,
 * "CET-1CEST,M3.5.0,M10.5.0/3" (POSIX.1-2017, section 8.3, TZ; RFC 9636,
 * section 3.3).
 */

#ifndef _WS_TZ_RULE_H_INCLUDED_
#define _WS_TZ_RULE_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


/* offsets lie between -WS_TZ_MAX_OFFSET and WS_TZ_MAX_OFFSET, exclusive */
#define WS_TZ_MAX_OFFSET  (26 * 3600)

/* the years 0 to 9999, as seconds since the epoch */
#define WS_TZ_MIN_TIME    (-62167219200LL)
#define WS_TZ_MAX_TIME    253402300799LL
#define WS_TZ_MARGIN      (4 * 86400)


typedef struct {
    u_char      kind;     /* 'J', 'n' or 'M' */
    u_char      month;    /* M: 1 to 12 */
    u_char      week;     /* M: 1 to 5, 5 is the last one */
    uint16_t    day;      /* J: 1 to 365, n: 0 to 365, M: 0 to 6 */
    int32_t     time;     /* seconds after midnight, may be negative */
} ws_tz_date_t;


typedef struct {
    int32_t         std;      /* seconds east of UTC */
    int32_t         dst;      /* the same as std when there is no DST */
    ws_tz_date_t    start;    /* of DST, by a clock that shows std */
    ws_tz_date_t    end;      /* of DST, by a clock that shows dst */
} ws_tz_rule_t;


/* NGX_OK, or NGX_DECLINED when the text is not such a rule */
ngx_int_t ws_tz_rule_parse(ngx_str_t *text, ws_tz_rule_t *rule);

/*
 * The offset in force at a time, and a later time until which it certainly
 * lasts: that of the next change or the end of the year (in UTC), whichever
 * comes first; INT64_MAX when nothing ever changes.  Times more than
 * WS_TZ_MARGIN before WS_TZ_MIN_TIME or after WS_TZ_MAX_TIME count as just so
 * far away.
 */
int32_t ws_tz_rule_at(const ws_tz_rule_t *rule, int64_t utc, int64_t *end);


#endif /* _WS_TZ_RULE_H_INCLUDED_ */
