
/*
 * wsctl check: is all in the store as it has to be?
 *
 * Every key is visited.  A key is either a record (a hash of one document)
 * or a container (names, indexes, the queue), and both are looked at:
 *
 *     from the record: what it says has to be found elsewhere (its name, its
 *     places in indexes, its builds), stated as commands and the replies
 *     they should have;
 *
 *     from the container: each member has to be what its record says.
 *
 * The store may be in use meanwhile.  Commits are atomic and raise the
 * record's version, so what looks wrong is looked at again until the record
 * was the same before and after, or in one MULTI: only then it is reported.
 */


#ifndef _WSCTL_CHECK_H_INCLUDED_
#define _WSCTL_CHECK_H_INCLUDED_


#include "client.h"
#include "ws_workspace.h"


#define WS_CHECK_BATCH   64         /* records or members at a time */
#define WS_CHECK_FIELDS  6
#define WS_CHECK_TRIES   100        /* of a record that keeps changing */
#define WS_CHECK_DIR     ((ngx_uint_t) -1)


typedef struct ws_check_item_s       ws_check_item_t;
typedef struct ws_check_record_s     ws_check_record_t;
typedef struct ws_check_container_s  ws_check_container_t;


typedef struct {
    ws_ctl_t                    *ctl;
    ngx_uint_t                   keys;
    ngx_uint_t                   workspaces;
    ngx_uint_t                   problems;
} ws_check_t;


/* a key, taken apart */

typedef struct {
    ngx_str_t                    key;
    ngx_uint_t                   shard;     /* or WS_CHECK_DIR */
    ngx_str_t                    arg;       /* what follows the kind */
    const ws_check_record_t     *record;    /* one of these, or neither */
    const ws_check_container_t  *container;
} ws_check_key_t;


/* Records. */

struct ws_check_record_s {
    const char                  *kind;      /* with its ":" */
    ngx_uint_t                   dir;       /* in the directory? */
    const char                  *fields[WS_CHECK_FIELDS];
    int                        (*check)(ws_check_item_t *item);
};


struct ws_check_item_s {
    ws_check_t                  *check;
    ngx_pool_t                  *pool;
    ws_check_key_t              *k;
    ngx_str_t                    fields[WS_CHECK_FIELDS];
                                            /* NULL data: not there */
    ngx_array_t                  expects;   /* ws_check_expect_t */
    ngx_array_t                  problems;  /* ws_check_problem_t */
    unsigned                     found:1;   /* for a check's own use */
};


/* a problem, and the key it is reported for */

typedef struct {
    ngx_str_t                    key;
    ngx_str_t                    text;
} ws_check_problem_t;


/* what a command has to answer; NULL data: nil; ok NULL: just that */

typedef struct {
    const char                  *command;
    ngx_str_t                    key;
    ngx_str_t                    args[2];   /* NULL data: no more */
    ngx_str_t                    want;
    const char                *(*ok)(ws_check_item_t *item, ngx_str_t *have);
} ws_check_expect_t;


/* the kinds of records; ends with a NULL kind */
extern const ws_check_record_t  ws_check_dir_records[];
extern const ws_check_record_t  ws_check_shard_records[];

/* looks at records of one kind, at most WS_CHECK_BATCH */
int ws_check_records(ws_check_t *check, ws_check_key_t **keys, ngx_uint_t n);

/* sends HMGET for a record's fields; copies what is answered into a pool */
int ws_check_send(ws_check_t *check, ngx_str_t *key,
    const char *const *fields);
int ws_check_copy(ngx_pool_t *pool, ws_reply_t *reply, ngx_str_t *fields);

/*
 * For checks of records.  All return WS_EXIT_OK, or WS_EXIT_FAILED without
 * memory.
 */
int ws_check_wrong(ws_check_item_t *item, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int ws_check_expect(ws_check_item_t *item, const char *command,
    ngx_str_t key, ngx_str_t *arg, ngx_str_t *want);
ws_check_expect_t *ws_check_expect_add(ws_check_item_t *item,
    const char *command, ngx_str_t key, ngx_str_t *arg);

/* a record of the directory has to be there */
int ws_check_expect_dir(ws_check_item_t *item, const char *kind,
    const ws_uuid_t *id);

/* an id has to belong to the shard of the item's key */
int ws_check_in_shard(ws_check_item_t *item, ws_uuid_t *id);

/* a key in the same shard; NULL data without memory */
ngx_str_t ws_check_key_of(ws_check_item_t *item, const char *kind,
    ngx_str_t *a, ngx_str_t *b);

/* the records build:<id> and job:<id> */
int ws_check_build(ws_check_item_t *item);
int ws_check_job(ws_check_item_t *item);

/* makes a workspace out of fields v m d p l e; to be looked at only */
ngx_int_t ws_check_load(ngx_pool_t *pool, ngx_str_t *id, ngx_str_t *fields,
    ws_workspace_t **w);


/* Containers. */

struct ws_check_container_s {
    const char                  *kind;      /* with ":": more follows */
    ngx_uint_t                   dir;
    const char                  *scan;      /* HSCAN SSCAN ZSCAN; NULL: the
                                               key is only known */
    const char                  *get;       /* HGET SISMEMBER ZSCORE */
    const char                  *target;    /* kind of record, or NULL */
    const char                  *fields[WS_CHECK_FIELDS];

    /* NULL, or what is wrong with a member whose record has these fields */
    const char                *(*wrong)(ws_check_t *check, ngx_pool_t *pool,
                                        ws_check_key_t *k, ngx_str_t *member,
                                        ngx_str_t *value, ngx_str_t *fields);
};


extern const ws_check_container_t  ws_check_dir_containers[];
extern const ws_check_container_t  ws_check_shard_containers[];

/* looks at all members of a container */
int ws_check_members(ws_check_t *check, ws_check_key_t *k);

/* looks at the numbers of the builds of a workspace */
int ws_check_builds(ws_check_t *check, ws_check_key_t *k);


/* what EXISTS and SISMEMBER answer */
extern ngx_str_t  ws_check_zero;
extern ngx_str_t  ws_check_one;

/* Reporting: one line; key and text may hold any bytes. */
void ws_check_report(ws_check_t *check, ngx_str_t *key, ngx_str_t *text);

/* 1 when both are the same bytes, else 0 */
ngx_uint_t ws_check_same(ngx_str_t *a, ngx_str_t *b);
ngx_uint_t ws_check_is(ngx_str_t s, const char *text);


#endif /* _WSCTL_CHECK_H_INCLUDED_ */
