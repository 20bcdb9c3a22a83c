/* system.h - what the program needs from its operating system, besides sockets. */
#ifndef MOONPORT_SYSTEM_H
#define MOONPORT_SYSTEM_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

extern const char system_separators[]; /* between the names of a path, each character */
enum { SYSTEM_PATH_MAX = 4096 };
extern const char system_module[]; /* file name of a C module, ? is its name */

/* The absolute path of the file; on Linux with all links followed. False: there is no such file, or the path is
 * too long. */
bool system_full_path(const char *path, char full[SYSTEM_PATH_MAX]);

/* Called first: makes a console show UTF-8, makes errors appear at once, and makes sure that standard input,
 * output and error are open. */
void system_begin(void);

/* Makes printed output appear line by line, in a pipe as well. */
void system_show_output(void);

/* Raises the limit on open files to `files`, if the system allows it. Returns the limit. */
uint64_t system_prepare(uint64_t files);

/* On Linux, before there are threads: signals that would end the program, but neither ask it to stop nor report a
 * fault, no longer end it. A write to a peer or a pipe that is gone, or beyond a limit, fails. Signals that
 * another process sends (USR1, ALRM, ...) are logged by system_wait_for_stop. Each signal has a handler, because
 * ignored signals would stay ignored in programs that are started. */
void system_take_signals(void);

/* With glibc: large blocks are returned to the system when they are freed, however large earlier ones were.
 * Before there are threads. */
void system_bound_heap(void);

/* From here on, a stop request does not end the program but waits for system_wait_for_stop. On Linux it is TERM,
 * INT or QUIT; on Windows ^C, ^Break, or the end of the console, the session or the system. For those three a
 * program has a few seconds: a second request follows by itself before they are over. A service does not stop
 * when a user logs off. */
void system_catch_stops(void);

/* Requests within a second of one that counted are the same request, because `timeout` and terminals signal a
 * program and its group. `last_ns` is when a request last counted, 0 at first. */
#define SYSTEM_STOPS_APART_NS UINT64_C(1000000000)
static inline bool system_stop_counts(_Atomic uint64_t *last_ns, uint64_t now_ns)
{
    uint64_t before_ns = atomic_load(last_ns);
    if (before_ns != 0 && now_ns - before_ns < SYSTEM_STOPS_APART_NS) return false;
    return atomic_compare_exchange_strong(last_ns, &before_ns, now_ns);
}

/* Makes HUP, where it exists, call the function, which may do only what a signal handler may; NULL: HUP does
 * nothing. When this returns, the previous function is no longer called. */
void system_catch_hangup(void (*function)(void *context), void *context);

/* True when a stop was requested; waits for that up to `milliseconds`, or without a limit if it is negative. */
bool system_wait_for_stop(int milliseconds);

/* Fills in bytes that nobody can guess. False: the system has none. */
bool system_random(void *bytes, size_t size);

/* Asks the program to stop, as a signal would. Any thread. Before system_catch_stops it does nothing. */
void system_ask_to_stop(void);

/* Like C's system(), which on Linux ignores ^C and ^\ in the whole program while it waits; this does not. False:
 * not implemented, because here system() does not ignore them either. */
bool system_execute(const char *command, int *status);

#endif
