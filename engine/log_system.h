/* log_system.h - whether the log can be written to without waiting; a file of its own for each
 * system. */
#ifndef MOONPORT_LOG_SYSTEM_H
#define MOONPORT_LOG_SYSTEM_H

#include <stdbool.h>

/* Is there room for a line of 4096 bytes on standard error? Waits at most so long until there is. What
 * fails when it is written to, rather than later, has room. */
bool log_has_room(int milliseconds);

#endif
