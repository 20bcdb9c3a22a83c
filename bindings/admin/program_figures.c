#include "admin/program_figures.h"

#include "run/script_errors.h"

#define FIELD(type, name) .field = offsetof(struct type, name)

const struct figure program_figures[PROGRAM_FIGURES] = {
    {"generation", "of the scripts that run", FIGURE_GAUGE, FIGURE_NUMBER,
     FIELD(program_stats, generation)},
    {"reloads", "generations that have been brought in since the start", FIGURE_COUNTER,
     FIGURE_NUMBER, FIELD(program_stats, reloads)},
    {"reloads_refused", "attempts to reload that were refused", FIGURE_COUNTER, FIGURE_NUMBER,
     FIELD(program_stats, reloads_refused)},
    {"lua_memory", "memory that Lua holds in all workers", FIGURE_GAUGE, FIGURE_BYTES,
     FIELD(program_stats, lua_memory)},
    {"lua_memory_max", "the setting lua_memory, for all workers", FIGURE_GAUGE, FIGURE_BYTES,
     FIELD(program_stats, lua_memory_max)},
    {"lua_collections", "cycles of Lua's garbage collectors", FIGURE_COUNTER, FIGURE_NUMBER,
     FIELD(program_stats, lua_collections)},
    {"script_errors", "errors of scripts", FIGURE_COUNTER, FIGURE_NUMBER,
     FIELD(program_stats, script_errors)},
    {"script_error_kinds", "distinct errors of scripts that are remembered", FIGURE_GAUGE,
     FIGURE_NUMBER, FIELD(program_stats, script_error_kinds)},
    {"draining", "1: it accepts no connections, and ends when the last has left", FIGURE_GAUGE,
     FIGURE_NUMBER, FIELD(program_stats, draining)},
    {"certificates_end",
     "when the first certificate of a listener ends, in seconds since 1970; 0: none speaks TLS",
     FIGURE_GAUGE, FIGURE_NUMBER, FIELD(program_stats, certificates_end_s)},
};

const struct figure worker_lua_figures[WORKER_LUA_FIGURES] = {
    {"lua_memory", "memory that Lua holds", FIGURE_GAUGE, FIGURE_BYTES,
     FIELD(worker_lua_stats, lua_memory)},
    {"lua_collections", "cycles of Lua's garbage collector", FIGURE_COUNTER, FIGURE_NUMBER,
     FIELD(worker_lua_stats, lua_collections)},
};

const struct figure job_figures[JOB_FIGURES] = {
    {"threads", "of the pool, now", FIGURE_GAUGE, FIGURE_NUMBER, FIELD(job_stats, threads)},
    {"busy", "of them, at a job", FIGURE_GAUGE, FIGURE_NUMBER, FIELD(job_stats, busy)},
    {"queued", "jobs that wait for a thread", FIGURE_GAUGE, FIGURE_NUMBER,
     FIELD(job_stats, queued)},
    {"lost", "threads that did not return from a job", FIGURE_GAUGE, FIGURE_NUMBER,
     FIELD(job_stats, lost)},
    {"done", "jobs since the start", FIGURE_COUNTER, FIGURE_NUMBER, FIELD(job_stats, done)},
    {"failed", "of them, with an error", FIGURE_COUNTER, FIGURE_NUMBER, FIELD(job_stats, failed)},
    {"seconds", "that they took", FIGURE_COUNTER, FIGURE_NS, FIELD(job_stats, time_ns)},
};

const struct figure handler_figures[HANDLER_FIGURES] = {
    {"calls", "calls", FIGURE_COUNTER, FIGURE_NUMBER, FIELD(meter_sum, calls)},
    {"failed", "calls that failed", FIGURE_COUNTER, FIGURE_NUMBER, FIELD(meter_sum, failed)},
    {"interrupted", "calls that were interrupted, because they took too long", FIGURE_COUNTER,
     FIGURE_NUMBER, FIELD(meter_sum, interrupted)},
    {"time", "how long calls kept a worker; of on_receive some are timed, and stand for all",
     FIGURE_TIMES, FIGURE_NS, FIELD(meter_sum, time)},
};

static uint32_t workers_of(const struct control *control)
{
    return server_config(control->server)->workers;
}

static const struct meters *meters_of(const struct control *control, uint32_t index)
{
    return &control->project->program.meters[index];
}

void worker_lua_stats(const struct control *control, uint32_t index, struct worker_lua_stats *stats)
{
    const struct meters *meters = meters_of(control, index);
    stats->lua_memory = counter_get(&meters->lua_memory);
    stats->lua_collections = counter_get(&meters->lua_collections);
}

/* The newest that has a number is the one that runs. */
static bool find_running(void *context, const struct history_entry *entry)
{
    struct program_stats *stats = context;
    stats->generation = entry->generation;
    return entry->generation == 0;
}

/* Both counts are of the same moment: each other attempt was refused. */
static void count_reloads(struct reloader *reloader, struct program_stats *stats)
{
    uint64_t attempts;
    do {
        attempts = reloader_attempts(reloader);
        reloader_history(reloader, find_running, stats);
    } while (attempts != reloader_attempts(reloader));
    stats->reloads = stats->generation - 1;
    stats->reloads_refused = attempts - stats->generation;
}

void program_stats(struct control *control, struct program_stats *stats)
{
    const struct options options = reloader_options(control->reloader);
    uint32_t workers = workers_of(control);
    *stats = (struct program_stats){.lua_memory_max = options.lua_memory * workers,
                                    .draining = atomic_load(&control->draining)};
    for (uint32_t i = 0; i < workers; i++) {
        struct worker_lua_stats of_worker;
        worker_lua_stats(control, i, &of_worker);
        stats->lua_memory += of_worker.lua_memory;
        stats->lua_collections += of_worker.lua_collections;
    }
    count_reloads(control->reloader, stats);
    struct script_errors_sum errors;
    script_errors_sum(control->project->program.errors, &errors);
    stats->certificates_end_s = (uint64_t)secured_ends(control->project->secured);
    stats->script_errors = errors.total;
    stats->script_error_kinds = errors.distinct;
}

void job_stats(const struct control *control, struct job_stats *stats)
{
    const struct jobs_figures figures = jobs_figures(control->project->program.jobs);
    *stats = (struct job_stats){
        .threads = figures.threads,
        .busy = figures.busy,
        .queued = figures.queued,
        .lost = figures.lost,
        .done = figures.done,
        .failed = figures.failed,
        .time_ns = figures.time_ns,
    };
}

void handler_stats(const struct control *control, uint32_t kind, struct meter_sum *sum)
{
    *sum = (struct meter_sum){.calls = 0};
    for (uint32_t i = 0; i < workers_of(control); i++) meter_read(meters_of(control, i), kind, sum);
}

bool slowest_handler(const struct control *control, uint32_t index, uint32_t *kind,
                     uint64_t *longest_ns)
{
    *longest_ns = 0;
    for (uint32_t i = 0; i < METER_KINDS; i++) {
        uint64_t largest_ns = counter_get(&meters_of(control, index)->kinds[i].time.largest_ns);
        if (largest_ns <= *longest_ns) continue;
        *longest_ns = largest_ns;
        *kind = i;
    }
    return *longest_ns > 0;
}
