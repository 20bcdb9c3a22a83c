/* link_gate.c - closes and opens the gates that stop a link's input. */
#include "link/link.h"

void link_update_receiving(struct link *link)
{
    stream_listen(&link->stream, link->gates == 0, link->gates & GATES_WATCHED);
}

void link_gate_close(struct link *link, enum link_gate gate)
{
    bool is_new = !(link->gates & gate);
    uint64_t now_ns = link_home_now(link->home);
    link->gates |= (uint8_t)gate;
    if (is_new && gate & GATES_OF_HANDLERS) link->waits_ns = now_ns;
    if (is_new && gate & GATES_BOUNDED) {
        link->gated_ns = now_ns;
        link_update_timer(link);
    }
    link_update_receiving(link);
}

void link_wait_for_reading(struct link *link)
{
    link->drain = LINK_DRAIN_OWED;
    link_gate_close(link, GATE_SLOW);
}

/* While a gate of ours was closed the peer could not be heard: its silence counts from now. So does that of one that has
 * just been answered. */
void link_note_open(struct link *link, enum link_gate gate)
{
    link->gates &= (uint8_t)~gate;
    if (gate & (GATES_OF_OURS | GATE_SLOW | GATE_ASKED))
        link->stream.received_ns = link_home_now(link->home);
}

void link_starve(struct link *link)
{
    struct link_home *home = link->home;
    if (link->gates & GATE_STARVED) return;
    link->starved_ns = link_home_now(home);
    list_append(&home->starved, &link->starved);
    link_gate_close(link, GATE_STARVED);
}

/* ---- later ---- */

bool link_home_look_at_clock(struct link_home *home)
{
    uint64_t taken_ns = port_clock(home->streams.port) - port_now(home->streams.port);
    bool late = taken_ns > LINK_TURN_LONG_MS * WHEEL_TICK_NS;
    if (!late) home->since_look = 0;
    return late;
}

void link_wake(struct link *link)
{
    if (list_empty(&link->woken)) list_append(&link->home->woken, &link->woken);
}

void link_yield(struct link *link)
{
    link_wake(link);
    link_gate_close(link, GATE_TURN);
}

/* For the script, which must not be called again before it has returned. */
static void gate_open_later(struct link *link, enum link_gate gate)
{
    if (!(link->gates & gate)) return;
    link_note_open(link, gate);
    link_wake(link);
}

void link_pause(struct link *link)
{
    link_gate_close(link, GATE_PAUSED);
}

void link_resume(struct link *link)
{
    gate_open_later(link, GATE_PAUSED);
}

void link_hold(struct link *link)
{
    link->home->unread_link = NULL;
    link_gate_close(link, GATE_HELD);
}

void link_release(struct link *link)
{
    gate_open_later(link, GATE_HELD);
}
