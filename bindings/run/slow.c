#include "run/slow.h"

#include "base/clock.h"
#include "base/log_limit.h"
#include "run/run.h"

#include <pthread.h>
#include <stdlib.h>

#define SECOND_NS UINT64_C(1000000000)

struct kind {
    uint64_t hash;
    uint64_t next_ns; /* no line before this time; 0: it has had none */
    uint64_t held_back;
};

struct slow {
    pthread_mutex_t mutex;
    struct kind kinds[SLOW_KINDS + 1]; /* the last: all that do not fit */
};

struct slow *slow_open(void)
{
    struct slow *slow = calloc(1, sizeof *slow);
    if (slow == NULL || pthread_mutex_init(&slow->mutex, NULL) == 0) return slow;
    free(slow);
    return NULL;
}

void slow_close(struct slow *slow)
{
    if (slow == NULL) return;
    pthread_mutex_destroy(&slow->mutex);
    free(slow);
}

/* The kind with that hash, or else the one whose line is the oldest, if that is a second ago. */
static struct kind *find(struct slow *slow, uint64_t hash, uint64_t now_ns)
{
    struct kind *oldest = &slow->kinds[0];
    for (int i = 0; i < SLOW_KINDS; i++) {
        struct kind *kind = &slow->kinds[i];
        if (kind->next_ns != 0 && kind->hash == hash) return kind;
        if (kind->next_ns < oldest->next_ns) oldest = kind;
    }
    if (now_ns < oldest->next_ns) return &slow->kinds[SLOW_KINDS];
    *oldest = (struct kind){.hash = hash};
    return oldest;
}

bool slow_may_log(struct slow *slow, const char *handler, const char *place, uint64_t now_ns,
                  uint64_t *held_back)
{
    uint64_t hash = log_place(handler) * 31 + log_place(place);
    pthread_mutex_lock(&slow->mutex);
    struct kind *kind = find(slow, hash, now_ns);
    bool fine = now_ns >= kind->next_ns;
    *held_back = kind->held_back;
    if (fine) *kind = (struct kind){.hash = hash, .next_ns = now_ns + SECOND_NS};
    kind->held_back += !fine;
    pthread_mutex_unlock(&slow->mutex);
    return fine;
}

/* ---- a worker's thread ---- */

void slow_begin(struct runtime *runtime)
{
    if (runtime->program->serves) atomic_store(&runtime->state.overtime.slow_ns, runtime->slow_ns);
}

void slow_set(struct runtime *runtime, uint64_t slow_ns)
{
    runtime->slow_ns = slow_ns;
    if (runtime->started) slow_begin(runtime);
}

void slow_end(struct runtime *runtime)
{
    atomic_store(&runtime->state.overtime.slow_ns, 0);
}

/* Since when it has run. Of packets that come together this is not known: then it is at most a tick of the watching
 * thread too early, for the call began within this turn, and after the thread last saw another one. */
static uint64_t begin_of(const struct runtime *runtime, const struct run *run, uint64_t now_ns)
{
    if (run != NULL && run->kind != ON_RECEIVE) return run->begun_ns;
    if (run != NULL && runtime->sample.begun_ns != 0) return runtime->sample.begun_ns;
    uint64_t begun_ns = atomic_load(&runtime->state.overtime.not_before_ns);
    uint64_t turn_ns = worker_now(runtime->worker); /* of the same clock */
    return turn_ns > begun_ns && turn_ns <= now_ns ? turn_ns : begun_ns;
}

/* The run that the call is of; NULL: it is none's. */
static const struct run *run_of(const struct runtime *runtime, const char *what)
{
    const struct run *run = runtime->current;
    return run != NULL && run_name(run) == what ? run : NULL;
}

static void tell(struct runtime *runtime, const char *what, const char *place, uint64_t ran_ns,
                 uint64_t held_back)
{
    const struct run *run = run_of(runtime, what);
    char whose[96] = "", where[OVERTIME_PLACE_MAX + 16], more[64] = "";
    if (run != NULL && run->link_id != 0)
        snprintf(whose, sizeof whose, " (connection %llu, generation %llu)",
                 (unsigned long long)run->link_id, (unsigned long long)run->generation);
    else if (run != NULL)
        snprintf(whose, sizeof whose, " (generation %llu)", (unsigned long long)run->generation);
    if (place[0] != '\0')
        snprintf(where, sizeof where, "it was at %s", place);
    else
        snprintf(where, sizeof where, "in a C function" COMPAT_OR_COMPILED);
    if (held_back > 0)
        snprintf(more, sizeof more, " (%llu more like it since such a line)",
                 (unsigned long long)held_back);
    log_line(LOG_WARN, "%s%s kept worker %u for %.3f s: %s%s", what, whose,
             worker_number(runtime->worker), (double)ran_ns / 1e9, where, more);
}

void slow_heard(struct overtime *overtime, bool interrupted)
{
    struct runtime *runtime = container_of(overtime, struct runtime, state.overtime);
    const char *what = atomic_load(&overtime->what);
    const struct run *run = run_of(runtime, what);
    uint64_t now_ns = clock_now_ns(), ran_ns = now_ns - begin_of(runtime, run, now_ns), held_back;
    bool slow = ran_ns >= runtime->slow_ns;
    if (slow && run != NULL && run->kind == ON_RECEIVE)
        meter_packet_slow(&runtime->sample, runtime->meters, ran_ns);
    if (slow && !interrupted &&
        slow_may_log(runtime->program->slow, what, overtime->place, now_ns, &held_back))
        tell(runtime, what, overtime->place, ran_ns, held_back);
}
