/* output_system.h - whether a file can be written to without waiting; a file of its own for each
 * system. */
#ifndef MOONPORT_OUTPUT_SYSTEM_H
#define MOONPORT_OUTPUT_SYSTEM_H

#include <stdbool.h>

/* Is there room for 4096 bytes in this file of the system's? Waits at most so long until there is. What
 * fails when it is written to, rather than later, has room. */
bool output_has_room(int file, int milliseconds);

#endif
