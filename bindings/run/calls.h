/* calls.h - server.call: one worker's script calls a function of another's on_call, and waits for what it returns.
 *
 *     calls_make --> calls_post --> the other worker: on_call.NAME runs, and may wait --> home
 *
 * What travels are values as bytes (lua/value.h): the name and the arguments there, the results back. */
#ifndef MOONPORT_CALLS_H
#define MOONPORT_CALLS_H

#include "run/request.h"

struct call {
    struct request request;
    uint64_t link_id;      /* the connection whose worker is called; 0: none */
    _Atomic bool given_up; /* nobody waits: it need not begin */
    struct chunk
        *values; /* the name and arguments; then the results, or the text of an error; or NULL */
    const char *code;      /* how it has failed; NULL: it has not */
    struct budget *budget; /* home's: pays for this */
};

/* At once, of one worker's. */
enum { CALLS_MAX = 10000 };

/* One for the run that waits for it; NULL: no memory. The bytes are copied. */
struct call *calls_make(struct run *run, struct span bytes, uint64_t link_id);

/* Sends it to the worker of that index, below worker_count. After that, request_wait. */
void calls_post(struct call *call, uint32_t target);

#endif
