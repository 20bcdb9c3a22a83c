/* system.h - what the program asks of its operating system, beside sockets. */
#ifndef MOONPORT_SYSTEM_H
#define MOONPORT_SYSTEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

extern const char system_separators[]; /* between the names of a path, each of them */
enum { SYSTEM_PATH_MAX = 4096 };
extern const char system_module[]; /* what the file of a module in C is called, ? is its name */

/* Where the file is, from the root on: on Linux with all links followed. False: there is none, or its path
 * is longer than there is room for. */
bool system_full_path(const char *path, char full[SYSTEM_PATH_MAX]);

/* First of all: a console shows UTF-8, errors show at once, and standard input, output and error are
 * there. */
void system_begin(void);

/* What is printed shows line by line, in a pipe as well. */
void system_show_output(void);

/* So many files may be open, if the system lets us. Returns how many may. */
uint64_t system_prepare(uint64_t files);

/* On Linux, before there are threads: signals that would end the program, but neither ask it to stop nor
 * tell of a fault, do not end it. A write to a peer or a pipe that is gone, or beyond a limit, fails; what
 * somebody has sent (USR1, ALRM, ...) is told in the log by system_wait_for_stop. Each has a handler:
 * unlike those that are ignored, such signals are what they were for a program that is started. */
void system_take_signals(void);

/* With glibc: what is large and has been freed goes back to the system, however large the pieces were that went
 * before it. Before there are threads. */
void system_bound_heap(void);

/* From here on a stop request does not end the program but waits to be asked for. On Linux it is
 * TERM, INT or QUIT; on Windows ^C, ^Break, the end of the console, of the session or of the system.
 * For those three a program has some seconds: a second request follows by itself before they are
 * over. A service does not take a user's leaving for one. */
void system_catch_stops(void);

/* Requests within a second of one that counted are that one: `timeout` and terminals send a signal to a
 * program and to its group. `last_ns` is when one has counted, 0 at first. */
#define SYSTEM_STOPS_APART_NS UINT64_C(1000000000)
static inline bool system_stop_counts(_Atomic uint64_t *last_ns, uint64_t now_ns)
{
    uint64_t before_ns = atomic_load(last_ns);
    if (before_ns != 0 && now_ns - before_ns < SYSTEM_STOPS_APART_NS) return false;
    return atomic_compare_exchange_strong(last_ns, &before_ns, now_ns);
}

/* Has HUP, where there is such a thing, call the function, which may do what a signal's handler may;
 * NULL: HUP does nothing. When this returns, the function of before is called no more. */
void system_catch_hangup(void (*function)(void *context), void *context);

/* True when a stop was asked for; waits for that up to so many milliseconds, or for ever if it is
 * negative. */
bool system_wait_for_stop(int milliseconds);

/* As system() of C, which on Linux ignores ^C and ^\ for the whole program while it waits; this does not.
 * False: that one does as well here. */
bool system_execute(const char *command, int *status);

#endif
