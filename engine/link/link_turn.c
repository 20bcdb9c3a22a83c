/* link_turn.c - handles a link's admission, its opening gates, and the events of its stream. */
#include "link/link.h"

void link_gate_open(struct link *link, enum link_gate gate)
{
    if (!(link->gates & gate)) return;
    link_note_open(link, gate);
    if (gate == GATE_STARVED) list_remove(&link->starved);
    link_pump(link);
}

/* What it was sent meanwhile may have drained already: on_drain follows on_connect. */
static void accept(struct link *link)
{
    link->stage = LINK_ACCEPTED;
    if (link->drain != LINK_DRAIN_NONE) link_wake(link);
}

void link_decide(struct link *link, enum script_verdict verdict)
{
    if (!(link->gates & GATE_DECIDING)) return;
    if (verdict == SCRIPT_YES && link_session_welcome(link))
        accept(link);
    else
        link_end(link, verdict == SCRIPT_YES ? LINK_MEMORY : LINK_SCRIPT);
    link_gate_open(link, GATE_DECIDING);
}

void link_admit(struct link *link)
{
    const struct link_home *home = link->home;
    uint64_t now_ns = link_home_now(home);
    link->stage = LINK_ASKED;
    link->gates = GATE_DECIDING;
    link->waits_ns = link->gated_ns = now_ns;
    link_follow_idle(link);
    enum script_verdict verdict = home->script->connected == NULL
                                      ? SCRIPT_YES
                                      : home->script->connected(home->script_state, link);
    if (verdict != SCRIPT_WAIT) {
        link_decide(link, verdict);
    } else {
        link_update_receiving(link);
        link_update_timer(link);
    }
}

/* More input has come, or a gate has opened. */
static void go_on(struct link *link)
{
    if (link->stream.state == STREAM_OPENING) {
        if (!link_shake(link)) return;
        link_admit(link);
    }
    link_pump(link);
}

void link_tell_drained(struct link *link)
{
    struct link_home *home = link->home;
    if (link->gates & GATE_DECIDING) return;
    link->drain = LINK_DRAIN_NONE;
    if (link->stream.state == STREAM_OPEN && home->script->drained != NULL)
        home->script->drained(home->script_state, link);
    if (link->stream.outbox.pending <= home->limits.soft_mark)
        link_gate_open(link, GATE_SLOW);
    else if (link->drain == LINK_DRAIN_NONE)
        link->drain = LINK_DRAIN_OWED; /* on_drain has queued more: call it again later */
}

void link_pump_woken(struct link_home *home)
{
    struct list *node;
    struct list turn; /* links woken meanwhile wait for the next turn */
    list_init(&turn);
    list_move_all(&turn, &home->woken);
    while ((node = list_take_first(&turn)) != NULL) {
        struct link *link = container_of(node, struct link, woken);
        if (link->gates & GATE_TURN) link_note_open(link, GATE_TURN);
        if (link->drain != LINK_DRAIN_NONE && link->stream.outbox.pending == 0)
            link_tell_drained(link);
        go_on(link);
    }
}

/* ---- events of the stream ---- */

void link_arrived(struct stream *stream)
{
    go_on(link_of(stream));
}

void link_sent(struct stream *stream)
{
    struct link *link = link_of(stream);
    if (link->drain != LINK_DRAIN_NONE &&
        link->stream.outbox.pending <= link->home->limits.soft_mark)
        link_tell_drained(link);
}

static enum link_reason reason_of(enum port_error error)
{
    return error == PORT_TIMED_OUT   ? LINK_TIMEOUT
           : error == PORT_NO_MEMORY ? LINK_MEMORY
                                     : LINK_RESET;
}

void link_broke(struct stream *stream, enum port_error error)
{
    link_fail(link_of(stream), reason_of(error));
}

void link_lingers(struct stream *stream)
{
    link_set_deadline(link_of(stream), LINK_LINGER_MS * WHEEL_TICK_NS);
}
