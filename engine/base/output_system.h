/* output_system.h - writes to a file without waiting for its reader; a file of its own for each
 * system. One thread at a time. */
#ifndef MOONPORT_OUTPUT_SYSTEM_H
#define MOONPORT_OUTPUT_SYSTEM_H

#include <stdbool.h>

/* Is there room for 4096 bytes in this file of the system's (in a terminal or a socket: for some)? Waits at
 * most so long until there is. What fails when it is written to, rather than later, has room. */
bool output_has_room(int file, int milliseconds);

/* Is it a pipe of which half is empty, at least? */
bool output_has_half(int file);

/* Returns how many bytes it has taken; 0: none, though it may have seemed to have room; -1: it fails. */
int output_put(int file, const char *bytes, unsigned size);

#endif
