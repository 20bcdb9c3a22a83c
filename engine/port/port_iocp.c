/* The completion port over Windows' I/O completion ports, one for each worker.
 *
 *     key: socket    OVERLAPPED in a block           a receive      port_iocp_recv.c
 *                    socket->own.kernel_wait             a receive of zero bytes
 *                    socket->own.kernel_send             a send
 *                    one in socket->own.watch            a watch        port_iocp_watch.c
 *     key: acceptor  OVERLAPPED in an iocp_ahead     an AcceptEx    port_iocp_accept.c
 *     key: 0         none                            a wake: mail waits
 *     key: KEY_MARK  none                            all earlier packets have been taken
 *
 * Operations that complete at once make no packet in the system's queue
 * (FILE_SKIP_COMPLETION_PORT_ON_SUCCESS): they wait in lists for the next harvest. This saves work for
 * sends, nearly all of which complete at once, and for receives that find bytes waiting. */
#include "port/port_iocp.h"

#include <stdlib.h>

/* Larger sends are submitted in parts, so that a slow reader's progress can be seen. */
enum { SEND_MAX = 256 << 10 };

static OVERLAPPED *send_of(struct port_socket *socket)
{
    static_assert(sizeof(OVERLAPPED) <= sizeof socket->own.kernel_send, "it has room");
    return (OVERLAPPED *)socket->own.kernel_send;
}

/* ---- sending ---- */

static DWORD fill_buffers(WSABUF *buffers, const struct span *parts, int count)
{
    DWORD used = 0;
    size_t room = SEND_MAX;
    while (used < (DWORD)count && room > 0) {
        struct span part = span_first(parts[used], room);
        buffers[used++] = (WSABUF){.len = (ULONG)part.size, .buf = (char *)part.data};
        room -= part.size;
    }
    return used;
}

static void iocp_send(struct port *port, struct port_socket *socket, const struct span *parts,
                      int count)
{
    WSABUF buffers[PORT_PARTS_MAX];
    DWORD size, used = fill_buffers(buffers, parts, count);
    memset(send_of(socket), 0, sizeof(OVERLAPPED));
    int failed = WSASend((SOCKET)socket->handle, buffers, used, &size, 0, send_of(socket), NULL);
    int number = failed ? WSAGetLastError() : 0;
    if (failed && number != ERROR_IO_PENDING)
        port_end_send(port, socket, 0, windows_error(number));
    else if (!failed && socket->own_flags & SOCKET_SKIPS)
        port_end_send(port, socket, size, PORT_OK);
}

/* ---- harvesting ---- */

static bool complete(struct port_iocp *iocp, const OVERLAPPED_ENTRY *entry,
                     struct port_event *event)
{
    OVERLAPPED *overlapped = entry->lpOverlapped;
    uintptr_t key = entry->lpCompletionKey;
    if (key == 0) return false; /* a wake-up: each harvest takes the mail */
    if (key == KEY_MARK) {
        iocp->mark_came = true;
        return false;
    }
    if (key & KEY_ACCEPTOR)
        return iocp_complete_accept((struct port_acceptor *)(key - KEY_ACCEPTOR), overlapped,
                                    event);
    struct port_socket *socket = (struct port_socket *)key;
    DWORD size = entry->dwNumberOfBytesTransferred;
    if (iocp_is_watch(socket, overlapped)) {
        *event = iocp_complete_watch(socket);
        return true;
    }
    if (overlapped != send_of(socket))
        return iocp_complete_recv(iocp, socket, overlapped, size, event);
    *event = port_sent(socket, size, windows_result((SOCKET)socket->handle, overlapped));
    return true;
}

static int take_batch(struct port_iocp *iocp, struct port_event *events, int count_max)
{
    int count = 0;
    while (count < count_max && iocp->batch_next < iocp->batch_count)
        if (complete(iocp, &iocp->batch[iocp->batch_next++], &events[count])) count++;
    return count;
}

/* xorshift64: the same seed gives the same sequence. */
static uint64_t next_random(struct port_iocp *iocp)
{
    iocp->shuffle ^= iocp->shuffle << 13;
    iocp->shuffle ^= iocp->shuffle >> 7;
    iocp->shuffle ^= iocp->shuffle << 17;
    return iocp->shuffle;
}

/* For tests: Windows may return completions in any order, but seldom does. */
static void shuffle_batch(struct port_iocp *iocp)
{
    for (ULONG left = iocp->batch_count; left > 1; left--) {
        OVERLAPPED_ENTRY *other = &iocp->batch[next_random(iocp) % left];
        OVERLAPPED_ENTRY *last = &iocp->batch[left - 1], kept = *last;
        *last = *other;
        *other = kept;
    }
}

static DWORD timeout_ms(const struct port_iocp *iocp, uint64_t now_ns, uint64_t deadline_ns)
{
    uint64_t feed_ns = iocp_feed_next_ns(iocp);
    if (!list_empty(&iocp->received) || !list_empty(&iocp->port.sent) ||
        !list_empty(&iocp->ended) || !list_empty(&iocp->watched) || iocp_accept_has_ended(iocp) ||
        port_mail_waiting(&iocp->port))
        return 0;
    if (feed_ns < deadline_ns) deadline_ns = feed_ns;
    if (deadline_ns == UINT64_MAX) return INFINITE;
    if (deadline_ns <= now_ns) return 0;
    uint64_t wait_ms = (deadline_ns - now_ns + 999999) / 1000000;
    return wait_ms < 3600000 ? (DWORD)wait_ms : 3600000;
}

/* Takes the next batch, once the last one has been turned into events. */
static void wait_system(struct port_iocp *iocp, uint64_t deadline_ns)
{
    uint64_t now_ns = port_turn_ended(&iocp->port);
    iocp->unasked = iocp->batch_next < iocp->batch_count;
    if (iocp->unasked) return;
    iocp_feed(iocp, now_ns);
    iocp_accept_ahead(iocp);
    iocp->batch_next = iocp->batch_count = 0;
    if (GetQueuedCompletionStatusEx(iocp->handle, iocp->batch, IOCP_BATCH, &iocp->batch_count,
                                    timeout_ms(iocp, now_ns, deadline_ns), FALSE))
        check(iocp->batch_count <= IOCP_BATCH);
    else
        iocp->batch_count = 0;
    if (iocp->shuffle != 0) shuffle_batch(iocp);
}

static int iocp_harvest(struct port *port, struct port_event *events, int count_max,
                        uint64_t deadline_ns)
{
    struct port_iocp *iocp = iocp_of(port);
    wait_system(iocp, deadline_ns);
    port->now_ns = windows_now_ns();
    int count = port_take_mail(port, events, count_max);
    count += port_take_ended(&iocp->ended, events + count, count_max - count);
    count += iocp_take_watched(iocp, events + count, count_max - count);
    count += iocp_take_accept_ends(iocp, events + count, count_max - count);
    /* Queued receives were posted before those that completed at once, so they come first. Each gets half of the
     * rest, so that neither starves the other. */
    count += take_batch(iocp, events + count, (count_max - count + 1) / 2);
    count += iocp_take_received(iocp, events + count, (count_max - count + 1) / 2);
    count += port_take_sent(port, events + count, count_max - count);
    count += take_batch(iocp, events + count, count_max - count);
    if (iocp->mark_came && iocp->batch_next == iocp->batch_count) { /* a batch has no order */
        iocp->mark_came = false;
        port_pass_mark(port);
    }
    return count;
}

/* Sockets that were read must be asked again: bytes that came since then complete a receive at once. */
static bool iocp_behind(const struct port *port)
{
    const struct port_iocp *iocp = iocp_of((struct port *)port);
    return iocp->unasked || iocp->batch_next < iocp->batch_count ||
           iocp->batch_count == IOCP_BATCH || !list_empty(&iocp->received) ||
           !list_empty(&iocp->port.sent) || !list_empty(&iocp->ended) ||
           !list_empty(&iocp->watched) || !list_empty(&iocp->hungry) ||
           (!list_empty(&iocp->stalled) && iocp->landing.free_count > 0);
}

static void post(struct port *port, uintptr_t key)
{
    while (!PostQueuedCompletionStatus(iocp_of(port)->handle, 0, key, NULL))
        Sleep(1); /* the system is out of memory at the moment */
}

static void iocp_mark(struct port *port)
{
    post(port, KEY_MARK);
}

static void iocp_wake(struct port *port)
{
    post(port, 0);
}

/* ---- sockets ---- */

/* With a layered provider in front of the system's own, an operation that completes at once might still make a
 * packet. */
static bool may_skip(SOCKET handle)
{
    WSAPROTOCOL_INFOW info;
    int size = sizeof info;
    memset(&info, 0, sizeof info);
    return getsockopt(handle, SOL_SOCKET, SO_PROTOCOL_INFOW, (char *)&info, &size) == 0 &&
           info.dwServiceFlags1 & XP1_IFS_HANDLES;
}

static bool iocp_attach(struct port *port, struct port_socket *socket, intptr_t handle)
{
    const int on = 1;
    const UCHAR skip = FILE_SKIP_COMPLETION_PORT_ON_SUCCESS | FILE_SKIP_SET_EVENT_ON_HANDLE;
    *socket = (struct port_socket){.handle = handle};
    iocp_recv_init(socket);
    list_init(&socket->send_node);
    list_init(&socket->watch_node);
    setsockopt((SOCKET)handle, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof on);
    if (CreateIoCompletionPort((HANDLE)handle, iocp_of(port)->handle, (ULONG_PTR)socket, 0) == NULL)
        return false;
    if (may_skip((SOCKET)handle) && SetFileCompletionNotificationModes((HANDLE)handle, skip))
        socket->own_flags |= SOCKET_SKIPS;
    return true;
}

static void iocp_cancel(struct port *port, struct port_socket *socket)
{
    CancelIoEx((HANDLE)socket->handle, NULL);
    if (socket->watching) iocp_watch_cancel(iocp_of(port), socket);
    if (socket->receiving) iocp_recv_cancelled(iocp_of(port), socket);
}

static void iocp_detach(struct port *port, struct port_socket *socket)
{
    (void)port;
    check(list_empty(&socket->recv_node) && list_empty(&socket->send_node));
    check(list_empty(&socket->own.done_node) && list_empty(&socket->own.warm_node));
    check(list_empty(&socket->own.posted));
    check(list_empty(&socket->watch_node));
    closesocket((SOCKET)socket->handle);
}

static void iocp_close(struct port *port)
{
    struct port_iocp *iocp = iocp_of(port);
    iocp_accept_close(iocp);
    CloseHandle(iocp->handle);
    WSACleanup();
    block_pool_close(&iocp->landing);
    free(iocp);
}

static const struct port_operations iocp_operations = {
    .name = "iocp",
    .close = iocp_close,
    .harvest = iocp_harvest,
    .behind = iocp_behind,
    .mark = iocp_mark,
    .wake = iocp_wake,
    .attach = iocp_attach,
    .recv_start = iocp_recv_start,
    .recv_stop = iocp_recv_stop,
    .recv_done = iocp_recv_done,
    .send = iocp_send,
    .watch = iocp_watch,
    .unread = iocp_unread,
    .shutdown = windows_shutdown,
    .cancel = iocp_cancel,
    .detach = iocp_detach,
    .listen = windows_listen,
    .accept_start = iocp_accept_start,
    .accept_stop = iocp_accept_stop,
    .accept_end = iocp_accept_end,
    .local_address = address_of_socket,
    .peer_address = iocp_peer_address,
    .close_handle = windows_close_handle,
    .clock = windows_now_ns,
};

/* MOONPORT_SHUFFLE=SEED, for tests. */
static uint64_t shuffle_seed(void)
{
    const char *seed = getenv("MOONPORT_SHUFFLE");
    return seed == NULL ? 0 : strtoull(seed, NULL, 10) * UINT64_C(0x9e3779b97f4a7c15);
}

struct port *port_iocp_open(const struct port_options *options, struct error *error)
{
    WSADATA data;
    struct port_iocp *iocp = calloc(1, sizeof *iocp);
    if (iocp == NULL) goto no_memory;
    if (!block_pool_open(&iocp->landing, options->landing_blocks, options->landing_size, NULL))
        goto no_pool;
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0) goto no_sockets;
    iocp->handle = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    if (iocp->handle == NULL) goto no_port;
    port_init(&iocp->port, &iocp_operations, windows_now_ns(), options->landing_blocks);
    iocp->recv_depth = options->recv_depth;
    iocp->shuffle = shuffle_seed();
    list_init(&iocp->hungry);
    list_init(&iocp->stalled);
    list_init(&iocp->warm);
    list_init(&iocp->received);
    list_init(&iocp->ended);
    list_init(&iocp->watched);
    list_init(&iocp->acceptors);
    list_init(&iocp->refused);
    return &iocp->port;

no_port:
    WSACleanup();
no_sockets:
    block_pool_close(&iocp->landing);
no_pool:
    free(iocp);
no_memory:
    error_set(error, ERROR_SYSTEM,
              "cannot open an I/O completion port: Windows has no room for it");
    return NULL;
}
