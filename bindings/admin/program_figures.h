/* program_figures.h - figures of the program that are none of the engine's: of scripts, their handlers, jobs and
 * reloads; as tables (base/figure.h) over snapshots. */
#ifndef MOONPORT_PROGRAM_FIGURES_H
#define MOONPORT_PROGRAM_FIGURES_H

#include "admin/control.h"
#include "base/figure.h"
#include "run/meter.h"

/* Of the whole program. */
struct program_stats {
    uint64_t generation, reloads, reloads_refused;
    uint64_t lua_memory, lua_memory_max, lua_collections;
    uint64_t script_errors, script_error_kinds;
    uint64_t draining;
    uint64_t certificates_end_s;
};
enum { PROGRAM_FIGURES = 10 };
extern const struct figure program_figures[PROGRAM_FIGURES];
void program_stats(struct control *control, struct program_stats *stats);

/* Of a worker. */
struct worker_lua_stats {
    uint64_t lua_memory, lua_collections;
};
enum { WORKER_LUA_FIGURES = 2 };
extern const struct figure worker_lua_figures[WORKER_LUA_FIGURES];
void worker_lua_stats(const struct control *control, uint32_t index,
                      struct worker_lua_stats *stats);

/* Of the pool of jobs. */
struct job_stats {
    uint64_t threads, busy, queued, lost, done, failed, time_ns;
};
enum { JOB_FIGURES = 7 };
extern const struct figure job_figures[JOB_FIGURES];
void job_stats(const struct control *control, struct job_stats *stats);

/* Of a kind of handler, over all workers. */
enum { HANDLER_FIGURES = 4 };
extern const struct figure handler_figures[HANDLER_FIGURES]; /* of a struct meter_sum */
void handler_stats(const struct control *control, uint32_t kind, struct meter_sum *sum);

/* The kind whose calls took this worker longest, and how long its longest did; false: none has run. */
bool slowest_handler(const struct control *control, uint32_t index, uint32_t *kind,
                     uint64_t *longest_ns);

#endif
