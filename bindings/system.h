/* system.h - what the program asks of its operating system, beside sockets. */
#ifndef MOONPORT_SYSTEM_H
#define MOONPORT_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>

extern const char system_separators[]; /* between the names of a path, each of them */
extern const char system_module[];     /* what the file of a module in C is called, ? is its name */

/* First of all: a console shows UTF-8, errors show at once, and standard input, output and error are
 * there. */
void system_begin(void);

/* What is printed shows line by line, in a pipe as well. */
void system_show_output(void);

/* A peer that is gone is an answer, not a signal; and so many files may be open, if the system lets
 * us. Returns how many may. */
uint64_t system_prepare(uint64_t files);

/* With glibc: what is large and has been freed goes back to the system, however large the pieces were that went
 * before it. Before there are threads. */
void system_bound_heap(void);

/* From here on a stop request does not end the program but waits to be asked for. On Linux it is
 * TERM or INT; on Windows ^C, ^Break, the end of the console, of the session or of the system.
 * For those three a program has some seconds: a second request follows by itself before they are
 * over. A service does not take a user's leaving for one. */
void system_catch_stops(void);

/* Has HUP, where there is such a thing, call the function, which may do what a signal's handler may;
 * NULL: HUP does nothing. When this returns, the function of before is called no more. */
void system_catch_hangup(void (*function)(void *context), void *context);

/* True when a stop was asked for; waits for that up to so many milliseconds, or for ever if it is
 * negative. */
bool system_wait_for_stop(int milliseconds);

#endif
