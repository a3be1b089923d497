
/*
 * The connections of a worker are to be with one server, be it at another of
 * several addresses or another one behind the same: one leads, the others
 * follow.
 */


#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_event.h>
#include <ws_redis_conn.h>


/* how often a follower fails where its leader is well */
#define WS_REDIS_FOLLOW_ALONE  3


static void ws_redis_follow_lead(ws_redis_conn_t *conn,
    ws_redis_conn_t *follower, ngx_uint_t moved);
static void ws_redis_follow_tell(ws_redis_conn_t *leader);


void
ws_redis_conn_follow(ws_redis_conn_t *conn, ws_redis_conn_t *leader,
    ngx_uint_t writes)
{
    conn->writes = writes;
    conn->leader = leader;
    conn->sibling = leader->followers;
    leader->followers = conn;
}


void
ws_redis_follow_connect(ws_redis_conn_t *conn)
{
    ws_redis_conn_t  *leader;

    leader = conn->leader;

    if (leader == NULL || leader->state != WS_REDIS_OPEN
        || conn->conf->kind != WS_REDIS_ONE)
    {
        return;
    }

    conn->address = leader->address;
    conn->tries = 1;

    if (conn->conf->naddrs > 1 && conn->failures > WS_REDIS_FOLLOW_ALONE) {
        ws_redis_follow_tell(leader);
    }
}


void
ws_redis_follow_open(ws_redis_conn_t *conn)
{
    uint64_t          place;
    ngx_addr_t       *addr;
    ngx_uint_t        moved;
    ws_redis_conn_t  *follower;

    addr = ws_redis_conn_addr(conn);

    place = (uint64_t) ngx_crc32_long((u_char *) addr->sockaddr,
                                      addr->socklen) << 32
            | ngx_murmur_hash2((u_char *) addr->sockaddr, addr->socklen);

    moved = (conn->ended && conn->place != place);
    conn->place = place;

    for (follower = conn->followers; follower; follower = follower->sibling) {
        ws_redis_follow_lead(conn, follower, moved);
    }
}


static void
ws_redis_follow_lead(ws_redis_conn_t *conn, ws_redis_conn_t *follower,
    ngx_uint_t moved)
{
    ngx_uint_t  one;

    one = (conn->conf->kind == WS_REDIS_ONE);

    if (follower->state == WS_REDIS_CLOSED) {
        return;
    }

    if (follower->state != WS_REDIS_OPEN) {

        if (one && (moved || follower->address != conn->address)) {
            follower->next = conn->address;
            follower->tries = 1;

            ws_redis_conn_fail(follower, 0);
        }

        return;
    }

    if (follower->place == conn->place) {

        if (!moved) {
            return;
        }

        /* it would find out by itself, but for who only reads */

        if (follower->writes
            && (ngx_msec_int_t) (follower->opened - conn->ended) > 0)
        {
            return;
        }
    }

    if (one) {
        follower->next = conn->address;
    }

    follower->moved = 1;

    ws_redis_conn_fail(follower, 0);
}


void
ws_redis_follow_moved(ws_redis_conn_t *conn, ws_redis_error_e error)
{
    /* NOAUTH: the leader's may have been there before the password */

    if (error != WS_REDIS_ERROR_NOAUTH && conn->leader
        && conn->leader->place == conn->place)
    {
        ws_redis_follow_tell(conn->leader);
    }
}


/* what has been found out about its server; it may be in the midst of it */

static void
ws_redis_follow_tell(ws_redis_conn_t *leader)
{
    if (leader->state == WS_REDIS_OPEN && ws_redis_conn_lasting(leader)) {
        leader->told = 1;
        ws_redis_conn_wake(leader);
    }
}
