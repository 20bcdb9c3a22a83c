#include "port/port_memory.h"

#include "port/port_backend.h"

#include <stdlib.h>

enum { BYTES_FIRST = 4096 };

struct port_memory {
    struct port port;
    uint64_t clock_ns;
    struct block_pool landing;
    struct list readable; /* sockets whose stream is on and for which bytes have arrived */
    struct list mark;     /* in `readable`, after the sockets that had input when it was set */
    struct list ended;    /* sockets whose stream has ended or was stopped */
    struct list watched;  /* sockets whose watch is over */
};

/* In port_socket.own_flags. */
enum { SOCKET_BLOCKED = 1 }; /* a send waits for room */

static struct port_memory *self(const struct port *port)
{
    return container_of((struct port *)port, struct port_memory, port);
}

static struct memory_peer *peer_of(const struct port_socket *socket)
{
    return (struct memory_peer *)socket->handle;
}

/* ---- bytes in transit ---- */

static struct span bytes_waiting(const struct memory_bytes *bytes)
{
    size_t waiting = bytes->end - bytes->begin;
    return waiting == 0 ? span_text("") : span_of(bytes->data + bytes->begin, waiting);
}

static bool bytes_make_room(struct memory_bytes *bytes, size_t size)
{
    size_t waiting = bytes->end - bytes->begin, capacity = bytes->capacity;
    if (capacity - bytes->end >= size) return true;
    if (capacity < BYTES_FIRST) capacity = BYTES_FIRST;
    while (capacity / 2 < waiting + size) { /* so that moving costs no more than appending */
        if (capacity > SIZE_MAX / 2) return false;
        capacity *= 2;
    }
    if (capacity > bytes->capacity) {
        uint8_t *grown = realloc(bytes->data, capacity);
        if (grown == NULL) return false;
        bytes->data = grown;
        bytes->capacity = capacity;
    }
    if (waiting > 0) memmove(bytes->data, bytes->data + bytes->begin, waiting);
    bytes->begin = 0;
    bytes->end = waiting;
    return true;
}

static bool bytes_append(struct memory_bytes *bytes, struct span more)
{
    if (more.size == 0) return true;
    if (!bytes_make_room(bytes, more.size)) return false;
    memcpy(bytes->data + bytes->end, more.data, more.size);
    bytes->end += more.size;
    return true;
}

static void bytes_skip(struct memory_bytes *bytes, size_t size)
{
    check(size <= bytes->end - bytes->begin);
    bytes->begin += size;
    if (bytes->begin == bytes->end) bytes->begin = bytes->end = 0;
}

static void bytes_free(struct memory_bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct memory_bytes){.data = NULL};
}

/* ---- the choices that the contract leaves ---- */

/* How many of the arrived bytes one receive yields: 1 to `most`. */
static size_t choose_received(struct port_memory *memory, size_t most)
{
    (void)memory;
    return most;
}

/* How many bytes one send takes: 1 to `most`, for which there is room. */
static size_t choose_sent(struct port_memory *memory, size_t most)
{
    (void)memory;
    return most;
}

/* The order in which completions are harvested. Any order is allowed, because no harvest has two of the
 * same kind for one socket. */
static void choose_order(struct port_memory *memory, struct port_event *events, int count)
{
    (void)memory;
    (void)events;
    (void)count;
}

/* ---- receiving ---- */

static size_t memory_unread(const struct port_socket *socket)
{
    return bytes_waiting(&peer_of(socket)->arrived).size;
}

/* After the client has ended, or a watch was started. */
static void note_watched(struct port_memory *memory, struct port_socket *socket)
{
    const struct memory_peer *peer = peer_of(socket);
    if (socket->watching == PORT_WATCH_NOTHING || !list_empty(&socket->watch_node)) return;
    if (peer->reset)
        port_end_watch(&memory->watched, socket, PORT_RESET);
    else if (peer->finished && socket->watching == PORT_WATCH_END)
        port_end_watch(&memory->watched, socket, PORT_OK);
}

static void memory_watch(struct port *port, struct port_socket *socket)
{
    note_watched(self(port), socket);
}

/* Moves a socket to the right list after something has arrived, or its stream was started. */
static void note_arrived(struct port_memory *memory, struct port_socket *socket)
{
    const struct memory_peer *peer = peer_of(socket);
    if (!socket->receiving || socket->stopping) return;
    if (bytes_waiting(&peer->arrived).size > 0) {
        if (list_empty(&socket->recv_node)) list_append(&memory->readable, &socket->recv_node);
    } else if (peer->finished) {
        port_end_stream(&memory->ended, socket, peer->reset ? PORT_RESET : PORT_OK);
    }
}

static void memory_recv_start(struct port *port, struct port_socket *socket)
{
    socket->receiving = true;
    socket->stopping = false;
    note_arrived(self(port), socket);
}

static void memory_recv_stop(struct port *port, struct port_socket *socket)
{
    port_end_stream(&self(port)->ended, socket, PORT_CANCELLED);
}

static void memory_recv_done(struct port *port, struct block *block)
{
    (void)port;
    block_give(block);
}

static struct port_event receive(struct port_memory *memory, struct port_socket *socket)
{
    struct memory_bytes *arrived = &peer_of(socket)->arrived;
    struct block *block = block_take(&memory->landing);
    struct span bytes = span_first(bytes_waiting(arrived), block->capacity);
    bytes = span_first(bytes, choose_received(memory, bytes.size));
    memcpy(block->data, bytes.data, bytes.size);
    block->end = (uint32_t)bytes.size;
    block->sequence = socket->sequence_next++;
    bytes_skip(arrived, bytes.size);
    note_arrived(memory, socket);
    return (struct port_event){.kind = PORT_RECEIVED, .socket = socket, .block = block};
}

static void pass_mark(struct port_memory *memory)
{
    list_remove(&memory->mark);
    port_pass_mark(&memory->port);
}

/* Receives once from each socket that has bytes, as far as there are blocks to receive into. */
static int take_received(struct port_memory *memory, struct port_event *events, int count_max)
{
    int count = 0;
    struct list turn;
    struct list *node;
    if (memory->landing.free_count == 0 && !list_empty(&memory->mark)) pass_mark(memory);
    list_init(&turn);
    list_move_all(&turn, &memory->readable);
    while (count < count_max && memory->landing.free_count > 0 &&
           (node = list_take_first(&turn)) != NULL)
        if (node == &memory->mark)
            pass_mark(memory);
        else
            events[count++] = receive(memory, container_of(node, struct port_socket, recv_node));
    list_move_all(&turn, &memory->readable); /* sockets not reached come first next time */
    list_move_all(&memory->readable, &turn);
    return count;
}

/* ---- sending ---- */

static size_t room_of(const struct memory_peer *peer)
{
    size_t waiting = bytes_waiting(&peer->sent).size;
    return peer->deaf || waiting >= peer->room ? 0 : peer->room - waiting;
}

static void memory_send(struct port *port, struct port_socket *socket, const struct span *parts,
                        int count)
{
    struct port_memory *memory = self(port);
    struct memory_peer *peer = peer_of(socket);
    size_t total = 0, size = 0;
    for (int i = 0; i < count; i++) total += parts[i].size;
    if (peer->reset) {
        port_end_send(&memory->port, socket, 0, PORT_RESET);
        return;
    }
    size_t most = room_of(peer) < total ? room_of(peer) : total;
    if (most == 0) {
        socket->own_flags |= SOCKET_BLOCKED;
        return;
    }
    most = choose_sent(memory, most);
    for (int i = 0; i < count && size < most; i++) {
        struct span part = span_first(parts[i], most - size);
        if (!bytes_append(&peer->sent, part)) break;
        size += part.size;
    }
    port_end_send(&memory->port, socket, size, size == 0 ? PORT_NO_MEMORY : PORT_OK);
}

static void end_blocked(struct port_memory *memory, struct port_socket *socket,
                        enum port_error error)
{
    if (!(socket->own_flags & SOCKET_BLOCKED)) return;
    socket->own_flags &= (uint8_t)~SOCKET_BLOCKED;
    port_end_send(&memory->port, socket, 0, error);
}

/* If the client has room again, a waiting send completes with 0 bytes, so that the owner sends again. */
static void note_room(struct memory_peer *peer)
{
    if (peer->socket == NULL || room_of(peer) == 0) return;
    end_blocked(self(peer->port), peer->socket, PORT_OK);
}

/* ---- the port ---- */

static bool at_hand(const struct port_memory *memory)
{
    bool can_receive = !list_empty(&memory->readable) && memory->landing.free_count > 0;
    return can_receive || !list_empty(&memory->ended) || !list_empty(&memory->watched) ||
           !list_empty(&memory->port.sent);
}

static int memory_harvest(struct port *port, struct port_event *events, int count_max,
                          uint64_t deadline_ns)
{
    struct port_memory *memory = self(port);
    (void)deadline_ns;
    port->asked_ns = port->now_ns; /* no time passes in a turn */
    port->now_ns = memory->clock_ns;
    int mail = port_take_mail(port, events, count_max);
    int count = mail;
    /* Half of the rest: sockets that always have a completed send must not keep others from being read. */
    count += port_take_sent(port, events + count, (count_max - count + 1) / 2);
    count += port_take_ended(&memory->ended, events + count, count_max - count);
    if (!list_empty(&memory->watched))
        count += port_take_watched(&memory->watched, events + count, count_max - count);
    count += take_received(memory, events + count, count_max - count);
    choose_order(memory, events + mail, count - mail);
    return count;
}

static bool memory_behind(const struct port *port)
{
    return at_hand(self(port));
}

static void memory_mark(struct port *port)
{
    list_append(&self(port)->readable, &self(port)->mark);
}

/* There is no thread to wake: the driver asks port_memory_ready. */
static void memory_wake(struct port *port)
{
    (void)port;
}

static bool memory_attach(struct port *port, struct port_socket *socket, intptr_t handle)
{
    *socket = (struct port_socket){.handle = handle};
    struct memory_peer *peer = peer_of(socket);
    check(peer->socket == NULL);
    peer->port = port;
    list_init(&socket->recv_node);
    list_init(&socket->send_node);
    list_init(&socket->watch_node);
    peer->socket = socket;
    if (peer->attached != NULL) peer->attached(peer);
    return true;
}

static void memory_shutdown(struct port *port, struct port_socket *socket)
{
    (void)port;
    peer_of(socket)->shut = true;
}

static void memory_cancel(struct port *port, struct port_socket *socket)
{
    if (socket->receiving) memory_recv_stop(port, socket);
    if (socket->watching) port_end_watch(&self(port)->watched, socket, PORT_CANCELLED);
    end_blocked(self(port), socket, PORT_CANCELLED);
}

static void memory_close_handle(intptr_t handle)
{
    struct memory_peer *peer = (struct memory_peer *)handle;
    peer->socket = NULL;
    peer->shut = peer->closed = true;
    bytes_free(&peer->arrived);
}

static void memory_detach(struct port *port, struct port_socket *socket)
{
    struct memory_peer *peer = peer_of(socket);
    (void)port;
    check(list_empty(&socket->recv_node));
    check(list_empty(&socket->send_node));
    check(list_empty(&socket->watch_node));
    if (peer->detaching != NULL) peer->detaching(peer);
    memory_close_handle(socket->handle);
}

static void memory_close(struct port *port)
{
    struct port_memory *memory = self(port);
    block_pool_close(&memory->landing);
    free(memory);
}

/* This port cannot listen: its driver hands connections to the server. */
static const struct port_operations memory_operations = {
    .name = "memory",
    .in_order = true,
    .close = memory_close,
    .harvest = memory_harvest,
    .behind = memory_behind,
    .mark = memory_mark,
    .wake = memory_wake,
    .attach = memory_attach,
    .recv_start = memory_recv_start,
    .recv_stop = memory_recv_stop,
    .recv_done = memory_recv_done,
    .send = memory_send,
    .watch = memory_watch,
    .unread = memory_unread,
    .shutdown = memory_shutdown,
    .cancel = memory_cancel,
    .detach = memory_detach,
    .close_handle = memory_close_handle,
};

struct port *port_memory_open(const struct port_options *options, uint64_t now_ns,
                              struct error *error)
{
    struct port_memory *memory = calloc(1, sizeof *memory);
    if (memory == NULL) goto no_memory;
    port_init(&memory->port, &memory_operations, now_ns, options->landing_blocks);
    memory->clock_ns = now_ns;
    list_init(&memory->readable);
    list_init(&memory->mark);
    list_init(&memory->ended);
    list_init(&memory->watched);
    if (block_pool_open(&memory->landing, options->landing_blocks, options->landing_size, NULL))
        return &memory->port;
    free(memory);

no_memory:
    error_set(error, ERROR_SYSTEM, "no memory for a port with %u blocks to receive into",
              options->landing_blocks);
    return NULL;
}

void port_memory_set_clock(struct port *port, uint64_t now_ns)
{
    check(now_ns >= self(port)->clock_ns);
    self(port)->clock_ns = now_ns;
}

uint64_t port_memory_clock(const struct port *port)
{
    return self(port)->clock_ns;
}

bool port_memory_ready(const struct port *port)
{
    return at_hand(self(port)) || port_mail_waiting(port);
}

/* ---- the client ---- */

void memory_peer_open(struct memory_peer *peer, struct port *port)
{
    *peer = (struct memory_peer){.port = port, .room = SIZE_MAX};
}

intptr_t memory_peer_handle(struct memory_peer *peer)
{
    return (intptr_t)peer;
}

void memory_peer_close(struct memory_peer *peer)
{
    check(peer->socket == NULL);
    bytes_free(&peer->arrived);
    bytes_free(&peer->sent);
}

bool memory_peer_send(struct memory_peer *peer, struct span bytes)
{
    if (peer->finished || peer->closed) return true;
    if (!bytes_append(&peer->arrived, bytes)) return false;
    if (peer->socket != NULL) note_arrived(self(peer->port), peer->socket);
    return true;
}

void memory_peer_finish(struct memory_peer *peer)
{
    if (peer->finished || peer->closed) return;
    peer->finished = true;
    if (peer->socket == NULL) return;
    note_arrived(self(peer->port), peer->socket);
    note_watched(self(peer->port), peer->socket);
}

void memory_peer_reset(struct memory_peer *peer)
{
    struct port_socket *socket = peer->socket;
    if (peer->reset || peer->closed) return;
    peer->finished = peer->reset = true;
    if (socket == NULL) return;
    note_arrived(self(peer->port), socket);
    note_watched(self(peer->port), socket);
    end_blocked(self(peer->port), socket, PORT_RESET);
}

struct span memory_peer_received(const struct memory_peer *peer)
{
    return bytes_waiting(&peer->sent);
}

void memory_peer_take(struct memory_peer *peer, size_t size)
{
    bytes_skip(&peer->sent, size);
    note_room(peer);
}

void memory_peer_set_deaf(struct memory_peer *peer, bool deaf)
{
    peer->deaf = deaf;
    note_room(peer);
}

void memory_peer_set_room(struct memory_peer *peer, size_t size)
{
    peer->room = size;
    note_room(peer);
}
