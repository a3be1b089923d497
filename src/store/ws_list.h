
/*
 * Finding what a listing lists: which workspaces, in which order, how many.
 *
 * A plan of one term is read by rank: its members are the answer, and a page
 * of them is one command.  With more terms, or a part of a name, the smallest
 * term is read from its beginning to its end and each member checked against
 * the others.  All commands are bounded (WS_LIST_BATCH members), and none
 * waits longer than the connection's read timeout.
 *
 * Round trips to Redis, with n the members of the smallest term:
 *     one term, a page of at most WS_LIST_BATCH         1
 *     one term, or a part of a name only                1 + n / WS_LIST_BATCH
 *     more terms                                        3 + n / WS_LIST_BATCH
 * and one more wherever there is more than one batch (see below); two batches
 * are under way at any time.
 *
 * What is promised while things change:
 * - no id is there twice;
 * - with no limit and no offset, a workspace that exists and matches from the
 *   beginning to the end of the reading is there, also when it is used
 *   meanwhile and moves to the front: after a reading of more than one batch
 *   the front is read again, as far as the reading's beginning
 *   (WS_LIST_SKEW_MS earlier: clocks differ), and what was missed comes last;
 * - so it is with a limit, but what was missed comes first, where it belongs
 *   now;
 * - with an offset, one that is used meanwhile has left the page, and may be
 *   missed;
 * - a workspace that is created, deleted, or begins or ceases to match
 *   meanwhile may be there or not; one renamed among others used in the same
 *   millisecond may be missed, and so may one that moves after more than
 *   WS_LIST_PASSES readings of a front longer than a batch;
 * - ids that were found stay as they are, whatever happens while documents
 *   are fetched and sent.
 *
 * count is the number of ids where all were read, else the number of members
 * of the term, counted by the same round trip.
 *
 * Members that are none (ws_index.h) are passed over.
 */


#ifndef _WS_LIST_H_INCLUDED_
#define _WS_LIST_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_store.h"
#include "ws_list_ids.h"
#include "ws_list_plan.h"


#define WS_LIST_BATCH    500            /* members a command reads, at most */
#define WS_LIST_EARLY    64             /* ids that are told of early */
#define WS_LIST_SKEW_MS  1000
#define WS_LIST_PASSES   4


typedef struct ws_list_s  ws_list_t;


/*
 * Begins to find the ids of a plan: all behind the first "offset" ones, at
 * most "limit" (0: no limit).  The handler is called when that is done or has
 * failed, and may be called before, never from inside.  The plan must live as
 * long as the list.
 *
 * NULL without memory.
 */
ws_list_t *ws_list_create(ws_store_t *store, ngx_log_t *log,
    ws_list_plan_t *plan, ngx_uint_t offset, ngx_uint_t limit,
    void (*handler)(void *data), void *data);

/*
 * NGX_OK     done: "count" is set
 * NGX_BUSY   it is a long one: there are more than WS_LIST_EARLY ids, which
 *            may be taken; the handler will be called when there are more
 * NGX_AGAIN  the handler will be called
 * NGX_ERROR  Redis did not answer, or no memory
 */
ngx_int_t ws_list_find(ws_list_t *list, ngx_uint_t *count);

/*
 * The ids, to be taken from; once done, to be taken over (and initialized),
 * else they end with the list.
 */
ws_list_ids_t *ws_list_ids(ws_list_t *list);

/* microseconds waited for Redis */
uint64_t ws_list_usec(ws_list_t *list);

/* legal at any time, from inside the handler too; NULL is ignored */
void ws_list_destroy(ws_list_t *list);


/*
 * A stop-watch for commands that are under way together: the time during
 * which there was one at least.  Zeroed: none.
 */

typedef struct {
    ngx_uint_t           flying;
    uint64_t             since;
    uint64_t             usec;
} ws_list_watch_t;

void ws_list_watch_start(ws_list_watch_t *watch);
void ws_list_watch_stop(ws_list_watch_t *watch);


#endif /* _WS_LIST_H_INCLUDED_ */
