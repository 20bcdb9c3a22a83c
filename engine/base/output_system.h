/* output_system.h - writes to a file without waiting for its reader; implemented once per system. One
 * thread at a time. */
#ifndef MOONPORT_OUTPUT_SYSTEM_H
#define MOONPORT_OUTPUT_SYSTEM_H

#include <stdbool.h>

/* Whether the file has room for 4096 bytes (a terminal or a socket: for some); waits for it up to that long. True also
 * for a file where a write would fail at once. */
bool output_has_room(int file, int milliseconds);

/* Whether the file is a pipe that is at least half empty. */
bool output_has_half(int file);

/* Returns how many bytes were written; 0: none, even if there seemed to be room; -1: failed. */
int output_put(int file, const char *bytes, unsigned size);

#endif
