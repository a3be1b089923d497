
/*
 * A schedule is three sets of numbers and a zone.  The next time is found by
 * going through the wall times of these sets in order, beginning with what
 * the clock shows now, until one is reached after the given moment.  The zone
 * says when a wall time is reached, so that days on which the clock is
 * changed are no special case here.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_schedule.h"
#include "ws_time.h"


/*
 * a match is at most a week away, or a day more when a zone moves across the
 * date line
 */

#define WS_SCHEDULE_MAX_DAYS  10


typedef struct {
    u_char         min;
    u_char         max;
    const char    *names;     /* of three letters each, from 0 on */
    const char    *detail;
} ws_schedule_field_t;


static ngx_int_t ws_schedule_zone(const ws_tz_db_t *db, ngx_str_t *rest,
    const ws_tz_t **tz);
static void ws_schedule_word(ngx_str_t *rest, ngx_str_t *word);
static ngx_int_t ws_schedule_set(ngx_str_t *text,
    const ws_schedule_field_t *field, uint64_t *set);
static ngx_int_t ws_schedule_item(ngx_str_t *text,
    const ws_schedule_field_t *field, uint64_t *set);
static ngx_int_t ws_schedule_value(ngx_str_t *text,
    const ws_schedule_field_t *field, ngx_uint_t *value);
static ngx_int_t ws_schedule_number(ngx_str_t *text, ngx_uint_t *value);
static ngx_uint_t ws_schedule_cut(ngx_str_t *text, u_char c, ngx_str_t *tail);
static int64_t ws_schedule_day(const ws_schedule_t *s, int64_t day,
    int64_t local, int64_t after);


static const ws_schedule_field_t  ws_schedule_fields[] = {

    { 0, 59, NULL,
      "the minute is not 0 to 59, or a list, range or step of these" },

    { 0, 23, NULL,
      "the hour is not 0 to 23, or a list, range or step of these" },

    { 0, 0, NULL, "the day of month must be \"*\"" },

    { 0, 0, NULL, "the month must be \"*\"" },

    { 0, 6, "sunmontuewedthufrisat",
      "the day of week is not 0 to 6, SUN to SAT, or a list, range or step "
      "of these" }
};


ngx_int_t
ws_schedule_parse(const ws_tz_db_t *db, ngx_str_t *text, ws_schedule_t *s,
    const char **detail)
{
    uint64_t                    set[5];
    ngx_str_t                   rest, word;
    ngx_uint_t                  i;
    const ws_schedule_field_t  *field;

    if (text->len > WS_SCHEDULE_MAX_LEN) {
        *detail = "a schedule is at most 256 bytes long";
        return NGX_DECLINED;
    }

    rest = *text;

    if (ws_schedule_zone(db, &rest, &s->tz) != NGX_OK) {
        *detail = "the time zone is not known";
        return NGX_DECLINED;
    }

    for (i = 0; i < 5; i++) {

        field = &ws_schedule_fields[i];

        ws_schedule_word(&rest, &word);

        if (word.len == 0) {
            *detail = "a schedule has five fields";
            return NGX_DECLINED;
        }

        set[i] = 0;

        if (ws_schedule_set(&word, field, &set[i]) != NGX_OK) {
            *detail = field->detail;
            return NGX_DECLINED;
        }
    }

    ws_schedule_word(&rest, &word);

    if (word.len) {
        *detail = "a schedule has five fields";
        return NGX_DECLINED;
    }

    s->minute = set[0];
    s->hour = (uint32_t) set[1];
    s->dow = (uint32_t) set[4];

    return NGX_OK;
}


int64_t
ws_schedule_next(const ws_schedule_t *s, int64_t after_ms)
{
    int64_t     after, local, day, next;
    ngx_uint_t  i, dow;

    if (after_ms > WS_TIME_MAX_MS) {
        return -1;
    }

    after = (after_ms < 0) ? -1 : after_ms / 1000;
    local = after + ws_tz_offset(s->tz, after);

    /* days since 1970-01-01, rounded down; it was a Thursday */

    day = local / 86400 - (local % 86400 < 0);

    for (i = 0; i < WS_SCHEDULE_MAX_DAYS; i++, day++) {

        dow = (ngx_uint_t) (day + 7 + 4) % 7;

        if (!(s->dow & (1u << dow))) {
            continue;
        }

        next = ws_schedule_day(s, day, local, after);

        if (next != -1) {
            return (next * 1000 <= WS_TIME_MAX_MS) ? next * 1000 : -1;
        }
    }

    return -1;
}


/* takes "CRON_TZ=..." off the rest when it is there */

static ngx_int_t
ws_schedule_zone(const ws_tz_db_t *db, ngx_str_t *rest, const ws_tz_t **tz)
{
    ngx_str_t         name, tail;

    static ngx_str_t  utc = ngx_string("UTC");
    static ngx_str_t  prefix = ngx_string("CRON_TZ=");

    name = utc;
    tail = *rest;

    ws_schedule_word(&tail, &name);

    if (name.len < prefix.len
        || ngx_memcmp(name.data, prefix.data, prefix.len) != 0)
    {
        name = utc;

    } else {
        name.data += prefix.len;
        name.len -= prefix.len;

        *rest = tail;
    }

    *tz = ws_tz_find(db, &name);

    return (*tz == NULL) ? NGX_DECLINED : NGX_OK;
}


/* takes the next word off the rest; an empty one when there is none */

static void
ws_schedule_word(ngx_str_t *rest, ngx_str_t *word)
{
    while (rest->len && *rest->data == ' ') {
        rest->data++;
        rest->len--;
    }

    *word = *rest;

    if (!ws_schedule_cut(word, ' ', rest)) {
        ngx_str_null(rest);
    }
}


static ngx_int_t
ws_schedule_set(ngx_str_t *text, const ws_schedule_field_t *field,
    uint64_t *set)
{
    ngx_str_t   item, tail;
    ngx_uint_t  more;

    if (field->max == 0) {
        return (text->len == 1 && *text->data == '*') ? NGX_OK : NGX_DECLINED;
    }

    item = *text;

    do {
        more = ws_schedule_cut(&item, ',', &tail);

        if (ws_schedule_item(&item, field, set) != NGX_OK) {
            return NGX_DECLINED;
        }

        item = tail;

    } while (more);

    return NGX_OK;
}


/* one of  *  a  a-b  with or without a step  /n */

static ngx_int_t
ws_schedule_item(ngx_str_t *text, const ws_schedule_field_t *field,
    uint64_t *set)
{
    ngx_str_t   range, to, every;
    ngx_uint_t  first, last, step, stepped;

    range = *text;
    step = 1;

    stepped = ws_schedule_cut(&range, '/', &every);

    if (stepped
        && (ws_schedule_number(&every, &step) != NGX_OK || step == 0))
    {
        return NGX_DECLINED;
    }

    first = field->min;
    last = field->max;

    if (range.len != 1 || *range.data != '*') {

        if (ws_schedule_cut(&range, '-', &to)) {

            if (ws_schedule_value(&to, field, &last) != NGX_OK) {
                return NGX_DECLINED;
            }

            stepped = 1;
        }

        if (ws_schedule_value(&range, field, &first) != NGX_OK
            || first > last)
        {
            return NGX_DECLINED;
        }

        if (!stepped) {
            last = first;
        }
    }

    for ( /* void */ ; first <= last; first += step) {
        *set |= (uint64_t) 1 << first;
    }

    return NGX_OK;
}


static ngx_int_t
ws_schedule_value(ngx_str_t *text, const ws_schedule_field_t *field,
    ngx_uint_t *value)
{
    ngx_uint_t   i;
    const char  *name;

    name = field->names;

    for (i = 0; name && *name; i++, name += 3) {

        if (text->len == 3
            && ngx_strncasecmp(text->data, (u_char *) name, 3) == 0)
        {
            *value = i;
            return NGX_OK;
        }
    }

    if (ws_schedule_number(text, value) != NGX_OK
        || *value < field->min || *value > field->max)
    {
        return NGX_DECLINED;
    }

    return NGX_OK;
}


/* a number that is small enough to be added to another */

static ngx_int_t
ws_schedule_number(ngx_str_t *text, ngx_uint_t *value)
{
    size_t      i;
    ngx_uint_t  n;

    n = 0;

    for (i = 0; i < text->len; i++) {

        if (text->data[i] < '0' || text->data[i] > '9') {
            return NGX_DECLINED;
        }

        n = n * 10 + (text->data[i] - '0');

        if (n > 65535) {
            return NGX_DECLINED;
        }
    }

    *value = n;

    return text->len ? NGX_OK : NGX_DECLINED;
}


/* cuts the text at the first c; the tail is what follows it */

static ngx_uint_t
ws_schedule_cut(ngx_str_t *text, u_char c, ngx_str_t *tail)
{
    u_char  *p, *last;

    ngx_str_null(tail);

    if (text->len == 0) {
        return 0;
    }

    last = text->data + text->len;
    p = ngx_strlchr(text->data, last, c);

    if (p == NULL) {
        return 0;
    }

    tail->data = p + 1;
    tail->len = last - tail->data;
    text->len = p - text->data;

    return 1;
}


/* the first time of a day after a moment, in seconds, or -1 */

static int64_t
ws_schedule_day(const ws_schedule_t *s, int64_t day, int64_t local,
    int64_t after)
{
    int64_t     wall, utc;
    ngx_uint_t  hour, minute;

    for (hour = 0; hour < 24; hour++) {

        if (!(s->hour & (1u << hour))) {
            continue;
        }

        for (minute = 0; minute < 60; minute++) {

            if (!(s->minute & ((uint64_t) 1 << minute))) {
                continue;
            }

            wall = day * 86400 + (int64_t) (hour * 3600 + minute * 60);

            /* what the clock shows or has shown now was reached before */

            if (wall > local
                && ws_tz_from_local(s->tz, wall, &utc) == NGX_OK
                && utc > after)
            {
                return utc;
            }
        }
    }

    return -1;
}
