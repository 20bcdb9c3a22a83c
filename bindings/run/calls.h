/* calls.h - server.call: the script of one worker calls a function in another worker's on_call, and waits for its
 * results.
 *
 *     calls_make --> calls_post --> the other worker: on_call.NAME runs, and may wait --> back
 *
 * Values travel as bytes (lua/value.h): the name and the arguments there, the results back. */
#ifndef MOONPORT_CALLS_H
#define MOONPORT_CALLS_H

#include "run/request.h"

struct call {
    struct request request;
    uint64_t link_id;      /* the connection whose worker is called; 0: none */
    _Atomic bool given_up; /* the run no longer waits: the call need not begin */
    struct chunk *values;  /* name and arguments; then results, or the text of an error; or NULL */
    const char *code;      /* why it failed; NULL: it did not */
    struct budget *budget; /* of the worker that calls; pays for the call */
};

/* Calls of one worker that may be out at once. */
enum { CALLS_MAX = 10000 };

/* Makes a call for the run that will wait for it, and copies the bytes. NULL: no memory. */
struct call *calls_make(struct run *run, struct span bytes, uint64_t link_id);

/* Sends the call to the worker with that index (below worker_count). Then call request_wait. */
void calls_post(struct call *call, uint32_t target);

#endif
