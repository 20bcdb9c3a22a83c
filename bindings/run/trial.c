#include "run/trial.h"

#include "run/code.h"
#include "server.h"
#include "server/worker.h"

#include <pthread.h>
#include <stdlib.h>

struct trials {
    pthread_mutex_t mutex; /* guards these two */
    void (*alarm)(void *context);
    void *context;
    uint32_t workers;
    struct tally tallies[]; /* by the worker's index */
};

/* ---- any thread ---- */

struct trials *trials_open(uint32_t workers)
{
    struct trials *trials = calloc(1, sizeof *trials + workers * sizeof trials->tallies[0]);
    if (trials == NULL) return NULL;
    pthread_mutex_init(&trials->mutex, NULL);
    trials->workers = workers;
    return trials;
}

void trials_close(struct trials *trials)
{
    if (trials == NULL) return;
    pthread_mutex_destroy(&trials->mutex);
    free(trials);
}

void trials_hear(struct trials *trials, void (*alarm)(void *context), void *context)
{
    pthread_mutex_lock(&trials->mutex);
    trials->alarm = alarm;
    trials->context = context;
    pthread_mutex_unlock(&trials->mutex);
}

/* Its worker runs that generation. From then on it counts nothing else until somebody brings in another one. */
static bool is_of(const struct tally *tally, uint64_t generation)
{
    return atomic_load_explicit(&tally->generation, memory_order_acquire) == generation;
}

static uint64_t packets_of(const struct server *server, uint32_t index, const struct tally *tally)
{
    struct server_stats stats;
    server_worker_stats(server, index, &stats);
    return stats.packets_received - counter_get(&tally->received_before);
}

void trials_count(struct trials *trials, const struct server *server, uint64_t generation,
                  struct trial_count counts[TRIAL_KINDS])
{
    memset(counts, 0, TRIAL_KINDS * sizeof *counts);
    for (uint32_t i = 0; i < trials->workers; i++) {
        const struct tally *tally = &trials->tallies[i];
        if (!is_of(tally, generation)) continue;
        for (int kind = 0; kind < TRIAL_KINDS; kind++) {
            const struct tally_kind *one = &tally->kinds[kind];
            counts[kind].failed += counter_get(&one->failed);
            counts[kind].connections += counter_get(&one->connections);
            counts[kind].calls += kind == ON_RECEIVE ? packets_of(server, i, tally)
                                                     : counter_get(&tally->calls[kind]);
        }
    }
}

void trials_first(struct trials *trials, uint64_t generation, int kind, char text[TRIAL_TEXT_MAX])
{
    text[0] = '\0';
    for (uint32_t i = 0; i < trials->workers; i++) {
        const struct tally *tally = &trials->tallies[i];
        const struct tally_kind *one = &tally->kinds[kind];
        if (!is_of(tally, generation) || !atomic_load_explicit(&one->told, memory_order_acquire))
            continue;
        memcpy(text, one->first, TRIAL_TEXT_MAX);
        return;
    }
}

static void pass(void *context, struct worker *worker, void *state)
{
    struct runtime *runtime = state;
    (void)context, (void)worker;
    runtime->on_trial = false;
}

void trials_pass(struct server *server)
{
    const struct server_task task = {.run = pass};
    server_run_on_workers(server, &task, 0, NULL);
}

/* ---- the worker's thread ---- */

void trial_open(struct runtime *runtime)
{
    struct trials *trials = runtime->program->trials;
    if (trials != NULL) runtime->tally = &trials->tallies[worker_index(runtime->worker)];
}

void trial_begin(struct runtime *runtime, uint64_t generation, bool on_trial)
{
    struct tally *tally = runtime->tally;
    runtime->on_trial = on_trial;
    if (tally == NULL) return;
    for (int kind = 0; kind < TRIAL_KINDS; kind++) {
        struct tally_kind *one = &tally->kinds[kind];
        counter_set(&tally->calls[kind], 0);
        counter_set(&one->failed, 0);
        counter_set(&one->connections, 0);
        atomic_store_explicit(&one->told, false, memory_order_relaxed);
    }
    counter_set(&tally->received_before,
                counter_get(&runtime->worker->home.counters.packets_received));
    tally->alarmed = false;
    atomic_store_explicit(&tally->generation, generation, memory_order_release);
}

/* Other calls are reported to whoever made them. */
static bool is_judged(int kind)
{
    switch (kind) {
    case ON_CONNECT:
    case ON_RECEIVE:
    case ON_DRAIN:
    case ON_IDLE:
    case ON_DISCONNECT:
    case ON_MESSAGE:
    case RUN_TIMER:
    case RUN_CALL: return true;
    default: return false;
    }
}

static bool counts(const struct run *run)
{
    const struct runtime *runtime = run->runtime;
    return runtime->tally != NULL && is_judged(run->kind) &&
           run->generation == code_generation(runtime);
}

static void raise_alarm(struct trials *trials)
{
    pthread_mutex_lock(&trials->mutex);
    if (trials->alarm != NULL) trials->alarm(trials->context);
    pthread_mutex_unlock(&trials->mutex);
}

/* link_id 0: it is about none. */
static void note_connection(struct tally_kind *one, uint64_t link_id)
{
    uint64_t known = counter_get(&one->connections);
    if (known == TRIAL_CONNECTIONS) return;
    for (uint64_t i = 0; i < known && link_id != 0; i++)
        if (one->ids[i] == link_id) return;
    one->ids[known] = link_id;
    counter_add(&one->connections, 1);
}

static void note_failure(struct runtime *runtime, int kind, uint64_t link_id)
{
    struct tally *tally = runtime->tally;
    note_connection(&tally->kinds[kind], link_id);
    counter_add(&tally->kinds[kind].failed, 1);
    if (!runtime->on_trial || tally->alarmed) return;
    tally->alarmed = true;
    raise_alarm(runtime->program->trials);
}

void trial_failed(const struct run *run)
{
    if (counts(run)) note_failure(run->runtime, run->kind, run->link_id);
}

void trial_tell(const struct run *run, const char *text)
{
    if (!counts(run)) return;
    struct tally_kind *one = &run->runtime->tally->kinds[run->kind];
    if (atomic_load_explicit(&one->told, memory_order_relaxed)) return;
    struct span first = span_of(text, strcspn(text, "\n"));
    first = span_cut_text(first, TRIAL_TEXT_MAX - 1);
    memcpy(one->first, first.data, first.size);
    one->first[first.size] = '\0';
    atomic_store_explicit(&one->told, true, memory_order_release);
}

void trial_missed(struct runtime *runtime, int kind, const struct link *link)
{
    if (runtime->tally == NULL || !is_judged(kind)) return;
    trial_called(runtime->tally, kind);
    note_failure(runtime, kind, link == NULL ? 0 : link_id(link));
}
