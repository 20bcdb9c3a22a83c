/* probation.h - judges a new generation: do its handlers fail where those of the one before it did not?
 *
 *     probation_begin --> probation_look, again and again --> PASSED, its time is over
 *                                                        '--> FAILED: go back
 *
 * Pure: it is told what was counted (run/trial.h), and the time. */
#ifndef MOONPORT_PROBATION_H
#define MOONPORT_PROBATION_H

#include "run/trial.h"

/* Has this kind of call failed enough to go back? All of these must be:
 *
 *   - three failures;
 *   - on three connections, or in one of ten calls: one peer that sends nonsense is not enough on a busy server;
 *   - well above the rate before: more than twice as often, or, where more than a third failed before, more than half
 *     of what was well before; and beyond chance, by three and two standard deviations.
 *
 * If nothing had failed before, three failures are enough. */
bool probation_fails(const struct trial_count *before, const struct trial_count *now);

/* ---- what was before ---- */

/* What the running generation has done in the last one or two minutes, or since it runs: a server whose database is down
 * right now fails whatever its scripts, and a week without failures says nothing about that. */
#define PROBATION_MARKS_APART_NS UINT64_C(60000000000)
struct probation_past {
    uint64_t marked_ns;
    struct trial_count older[TRIAL_KINDS], newer[TRIAL_KINDS];
};

/* A generation begins. Then its counts are noted now and then; the result: when next. The third: what it has done
 * lately. */
void probation_past_begin(struct probation_past *past, uint64_t now_ns);
uint64_t probation_past_note(struct probation_past *past, const struct trial_count now[TRIAL_KINDS],
                             uint64_t now_ns);
void probation_past_lately(const struct probation_past *past,
                           const struct trial_count now[TRIAL_KINDS],
                           struct trial_count lately[TRIAL_KINDS]);

/* ---- one that is on probation ---- */

#define PROBATION_LOOK_NS UINT64_C(50000000) /* once something has failed */
#define PROBATION_RETRY_NS \
    UINT64_C(1000000000) /* when going back did not work; then twice as long, and so on */
#define PROBATION_RETRY_MAX_NS UINT64_C(60000000000)

enum probation_verdict { PROBATION_GOES_ON, PROBATION_PASSED, PROBATION_FAILED };

struct probation {
    uint64_t generation; /* 0: none is */
    uint64_t end_ns;
    uint64_t look_ns;  /* when to look at the latest */
    uint64_t retry_ns; /* not before; 0: at any time */
    bool failed;       /* it has: going back to the one before is all that ends it */
    int kind;          /* of what has failed most */
    uint32_t tries;    /* to go back */
    struct trial_count before[TRIAL_KINDS];
};

/* None is any more. */
void probation_end(struct probation *probation);

/* This one is, from now on, and what was before it is in probation->before. */
void probation_begin(struct probation *probation, uint64_t generation, uint64_t now_ns,
                     uint64_t duration_ns);

/* With what it has done so far. FAILED: of probation->kind. Call probation_end; or, if going back did not work,
 * probation_retry: then it stays on probation until that works. */
enum probation_verdict probation_look(struct probation *probation,
                                      const struct trial_count now[TRIAL_KINDS], uint64_t now_ns);
void probation_retry(struct probation *probation, uint64_t now_ns);

/* ---- for a person ---- */

enum { PROBATION_WHY_MAX = 400 };

struct probation_state {
    uint64_t generation;             /* that is on probation; 0: none is, and these are 0, too: */
    uint64_t left_ns, calls, failed; /* for how long still; what it has done so far */
    uint64_t taken_back;         /* the generation from which all went back to what runs; 0: none */
    char why[PROBATION_WHY_MAX]; /* it was: a line, without its end */
};

#endif
