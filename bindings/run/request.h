/* request.h - a run that waits while another thread does something for it. The code that makes a request sends it
 * out in its own way. The request comes back, as a letter, to the worker that made it (`home`), and the waiting
 * call returns the answer. If the run no longer waits by then, because its time is over or its connection has
 * ended, the answer is dropped.
 *
 *     request_wait --> out --> request_answer --> back on its worker --> run_resume
 *          '--> the deadline, or the end of the run: `leave`; it comes back later, or is dropped */
#ifndef MOONPORT_REQUEST_H
#define MOONPORT_REQUEST_H

#include "run/run.h"
#include "server/letter.h"

struct request;

struct request_kind {
    /* Pushes the results of the call, and returns how many. May raise an error. */
    int (*push)(lua_State *L, struct request *request);

    /* It is out, and its run waits no longer. True: its answer is there all the same, and on its way; a run that
     * is only late takes it. NULL: false. */
    bool (*leave)(struct request *request);

    /* Called when that answer reaches no run. May be NULL. */
    void (*miss)(struct request *request);

    /* Frees the request. Any thread. */
    void (*free)(struct request *request);
};

/* The first member of each kind's own struct. */
struct request {
    struct letter letter; /* free to be used while it is out */
    const struct request_kind *kind;
    struct worker *home;
    struct run *run; /* home's thread: that waits; NULL: none does */
    uint32_t *count; /* home's thread: how many are out; NULL: they are not counted */
};

/* Adds one to *count (count may be NULL) until the request is back or dropped. */
void request_init(struct request *request, const struct request_kind *kind, struct run *run,
                  uint32_t *count);

/* On home's thread: frees a request that was not sent out, or was taken back from where it was sent. */
void request_drop(struct request *request);

/* For `return request_wait(...)` in a C function that has sent the request out. The call returns nil, "timeout"
 * when the time is over (UINT64_MAX: never). Inline for the same reason as run_wait. */
int request_late(struct run *run);
void request_leave(struct run *run);
static inline int request_wait(struct request *request, uint64_t timeout_ns)
{
    request->run->wait.context = request;
    return run_wait(request->run, timeout_ns, request_late, request_leave);
}

/* Sends the request back to its worker. Any thread, while that worker's port is open. */
void request_answer(struct request *request);

/* For `push`: the values in the bytes; or with a code nil, the code, and the bytes as a text if there are any. How many. */
int request_push_answer(lua_State *L, const char *code, struct span bytes);

/* nil, code: pushed on run->L where an error can do no harm, whatever the memory. Returns 2. */
int request_refuse(struct run *run, const char *code);

#endif
