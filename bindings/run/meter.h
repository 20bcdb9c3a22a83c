/* meter.h - how often a worker has called its script, how that ended, and how long it took. Each worker has one struct
 * meters, which its thread alone writes and any thread reads.
 *
 * A duration is the time for which a call kept its worker: one that waits is timed from one wait to the next. Calls of
 * on_receive are too short and too many for a clock: of these one in METER_SAMPLED or so is timed, and stands for those
 * between it and the one before; the first ones are all timed, and those that are slow (slow.h). */
#ifndef MOONPORT_METER_H
#define MOONPORT_METER_H

#include "base/histogram.h"
#include "scripts/handler.h"

#include <stdbool.h>

enum { METER_SAMPLED = 64 };

/* Kinds of calls: handlers by enum handler, and others that run on coroutines. */
enum {
    RUN_TIMER = HANDLERS,
    RUN_CALL, /* of on_call, for server.call */
    METER_KINDS,
    RUN_MAIN = METER_KINDS, /* main.lua itself: from here on they are not counted */
    RUN_TEST,               /* a function of a test file */
    RUN_LENGTH,             /* the function of a framing that computes a packet's length */
    RUN_KINDS,
};
extern const char *const run_names[RUN_KINDS]; /* "on_receive" "timer" "on_call" ... */

struct meter {
    counter calls;       /* those that could not be made for want of memory, too */
    counter failed;      /* of them; */
    counter interrupted; /* of those */
    struct histogram time;
};

struct meters {
    struct meter kinds[METER_KINDS];
    counter lua_memory;      /* bytes that Lua holds, as of the last call */
    counter lua_collections; /* see lua/collections.h */
    char apart[64];          /* no cache line is shared with what lies behind it */
};

/* So many, for meters_close; NULL: no memory. */
struct meters *meters_open(uint32_t workers);
void meters_close(struct meters *meters);

/* ---- any thread ---- */

struct meter_sum {
    uint64_t calls, failed, interrupted;
    struct histogram_sum time;
};

/* Adds what one worker has counted of a kind. */
void meter_read(const struct meters *meters, uint32_t kind, struct meter_sum *sum);

/* All kinds of one worker together. A failure may be counted a moment before its call is. */
void meters_totals(const struct meters *meters, uint64_t *calls, uint64_t *failed);

/* ---- the worker's thread ---- */

/* What began then has returned, or waits. `fresh`: a call began with it. */
void meter_call_end(struct meters *meters, uint32_t kind, bool fresh, uint64_t begun_ns);

/* A call has failed, or was not made at all. */
void meter_failed(struct meters *meters, uint32_t kind, bool interrupted);
void meter_not_called(struct meters *meters, uint32_t kind);

/* Which calls of on_receive are timed. */
struct meter_sample {
    uint64_t left;     /* the call that makes it 0 is timed, or ends the one that is */
    uint64_t given;    /* the sum of all that `left` was set to: less `left`, the calls so far */
    uint64_t begun_ns; /* when the one that is timed began; 0: none is */
    uint64_t weight;   /* how many that one stands for */
    uint64_t spread;   /* at most so many are left out before the next */
    uint64_t random;
};

void meter_sample_init(struct meter_sample *sample);
void meter_sample_turn(struct meter_sample *sample, struct meters *meters);
void meter_sample_end(struct meter_sample *sample, struct meters *meters);

/* on_receive is called for one more packet. */
static inline void meter_packet(struct meter_sample *sample, struct meters *meters)
{
    if (--sample->left == 0) meter_sample_turn(sample, meters);
}

/* The one that ends has taken so long that it stands for itself alone: such calls are all timed. */
void meter_packet_slow(struct meter_sample *sample, struct meters *meters, uint64_t ran_ns);

/* It was not, which meter_not_called counts: that is one more call. */
static inline void meter_packet_missed(struct meter_sample *sample)
{
    sample->given++;
}

static inline void meter_publish_packets(const struct meter_sample *sample, struct meters *meters)
{
    counter_set(&meters->kinds[ON_RECEIVE].calls, sample->given - sample->left);
}

/* The last of a run of packets was handled, or waits. */
static inline void meter_packets_end(struct meter_sample *sample, struct meters *meters)
{
    if (sample->begun_ns != 0) meter_sample_end(sample, meters);
}

#endif
