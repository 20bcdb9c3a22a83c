/* request.h - what a run waits for while another thread sees to it. Whoever makes one sends it out as it likes; it
 * comes home as a letter, and the call that waits returns the answer. If the run waits no more by then (its time was
 * over, or its connection was), the answer finds nobody and is let go of.
 *
 *     request_wait --> out --> request_answer --> home --> run_resume
 *          '--> the deadline, or the end of the run: `left`, and later home all the same */
#ifndef MOONPORT_REQUEST_H
#define MOONPORT_REQUEST_H

#include "run/run.h"
#include "server/letter.h"

struct request;

struct request_kind {
    /* Pushes what the call returns: how many. May raise an error. */
    int (*push)(lua_State *L, struct request *request);

    /* It is out, and its run waits no longer. True: its answer is there all the same, and on its way; a run that
     * is only late takes it. NULL: false. */
    bool (*leave)(struct request *request);

    /* That answer reaches nobody. May be NULL. */
    void (*miss)(struct request *request);

    /* The last thing done to it; any thread. */
    void (*free)(struct request *request);
};

/* The first member of what is asked for. */
struct request {
    struct letter letter; /* free to be used while it is out */
    const struct request_kind *kind;
    struct worker *home;
    struct run *run; /* home's thread: that waits; NULL: none does */
    uint32_t *count; /* home's thread: how many are out; NULL: they are not counted */
};

/* Adds one to *count, if that is not NULL, until it is home. */
void request_init(struct request *request, const struct request_kind *kind, struct run *run,
                  uint32_t *count);

/* Home's thread, before it is sent out and when it was not: it is as if the run had never asked. */
void request_drop(struct request *request);

/* For `return request_wait(...)` in a C function that has sent it out: the call returns nil, "timeout" when the time is
 * over (UINT64_MAX: never). Inline, as run_wait is. */
int request_late(struct run *run);
void request_leave(struct run *run);
static inline int request_wait(struct request *request, uint64_t timeout_ns)
{
    request->run->wait.context = request;
    return run_wait(request->run, timeout_ns, request_late, request_leave);
}

/* Sends it home, from any thread on which home's port is open. */
void request_answer(struct request *request);

/* For `push`: the values in the bytes; or with a code nil, the code, and the bytes as a text if there are any. How many. */
int request_push_answer(lua_State *L, const char *code, struct span bytes);

/* nil, code: pushed on run->L where an error can do no harm, whatever the memory. Returns 2. */
int request_refuse(struct run *run, const char *code);

#endif
