/* trial.h - how often the handlers of the running generation were called, and how often they failed: counted by each
 * worker, by kind. The worker writes, any thread reads.
 *
 * A new generation begins with nothing. A call of an older one that had waited, and fails now, counts for nobody. While
 * a generation is on trial its failing handlers leave their connections open, and each worker's first failure raises the
 * alarm: whoever judges it (reload/probation.h) need not look all the time. */
#ifndef MOONPORT_TRIAL_H
#define MOONPORT_TRIAL_H

#include "base/counters.h"
#include "run/run.h"

struct server;

/* Kinds of calls: enum handler, RUN_TIMER, RUN_CALL. */
enum { TRIAL_KINDS = RUN_CALL + 1, TRIAL_CONNECTIONS = 3, TRIAL_TEXT_MAX = 256 };

struct trial_count {
    uint64_t calls, failed;
    /* That it failed on; each worker counts up to TRIAL_CONNECTIONS. A failure that is about no connection (a timer's)
     * counts as that of one more. */
    uint64_t connections;
};

/* ---- any thread ---- */

struct trials *trials_open(uint32_t workers); /* NULL: no memory */
void trials_close(struct trials *trials);     /* when no worker is left; NULL is fine */

/* From now on the alarm calls this, on a worker's thread; it must not wait. NULL: nothing. The one before is called no
 * more when this returns. */
void trials_hear(struct trials *trials, void (*alarm)(void *context), void *context);

/* What this generation has done so far, in all workers that run it, by kind. */
void trials_count(struct trials *trials, const struct server *server, uint64_t generation,
                  struct trial_count counts[TRIAL_KINDS]);

/* The text of one of its first failures of that kind, "" if none was told yet. */
void trials_first(struct trials *trials, uint64_t generation, int kind, char text[TRIAL_TEXT_MAX]);

/* The running generation is on trial no longer: what begins from now on is treated as on_error says. Not from a worker's
 * thread; does not wait. */
void trials_pass(struct server *server);

/* ---- the worker's thread ---- */

struct tally {
    _Atomic uint64_t generation;
    counter received_before; /* packets, by all generations before it */
    counter calls[TRIAL_KINDS];
    bool alarmed;
    struct tally_kind {
        counter failed, connections;
        uint64_t ids[TRIAL_CONNECTIONS];
        _Atomic bool told; /* `first` is there */
        char first[TRIAL_TEXT_MAX];
    } kinds[TRIAL_KINDS];
};

/* This worker's; the other: its running code is another one, perhaps on trial. */
void trial_open(struct runtime *runtime);
void trial_begin(struct runtime *runtime, uint64_t generation, bool on_trial);

/* Calls of on_receive are counted as packets, by the engine. */
static inline void trial_called(struct tally *tally, int kind)
{
    if (kind == ON_RECEIVE) return;
    if (tally != NULL && kind < TRIAL_KINDS) counter_add(&tally->calls[kind], 1);
}

/* The call has failed; the first line of its error is told later, if it can be. The third: there was no memory to call
 * it. */
void trial_failed(const struct run *run);
void trial_tell(const struct run *run, const char *text);
void trial_missed(struct runtime *runtime, int kind, const struct link *link);

#endif
