/* failure.h - reports calls that failed: in the log, or to the caller that asked for it. */
#ifndef MOONPORT_FAILURE_H
#define MOONPORT_FAILURE_H

#include "run/run.h"

/* Reports the error object on the top of the coroutine's stack, with its traceback: in run->tell, or in the log.
 * failure_tell_of_close reports one that a __close metamethod raised while the coroutine was being closed. */
void failure_tell(struct run *run);
void failure_tell_of_close(struct run *run);

/* Logs that a handler was not called, because of the error on the top of L's stack. */
void failure_not_called(const struct run *run, lua_State *L);

#endif
