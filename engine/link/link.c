#include "link/link.h"

enum { CLOSED_WORD_BYTES = LINK_WORD_MAX - 1 };

static const uint8_t moves[] = {
    [LINK_STATE_FREE] = 1u << LINK_STATE_OPEN,
    [LINK_STATE_OPEN] = 1u << LINK_STATE_DRAINING | 1u << LINK_STATE_CLOSING,
    [LINK_STATE_DRAINING] = 1u << LINK_STATE_CLOSING,
    [LINK_STATE_CLOSING] = 1u << LINK_STATE_FREE,
};

static void move(struct link *link, enum link_state next)
{
    check(moves[link->state] & 1u << next);
    if (link->state == LINK_STATE_OPEN) group_leave_all(&link->groups);
    link->state = (uint8_t)next;
}

/* All of them, for whoever wants to see every connection come and go. */
static void log_link(const struct link *link, const char *event)
{
    char peer[ADDRESS_TEXT_MAX];
    if (!log_wants(LOG_DEBUG)) return;
    log_line(LOG_DEBUG, "connection %llu from %s: %s", (unsigned long long)link->entry.id,
             address_format(&link->peer, peer), event);
}

struct link *link_open(struct link_home *home, const struct link_origin *origin)
{
    struct table_entry *entry = table_take(&home->table);
    if (entry == NULL) goto refused;
    struct link *link = container_of(entry, struct link, entry);
    const struct table_entry kept = *entry;
    uint64_t now_ns = link_home_now(home);
    check(link->state == LINK_STATE_FREE);
    *link = (struct link){
        .home = home,
        .frame = origin->frame,
        .gates = GATE_DECIDING,
        .close_when_full = origin->close_when_full,
        .received_ns = now_ns,
        .waits_ns = now_ns,
        .gated_ns = now_ns,
        .connected_ns = port_now(home->port),
        .listener = origin->listener,
        .peer = origin->peer,
    };
    link->entry = kept; /* its neighbours point at it */
    if (!port_attach(home->port, &link->socket, origin->handle)) goto no_port;
    list_init(&link->parked);
    list_init(&link->touched);
    list_init(&link->starved);
    list_init(&link->woken);
    list_init(&link->closing);
    outbox_init(&link->outbox);
    reorder_init(&link->reorder, home->limits.recv_depth);
    link_time_init(link);
    group_member_init(&link->groups, &home->budget, home->table.worker);
    move(link, LINK_STATE_OPEN);
    counter_add(&home->counters.links_opened, 1);
    link_follow_idle(link);
    log_link(link, "opened");

    enum script_verdict verdict = home->script->connected == NULL
                                      ? SCRIPT_YES
                                      : home->script->connected(home->script_state, link);
    if (verdict != SCRIPT_WAIT) {
        link_decide(link, verdict);
    } else {
        link_update_receiving(link);
        link_update_deadline(link);
    }
    return link;

no_port:
    table_give(&home->table, entry);
refused:
    home->port->operations->close_handle(origin->handle);
    atomic_fetch_sub_explicit(&home->load, 1, memory_order_relaxed);
    return NULL;
}

void link_decide(struct link *link, enum script_verdict verdict)
{
    if (!(link->gates & GATE_DECIDING)) return;
    link->accepted = verdict == SCRIPT_YES;
    if (!link->accepted) link_end(link, LINK_SCRIPT);
    link_gate_open(link, GATE_DECIDING);
}

/* ---- gates ---- */

void link_update_receiving(struct link *link)
{
    bool listens = link->state == LINK_STATE_OPEN && link->gates == 0;
    bool discards =
        link->state == LINK_STATE_DRAINING; /* a peer that is stuck writing gets unstuck */
    bool wanted = (listens || discards) && !link->ended;
    if (wanted && !link->socket.receiving)
        port_recv_start(link->home->port, &link->socket);
    else if (!wanted && link->socket.receiving)
        port_recv_stop(link->home->port, &link->socket);
    if (link->gates & GATES_WATCHED && link->state == LINK_STATE_OPEN && !link->socket.watching)
        port_watch(link->home->port, &link->socket,
                   link->ended || link->ending ? PORT_WATCH_BREAK : PORT_WATCH_END);
}

void link_gate_close(struct link *link, enum link_gate gate)
{
    bool is_new = !(link->gates & gate);
    uint64_t now_ns = link_home_now(link->home);
    link->gates |= (uint8_t)gate;
    if (is_new && gate & GATES_OF_HANDLERS) link->waits_ns = now_ns;
    if (is_new && gate & GATES_BOUNDED) {
        link->gated_ns = now_ns;
        link_update_deadline(link);
    }
    link_update_receiving(link);
}

/* Behind a gate of ours it could not be heard: its silence begins now. */
static void note_open(struct link *link, enum link_gate gate)
{
    link->gates &= (uint8_t)~gate;
    if (gate & (GATES_OF_OURS | GATE_SLOW)) link->received_ns = link_home_now(link->home);
}

void link_gate_open(struct link *link, enum link_gate gate)
{
    if (!(link->gates & gate)) return;
    note_open(link, gate);
    if (gate == GATE_STARVED) list_remove(&link->starved);
    link_pump(link);
}

void link_starve(struct link *link)
{
    struct link_home *home = link->home;
    if (link->gates & GATE_STARVED) return;
    link->starved_ns = link_home_now(home);
    list_append(&home->starved, &link->starved);
    link_gate_close(link, GATE_STARVED);
}

bool link_home_look(struct link_home *home)
{
    uint64_t taken_ns = port_clock(home->port) - port_now(home->port);
    bool late = taken_ns > LINK_TURN_LONG_MS * WHEEL_TICK_NS;
    if (!late) home->done = 0;
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

/* For a script, which must not be called again before it has returned. */
static void gate_open_later(struct link *link, enum link_gate gate)
{
    if (!(link->gates & gate)) return;
    note_open(link, gate);
    link_wake(link);
}

void link_pump_woken(struct link_home *home)
{
    struct list *node;
    struct list turn; /* those that wake again meanwhile have their next turn */
    list_init(&turn);
    list_move_all(&turn, &home->woken);
    while ((node = list_take_first(&turn)) != NULL) {
        struct link *link = container_of(node, struct link, woken);
        if (link->gates & GATE_TURN) note_open(link, GATE_TURN);
        if (link->drain_owed && link->outbox.pending == 0) link_tell_drained(link);
        link_pump(link);
    }
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
    link_gate_close(link, GATE_HELD);
}

void link_release(struct link *link)
{
    gate_open_later(link, GATE_HELD);
}

/* ---- the end ---- */

void link_end(struct link *link, enum link_reason reason)
{
    struct link_home *home = link->home;
    if (link->state != LINK_STATE_OPEN) return;
    link->reason = (uint8_t)reason;
    move(link, LINK_STATE_DRAINING);
    wheel_stop(&home->wheel, &link->idle_timer);
    /* What is queued is offered at the end of this turn, so the deadline comes after that. */
    link_set_deadline(link, home->limits.drain_ns > 0 ? home->limits.drain_ns : WHEEL_TICK_NS);
    link_drop_input(link);
    link_update_receiving(link);
    link_touch(link);
}

void link_fail(struct link *link, enum link_reason reason)
{
    struct link_home *home = link->home;
    if (link->state != LINK_STATE_OPEN && link->state != LINK_STATE_DRAINING) return;
    if (link->state == LINK_STATE_OPEN) link->reason = (uint8_t)reason;
    move(link, LINK_STATE_CLOSING);
    wheel_stop(&home->wheel, &link->idle_timer);
    wheel_stop(&home->wheel, &link->deadline);
    link_drop_input(link);
    if (!port_idle(&link->socket)) port_cancel(home->port, &link->socket);
    list_append(&home->closing, &link->closing);
}

void link_set_word(struct link *link, struct span word)
{
    if (link->state != LINK_STATE_OPEN) return;
    word = span_cut_text(word, CLOSED_WORD_BYTES);
    if (word.size > 0) memcpy(link->word, word.data, word.size);
    link->word[word.size] = '\0';
    link->word_size = (uint8_t)word.size;
}

void link_close(struct link *link, const char *word)
{
    if (word != NULL) link_set_word(link, span_text(word));
    link_end(link, LINK_SCRIPT);
}

void link_abort(struct link *link, const char *word)
{
    if (word != NULL) link_set_word(link, span_text(word));
    link_fail(link, LINK_SCRIPT);
}

void link_close_failed(struct link *link)
{
    link_end(link, LINK_ERROR);
}

struct span link_reason(const struct link *link)
{
    if (link->word_size > 0) return span_of(link->word, link->word_size);
    return span_text(link_reason_text(link->reason));
}

static void tell_disconnected(struct link *link)
{
    struct link_home *home = link->home;
    if (!link->accepted) return;
    link->accepted = false;
    counter_add(&home->counters.links_closed[link->reason], 1);
    if (home->script->disconnected == NULL) return;
    home->script->disconnected(home->script_state, link, (const char *)link_reason(link).data);
}

static void free_link(struct link *link)
{
    struct link_home *home = link->home;
    struct block *block;
    log_link(link, link_reason_text(link->reason));
    if (home->script->released != NULL) home->script->released(home->script_state, link);
    port_detach(home->port, &link->socket);
    outbox_clear(&link->outbox);
    link_drop_input(link);
    while ((block = reorder_drop(&link->reorder)) != NULL) port_recv_done(home->port, block);
    counter_add(&home->counters.receives_late, link->reorder.late);
    list_remove(&link->touched);
    list_remove(&link->woken);
    move(link, LINK_STATE_FREE);
    table_give(&home->table, &link->entry);
    atomic_fetch_sub_explicit(&home->load, 1, memory_order_relaxed);
}

bool link_counts_home(struct link *link)
{
    if (link->state != LINK_STATE_CLOSING) return false;
    if (port_idle(&link->socket) && list_empty(&link->closing))
        list_append(&link->home->closing, &link->closing);
    return true;
}

void link_settle_closing(struct link_home *home)
{
    struct list *node;
    while ((node = list_take_first(&home->closing)) != NULL) {
        struct link *link = container_of(node, struct link, closing);
        tell_disconnected(link);
        if (port_idle(&link->socket)) free_link(link);
    }
}

void link_finish_draining(struct link *link)
{
    struct link_home *home = link->home;
    tell_disconnected(link);
    if (link->state != LINK_STATE_DRAINING) return;
    link->shut = true;
    port_shutdown(home->port, &link->socket);
    if (link->ended)
        link_fail(link, link->reason);
    else
        link_set_deadline(link, LINK_LINGER_MS * WHEEL_TICK_NS);
}

/* ---- what a script may ask ---- */

bool link_is_open(const struct link *link)
{
    return link->state == LINK_STATE_OPEN;
}

uint64_t link_id(const struct link *link)
{
    return link->entry.id;
}

uint32_t link_slot(const struct link *link)
{
    return link->entry.slot;
}

size_t link_pending(const struct link *link)
{
    return link->outbox.pending;
}

double link_connected_at(const struct link *link)
{
    return (double)link->connected_ns / 1e9;
}

const struct address *link_peer(const struct link *link)
{
    return &link->peer;
}

uint32_t link_listener(const struct link *link)
{
    return link->listener;
}

const struct frame *link_frame(const struct link *link)
{
    return link->frame;
}

void link_set_frame(struct link *link, const struct frame *frame)
{
    link->frame = frame;
    link->cursor = (struct frame_cursor){0};
    link->cut = false;
    /* What has been gathered may hold packets of the new framing. */
    link_wake(link);
}

void *link_data(const struct link *link)
{
    return link->data;
}

void link_set_data(struct link *link, void *data)
{
    link->data = data;
}

const char *link_reason_text(enum link_reason reason)
{
    static const char *const texts[LINK_REASONS] = {
        [LINK_EOF] = "eof",         [LINK_RESET] = "reset",       [LINK_IDLE] = "idle",
        [LINK_TIMEOUT] = "timeout", [LINK_FRAMING] = "framing",   [LINK_OVERSIZE] = "oversize",
        [LINK_SLOW] = "slow",       [LINK_MEMORY] = "memory",     [LINK_SCRIPT] = "script",
        [LINK_ERROR] = "error",     [LINK_SHUTDOWN] = "shutdown",
    };
    return texts[reason];
}
