/* sim.h - one simulated run: a whole server with its clients, in one thread, in virtual time, drawn
 * from one seed.
 *
 *     main -> run -> world  the server, its workers taking turns, the clock
 *                    |-- port_sim  what a system may do to it: any order, any size, any fault
 *                    |-- peer      its clients, and what each of them must get back
 *                    '-- oracle    what the script is told, and what the server logs
 *
 * Everything that happens goes into a hash: two runs of a seed that differ differ in it. */
#ifndef MOONPORT_SIM_H
#define MOONPORT_SIM_H

#include "base/span.h"
#include "draw.h"

#include <stdint.h>

#define MICROSECOND UINT64_C(1000)
#define MILLISECOND UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

struct world;

/* The run that goes on. The C library's functions that are wrapped, and the port's that know no port,
 * find it here. NULL between runs. */
extern struct world *sim_world;

static inline uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* ---- trace.c ---- */

struct trace {
    uint64_t seed;
    uint64_t hash, events;
    bool prints; /* every line of it, on standard output */
};
extern struct trace trace;

void trace_begin(uint64_t seed, bool prints);

/* A thing that happened: goes into the hash, with the virtual time. */
__attribute__((format(printf, 1, 2))) void trace_note(const char *format, ...);

uint64_t trace_hash_bytes(struct span bytes);

/* A promise was broken. Says so, and how to see it again, and aborts: a debugger stops here. */
__attribute__((format(printf, 1, 2), noreturn)) void violation(const char *format, ...);

/* `what` holds, or it is a violation. */
#define promise(condition, ...) \
    (__builtin_expect(!!(condition), 1) ? (void)0 : violation(__VA_ARGS__))

#endif
