/*
 * Dates by arithmetic alone: no time zone files, no locks, no libc state.
 *
 * Days are counted in years that begin on March 1, which puts the leap day
 * last: the lengths of the months before it then follow one linear formula,
 * and a year's length needs no table.  The calendar repeats after 400 years,
 * so 400 years are added while counting to keep all divisions positive.
 */


#include "ws_time.h"


#define WS_TIME_CYCLE_DAYS  146097      /* in 400 years */
#define WS_TIME_EPOCH_DAYS  719468      /* 0000-03-01 to 1970-01-01 */
#define WS_TIME_DAY_MS      86400000


typedef struct {
    int64_t     year;
    ngx_int_t   month;              /* 1 .. 12 */
    ngx_int_t   day;                /* 1 .. 31 */
    ngx_int_t   hour;
    ngx_int_t   minute;
    ngx_int_t   second;             /* 60 is a leap second */
    ngx_int_t   msec;
    ngx_int_t   offset;             /* minutes east of UTC */
} ws_time_fields_t;


typedef struct {
    const char  *name;
    int64_t      ms;
} ws_duration_unit_t;


static ngx_int_t ws_time_parse_fields(ngx_str_t *text, ws_time_fields_t *t);
static u_char *ws_time_parse_fraction(u_char *p, u_char *end,
    ngx_int_t *msec);
static ngx_int_t ws_time_parse_offset(u_char *p, u_char *end,
    ngx_int_t *offset);
static ngx_int_t ws_time_digits(u_char *p, ngx_uint_t n);
static ngx_uint_t ws_time_is_month_start(int64_t ms);
static ngx_int_t ws_time_month_days(int64_t year, ngx_int_t month);
static int64_t ws_time_to_days(int64_t year, ngx_int_t month, ngx_int_t day);
static void ws_time_from_days(int64_t days, ws_time_fields_t *t);
static u_char *ws_time_put(u_char *p, int64_t value, ngx_uint_t n);
static ws_duration_unit_t *ws_duration_unit(ws_duration_unit_t *unit,
    u_char *p, size_t len);


/* largest first: a unit may only be followed by smaller ones */

static ws_duration_unit_t  ws_duration_units[] = {
    { "d", 86400000 },
    { "h", 3600000 },
    { "m", 60000 },
    { "s", 1000 },
    { "ms", 1 },
    { NULL, 0 }
};


ngx_int_t
ws_time_parse(ngx_str_t *text, int64_t *ms)
{
    int64_t           days, result;
    ws_time_fields_t  t;

    if (ws_time_parse_fields(text, &t) != NGX_OK) {
        return NGX_DECLINED;
    }

    if (t.month < 1 || t.month > 12
        || t.day < 1 || t.day > ws_time_month_days(t.year, t.month)
        || t.hour > 23 || t.minute > 59 || t.second > 60)
    {
        return NGX_DECLINED;
    }

    days = ws_time_to_days(t.year, t.month, t.day);

    result = days * WS_TIME_DAY_MS
             + (t.hour * 60 + t.minute - t.offset) * (int64_t) 60000
             + t.second * 1000 + t.msec;

    if (t.second == 60) {

        /* as long as it lasts it is the last millisecond before midnight */

        result -= t.msec;

        if (!ws_time_is_month_start(result)) {
            return NGX_DECLINED;
        }

        result--;
    }

    if (result < WS_TIME_MIN_MS || result > WS_TIME_MAX_MS) {
        return NGX_DECLINED;
    }

    *ms = result;

    return NGX_OK;
}


static ngx_int_t
ws_time_parse_fields(ngx_str_t *text, ws_time_fields_t *t)
{
    u_char  *p, *end;

    if (text->len < sizeof("2026-11-24T02:09:36Z") - 1) {
        return NGX_DECLINED;
    }

    p = text->data;
    end = p + text->len;

    if (p[4] != '-' || p[7] != '-' || (p[10] | 0x20) != 't'
        || p[13] != ':' || p[16] != ':')
    {
        return NGX_DECLINED;
    }

    t->year = ws_time_digits(p, 4);
    t->month = ws_time_digits(p + 5, 2);
    t->day = ws_time_digits(p + 8, 2);
    t->hour = ws_time_digits(p + 11, 2);
    t->minute = ws_time_digits(p + 14, 2);
    t->second = ws_time_digits(p + 17, 2);

    if (t->year < 0 || t->month < 0 || t->day < 0
        || t->hour < 0 || t->minute < 0 || t->second < 0)
    {
        return NGX_DECLINED;
    }

    p = ws_time_parse_fraction(p + 19, end, &t->msec);
    if (p == NULL) {
        return NGX_DECLINED;
    }

    return ws_time_parse_offset(p, end, &t->offset);
}


/* returns where the fraction ends, which is p when there is none, or NULL */

static u_char *
ws_time_parse_fraction(u_char *p, u_char *end, ngx_int_t *msec)
{
    ngx_int_t  unit;

    *msec = 0;

    if (p == end || *p != '.') {
        return p;
    }

    p++;

    if (p == end || *p < '0' || *p > '9') {
        return NULL;
    }

    for (unit = 100; p < end && *p >= '0' && *p <= '9'; p++) {
        *msec += (*p - '0') * unit;
        unit /= 10;
    }

    return p;
}


static ngx_int_t
ws_time_parse_offset(u_char *p, u_char *end, ngx_int_t *offset)
{
    ngx_int_t  hours, minutes;

    if (end - p == 1 && (*p | 0x20) == 'z') {
        *offset = 0;
        return NGX_OK;
    }

    if (end - p != 6 || (p[0] != '+' && p[0] != '-') || p[3] != ':') {
        return NGX_DECLINED;
    }

    hours = ws_time_digits(p + 1, 2);
    minutes = ws_time_digits(p + 4, 2);

    if (hours < 0 || hours > 23 || minutes < 0 || minutes > 59) {
        return NGX_DECLINED;
    }

    *offset = hours * 60 + minutes;

    if (p[0] == '-') {
        *offset = -*offset;
    }

    return NGX_OK;
}


/* exactly n digits: ngx_atoi() would take the sum of fewer just as well */

static ngx_int_t
ws_time_digits(u_char *p, ngx_uint_t n)
{
    ngx_int_t  value;

    for (value = 0; n; n--, p++) {

        if (*p < '0' || *p > '9') {
            return NGX_ERROR;
        }

        value = value * 10 + (*p - '0');
    }

    return value;
}


/* midnight UTC before the first of a month, where leap seconds end */

static ngx_uint_t
ws_time_is_month_start(int64_t ms)
{
    ws_time_fields_t  t;

    if (ms % WS_TIME_DAY_MS != 0) {
        return 0;
    }

    ws_time_from_days(ms / WS_TIME_DAY_MS, &t);

    return t.day == 1;
}


static ngx_int_t
ws_time_month_days(int64_t year, ngx_int_t month)
{
    static u_char  days[] = { 31, 28, 31, 30, 31, 30,
                              31, 31, 30, 31, 30, 31 };

    if (month == 2
        && year % 4 == 0 && (year % 100 != 0 || year % 400 == 0))
    {
        return 29;
    }

    return days[month - 1];
}


static int64_t
ws_time_to_days(int64_t year, ngx_int_t month, ngx_int_t day)
{
    int64_t  y, m;

    /* January and February end the year before */

    y = 400 + (month > 2 ? year : year - 1);
    m = month > 2 ? month - 3 : month + 9;

    return y * 365 + y / 4 - y / 100 + y / 400
           + (m * 153 + 2) / 5 + day - 1
           - WS_TIME_EPOCH_DAYS - WS_TIME_CYCLE_DAYS;
}


/* sets year, month and day */

static void
ws_time_from_days(int64_t days, ws_time_fields_t *t)
{
    int64_t  cycle, y, m;

    days += WS_TIME_EPOCH_DAYS + WS_TIME_CYCLE_DAYS;

    cycle = days / WS_TIME_CYCLE_DAYS;
    days %= WS_TIME_CYCLE_DAYS;

    /* without the leap days before this one all years have 365 days */

    y = (days - days / 1460 + days / 36524
         - days / (WS_TIME_CYCLE_DAYS - 1)) / 365;

    days -= y * 365 + y / 4 - y / 100;
    m = (days * 5 + 2) / 153;

    t->day = (ngx_int_t) (days - (m * 153 + 2) / 5 + 1);
    t->month = (ngx_int_t) (m < 10 ? m + 3 : m - 9);
    t->year = y + (cycle - 1) * 400 + (t->month <= 2);
}


u_char *
ws_time_format(u_char *p, int64_t ms)
{
    int64_t           days, rest;
    ws_time_fields_t  t;

    if (ms < WS_TIME_MIN_MS) {
        ms = WS_TIME_MIN_MS;

    } else if (ms > WS_TIME_MAX_MS) {
        ms = WS_TIME_MAX_MS;
    }

    days = ms / WS_TIME_DAY_MS;
    rest = ms % WS_TIME_DAY_MS;

    if (rest < 0) {
        days--;
        rest += WS_TIME_DAY_MS;
    }

    ws_time_from_days(days, &t);

    p = ws_time_put(p, t.year, 4);
    *p++ = '-';
    p = ws_time_put(p, t.month, 2);
    *p++ = '-';
    p = ws_time_put(p, t.day, 2);
    *p++ = 'T';
    p = ws_time_put(p, rest / 3600000, 2);
    *p++ = ':';
    p = ws_time_put(p, rest / 60000 % 60, 2);
    *p++ = ':';
    p = ws_time_put(p, rest / 1000 % 60, 2);
    *p++ = '.';
    p = ws_time_put(p, rest % 1000, 3);
    *p++ = 'Z';

    return p;
}


static u_char *
ws_time_put(u_char *p, int64_t value, ngx_uint_t n)
{
    ngx_uint_t  i;

    for (i = n; i; i--) {
        p[i - 1] = (u_char) ('0' + value % 10);
        value /= 10;
    }

    return p + n;
}


ngx_int_t
ws_duration_parse(ngx_str_t *text, int64_t *ms)
{
    u_char              *p, *end, *start;
    int64_t              value, result;
    ws_duration_unit_t  *unit;

    p = text->data;
    end = p + text->len;

    if (p == end) {
        return NGX_DECLINED;
    }

    result = 0;
    unit = ws_duration_units;

    while (p < end) {
        start = p;

        for (value = 0; p < end && *p >= '0' && *p <= '9'; p++) {

            value = value * 10 + (*p - '0');

            if (value > WS_DURATION_MAX_MS) {
                return NGX_DECLINED;
            }
        }

        if (p == start) {
            return NGX_DECLINED;
        }

        start = p;

        while (p < end && (*p < '0' || *p > '9')) {
            p++;
        }

        unit = ws_duration_unit(unit, start, p - start);

        if (unit == NULL
            || value > (WS_DURATION_MAX_MS - result) / unit->ms)
        {
            return NGX_DECLINED;
        }

        result += value * unit->ms;
        unit++;
    }

    *ms = result;

    return NGX_OK;
}


uint64_t
ws_time_monotonic_usec(void)
{
    struct timespec  ts;

#ifdef CLOCK_BOOTTIME
    (void) clock_gettime(CLOCK_BOOTTIME, &ts);
#else
    (void) clock_gettime(CLOCK_MONOTONIC, &ts);
#endif

    return (uint64_t) ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}


/* finds the unit that len bytes at p name, in the table from unit on */

static ws_duration_unit_t *
ws_duration_unit(ws_duration_unit_t *unit, u_char *p, size_t len)
{
    for ( /* void */ ; unit->name; unit++) {

        if (ngx_strlen(unit->name) == len
            && ngx_memcmp(unit->name, p, len) == 0)
        {
            return unit;
        }
    }

    return NULL;
}
