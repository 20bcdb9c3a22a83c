#include "reload/probation.h"

#include "base/check.h"

#include <string.h>

enum { LEAST_FAILURES = 3, LEAST_CONNECTIONS = 3, ONE_OF_CALLS = 10 };

/* Rounded down. */
static uint64_t root(uint64_t square)
{
    uint64_t low = 0, high = UINT64_C(1) << 32;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (middle * middle <= square)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* How many of so many calls would be no surprise. */
static uint64_t tolerated(const struct trial_count *before, uint64_t calls)
{
    if (before->calls == 0 || before->failed == 0) return 0;
    double usual = (double)before->failed / (double)before->calls * (double)calls;
    double twice = 2 * usual, half_as_well = ((double)calls + usual) / 2;
    return (uint64_t)(twice < half_as_well ? twice : half_as_well);
}

bool probation_fails(const struct trial_count *before, const struct trial_count *now)
{
    uint64_t failed = now->failed, calls = now->calls > failed ? now->calls : failed;
    if (failed < LEAST_FAILURES) return false;
    if (now->connections < LEAST_CONNECTIONS && failed < (calls + ONE_OF_CALLS - 1) / ONE_OF_CALLS)
        return false;
    uint64_t most = tolerated(before, calls);
    return failed >= most + 2 * root(most) + LEAST_FAILURES;
}

/* ---- what was before ---- */

void probation_past_begin(struct probation_past *past, uint64_t now_ns)
{
    *past = (struct probation_past){.marked_ns = now_ns};
}

uint64_t probation_past_note(struct probation_past *past, const struct trial_count now[TRIAL_KINDS],
                             uint64_t now_ns)
{
    if (now_ns - past->marked_ns >= PROBATION_MARKS_APART_NS) {
        memcpy(past->older, past->newer, sizeof past->older);
        memcpy(past->newer, now, sizeof past->newer);
        past->marked_ns = now_ns;
    }
    return past->marked_ns + PROBATION_MARKS_APART_NS;
}

/* A worker that has ended counts no longer. */
static uint64_t since(uint64_t then, uint64_t now)
{
    return now > then ? now - then : 0;
}

void probation_past_lately(const struct probation_past *past,
                           const struct trial_count now[TRIAL_KINDS],
                           struct trial_count lately[TRIAL_KINDS])
{
    for (int kind = 0; kind < TRIAL_KINDS; kind++)
        lately[kind] = (struct trial_count){
            .calls = since(past->older[kind].calls, now[kind].calls),
            .failed = since(past->older[kind].failed, now[kind].failed),
            .connections = now[kind].connections,
        };
}

/* ---- one that is on probation ---- */

void probation_end(struct probation *probation)
{
    probation->generation = 0;
    probation->look_ns = UINT64_MAX;
}

void probation_begin(struct probation *probation, uint64_t generation, uint64_t now_ns,
                     uint64_t duration_ns)
{
    check(generation > 0);
    probation->generation = generation;
    probation->end_ns = probation->look_ns = now_ns + duration_ns;
    probation->retry_ns = 0;
    probation->failed = false;
    probation->tries = 0;
}

/* True: something has failed at all. */
static bool judge(struct probation *probation, const struct trial_count now[TRIAL_KINDS])
{
    bool any = false;
    for (int kind = 0; kind < TRIAL_KINDS; kind++) {
        any = any || now[kind].failed > 0;
        if (!probation_fails(&probation->before[kind], &now[kind])) continue;
        if (!probation->failed || now[kind].failed > now[probation->kind].failed)
            probation->kind = kind;
        probation->failed = true;
    }
    return any;
}

enum probation_verdict probation_look(struct probation *probation,
                                      const struct trial_count now[TRIAL_KINDS], uint64_t now_ns)
{
    bool any = judge(probation, now);
    if (probation->failed && now_ns >= probation->retry_ns) return PROBATION_FAILED;
    if (!probation->failed && now_ns >= probation->end_ns) return PROBATION_PASSED;
    uint64_t soon_ns = now_ns + PROBATION_LOOK_NS;
    if (probation->failed)
        probation->look_ns = probation->retry_ns;
    else
        probation->look_ns = any && soon_ns < probation->end_ns ? soon_ns : probation->end_ns;
    return PROBATION_GOES_ON;
}

void probation_retry(struct probation *probation, uint64_t now_ns)
{
    uint64_t pause_ns = PROBATION_RETRY_NS << (probation->tries < 6 ? probation->tries : 6);
    if (pause_ns > PROBATION_RETRY_MAX_NS) pause_ns = PROBATION_RETRY_MAX_NS;
    probation->tries++;
    probation->retry_ns = probation->look_ns = now_ns + pause_ns;
}
