/* failure.h - reports calls that failed: in the log, or to the caller that asked for it. */
#ifndef MOONPORT_FAILURE_H
#define MOONPORT_FAILURE_H

#include "run/run.h"

/* For a worker's Lua state, until it is closed: what its failures had held back in the log is told in time. */
void failure_open(struct runtime *runtime);
void failure_close(struct runtime *runtime);

/* Reports the error object on the top of the coroutine's stack, with its traceback: in run->tell, or in the log.
 * failure_tell_of_close reports one that a __close metamethod raised while the coroutine was being closed. */
void failure_tell(struct run *run);
void failure_tell_of_close(struct run *run);

/* Logs that a handler was not called, because of the error on the top of L's stack. */
void failure_not_called(const struct run *run, lua_State *L);

/* Whether what failed beside calls may be logged, as struct state has it. */
bool failure_may_log(struct state *state, enum log_level level, const char *handler,
                     const char *place, const char *line);

/* For jobs, as job_setup has it; the context is the struct program. */
bool failure_of_job_may_log(void *context, enum log_level level, const char *handler,
                            const char *place, const char *line, uint64_t generation);

#endif
