
/*
 * Time zones, from the system's own database (TZif files, RFC 9636).
 */

#ifndef _WS_TZ_H_INCLUDED_
#define _WS_TZ_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>


#define WS_TZ_DIR       "/usr/share/zoneinfo"
#define WS_TZ_MAX_FILE  65536


typedef struct ws_tz_s     ws_tz_t;
typedef struct ws_tz_db_s  ws_tz_db_t;


/*
 * Reads every zone below a directory (WS_TZ_DIR), once, so that no file is
 * read later.  Meant for configuration time: it blocks.  Files that are not
 * TZif, are damaged, or count leap seconds are left out, and so are "posix/",
 * "right/", "localtime" and "posixrules", which are no zones.  "UTC" is
 * always there, with or without the directory.
 *
 * Returns the database, which lies in the pool and lives as long; NULL when
 * out of memory.
 */
ws_tz_db_t *ws_tz_db_load(ngx_pool_t *pool, const char *dir);

/* how many names the database knows; 1 when there was no directory */
ngx_uint_t ws_tz_db_count(const ws_tz_db_t *db);

/*
 * The zone of an IANA name, compared with case ("Europe/Berlin"), or NULL.
 * It lives as long as the database.
 */
const ws_tz_t *ws_tz_find(const ws_tz_db_t *db, ngx_str_t *name);

/*
 * Makes a zone of the contents of a TZif file, version 1 to 4.  The zone
 * keeps no pointer into them.  ws_tz_db_load() is built on it; tests and
 * fuzzers call it alone.
 *
 * Returns NGX_OK; NGX_DECLINED when this is not a valid file, or one with
 * leap seconds; NGX_ERROR when out of memory.
 */
ngx_int_t ws_tz_parse(ngx_pool_t *pool, ngx_str_t *file, ws_tz_t **tz);

/*
 * How many seconds local time is east of UTC, at a time in seconds since the
 * epoch.
 */
int32_t ws_tz_offset(const ws_tz_t *tz, int64_t utc);

/*
 * When a wall clock of the zone first reaches a time: "local" counts seconds
 * since 1970-01-01T00:00:00 on that clock.  For a time it shows twice, the
 * first of the two; for one it skips, the instant of the skip.
 *
 * Returns NGX_OK; NGX_DECLINED when "local" lies outside the years 0 to
 * 9999.
 */
ngx_int_t ws_tz_from_local(const ws_tz_t *tz, int64_t local, int64_t *utc);


#endif /* _WS_TZ_H_INCLUDED_ */
