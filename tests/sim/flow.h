/* flow.h - one direction of a simulated connection: bytes that take their time.
 *
 *     flow_put --> [on their way, arriving at ...] [arrived] --> flow_take
 *
 * It ends in order (finished: after all its bytes) or at once (broken: what has not arrived by then
 * is lost). */
#ifndef MOONPORT_SIM_FLOW_H
#define MOONPORT_SIM_FLOW_H

#include "memory.h"

#include "system/buffer.h"

enum flow_end { FLOW_OPEN, FLOW_FINISHED, FLOW_BROKEN };

enum { FLOW_ARRIVALS_MAX = 64 };

struct flow {
    struct buffer bytes; /* not taken yet */
    uint64_t put, taken; /* bytes, in all */
    struct {
        uint64_t at_ns, end; /* by then, so many bytes in all have come */
    } arrivals[FLOW_ARRIVALS_MAX];
    int first, count;
    enum flow_end end;
    uint64_t end_ns;
};

void flow_free(struct flow *flow);

/* After its end nothing is put. Bytes never overtake others. */
void flow_put(struct flow *flow, struct span bytes, uint64_t at_ns);
void flow_finish(struct flow *flow, uint64_t at_ns);
void flow_break(struct flow *flow, uint64_t at_ns);

/* What can be taken by now; its first bytes; takes them. */
size_t flow_arrived(const struct flow *flow, uint64_t now_ns);
struct span flow_front(const struct flow *flow, size_t size);
void flow_take(struct flow *flow, size_t size);

/* How it stands now that everything that has arrived was taken. */
enum flow_end flow_state(const struct flow *flow, uint64_t now_ns);

/* When something comes that is not there yet; UINT64_MAX: nothing will. */
uint64_t flow_next_ns(const struct flow *flow, uint64_t now_ns);

#endif
