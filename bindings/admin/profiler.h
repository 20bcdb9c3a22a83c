/* profiler.h - has workers take profiles of their Lua states (lua/profile.h), one at a time, and keeps the last.
 *
 * A worker begins when it gets to it, between two calls, and ends by itself when the time is over, or with its state; so a
 * profile needs nobody who waits for it. One that is kept by a call for so long that it does not begin, or does not end, is
 * missing in it. All functions are for one thread, but for profiler_close: the admin's thread for looks. */
#ifndef MOONPORT_PROFILER_H
#define MOONPORT_PROFILER_H

#include "lua/profile.h"
#include "server.h"

enum { PROFILER_SECONDS_MAX = 300 };

struct profile_take; /* one profile, of several workers */

/* Zeroed at first; it lives until the server has ended. */
struct profiler {
    struct profile_take *last; /* NULL: there was none */
    _Atomic bool
        busy[CONFIG_WORKERS_MAX]; /* that worker was asked, and has not ended what it was asked */
};

/* NONE: there was none yet. */
enum profiler_stage { PROFILER_NONE, PROFILER_RUNS, PROFILER_DONE };

struct profiler_state {
    enum profiler_stage stage;
    uint32_t seconds, worker; /* as asked */
    uint64_t left_ns;         /* while it runs */
};

/* Starts one of these seconds, of one worker (from 1) or all (0). False: one runs, or there is no memory, as *memory
 * says. */
bool profiler_start(struct profiler *profiler, struct server *server, uint32_t seconds,
                    uint32_t worker, bool *memory);

struct profiler_state profiler_state(const struct profiler *profiler);

/* What a profile that is done has found. */
struct profiler_part {
    const struct samples *samples; /* NULL: this worker is missing */
    uint64_t lasted_ns;
};

/* Of the worker with this index; false: it was not asked. */
bool profiler_part(const struct profiler *profiler, uint32_t index, struct profiler_part *part);

/* When the workers have ended. */
void profiler_close(struct profiler *profiler);

#endif
