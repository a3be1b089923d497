
/*
 * A schedule is three sets of numbers and a zone.  The next time is found by
 * going through the wall times of the sets in order, from the one the clock
 * shows now, until one of them is reached after the moment given: that of
 * the wall times leaves no special case for days on which clocks change.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_schedule.h"


typedef struct {
    u_char         min;
    u_char         max;
    const char    *days;      /* names of three letters, from 0 on */
    const char    *detail;
} ws_schedule_field_t;


static ngx_int_t ws_schedule_zone(const ws_tz_db_t *db, ngx_str_t *rest,
    ws_schedule_t *s, const char **detail);
static ngx_int_t ws_schedule_word(ngx_str_t *rest, ngx_str_t *word);
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


/* ... */
