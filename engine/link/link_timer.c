/* link_timer.c - computes when a connection's next deadline is due. */
#include "link/link.h"

#include "base/least.h"

uint64_t link_gates_due_ns(const struct link *link)
{
    const struct link_limits *limits = &link->home->limits;
    uint64_t at_ns = UINT64_MAX;
    if (link->gates & GATES_OF_HANDLERS && limits->wait_ns > 0)
        at_ns = link->waits_ns + limits->wait_ns;
    if ((link->stream.ended || link->stream.ending) && link->gates & GATES_BOUNDED) {
        uint64_t since_ns = link->gated_ns > link->ending_ns ? link->gated_ns : link->ending_ns;
        at_ns = least_of(at_ns, since_ns + limits->end_ns);
    }
    return at_ns;
}

uint64_t link_due_ns(const struct link *link)
{
    if (link->stream.state != STREAM_OPEN) return link->next_ns;
    return least_of(least_of(link_gates_due_ns(link), link->next_ns), link_session_ping_ns(link));
}

void link_update_timer(struct link *link)
{
    struct link_home *home = link->home;
    uint64_t due_ns = link_due_ns(link);
    if (due_ns == UINT64_MAX) return;
    due_ns += home->streams.gap_ns;
    bool in_time = wheel_timer_runs(&link->timer) &&
                   link->timer.due_tick <= (due_ns + WHEEL_TICK_NS - 1) / WHEEL_TICK_NS;
    if (!in_time) wheel_start(&home->wheel, &link->timer, due_ns);
}

void link_set_deadline(struct link *link, uint64_t delay_ns)
{
    link->next_ns = link_home_now(link->home) + delay_ns;
    link_update_timer(link);
}
