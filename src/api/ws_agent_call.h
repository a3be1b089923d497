
/*
 * What requests of agents have in common: whose they are, and what of the
 * agent a heartbeat has to know.
 *
 * The token is "<workspace>-<secret>".  The hash of the secret and the roster
 * (ws_roster.h) are read with one command, and nothing else as long as the
 * agent has nothing to tell that changes the document.
 */


#ifndef _WS_AGENT_CALL_H_INCLUDED_
#define _WS_AGENT_CALL_H_INCLUDED_


#include "ws_request.h"
#include "ws_roster.h"


typedef struct {
    ngx_str_t            secret;        /* as sent */
    ngx_str_t            roster;        /* NULL data: nobody may report */
    ws_roster_agent_t    agent;         /* the one who calls */
    ngx_uint_t           retries;
    unsigned             read:1;
    unsigned             known:1;       /* the secret is right */
} ws_agent_call_t;


/*
 * A step: who calls, as call->agent, and the body, which may be absent.  Else
 * 401, the same for every reason; 404: there is no such agent; 409: the latest
 * build is not a start that succeeded.
 */
ngx_int_t ws_agent_call(ws_request_t *req, ws_agent_call_t **call);

/*
 * A step: the document, loaded for a change, and the agent in it.  When the
 * workspace has changed since the roster was read, all is read again.
 */
ngx_int_t ws_agent_document(ws_request_t *req, ws_agent_call_t *call,
    json_t **agent);

/*
 * Stores a sign of life beside the document; req->done follows.  Nothing is
 * written when the roster has changed meanwhile: all is read again then.
 */
ngx_int_t ws_agent_alive(ws_request_t *req, ws_agent_call_t *call);

/* whether the agent has that status; 1 or 0 */
ngx_uint_t ws_agent_called(ws_agent_call_t *call, const char *status);


#endif /* _WS_AGENT_CALL_H_INCLUDED_ */
