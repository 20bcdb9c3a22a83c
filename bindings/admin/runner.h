/* runner.h - answers requests on a thread of its own, one at a time, in the order in which they came. */
#ifndef MOONPORT_RUNNER_H
#define MOONPORT_RUNNER_H

#include "admin/answer.h"

enum { RUNNER_ASKED_MAX = 16 };

struct runner;

/* What is to be answered, and to whom. */
struct runner_task {
    struct admin_request request;
    void *context;  /* of the route */
    uint64_t asker; /* the connection's id */
};

/* `done` is called for each task, on the runner's thread, and owns the answer's body from then on. NULL: no memory. */
struct runner *runner_open(void (*done)(void *context, const struct runner_task *task,
                                        struct admin_answer *answer),
                           void *context);

/* False: RUNNER_ASKED_MAX tasks wait already, the runner has ended, or no thread could be started. */
bool runner_ask(struct runner *runner, const struct runner_task *task);

/* From any thread: runner_end was called. */
bool runner_has_ended(struct runner *runner);

/* Waits for the task that runs, and its `done`. Tasks that have not begun are dropped. */
void runner_end(struct runner *runner);

/* Call it after runner_end, when no thread calls runner_ask any more. */
void runner_close(struct runner *runner);

#endif
