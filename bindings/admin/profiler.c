#include "admin/profiler.h"

#include "base/clock.h"

#include <stdlib.h>

#define SECOND_NS UINT64_C(1000000000)
#define GRACE_NS UINT64_C(1500000000) /* that a worker may take to end, behind its time */

/* ASKED: its worker has not begun. DONE, MISSED: it has ended, or there was no memory or no time any more. */
enum part_stage { PART_NOT_ASKED, PART_ASKED, PART_RUNS, PART_DONE, PART_MISSED };

struct part {
    struct profile profile;
    struct profile_take *take;
    struct worker *worker;
    struct wheel_timer timer; /* the end */
    _Atomic uint8_t stage;    /* enum part_stage; at DONE, the profile is its reader's */
    _Atomic bool *busy;       /* of its worker */
};

/* Held by the profiler, by the task until no worker will begin, and by each worker that has begun. */
struct profile_take {
    _Atomic uint32_t holders;
    uint32_t seconds, worker, workers;
    uint64_t until_ns;
    struct part parts[];
};

static void drop(struct profile_take *take)
{
    if (atomic_fetch_sub(&take->holders, 1) > 1) return;
    for (uint32_t i = 0; i < take->workers; i++) profile_free(&take->parts[i].profile);
    free(take);
}

/* ---- on a worker's thread ---- */

static void settle(struct part *part, enum part_stage stage)
{
    atomic_store(&part->stage, (uint8_t)stage);
    atomic_store(part->busy, false);
}

static void ended(struct profile *profile)
{
    struct part *part = container_of(profile, struct part, profile);
    struct profile_take *take = part->take;
    worker_timer_stop(part->worker, &part->timer);
    settle(part, PART_DONE);
    drop(take);
}

static void end(struct wheel_timer *timer)
{
    profile_end(container_of(timer, struct part, timer)->profile.state);
}

static void begin(void *context, struct worker *worker, void *state)
{
    struct profile_take *take = context;
    struct part *part = &take->parts[worker_index(worker)];
    uint64_t now_ns = clock_now_ns();
    part->worker = worker;
    wheel_timer_init(&part->timer, end);
    part->profile.ended = ended;
    if (now_ns >= take->until_ns || !profile_begin(&part->profile, state, take->until_ns)) {
        settle(part, PART_MISSED);
        return;
    }
    atomic_fetch_add(&take->holders, 1);
    atomic_store(&part->stage, PART_RUNS);
    worker_timer_start(worker, &part->timer, take->until_ns - now_ns);
}

static void release(void *context)
{
    drop(context);
}

/* ---- on the thread that asks ---- */

static struct profile_take *make_take(uint32_t workers, uint32_t seconds, uint32_t worker)
{
    struct profile_take *take = calloc(1, sizeof *take + workers * sizeof take->parts[0]);
    if (take == NULL) return NULL;
    atomic_init(&take->holders, 2);
    take->seconds = seconds;
    take->worker = worker;
    take->workers = workers;
    take->until_ns = clock_after_ns(seconds * SECOND_NS);
    return take;
}

bool profiler_start(struct profiler *profiler, struct server *server, uint32_t seconds,
                    uint32_t worker, bool *memory)
{
    bool ask[CONFIG_WORKERS_MAX] = {false};
    uint32_t workers = server_config(server)->workers;
    *memory = true;
    if (profiler_state(profiler).stage == PROFILER_RUNS) return false;
    struct profile_take *take = make_take(workers, seconds, worker);
    *memory = take != NULL;
    if (take == NULL) return false;
    for (uint32_t i = 0; i < workers; i++) {
        struct part *part = &take->parts[i];
        part->take = take;
        part->busy = &profiler->busy[i];
        if (worker != 0 && worker != i + 1) continue;
        ask[i] = !atomic_exchange(part->busy, true);
        atomic_init(&part->stage, ask[i] ? PART_ASKED : PART_MISSED);
    }
    profiler_close(profiler);
    profiler->last = take;
    const struct server_task task = {
        .run = begin, .release = release, .context = take, .only = ask};
    server_run_on_workers(server, &task, 0, NULL);
    return true;
}

static bool is_unfinished(const struct profile_take *take)
{
    for (uint32_t i = 0; i < take->workers; i++) {
        uint8_t stage = atomic_load(&take->parts[i].stage);
        if (stage == PART_ASKED || stage == PART_RUNS) return true;
    }
    return false;
}

struct profiler_state profiler_state(const struct profiler *profiler)
{
    const struct profile_take *take = profiler->last;
    struct profiler_state state = {.stage = PROFILER_NONE};
    if (take == NULL) return state;
    uint64_t now_ns = clock_now_ns();
    state.seconds = take->seconds;
    state.worker = take->worker;
    state.left_ns = now_ns < take->until_ns ? take->until_ns - now_ns : 0;
    bool runs = is_unfinished(take) && now_ns < take->until_ns + GRACE_NS;
    state.stage = runs ? PROFILER_RUNS : PROFILER_DONE;
    return state;
}

bool profiler_part(const struct profiler *profiler, uint32_t index, struct profiler_part *part)
{
    const struct part *found = &profiler->last->parts[index];
    uint8_t stage = atomic_load(&found->stage);
    *part = (struct profiler_part){.samples = NULL};
    if (stage == PART_NOT_ASKED) return false;
    if (stage != PART_DONE) return true;
    part->samples = &found->profile.samples;
    part->lasted_ns = found->profile.ended_ns - found->profile.begun_ns;
    return true;
}

void profiler_close(struct profiler *profiler)
{
    if (profiler->last != NULL) drop(profiler->last);
    profiler->last = NULL;
}
