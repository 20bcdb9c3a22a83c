/* failure.h - how it is told that a call has failed: in the log, or to the caller that asked for it. */
#ifndef MOONPORT_FAILURE_H
#define MOONPORT_FAILURE_H

#include "run/run.h"

/* "on_receive", "timer", ... */
const char *run_name(const struct run *run);

/* Tells the error object on the top of the coroutine's stack, with its traceback: in run->tell, or
 * in the log. The other one: an error out of its variables with __close, while it was given up. */
void failure_tell(struct run *run);
void failure_tell_of_close(struct run *run);

/* Logs that a handler was not called, for the error on the top of L's stack. */
void failure_not_called(const struct run *run, lua_State *L);

#endif
