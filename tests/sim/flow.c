#include "flow.h"

static int place_of(const struct flow *flow, int index)
{
    return (flow->first + index) % FLOW_ARRIVALS_MAX;
}

static uint64_t last_arrival(const struct flow *flow)
{
    return flow->count == 0 ? 0 : flow->arrivals[place_of(flow, flow->count - 1)].at_ns;
}

void flow_free(struct flow *flow)
{
    free(flow->bytes.data);
    *flow = (struct flow){.end = FLOW_OPEN};
}

void flow_put(struct flow *flow, struct span bytes, uint64_t at_ns)
{
    if (flow->end != FLOW_OPEN || bytes.size == 0) return;
    check(buffer_reserve(&flow->bytes, bytes.size));
    memcpy(flow->bytes.data + flow->bytes.end, bytes.data, bytes.size);
    flow->bytes.end += bytes.size;
    flow->put += bytes.size;
    if (at_ns < last_arrival(flow)) at_ns = last_arrival(flow);
    /* When too many are on their way, these come together with the last ones. */
    if (flow->count < FLOW_ARRIVALS_MAX) flow->count++;
    int place = place_of(flow, flow->count - 1);
    flow->arrivals[place].at_ns = at_ns;
    flow->arrivals[place].end = flow->put;
}

void flow_finish(struct flow *flow, uint64_t at_ns)
{
    if (flow->end != FLOW_OPEN) return;
    flow->end = FLOW_FINISHED;
    flow->end_ns = at_ns > last_arrival(flow) ? at_ns : last_arrival(flow);
}

void flow_break(struct flow *flow, uint64_t at_ns)
{
    if (flow->end == FLOW_BROKEN) return;
    if (flow->end == FLOW_FINISHED && flow->end_ns <= at_ns) return; /* it came before */
    flow->end = FLOW_BROKEN;
    flow->end_ns = at_ns;
    size_t keep = flow_arrived(flow, at_ns);
    flow->bytes.end = flow->bytes.begin + keep;
    flow->put = flow->taken + keep;
    while (flow->count > 0 && last_arrival(flow) > at_ns) flow->count--;
}

size_t flow_arrived(const struct flow *flow, uint64_t now_ns)
{
    uint64_t end = flow->taken;
    for (int i = 0; i < flow->count; i++) {
        int place = place_of(flow, i);
        if (flow->arrivals[place].at_ns > now_ns) break;
        if (flow->arrivals[place].end > end) end = flow->arrivals[place].end;
    }
    return (size_t)(end - flow->taken);
}

struct span flow_front(const struct flow *flow, size_t size)
{
    return span_first(buffer_bytes(&flow->bytes), size);
}

void flow_take(struct flow *flow, size_t size)
{
    buffer_consume(&flow->bytes, size);
    flow->taken += size;
    while (flow->count > 0 && flow->arrivals[flow->first].end <= flow->taken) {
        flow->first = place_of(flow, 1);
        flow->count--;
    }
}

enum flow_end flow_state(const struct flow *flow, uint64_t now_ns)
{
    return flow->end_ns <= now_ns && buffer_size(&flow->bytes) == 0 ? flow->end : FLOW_OPEN;
}

uint64_t flow_next_ns(const struct flow *flow, uint64_t now_ns)
{
    for (int i = 0; i < flow->count; i++) {
        int place = place_of(flow, i);
        if (flow->arrivals[place].at_ns > now_ns) return flow->arrivals[place].at_ns;
    }
    bool to_come = flow->end != FLOW_OPEN && flow->end_ns > now_ns;
    return to_come ? flow->end_ns : UINT64_MAX;
}
