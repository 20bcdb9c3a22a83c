/* runner.h - the admin's commands that take time, on a thread of their own: one at a time, in the order in which they
 * were asked for. */
#ifndef MOONPORT_RUNNER_H
#define MOONPORT_RUNNER_H

#include "admin/admin.h"

enum { RUNNER_ASKED_MAX = 16 };

struct runner;

/* What a command has told. `fine`: it did what it was asked for. On the runner's thread; `text` is good until this
 * returns. */
struct runner_result {
    const struct admin_command *command;
    uint64_t asker; /* as runner_ask was given it */
    bool fine;
    char *
        text; /* at most ADMIN_TEXT_MAX bytes with the NUL, with room for RUNNER_HEAD_MAX bytes before it */
};
enum { RUNNER_HEAD_MAX = 16 };

/* `done` is called for each. NULL: no memory. */
struct runner *runner_open(void (*done)(void *context, const struct runner_result *result),
                           void *context);

/* False: RUNNER_ASKED_MAX wait already, it has ended, or there is no thread to be had. */
bool runner_ask(struct runner *runner, const struct admin_command *command, uint64_t asker);

/* Waits for the command that runs, and for `done`; what has not begun is not done. */
void runner_end(struct runner *runner);

/* After that, when nobody can ask any more. */
void runner_close(struct runner *runner);

/* Runs a command on the calling thread. `result` is filled in but for the asker; its text is in `place`, of
 * RUNNER_HEAD_MAX + ADMIN_TEXT_MAX bytes. */
void runner_run(const struct admin_command *command, char *place, struct runner_result *result);

#endif
