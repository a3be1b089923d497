
/*
 * A rule names two days of each year on which the offset changes.  To ask it
 * about a time is to write down the changes of the years around that time, in
 * order, and to see between which two the time lies.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_tz_rule.h"


/* two a year, from the second year before to the year after */

#define WS_TZ_CHANGES  8


typedef struct {
    u_char    *p;
    u_char    *last;
} ws_tz_cursor_t;


typedef struct {
    int64_t    at;
    int32_t    offset;    /* from then on */
} ws_tz_change_t;


static ngx_int_t ws_tz_rule_name(ws_tz_cursor_t *c);
static ngx_int_t ws_tz_rule_date(ws_tz_cursor_t *c, ws_tz_date_t *date);
static ngx_int_t ws_tz_rule_time(ws_tz_cursor_t *c, ngx_int_t max_hours,
    int32_t *seconds);
static ngx_int_t ws_tz_rule_number(ws_tz_cursor_t *c, ngx_int_t min,
    ngx_int_t max, ngx_int_t *n);
static ngx_uint_t ws_tz_rule_take(ws_tz_cursor_t *c, u_char ch);
static void ws_tz_rule_changes(const ws_tz_rule_t *rule, int64_t year,
    ws_tz_change_t *change);
static int64_t ws_tz_date_seconds(const ws_tz_date_t *date, int64_t year);
static int64_t ws_tz_month_day(const ws_tz_date_t *date, int64_t year);
static int64_t ws_tz_year_of(int64_t day);
static int64_t ws_tz_year_start(int64_t year);
static ngx_uint_t ws_tz_leap(int64_t year);
static int64_t ws_tz_floor(int64_t n, int64_t by);


ngx_int_t
ws_tz_rule_parse(ngx_str_t *text, ws_tz_rule_t *rule)
{
    int32_t         west;
    ws_tz_cursor_t  c;

    if (text->len == 0) {
        return NGX_DECLINED;
    }

    ngx_memzero(rule, sizeof(ws_tz_rule_t));

    c.p = text->data;
    c.last = c.p + text->len;

    if (ws_tz_rule_name(&c) != NGX_OK
        || ws_tz_rule_time(&c, 24, &west) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    rule->std = -west;
    rule->dst = -west;

    if (c.p == c.last) {
        return NGX_OK;
    }

    if (ws_tz_rule_name(&c) != NGX_OK) {
        return NGX_DECLINED;
    }

    rule->dst = rule->std + 3600;

    if (c.p < c.last && *c.p != ',') {

        if (ws_tz_rule_time(&c, 24, &west) != NGX_OK) {
            return NGX_DECLINED;
        }

        rule->dst = -west;
    }

    /* without dates the rule is up to the reader, so it is no rule */

    if (!ws_tz_rule_take(&c, ',')
        || ws_tz_rule_date(&c, &rule->start) != NGX_OK
        || !ws_tz_rule_take(&c, ',')
        || ws_tz_rule_date(&c, &rule->end) != NGX_OK)
    {
        return NGX_DECLINED;
    }

    return (c.p == c.last) ? NGX_OK : NGX_DECLINED;
}


int32_t
ws_tz_rule_at(const ws_tz_rule_t *rule, int64_t utc, int64_t *end)
{
    int32_t         offset;
    int64_t         year;
    ngx_uint_t      i;
    ws_tz_change_t  change[WS_TZ_CHANGES];

    if (rule->std == rule->dst) {
        *end = INT64_MAX;
        return rule->std;
    }

    utc = ngx_max(utc, WS_TZ_MIN_TIME - WS_TZ_MARGIN);
    utc = ngx_min(utc, WS_TZ_MAX_TIME + WS_TZ_MARGIN);

    year = ws_tz_year_of(ws_tz_floor(utc, 86400));

    ws_tz_rule_changes(rule, year, change);

    offset = rule->std;
    *end = ws_tz_year_start(year + 1) * 86400;

    for (i = 0; i < WS_TZ_CHANGES; i++) {

        if (change[i].at <= utc) {
            offset = change[i].offset;
            continue;
        }

        /* of two changes at once the second one counts */

        if (i + 1 < WS_TZ_CHANGES && change[i + 1].at == change[i].at) {
            continue;
        }

        if (change[i].offset != offset) {
            *end = ngx_min(*end, change[i].at);
            break;
        }
    }

    return offset;
}


/* the abbreviation of a zone, which nobody here needs */

static ngx_int_t
ws_tz_rule_name(ws_tz_cursor_t *c)
{
    u_char      ch;
    ngx_uint_t  n, quoted;

    quoted = ws_tz_rule_take(c, '<');

    for (n = 0; c->p < c->last; c->p++, n++) {
        ch = *c->p;

        if ((ch >= 'A' && ch <= 'Z') || (ch >= 'a' && ch <= 'z')) {
            continue;
        }

        if (quoted && ((ch >= '0' && ch <= '9') || ch == '+' || ch == '-')) {
            continue;
        }

        break;
    }

    if (n < 3 || (quoted && !ws_tz_rule_take(c, '>'))) {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


static ngx_int_t
ws_tz_rule_date(ws_tz_cursor_t *c, ws_tz_date_t *date)
{
    ngx_int_t  n;

    if (ws_tz_rule_take(c, 'M')) {

        date->kind = 'M';

        if (ws_tz_rule_number(c, 1, 12, &n) != NGX_OK) {
            return NGX_DECLINED;
        }

        date->month = (u_char) n;

        if (!ws_tz_rule_take(c, '.')
            || ws_tz_rule_number(c, 1, 5, &n) != NGX_OK)
        {
            return NGX_DECLINED;
        }

        date->week = (u_char) n;

        if (!ws_tz_rule_take(c, '.')
            || ws_tz_rule_number(c, 0, 6, &n) != NGX_OK)
        {
            return NGX_DECLINED;
        }

    } else {

        date->kind = ws_tz_rule_take(c, 'J') ? 'J' : 'n';

        if (ws_tz_rule_number(c, date->kind == 'J', 365, &n) != NGX_OK) {
            return NGX_DECLINED;
        }
    }

    date->day = (uint16_t) n;
    date->time = 2 * 3600;

    if (!ws_tz_rule_take(c, '/')) {
        return NGX_OK;
    }

    /* RFC 9636, section 3.3.1: up to a week in either direction */

    return ws_tz_rule_time(c, 167, &date->time);
}


/* [+-]hh[:mm[:ss]] */

static ngx_int_t
ws_tz_rule_time(ws_tz_cursor_t *c, ngx_int_t max_hours, int32_t *seconds)
{
    int32_t     sum;
    ngx_int_t   n;
    ngx_uint_t  negative;

    negative = ws_tz_rule_take(c, '-');

    if (!negative) {
        (void) ws_tz_rule_take(c, '+');
    }

    if (ws_tz_rule_number(c, 0, max_hours, &n) != NGX_OK) {
        return NGX_DECLINED;
    }

    sum = (int32_t) n * 3600;

    if (ws_tz_rule_take(c, ':')) {

        if (ws_tz_rule_number(c, 0, 59, &n) != NGX_OK) {
            return NGX_DECLINED;
        }

        sum += (int32_t) n * 60;

        if (ws_tz_rule_take(c, ':')) {

            if (ws_tz_rule_number(c, 0, 59, &n) != NGX_OK) {
                return NGX_DECLINED;
            }

            sum += (int32_t) n;
        }
    }

    *seconds = negative ? -sum : sum;

    return NGX_OK;
}


static ngx_int_t
ws_tz_rule_number(ws_tz_cursor_t *c, ngx_int_t min, ngx_int_t max,
    ngx_int_t *n)
{
    u_char  *start;

    *n = 0;

    for (start = c->p; c->p < c->last; c->p++) {

        if (*c->p < '0' || *c->p > '9') {
            break;
        }

        *n = *n * 10 + (*c->p - '0');

        if (*n > max) {
            return NGX_DECLINED;
        }
    }

    return (c->p > start && *n >= min) ? NGX_OK : NGX_DECLINED;
}


static ngx_uint_t
ws_tz_rule_take(ws_tz_cursor_t *c, u_char ch)
{
    if (c->p == c->last || *c->p != ch) {
        return 0;
    }

    c->p++;

    return 1;
}


/*
 * All changes that matter to a year, in order.  A time in a rule is at most a
 * week off its day, so the changes of the second year before are over when
 * this year begins, while those of the year after may fall in its last days,
 * and later ones cannot.
 *
 * DST that lasts all year ends at the instant when it starts again: changes
 * at once stay in the order of their years.
 */

static void
ws_tz_rule_changes(const ws_tz_rule_t *rule, int64_t year,
    ws_tz_change_t *change)
{
    int64_t         y;
    ngx_uint_t      i, j;
    ws_tz_change_t  c;

    for (i = 0; i < WS_TZ_CHANGES; i++) {

        y = year - 2 + i / 2;

        if (i % 2 == 0) {
            c.at = ws_tz_date_seconds(&rule->start, y) - rule->std;
            c.offset = rule->dst;

        } else {
            c.at = ws_tz_date_seconds(&rule->end, y) - rule->dst;
            c.offset = rule->std;
        }

        for (j = i; j && change[j - 1].at > c.at; j--) {
            change[j] = change[j - 1];
        }

        change[j] = c;
    }
}


static int64_t
ws_tz_date_seconds(const ws_tz_date_t *date, int64_t year)
{
    int64_t  day;

    if (date->kind == 'M') {
        day = ws_tz_month_day(date, year);

    } else {
        day = date->day;

        /* "J" never counts the 29th of February and begins with 1 */

        if (date->kind == 'J' && (day < 60 || !ws_tz_leap(year))) {
            day--;
        }
    }

    return (ws_tz_year_start(year) + day) * 86400 + date->time;
}


/* the day of the year, from 0, of a week day in a week of a month */

static int64_t
ws_tz_month_day(const ws_tz_date_t *date, int64_t year)
{
    int64_t             first, day;
    ngx_uint_t          i, length;

    static const u_char lengths[] = {
        31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31
    };

    first = 0;

    for (i = 0; ; i++) {
        length = lengths[i] + (i == 1 && ws_tz_leap(year));

        if (i + 1 == date->month) {
            break;
        }

        first += length;
    }

    /* 1970-01-01 was a Thursday */

    day = ws_tz_year_start(year) + first + 4;
    day = date->day - (day - ws_tz_floor(day, 7) * 7);

    day += (day < 0) ? 7 : 0;
    day += 7 * (date->week - 1);
    day -= (day >= (int64_t) length) ? 7 : 0;

    return first + day;
}


static int64_t
ws_tz_year_of(int64_t day)
{
    int64_t  year;

    /* an estimate, off by one at most */

    year = 1970 + ws_tz_floor(day * 400, 146097);

    if (ws_tz_year_start(year) > day) {
        return year - 1;
    }

    return (ws_tz_year_start(year + 1) <= day) ? year + 1 : year;
}


/* the first day of a year, as days since 1970-01-01 */

static int64_t
ws_tz_year_start(int64_t year)
{
    int64_t  y;

    y = year - 1;

    /* 1 January of the year 1 was 719162 days before the epoch */

    return 365 * y + ws_tz_floor(y, 4) - ws_tz_floor(y, 100)
           + ws_tz_floor(y, 400) - 719162;
}


static ngx_uint_t
ws_tz_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}


static int64_t
ws_tz_floor(int64_t n, int64_t by)
{
    return n / by - (n % by < 0);
}
