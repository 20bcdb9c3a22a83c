/* system.h - what the program asks of its operating system, beside sockets. */
#ifndef MOONPORT_SYSTEM_H
#define MOONPORT_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>

/* First of all: a peer that is gone is an answer, not a signal; and so many files may be open, if the
 * system lets us. Returns how many may. */
uint64_t system_prepare(uint64_t files);

/* From here on a stop request (TERM, INT, HUP) does not end the program but waits to be asked for. */
void system_catch_stops(void);

/* True when a stop was asked for; waits for that up to so many milliseconds, or for ever if it is
 * negative. */
bool system_wait_for_stop(int milliseconds);

#endif
