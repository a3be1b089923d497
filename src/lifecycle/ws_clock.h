
/*
 * The clock: in every worker of every node, acting on what is due.
 *
 * Every tick one worker of a node, each in its turn, claims a batch of due
 * items: a script puts them off by WS_CLOCK_HOLD_MS, so that no other worker
 * takes them at the same time, and should this one die they are due again
 * soon.  Who has claimed a full batch goes on at once; if there is much to do
 * the others join in at their turns.  What Redis is asked while nothing is due
 * thus grows with nodes, not with workers.  What makes an action happen once
 * is the guard on the document's version, as for every commit.
 *
 * "Now" is Redis' clock, for all nodes alike; every turn tells what it shows
 * (ws_store_now_ms).
 */


#ifndef _WS_CLOCK_H_INCLUDED_
#define _WS_CLOCK_H_INCLUDED_


#include <ngx_config.h>
#include <ngx_core.h>
#include "ws_store.h"


/*
 * An item is acted on within two seconds, even when there is but one node and
 * the worker that has claimed it dies: up to a tick until it is claimed, the
 * hold, and up to two ticks, as the turn of the one that died may be missed,
 * until it is claimed again.
 */
#define WS_CLOCK_TICK_MS  400       /* 50 more or less */
#define WS_CLOCK_HOLD_MS  800
#define WS_CLOCK_BATCH    16      /* more would make requests wait for it */


typedef struct ws_clock_s  ws_clock_t;


/* Starts it, in a worker.  NULL without memory. */
ws_clock_t *ws_clock_create(ngx_pool_t *pool, ws_store_t *store);


#endif /* _WS_CLOCK_H_INCLUDED_ */
