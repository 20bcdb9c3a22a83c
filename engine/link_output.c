/* The way out: script -> frame -> outbox -> port. */
#include "link.h"

static enum send_result refuse(struct link *link, enum send_result result)
{
    /* With nothing queued there is no gap to hide, and nothing whose going would end the refusing. */
    link->refusing = link->drain_owed = link->outbox.pending > 0;
    if (!link->close_when_full) return result;
    link_log(link, LOG_WARN, "closed: %s with %zu bytes queued",
             result == SEND_FULL ? "it does not read what it is sent: hard_mark is reached"
                                 : "no memory is left to queue a packet",
             link->outbox.pending);
    link_fail(link, result == SEND_FULL ? LINK_SLOW : LINK_MEMORY);
    return result;
}

/* Room under the hard mark? An empty queue takes any packet, whatever the mark. */
static enum send_result admit(struct link *link, size_t size)
{
    if (link->state != LINK_STATE_OPEN) return SEND_CLOSED;
    if (link->refusing)
        return SEND_FULL; /* or a later packet would stand in the refused one's place */
    if (link->outbox.pending > 0 && link->outbox.pending + size > link->home->limits.hard_mark)
        return refuse(link, SEND_FULL);
    return SEND_OK;
}

static enum send_result queued(struct link *link, bool appended)
{
    struct link_home *home = link->home;
    if (!appended) return refuse(link, SEND_NO_MEMORY);
    counter_add(&home->counters.packets_sent, 1);
    link_touch(link);
    if (link->outbox.pending > home->limits.soft_mark && !(link->gates & GATE_SLOW)) {
        link->drain_owed = true;
        link_gate_close(link, GATE_SLOW);
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
    return queued(link, outbox_append(&link->outbox, &link->home->blocks, parts, count, size));
}

enum send_result link_send_chunk(struct link *link, struct chunk *encoded)
{
    enum send_result result = admit(link, encoded->size);
    if (result != SEND_OK || encoded->size == 0) return result;
    return queued(link, outbox_append_chunk(&link->outbox, &link->home->blocks, encoded));
}

void link_sent(struct link *link, const struct port_event *event)
{
    struct link_home *home = link->home;
    if (event->size > 0) {
        outbox_sent(&link->outbox, event->size);
        if (link->outbox.pending > 0) outbox_leave_large(&link->outbox, &home->blocks);
        counter_add(&home->counters.bytes_sent, event->size);
        link->sent_ns = link_home_now(home);
    }
    if (link_counts_home(link)) return;
    if (event->error != PORT_OK) {
        link_fail(link, event->error == PORT_TIMED_OUT ? LINK_TIMEOUT : LINK_RESET);
        return;
    }
    if (link->outbox.pending > 0 || link->state == LINK_STATE_DRAINING) link_touch(link);
    if (!link->drain_owed || link->outbox.pending > home->limits.soft_mark) return;
    link->drain_owed = link->refusing = false;
    if (link->state == LINK_STATE_OPEN && home->script->drained != NULL)
        home->script->drained(home->script_state, link);
    if (link->outbox.pending <= home->limits.soft_mark)
        link_gate_open(link, GATE_SLOW);
    else
        link->drain_owed = true; /* it has queued more, and is told again */
}

static void flush(struct link *link)
{
    struct span parts[PORT_PARTS_MAX];
    if (link->state == LINK_STATE_CLOSING || link->socket.sending) return;
    if (link->outbox.pending > 0) {
        int count = outbox_parts(&link->outbox, parts, PORT_PARTS_MAX);
        port_send(link->home->port, &link->socket, parts, count);
    } else if (link->state == LINK_STATE_DRAINING && !link->shut) {
        link_finish_draining(link);
    }
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
        link_sent(link_of(event.socket), &event);
        sent++;
    }
    return sent;
}

void link_flush_large(struct link *link)
{
    struct port_event event;
    if (list_empty(&link->touched)) return;
    if (link->outbox.lent) return; /* how much of it has gone is not known yet */
    list_remove(&link->touched);
    flush(link);
    if (port_take_sent(link->home->port, &event, 1) > 0) link_sent(link_of(event.socket), &event);
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
