/* Receive streams over overlapped receives.
 *
 *     idle --recv of zero bytes completes--> warm: recv_depth receives posted, each into a block
 *      ^                                       |   that carries its OVERLAPPED and its number
 *      '----nothing came for a second----------'
 *
 * An idle connection waits with a receive of no bytes, so that it occupies no block; an active one has
 * receives posted ahead. Receives are numbered in the order they were posted, and filled in that order, but
 * may be harvested in any order: those that complete at once (without a packet) overtake queued ones, and
 * canceled ones complete in an order of their own.
 *
 *     socket->own.posted, with recv_depth 4:  [7 filled] [8 at the system] [9 at the system] [10 at the system]
 *                                             11 is posted when 7 has been yielded */
#include "port/port_iocp.h"

#define COOL_NS UINT64_C(1000000000)

static struct port_socket *socket_of(struct list *node)
{
    return container_of(node, struct port_socket, recv_node);
}

static OVERLAPPED *wait_of(struct port_socket *socket)
{
    return (OVERLAPPED *)socket->own.kernel_wait;
}

static OVERLAPPED *overlapped_of(struct block *block)
{
    static_assert(sizeof(OVERLAPPED) <= sizeof block->kernel, "it has room");
    return (OVERLAPPED *)block->kernel;
}

/* While less than half of the pool is free, no more receives are posted ahead; ... */
static bool plenty(const struct port_iocp *iocp)
{
    return iocp->landing.free_count >= iocp->landing.total / 2;
}

/* ... while less than a quarter is free, receives posted ahead are canceled. */
static bool scarce(const struct port_iocp *iocp)
{
    return iocp->landing.free_count < iocp->landing.total / 4;
}

void iocp_recv_init(struct port_socket *socket)
{
    list_init(&socket->recv_node);
    list_init(&socket->own.done_node);
    list_init(&socket->own.warm_node);
    list_init(&socket->own.posted);
}

/* ---- posting ---- */

static bool nothing_is_out(const struct port_socket *socket)
{
    return list_empty(&socket->own.posted) && !(socket->own_flags & SOCKET_WAITING);
}

static bool is_over(const struct port_socket *socket)
{
    return socket->stopping || socket->recv_error != PORT_OK || socket->own_flags & SOCKET_ENDED;
}

static enum port_error end_of(const struct port_socket *socket)
{
    if (socket->recv_error != PORT_OK) return socket->recv_error;
    return socket->own_flags & SOCKET_ENDED ? PORT_OK : PORT_CANCELLED;
}

/* No more receives will be posted, and the last one has completed. */
static void end_stream(struct port_socket *socket)
{
    socket->receiving = false;
    list_remove(&socket->recv_node);
    list_remove(&socket->own.warm_node);
}

/* Posts a receive. Returns 0: completed at once; ERROR_IO_PENDING: in flight; or another error number. */
static int ask(struct port_socket *socket, WSABUF *buffer, OVERLAPPED *overlapped, DWORD *size)
{
    DWORD flags = 0;
    memset(overlapped, 0, sizeof *overlapped);
    int failed = WSARecv((SOCKET)socket->handle, buffer, 1, size, &flags, overlapped, NULL);
    if (failed) return WSAGetLastError();
    return socket->own_flags & SOCKET_SKIPS ? 0 : ERROR_IO_PENDING;
}

/* The system refuses to post receives for this socket. */
static void fail(struct port_iocp *iocp, struct port_socket *socket, int number)
{
    socket->recv_error = (uint8_t)windows_error(number);
    list_remove(&socket->own.warm_node);
    if (nothing_is_out(socket)) port_end_stream(&iocp->ended, socket, socket->recv_error);
}

static void warm_up(struct port_iocp *iocp, struct port_socket *socket)
{
    socket->own_flags |= SOCKET_WARM;
    socket->own.warm_ns = iocp->port.now_ns;
    list_remove(&socket->own.warm_node);
    list_append(&iocp->warm, &socket->own.warm_node);
}

/* Bytes came, so more are likely: posts receives ahead. With few blocks left the socket waits without a block. */
static void note_bytes(struct port_iocp *iocp, struct port_socket *socket)
{
    if (plenty(iocp) || !list_empty(&socket->own.posted)) {
        warm_up(iocp, socket);
        return;
    }
    socket->own_flags &= (uint8_t)~SOCKET_WARM;
    list_remove(&socket->own.warm_node);
}

/* Posts a receive of no bytes. True if there are bytes already. */
static bool post_wait(struct port_iocp *iocp, struct port_socket *socket)
{
    WSABUF nothing = {.len = 0, .buf = NULL};
    DWORD size;
    int result = ask(socket, &nothing, wait_of(socket), &size);
    if (result == 0) {
        warm_up(iocp, socket);
        return true;
    }
    if (result == ERROR_IO_PENDING)
        socket->own_flags |= SOCKET_WAITING;
    else
        fail(iocp, socket, result);
    return false;
}

static bool post_block(struct port_iocp *iocp, struct port_socket *socket, struct block *block)
{
    WSABUF buffer = {.len = block->capacity, .buf = (char *)block->data};
    DWORD size;
    int result = ask(socket, &buffer, overlapped_of(block), &size);
    if (result != 0 && result != ERROR_IO_PENDING) {
        block_give(block);
        fail(iocp, socket, result);
        return false;
    }
    block->owner = socket;
    block->sequence = socket->sequence_next++;
    block->state = BLOCK_AT_PORT;
    block->filled = result == 0;
    list_append(&socket->own.posted, &block->node);
    if (!block->filled) return true;
    block->end = size;
    if (list_empty(&socket->own.done_node)) list_append(&iocp->received, &socket->own.done_node);
    return size > 0;
}

/* Keeps the numbers of receives in flight within `depth`, the size of reorder's window. */
static bool may_post(const struct port_socket *socket, uint32_t depth)
{
    if (list_empty(&socket->own.posted)) return true;
    return socket->sequence_next - block_of(socket->own.posted.next)->sequence < depth;
}

static void post_ahead(struct port_iocp *iocp, struct port_socket *socket)
{
    while (may_post(socket, plenty(iocp) ? iocp->recv_depth : 1)) {
        struct block *block = block_take(&iocp->landing);
        if (block == NULL) {
            list_append(&iocp->stalled, &socket->recv_node);
            return;
        }
        if (!post_block(iocp, socket, block)) return;
    }
}

static void feed(struct port_iocp *iocp, struct port_socket *socket)
{
    if (is_over(socket) || socket->own_flags & (SOCKET_WAITING | SOCKET_COOLING)) return;
    if (!(socket->own_flags & SOCKET_WARM)) {
        if (!list_empty(&socket->own.posted) || !post_wait(iocp, socket)) return;
    }
    post_ahead(iocp, socket);
}

static void cancel_posted(struct port_socket *socket)
{
    for (struct list *node = socket->own.posted.previous; node != &socket->own.posted;
         node = node->previous)
        if (!block_of(node)->filled)
            CancelIoEx((HANDLE)socket->handle, overlapped_of(block_of(node)));
}

/* Takes back the blocks of silent sockets; of all sockets when blocks are scarce. */
static void cool(struct port_iocp *iocp, uint64_t now_ns)
{
    while (!list_empty(&iocp->warm)) {
        struct port_socket *socket =
            container_of(iocp->warm.next, struct port_socket, own.warm_node);
        if (!scarce(iocp) && now_ns - socket->own.warm_ns < COOL_NS) return;
        list_remove(&socket->own.warm_node);
        socket->own_flags &= (uint8_t)~SOCKET_WARM;
        if (list_empty(&socket->own.posted)) continue;
        socket->own_flags |= SOCKET_COOLING;
        cancel_posted(socket);
    }
}

void iocp_feed(struct port_iocp *iocp, uint64_t now_ns)
{
    struct list turn, *node;
    cool(iocp, now_ns);
    list_init(&turn); /* sockets that find no block again keep their place at the front */
    list_move_all(&turn, &iocp->stalled);
    list_move_all(&turn, &iocp->hungry);
    while ((node = list_take_first(&turn)) != NULL) feed(iocp, socket_of(node));
}

uint64_t iocp_feed_next_ns(const struct port_iocp *iocp)
{
    if (list_empty(&iocp->warm)) return UINT64_MAX;
    return container_of(iocp->warm.next, struct port_socket, own.warm_node)->own.warm_ns + COOL_NS;
}

/* ---- the operations ---- */

void iocp_recv_start(struct port *port, struct port_socket *socket)
{
    check(nothing_is_out(socket));
    socket->receiving = true;
    socket->stopping = false;
    socket->recv_error = PORT_OK;
    socket->own_flags &= SOCKET_SKIPS;
    list_append(&iocp_of(port)->hungry, &socket->recv_node);
}

void iocp_recv_cancelled(struct port_iocp *iocp, struct port_socket *socket)
{
    list_remove(&socket->recv_node);
    list_remove(&socket->own.warm_node);
    if (nothing_is_out(socket)) port_end_stream(&iocp->ended, socket, end_of(socket));
}

void iocp_recv_stop(struct port *port, struct port_socket *socket)
{
    if (socket->own_flags & SOCKET_WAITING) CancelIoEx((HANDLE)socket->handle, wait_of(socket));
    cancel_posted(socket);
    iocp_recv_cancelled(iocp_of(port), socket);
}

void iocp_recv_done(struct port *port, struct block *block)
{
    (void)port;
    block_give(block);
}

/* ---- completions ---- */

/* After any receive of the socket has completed: ends the stream, or continues it. */
static bool go_on(struct port_iocp *iocp, struct port_socket *socket)
{
    if (is_over(socket)) return !nothing_is_out(socket);
    if (list_empty(&socket->own.posted)) socket->own_flags &= (uint8_t)~SOCKET_COOLING;
    if (list_empty(&socket->recv_node)) list_append(&iocp->hungry, &socket->recv_node);
    return true;
}

/* Turns a completed receive into an event. */
static void yield_block(struct port_iocp *iocp, struct port_socket *socket, struct block *block,
                        struct port_event *event)
{
    list_remove(&block->node);
    block->state = BLOCK_TAKEN;
    block->owner = NULL;
    block->filled = false;
    if (block->end == 0 && overlapped_of(block)->Internal == 0)
        socket->own_flags |= SOCKET_ENDED;
    else if (block->end > 0 && !is_over(socket))
        note_bytes(iocp, socket);
    *event = (struct port_event){.kind = PORT_RECEIVED, .socket = socket, .block = block};
}

static void finish(struct port_iocp *iocp, struct port_socket *socket, struct port_event *event)
{
    if (go_on(iocp, socket)) return;
    event->last = true;
    event->error = (uint8_t)end_of(socket);
    end_stream(socket);
}

/* Notes the result of a receive; an error ends the stream. */
static void take_result(struct port_socket *socket, OVERLAPPED *overlapped)
{
    enum port_error error = windows_result((SOCKET)socket->handle, overlapped);
    if (error == PORT_OK || error == PORT_CANCELLED) return; /* canceled by us, or posted again */
    if (socket->recv_error == PORT_OK) socket->recv_error = (uint8_t)error;
}

bool iocp_complete_recv(struct port_iocp *iocp, struct port_socket *socket, OVERLAPPED *overlapped,
                        uint32_t size, struct port_event *event)
{
    take_result(socket, overlapped);
    if (overlapped == wait_of(socket)) {
        bool cancelled = overlapped->Internal != 0;
        socket->own_flags &= (uint8_t)~SOCKET_WAITING;
        if (!cancelled && !is_over(socket)) warm_up(iocp, socket);
        *event = (struct port_event){.kind = PORT_RECEIVED, .socket = socket};
        finish(iocp, socket, event);
        return event->last;
    }
    struct block *block = container_of(overlapped, struct block, kernel);
    check(block->owner == socket);
    check(block->state == BLOCK_AT_PORT);
    check(!block->filled);
    block->end = size;
    yield_block(iocp, socket, block, event);
    finish(iocp, socket, event);
    return true;
}

static struct block *first_filled(const struct port_socket *socket)
{
    for (struct list *node = socket->own.posted.next; node != &socket->own.posted;
         node = node->next)
        if (block_of(node)->filled) return block_of(node);
    return NULL;
}

int iocp_take_received(struct port_iocp *iocp, struct port_event *events, int count_max)
{
    int count = 0;
    while (count < count_max && !list_empty(&iocp->received)) {
        struct port_socket *socket =
            container_of(iocp->received.next, struct port_socket, own.done_node);
        struct block *block = first_filled(socket);
        struct port_event *event = &events[count++];
        check(block != NULL);
        yield_block(iocp, socket, block, event);
        if (first_filled(socket) == NULL) list_remove(&socket->own.done_node);
        finish(iocp, socket, event);
    }
    return count;
}
