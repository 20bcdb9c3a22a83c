/* runner.h - runs the admin's slow commands on a thread of its own, one at a time, in the order in which they
 * came. */
#ifndef MOONPORT_RUNNER_H
#define MOONPORT_RUNNER_H

#include "admin/admin.h"

enum { RUNNER_ASKED_MAX = 16 };

struct runner;

/* The result of a command. It is given to `done` on the runner's thread, and `text` is valid until `done`
 * returns. `fine`: the command succeeded. */
struct runner_result {
    const struct admin_command *command;
    uint64_t asker; /* as passed to runner_ask */
    bool fine;
    char *
        text; /* at most ADMIN_TEXT_MAX bytes with the NUL, and RUNNER_HEAD_MAX free bytes before it */
};
enum { RUNNER_HEAD_MAX = 16 };

/* `done` is called for each. NULL: no memory. */
struct runner *runner_open(void (*done)(void *context, const struct runner_result *result),
                           void *context);

/* False: RUNNER_ASKED_MAX commands are waiting already, the runner has ended, or no thread could be started. */
bool runner_ask(struct runner *runner, const struct admin_command *command, uint64_t asker);

/* Waits for the running command and its `done`. Commands that have not begun are dropped. */
void runner_end(struct runner *runner);

/* Call it after runner_end, when no thread calls runner_ask any more. */
void runner_close(struct runner *runner);

/* Runs a command on the calling thread. Fills in `result`, except for the asker; its text is in `place`, of
 * RUNNER_HEAD_MAX + ADMIN_TEXT_MAX bytes. */
void runner_run(const struct admin_command *command, char *place, struct runner_result *result);

#endif
