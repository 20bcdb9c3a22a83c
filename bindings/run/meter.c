#include "run/meter.h"

#include "base/clock.h"

#include <stdlib.h>

const char *const run_names[RUN_KINDS] = {
    HANDLER_NAMES,           [RUN_TIMER] = "timer", [RUN_CALL] = "on_call",
    [RUN_MAIN] = "main.lua", [RUN_TEST] = "test",   [RUN_LENGTH] = "length",
};

struct meters *meters_open(uint32_t workers)
{
    return calloc(workers, sizeof(struct meters));
}

void meters_close(struct meters *meters)
{
    free(meters);
}

/* ---- any thread ---- */

void meter_read(const struct meters *meters, uint32_t kind, struct meter_sum *sum)
{
    const struct meter *meter = &meters->kinds[kind];
    sum->calls += counter_get(&meter->calls);
    sum->failed += counter_get(&meter->failed);
    sum->interrupted += counter_get(&meter->interrupted);
    histogram_read(&meter->time, &sum->time);
}

void meters_totals(const struct meters *meters, uint64_t *calls, uint64_t *failed)
{
    *calls = *failed = 0;
    for (int i = 0; i < METER_KINDS; i++) {
        *calls += counter_get(&meters->kinds[i].calls);
        *failed += counter_get(&meters->kinds[i].failed);
    }
}

/* ---- the worker's thread ---- */

void meter_call_end(struct meters *meters, uint32_t kind, bool fresh, uint64_t begun_ns)
{
    if (kind >= METER_KINDS) return;
    if (fresh) counter_add(&meters->kinds[kind].calls, 1);
    histogram_add(&meters->kinds[kind].time, clock_now_ns() - begun_ns);
}

void meter_failed(struct meters *meters, uint32_t kind, bool interrupted)
{
    if (kind >= METER_KINDS) return;
    counter_add(&meters->kinds[kind].failed, 1);
    if (interrupted) counter_add(&meters->kinds[kind].interrupted, 1);
}

void meter_not_called(struct meters *meters, uint32_t kind)
{
    if (kind >= METER_KINDS) return;
    counter_add(&meters->kinds[kind].calls, 1);
    counter_add(&meters->kinds[kind].failed, 1);
}

/* ---- calls of on_receive ---- */

void meter_sample_init(struct meter_sample *sample)
{
    *sample = (struct meter_sample){.left = 1, .given = 1, .weight = 1};
}

/* How many calls to leave out. The factor and the summand are those of Knuth's MMIX, whose upper half is random. */
static uint64_t draw(struct meter_sample *sample)
{
    uint64_t spread = sample->spread;
    if (spread < UINT64_C(2) * (METER_SAMPLED - 1)) sample->spread++;
    sample->random = sample->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (sample->random >> 32) * (spread + 1) >> 32;
}

/* Ends the one that was timed; returns how many are left out now. */
static uint64_t finish(struct meter_sample *sample, struct meters *meters, uint64_t now_ns)
{
    histogram_add_many(&meters->kinds[ON_RECEIVE].time, now_ns - sample->begun_ns, sample->weight);
    sample->begun_ns = 0;
    uint64_t skipped = draw(sample);
    sample->weight = skipped + 1;
    return skipped;
}

void meter_packet_slow(struct meter_sample *sample, struct meters *meters, uint64_t ran_ns)
{
    if (sample->begun_ns != 0)
        sample->weight = 1; /* it is being timed */
    else
        histogram_add(&meters->kinds[ON_RECEIVE].time, ran_ns);
}

/* The call that begins ends one that was timed, or is to be timed itself. */
void meter_sample_turn(struct meter_sample *sample, struct meters *meters)
{
    uint64_t now_ns = clock_now_ns();
    uint64_t left = sample->begun_ns != 0 ? finish(sample, meters, now_ns) : 0;
    if (left == 0) {
        sample->begun_ns = now_ns;
        left = 1; /* the next one ends it */
    }
    sample->left = left;
    sample->given += left;
}

/* The last packet of a run was one that is timed. */
void meter_sample_end(struct meter_sample *sample, struct meters *meters)
{
    uint64_t skipped = finish(sample, meters, clock_now_ns());
    sample->left += skipped;
    sample->given += skipped;
}
