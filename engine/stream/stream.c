#include "stream/stream.h"

static const uint8_t moves[] = {
    [STREAM_FREE] = 1u << STREAM_OPENING | 1u << STREAM_OPEN,
    [STREAM_OPENING] = 1u << STREAM_OPEN | 1u << STREAM_FLUSHING | 1u << STREAM_CLOSING,
    [STREAM_OPEN] = 1u << STREAM_FLUSHING | 1u << STREAM_CLOSING,
    [STREAM_FLUSHING] = 1u << STREAM_LINGERING | 1u << STREAM_CLOSING,
    [STREAM_LINGERING] = 1u << STREAM_CLOSING,
    [STREAM_CLOSING] = 1u << STREAM_FREE,
};

static void move(struct stream *stream, enum stream_state next)
{
    check(moves[stream->state] & 1u << next);
    stream->state = (uint8_t)next;
}

bool stream_open(struct stream *stream, struct stream_home *home, const struct stream_owner *owner,
                 const struct stream_origin *origin)
{
    uint64_t now_ns = stream_now(home);
    *stream = (struct stream){.home = home,
                              .owner = owner,
                              .received_ns = now_ns,
                              .input_ns = now_ns,
                              .owner_opens = origin->owner_opens};
    if (!port_attach(home->port, &stream->socket, origin->handle)) return false;
    list_init(&stream->touched);
    list_init(&stream->closing);
    inbox_init(&stream->inbox);
    outbox_init(&stream->outbox);
    reorder_init(&stream->reorder, home->window, origin->early);
    stream->inbox.filter = origin->filter;
    move(stream, origin->filter == NULL && !origin->owner_opens ? STREAM_OPEN : STREAM_OPENING);
    return true;
}

void stream_shake(struct stream *stream)
{
    check(stream->state == STREAM_OPENING && stream->inbox.filter != NULL);
    struct inbox *inbox = &stream->inbox;
    inbox_shake(inbox, stream->home);
    if (inbox->filter != NULL && inbox->filter->has_wire) stream_touch(stream);
    bool is_done = inbox->filter == NULL || inbox->filter->state == FILTER_OPEN;
    if (is_done && !stream->owner_opens) move(stream, STREAM_OPEN);
}

void stream_opened(struct stream *stream)
{
    check(stream->owner_opens && !stream_shakes(stream));
    move(stream, STREAM_OPEN);
}

static void listen(struct stream *stream)
{
    struct port *port = stream->home->port;
    struct port_socket *socket = &stream->socket;
    bool is_up = stream_is_up(stream);
    /* Input is still read, and discarded: a peer blocked in a write may not read until it gets on. */
    bool discards = stream->state == STREAM_FLUSHING || stream->state == STREAM_LINGERING;
    bool wanted = ((is_up && stream->listens) || discards) && !stream->ended;
    if (wanted && !socket->receiving)
        port_recv_start(port, socket);
    else if (!wanted && socket->receiving)
        port_recv_stop(port, socket);
    if (stream->watches && is_up && !socket->watching)
        port_watch(port, socket,
                   stream->ended || stream->ending ? PORT_WATCH_BREAK : PORT_WATCH_END);
}

void stream_listen(struct stream *stream, bool listens, bool watches)
{
    stream->listens = listens;
    stream->watches = watches;
    listen(stream);
}

/* ---- the end ---- */

void stream_drop_input(struct stream *stream)
{
    if (!stream->reading) inbox_drop(&stream->inbox, stream->home);
}

void stream_end(struct stream *stream)
{
    move(stream, STREAM_FLUSHING);
    stream_drop_input(stream);
    listen(stream);
    stream_touch(stream);
}

void stream_break(struct stream *stream)
{
    move(stream, STREAM_CLOSING);
    stream_drop_input(stream);
    if (!port_idle(&stream->socket)) port_cancel(stream->home->port, &stream->socket);
    list_append(&stream->home->closing, &stream->closing);
}

/* True if the stream is closing: its events then only serve to notice, here, when nothing is in flight any
 * more. */
static bool counts_home(struct stream *stream)
{
    if (stream->state != STREAM_CLOSING) return false;
    if (port_idle(&stream->socket) && list_empty(&stream->closing))
        list_append(&stream->home->closing, &stream->closing);
    return true;
}

void stream_settle_closing(struct stream_home *home)
{
    struct list *node;
    while ((node = list_take_first(&home->closing)) != NULL) {
        struct stream *stream = container_of(node, struct stream, closing);
        stream->owner->ended(stream);
        if (port_idle(&stream->socket)) stream->owner->settled(stream);
    }
}

void stream_close(struct stream *stream)
{
    struct stream_home *home = stream->home;
    struct block *block;
    port_detach(home->port, &stream->socket);
    inbox_drop(&stream->inbox, home);
    home->queued -= stream->outbox.pending;
    if (stream->inbox.filter != NULL)
        seal_close(stream->inbox.filter, &stream->outbox, &home->budget);
    outbox_clear(&stream->outbox);
    while ((block = reorder_drop(&stream->reorder)) != NULL) port_recv_done(home->port, block);
    list_remove(&stream->touched);
    move(stream, STREAM_FREE);
}

/* The whole queue has been sent. */
static void half_close(struct stream *stream)
{
    stream->owner->ended(stream);
    if (stream->state != STREAM_FLUSHING) return;
    move(stream, STREAM_LINGERING);
    port_shutdown(stream->home->port, &stream->socket);
    if (stream->ended)
        stream->owner->broke(stream, PORT_OK);
    else
        stream->owner->lingers(stream);
}

/* ---- the way in ---- */

/* Takes the next block in the order of the stream. */
static void take_in(struct stream *stream, struct block *block)
{
    struct stream_home *home = stream->home;
    if (block->end == 0 || !stream_is_up(stream)) {
        port_recv_done(home->port, block);
        return;
    }
    counter_add(&home->counters.bytes_received, block->end);
    stream->received_ns = stream->input_ns = stream_now(home);
    inbox_park(&stream->inbox, home, block);
}

size_t stream_still_to_come(const struct stream *stream)
{
    const struct port_socket *socket = &stream->socket;
    if (stream->ended) return 0;
    if (socket->receiving || stream->reorder.next != socket->sequence_next) return SIZE_MAX;
    return port_unread(stream->home->port, socket);
}

void stream_peer_ended(struct stream *stream, const struct port_event *event)
{
    if (counts_home(stream)) return;
    if (event->error != PORT_OK && event->error != PORT_CANCELLED) {
        stream->owner->broke(stream, event->error);
        return;
    }
    if (event->error == PORT_OK) {
        stream->ending = true;
        stream->owner->arrived(stream);
    }
    listen(stream);
}

/* ---- the way out ---- */

static inline void send_of(struct stream *stream, struct outbox *outbox)
{
    struct span parts[PORT_PARTS_MAX];
    int count = outbox_parts(outbox, parts, PORT_PARTS_MAX);
    stream->offered_ns = stream_now(stream->home);
    stream->unsent = 0;
    port_send(stream->home->port, &stream->socket, parts, count);
}

/* False: there was no memory to seal any of it. */
__attribute__((noinline)) static bool send_sealed(struct stream *stream)
{
    struct filter *filter = stream->inbox.filter;
    bool ends = stream->state == STREAM_FLUSHING;
    if (!seal(filter, &stream->outbox, stream->home, ends)) return false;
    if (filter->sealed.pending > 0) send_of(stream, &filter->sealed);
    return true;
}

static inline void take_sent(struct stream *stream, size_t size)
{
    struct stream_home *home = stream->home;
    struct filter *filter = stream->inbox.filter;
    if (size == 0) return;
    if (filter != NULL) {
        home->queued -= seal_sent(filter, &stream->outbox, &home->blocks, size);
    } else {
        home->queued -= size;
        outbox_sent(&stream->outbox, size);
        if (stream->outbox.pending > 0) outbox_leave_large(&stream->outbox, &home->blocks);
    }
    counter_add(&home->counters.bytes_sent, size);
}

static void fail_to_send(struct stream *stream, uint8_t error)
{
    stream->owner->broke(stream, error == PORT_TIMED_OUT ? PORT_TIMED_OUT : PORT_RESET);
}

bool stream_send_now(struct stream *stream)
{
    struct port_event event;
    if (stream->outbox.pending == 0) return false;
    if (!stream->socket.sending) {
        if (stream->inbox.filter == NULL)
            send_of(stream, &stream->outbox);
        else if (!send_sealed(stream))
            return false;
    }
    if (!port_take_sent_of(&stream->socket, &event)) return false;
    take_sent(stream, event.size);
    stream_touch(stream);
    if (event.error == PORT_OK) return true;
    fail_to_send(stream, event.error);
    return false;
}

void stream_take_sent(struct stream *stream, const struct port_event *event)
{
    take_sent(stream, event->size);
}

/* Whether the filter still has bytes to send. */
static inline bool holds_sealed(const struct stream *stream)
{
    const struct filter *filter = stream->inbox.filter;
    return filter != NULL && (filter->has_wire || filter->sealed.pending > 0);
}

void stream_sent(struct stream *stream, const struct port_event *event)
{
    if (counts_home(stream)) return;
    if (event->error != PORT_OK) {
        fail_to_send(stream, event->error);
        return;
    }
    if (stream->outbox.pending > 0 || stream->state != STREAM_OPEN || holds_sealed(stream))
        stream_touch(stream);
    stream->owner->sent(stream);
}

__attribute__((noinline)) static void flush_sealed(struct stream *stream)
{
    const struct filter *filter = stream->inbox.filter;
    if (!send_sealed(stream))
        list_append(&stream->home->unsealed, &stream->touched);
    else if (filter->sealed.pending == 0 && stream->state == STREAM_FLUSHING)
        half_close(stream);
    else if (filter->state == FILTER_BROKEN && stream_is_up(stream))
        stream->owner->arrived(stream); /* or nobody would hear of it before more input comes */
}

static void flush(struct stream *stream)
{
    if (stream->state == STREAM_CLOSING || stream->socket.sending) return;
    if (stream->inbox.filter != NULL)
        flush_sealed(stream);
    else if (stream->outbox.pending > 0)
        send_of(stream, &stream->outbox);
    else if (stream->state == STREAM_FLUSHING)
        half_close(stream);
}

int stream_flush_touched(struct stream_home *home, int sent_max)
{
    struct list turn, *node;
    int sent = 0;
    home->touches = 0;
    list_init(&turn);
    list_move_all(&turn, &home->touched);
    while ((node = list_take_first(&turn)) != NULL) {
        struct port_event event;
        flush(container_of(node, struct stream, touched));
        if (sent == sent_max || port_take_sent(home->port, &event, 1) == 0) continue;
        struct stream *other = stream_of(event.socket);
        take_sent(other, event.size);
        stream_sent(other, &event);
        sent++;
    }
    return sent;
}

/* Whether the handshake has something to send. */
static bool has_shaken(const struct stream *stream)
{
    return stream_shakes(stream) && stream->inbox.filter->has_wire;
}

/* Flushes a stream with a large block at once, so that the next stream can have the block. Small packets wait for
 * the end of the turn: otherwise a sleeping peer would be woken for each instead of once for many. */
static void flush_large(struct stream *stream)
{
    struct port_event event;
    if (list_empty(&stream->touched)) return;
    list_remove(&stream->touched);
    flush(stream);
    if (!port_take_sent_of(&stream->socket, &event)) return;
    take_sent(stream, event.size);
    stream_sent(stream, &event);
}

void stream_received(struct stream *stream, const struct port_event *event)
{
    struct block *block = event->block;
    if (block != NULL) {
        if (!reorder_put(&stream->reorder, block->sequence, block)) {
            counter_add(&stream->home->counters.receives_late, 1);
            block = NULL;
        }
        for (; block != NULL; block = reorder_take(&stream->reorder)) take_in(stream, block);
    }
    if (event->last && event->error == PORT_OK) stream->ended = true;
    if (counts_home(stream)) return;
    if (event->error != PORT_OK && event->error != PORT_CANCELLED) {
        stream->owner->broke(stream, event->error);
        return;
    }
    stream->owner->arrived(stream);
    if (stream->ended && stream->state == STREAM_LINGERING) /* the peer has closed too */
        stream->owner->broke(stream, PORT_OK);
    if (outbox_begins_large(&stream->outbox, &stream->home->blocks) || has_shaken(stream))
        flush_large(stream);
}
