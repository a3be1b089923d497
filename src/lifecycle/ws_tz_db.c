
/*
 * The system's time zone database, read as a whole at configuration time: a
 * sorted array of names.  Half of the names are links to the others, so a
 * file is parsed once however many names lead to it.
 */

#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_tz.h"


/* "America/Argentina/Buenos_Aires" is as deep as it gets */

#define WS_TZ_MAX_DEPTH  3
#define WS_TZ_MAX_ZONES  4096
#define WS_TZ_MAX_PATH   1024


typedef struct {
    ngx_str_t        name;
    ws_tz_t         *tz;
} ws_tz_entry_t;


struct ws_tz_db_s {
    ws_tz_entry_t   *entries;    /* by name */
    ngx_uint_t       n;
};


typedef struct {
    ws_tz_entry_t    entry;
    dev_t            dev;
    ino_t            ino;
} ws_tz_file_t;


typedef struct {
    ngx_pool_t      *pool;
    ngx_array_t      files;      /* of ws_tz_file_t */
    u_char          *buffer;     /* of WS_TZ_MAX_FILE + 1 bytes */
    size_t           root;       /* the length of the directory's own path */
    u_char           path[WS_TZ_MAX_PATH];
} ws_tz_loader_t;


static ws_tz_loader_t *ws_tz_loader(ngx_pool_t *pool, ngx_pool_t *temp);
static ngx_int_t ws_tz_load_utc(ws_tz_loader_t *ld);
static ngx_int_t ws_tz_load_root(ws_tz_loader_t *ld, const char *dir);
static ngx_int_t ws_tz_load_dir(ws_tz_loader_t *ld, size_t len,
    ngx_uint_t depth);
static ngx_int_t ws_tz_load_path(ws_tz_loader_t *ld, size_t len,
    ngx_uint_t depth);
static ngx_int_t ws_tz_load_file(ws_tz_loader_t *ld, size_t len,
    struct stat *st);
static ngx_int_t ws_tz_read_file(ws_tz_loader_t *ld, ngx_str_t *contents);
static ngx_int_t ws_tz_add(ws_tz_loader_t *ld, ngx_str_t *name, ws_tz_t *tz,
    struct stat *st);
static ngx_uint_t ws_tz_skip(const char *name, ngx_uint_t depth);
static ws_tz_db_t *ws_tz_db_build(ws_tz_loader_t *ld);
static int ws_tz_compare(const void *one, const void *two);


/* what a TZif file for UTC says, in version 1: one type, of offset 0 */

static u_char  ws_tz_utc_file[] =
    "TZif" "\0" "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0" "\0\0\0\0" "\0\0\0\0" "\0\0\0\0" "\0\0\0\1" "\0\0\0\4"
    "\0\0\0\0\0\0" "UTC\0";


ws_tz_db_t *
ws_tz_db_load(ngx_pool_t *pool, const char *dir)
{
    ngx_pool_t      *temp;
    ws_tz_db_t      *db;
    ws_tz_loader_t  *ld;

    temp = ngx_create_pool(4096, pool->log);
    if (temp == NULL) {
        return NULL;
    }

    db = NULL;
    ld = ws_tz_loader(pool, temp);

    if (ld && ws_tz_load_utc(ld) == NGX_OK
        && ws_tz_load_root(ld, dir) == NGX_OK)
    {
        db = ws_tz_db_build(ld);
    }

    ngx_destroy_pool(temp);

    return db;
}


ngx_uint_t
ws_tz_db_count(const ws_tz_db_t *db)
{
    return db->n;
}


const ws_tz_t *
ws_tz_find(const ws_tz_db_t *db, ngx_str_t *name)
{
    ws_tz_entry_t   key, *found;

    key.name = *name;
    key.tz = NULL;

    found = bsearch(&key, db->entries, db->n, sizeof(ws_tz_entry_t),
                    ws_tz_compare);

    return found ? found->tz : NULL;
}


static ws_tz_loader_t *
ws_tz_loader(ngx_pool_t *pool, ngx_pool_t *temp)
{
    ws_tz_loader_t  *ld;

    ld = ngx_pcalloc(temp, sizeof(ws_tz_loader_t));
    if (ld == NULL) {
        return NULL;
    }

    ld->pool = pool;
    ld->buffer = ngx_palloc(temp, WS_TZ_MAX_FILE + 1);

    if (ld->buffer == NULL
        || ngx_array_init(&ld->files, temp, 1024, sizeof(ws_tz_file_t))
           != NGX_OK)
    {
        return NULL;
    }

    return ld;
}


/* UTC needs no file, and none replaces it */

static ngx_int_t
ws_tz_load_utc(ws_tz_loader_t *ld)
{
    ws_tz_t          *tz;
    ngx_str_t         file;
    struct stat       st;

    static ngx_str_t  name = ngx_string("UTC");

    ngx_str_set(&file, ws_tz_utc_file);

    if (ws_tz_parse(ld->pool, &file, &tz) != NGX_OK) {
        return NGX_ERROR;
    }

    /* as a file it is none */

    ngx_memzero(&st, sizeof(struct stat));

    return ws_tz_add(ld, &name, tz, &st);
}


static ngx_int_t
ws_tz_load_root(ws_tz_loader_t *ld, const char *dir)
{
    size_t  len;

    len = ngx_strlen(dir);

    if (len >= WS_TZ_MAX_PATH) {
        return NGX_OK;
    }

    ngx_memcpy(ld->path, dir, len + 1);
    ld->root = len + 1;

    return ws_tz_load_dir(ld, len, 0);
}


/*
 * goes through the directory whose path is the first len bytes of ld->path;
 * what cannot be read is as if it were not there
 */

static ngx_int_t
ws_tz_load_dir(ws_tz_loader_t *ld, size_t len, ngx_uint_t depth)
{
    DIR            *dir;
    size_t          n;
    ngx_int_t       rc;
    struct dirent  *de;

    dir = opendir((char *) ld->path);
    if (dir == NULL) {
        return NGX_OK;
    }

    rc = NGX_OK;

    while (rc == NGX_OK && (de = readdir(dir)) != NULL) {

        n = ngx_strlen(de->d_name);

        if (ws_tz_skip(de->d_name, depth) || len + n + 2 > WS_TZ_MAX_PATH) {
            continue;
        }

        ld->path[len] = '/';
        ngx_memcpy(&ld->path[len + 1], de->d_name, n + 1);

        rc = ws_tz_load_path(ld, len + 1 + n, depth);
    }

    closedir(dir);

    return rc;
}


static ngx_int_t
ws_tz_load_path(ws_tz_loader_t *ld, size_t len, ngx_uint_t depth)
{
    struct stat  st;

    if (stat((char *) ld->path, &st) != 0) {
        return NGX_OK;
    }

    if (S_ISDIR(st.st_mode)) {

        /* links may make a circle, but not one deeper than this */

        if (depth + 1 == WS_TZ_MAX_DEPTH) {
            return NGX_OK;
        }

        return ws_tz_load_dir(ld, len, depth + 1);
    }

    if (S_ISREG(st.st_mode) && ld->files.nelts < WS_TZ_MAX_ZONES) {
        return ws_tz_load_file(ld, len, &st);
    }

    return NGX_OK;
}


static ngx_int_t
ws_tz_load_file(ws_tz_loader_t *ld, size_t len, struct stat *st)
{
    ws_tz_t       *tz;
    ngx_int_t      rc;
    ngx_str_t      name, contents;
    ngx_uint_t     i;
    ws_tz_file_t  *file;

    name.data = &ld->path[ld->root];
    name.len = len - ld->root;

    file = ld->files.elts;

    for (i = 0; i < ld->files.nelts; i++) {

        if (file[i].dev == st->st_dev && file[i].ino == st->st_ino) {
            return ws_tz_add(ld, &name, file[i].entry.tz, st);
        }
    }

    if (ws_tz_read_file(ld, &contents) != NGX_OK) {
        return NGX_OK;
    }

    rc = ws_tz_parse(ld->pool, &contents, &tz);

    if (rc == NGX_DECLINED) {
        return NGX_OK;
    }

    return (rc == NGX_OK) ? ws_tz_add(ld, &name, tz, st) : rc;
}


static ngx_int_t
ws_tz_read_file(ws_tz_loader_t *ld, ngx_str_t *contents)
{
    int      fd;
    ssize_t  n;

    fd = open((char *) ld->path, O_RDONLY|O_NONBLOCK|O_CLOEXEC);
    if (fd == -1) {
        return NGX_DECLINED;
    }

    contents->data = ld->buffer;
    contents->len = 0;

    /* one byte too much shows that a file is too long */

    do {
        n = read(fd, ld->buffer + contents->len,
                 WS_TZ_MAX_FILE + 1 - contents->len);

        if (n > 0) {
            contents->len += n;
        }

    } while (n > 0);

    close(fd);

    return (n == 0) ? NGX_OK : NGX_DECLINED;
}


static ngx_int_t
ws_tz_add(ws_tz_loader_t *ld, ngx_str_t *name, ws_tz_t *tz, struct stat *st)
{
    ws_tz_file_t  *file;

    file = ngx_array_push(&ld->files);
    if (file == NULL) {
        return NGX_ERROR;
    }

    file->entry.name.len = name->len;
    file->entry.name.data = ngx_pnalloc(ld->pool, name->len);

    if (file->entry.name.data == NULL) {
        return NGX_ERROR;
    }

    ngx_memcpy(file->entry.name.data, name->data, name->len);

    file->entry.tz = tz;
    file->dev = st->st_dev;
    file->ino = st->st_ino;

    return NGX_OK;
}


static ngx_uint_t
ws_tz_skip(const char *name, ngx_uint_t depth)
{
    ngx_uint_t          i;

    static const char  *others[] = {
        "posix", "right", "localtime", "posixrules", "UTC", NULL
    };

    if (name[0] == '.') {
        return 1;
    }

    for (i = 0; depth == 0 && others[i]; i++) {
        if (ngx_strcmp(name, others[i]) == 0) {
            return 1;
        }
    }

    return 0;
}


static ws_tz_db_t *
ws_tz_db_build(ws_tz_loader_t *ld)
{
    ngx_uint_t     i;
    ws_tz_db_t    *db;
    ws_tz_file_t  *file;

    db = ngx_palloc(ld->pool, sizeof(ws_tz_db_t));
    if (db == NULL) {
        return NULL;
    }

    file = ld->files.elts;

    db->n = ld->files.nelts;
    db->entries = ngx_palloc(ld->pool, db->n * sizeof(ws_tz_entry_t));

    if (db->entries == NULL) {
        return NULL;
    }

    for (i = 0; i < db->n; i++) {
        db->entries[i] = file[i].entry;
    }

    qsort(db->entries, db->n, sizeof(ws_tz_entry_t), ws_tz_compare);

    return db;
}


static int
ws_tz_compare(const void *one, const void *two)
{
    const ws_tz_entry_t  *a = one;
    const ws_tz_entry_t  *b = two;

    return (int) ngx_memn2cmp(a->name.data, b->name.data, a->name.len,
                              b->name.len);
}
