/* The way out: script -> frame -> outbox -> port. */
#include "link/link.h"

static enum send_result refuse(struct link *link, enum send_result result)
{
    if (link->state != LINK_STATE_OPEN) return SEND_CLOSED;
    /* With nothing queued there is no gap to hide, and nothing whose going would end the refusing. */
    link->refusing = link->outbox.pending > 0;
    link->drain_owed = link->drain_owed || link->refusing;
    if (link->drain_owed && link->outbox.pending == 0) link_wake(link); /* no send tells of it */
    if (!link->close_when_full) return result;
    link_log(link, LOG_WARN, "closed: %s with %zu bytes queued",
             result == SEND_FULL ? "it does not read what it is sent: hard_mark is reached"
                                 : "no memory is left to queue a packet",
             link->outbox.pending);
    link_fail(link, result == SEND_FULL ? LINK_SLOW : LINK_MEMORY);
    return result;
}

static inline void send_queued(struct link *link)
{
    struct span parts[PORT_PARTS_MAX];
    int count = outbox_parts(&link->outbox, parts, PORT_PARTS_MAX);
    link->offered_ns = link_home_now(link->home);
    link->unsent = 0;
    port_send(link->home->port, &link->socket, parts, count);
}

static inline void take_sent(struct link *link, size_t size)
{
    struct link_home *home = link->home;
    if (size == 0) return;
    outbox_sent(&link->outbox, size);
    if (link->outbox.pending > 0) outbox_leave_large(&link->outbox, &home->blocks);
    counter_add(&home->counters.bytes_sent, size);
}

static void fail_to_send(struct link *link, uint8_t error)
{
    link_fail(link, error == PORT_TIMED_OUT ? LINK_TIMEOUT : LINK_RESET);
}

/* Sends what is queued, in the middle of a turn. False if the peer takes no more now, or has gone. It calls
 * no script, for one may be running: what is owed to it then follows at the end of the turn. */
__attribute__((noinline)) static bool send_now(struct link *link)
{
    struct port_event event;
    if (link->outbox.pending == 0) return false;
    if (!link->socket.sending) send_queued(link);
    if (!port_take_sent_of(&link->socket, &event)) return false;
    take_sent(link, event.size);
    link_touch(link);
    if (event.error == PORT_OK) return true;
    fail_to_send(link, event.error);
    return false;
}

static inline bool is_full(const struct link *link, size_t size)
{
    size_t pending = link->outbox.pending; /* nothing queued takes any packet, whatever the mark */
    return pending > 0 && pending + size > link->home->limits.hard_mark;
}

/* Nobody is said not to read before it was offered all that is queued. */
__attribute__((noinline)) static enum send_result make_room(struct link *link, size_t size)
{
    while (is_full(link, size))
        if (!send_now(link)) return refuse(link, SEND_FULL);
    return SEND_OK;
}

/* Room under the hard mark? It is open. */
static inline enum send_result admit(struct link *link, size_t size)
{
    if (link->refusing)
        return SEND_FULL; /* or a later packet would stand in the refused one's place */
    return is_full(link, size) ? make_room(link, size) : SEND_OK;
}

static enum send_result queued(struct link *link)
{
    struct link_home *home = link->home;
    counter_add(&home->counters.packets_sent, 1);
    link_touch(link);
    if (link->outbox.pending > home->limits.soft_mark && !(link->gates & GATE_SLOW)) {
        link->drain_owed = true;
        link_gate_close(link, GATE_SLOW);
        link_look_sooner(link);
    }
    return SEND_OK;
}

enum send_result link_send(struct link *link, struct span packet)
{
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count = 0;
    size_t size = 0;
    if (link->state != LINK_STATE_OPEN) return SEND_CLOSED;
    enum frame_fault fault = frame_wrap(link->frame, packet, header, parts, &count);
    if (fault != FRAME_NO_FAULT) return fault == FRAME_TOO_BIG ? SEND_TOO_BIG : SEND_BAD_SIZE;
    for (int i = 0; i < count; i++) size += parts[i].size;
    if (size == 0) return SEND_OK;
    enum send_result result = admit(link, size);
    if (result != SEND_OK) return result;
    /* What waits to be sent may keep the memory that this one takes. */
    while (!outbox_append(&link->outbox, &link->home->blocks, parts, count, size))
        if (!send_now(link)) return refuse(link, SEND_NO_MEMORY);
    return queued(link);
}

enum send_result link_send_chunk(struct link *link, struct chunk *encoded)
{
    if (link->state != LINK_STATE_OPEN) return SEND_CLOSED;
    enum send_result result = admit(link, encoded->size);
    if (result != SEND_OK || encoded->size == 0) return result;
    while (!outbox_append_chunk(&link->outbox, &link->home->blocks, encoded))
        if (!send_now(link)) return refuse(link, SEND_NO_MEMORY);
    return queued(link);
}

void link_tell_drained(struct link *link)
{
    struct link_home *home = link->home;
    link->drain_owed = link->refusing = false;
    if (link->state == LINK_STATE_OPEN && home->script->drained != NULL)
        home->script->drained(home->script_state, link);
    if (link->outbox.pending <= home->limits.soft_mark)
        link_gate_open(link, GATE_SLOW);
    else
        link->drain_owed = true; /* it has queued more, and is told again */
}

void link_take_sent(struct link *link, const struct port_event *event)
{
    take_sent(link, event->size);
}

void link_sent(struct link *link, const struct port_event *event)
{
    if (link_counts_home(link)) return;
    if (event->error != PORT_OK) {
        fail_to_send(link, event->error);
        return;
    }
    if (link->outbox.pending > 0 || link->state == LINK_STATE_DRAINING) link_touch(link);
    if (link->drain_owed && link->outbox.pending <= link->home->limits.soft_mark)
        link_tell_drained(link);
}

static void flush(struct link *link)
{
    if (link->state == LINK_STATE_CLOSING || link->socket.sending) return;
    if (link->outbox.pending > 0)
        send_queued(link);
    else if (link->state == LINK_STATE_DRAINING && !link->shut)
        link_finish_draining(link);
}

int link_flush_touched(struct link_home *home, int sent_max)
{
    struct list turn, *node;
    int sent = 0;
    home->touches = 0;
    list_init(&turn);
    list_move_all(&turn, &home->touched);
    while ((node = list_take_first(&turn)) != NULL) {
        struct port_event event;
        flush(container_of(node, struct link, touched));
        if (sent == sent_max || port_take_sent(home->port, &event, 1) == 0) continue;
        take_sent(link_of(event.socket), event.size);
        link_sent(link_of(event.socket), &event);
        sent++;
    }
    return sent;
}

void link_flush_large(struct link *link)
{
    struct port_event event;
    if (list_empty(&link->touched)) return;
    list_remove(&link->touched);
    flush(link);
    if (!port_take_sent_of(&link->socket, &event)) return;
    take_sent(link, event.size);
    link_sent(link, &event);
}

const char *send_result_text(enum send_result result)
{
    static const char *const texts[] = {
        [SEND_OK] = "ok",          [SEND_CLOSED] = "closed",
        [SEND_FULL] = "full",      [SEND_NO_MEMORY] = "memory",
        [SEND_TOO_BIG] = "toobig", [SEND_BAD_SIZE] = "badsize",
    };
    return texts[result];
}
