/* websocket_wslay.c - the floor of websocket_floor.h with wslay for frames. Its callbacks read from memory and write to it:
 * on recv and send it would take a system call for each header and each payload, and ten times the time. websocket.sh
 * compiles it. */
#include "websocket_floor.h"

#include <wslay/wslay.h>

static struct span unread; /* what wslay has yet to read */
static struct buffer output;

static ssize_t give(wslay_event_context_ptr context, uint8_t *bytes, size_t size, int flags,
                    void *user)
{
    (void)flags, (void)user;
    if (size > unread.size) size = unread.size;
    if (size == 0) {
        wslay_event_set_error(context, WSLAY_ERR_WOULDBLOCK);
        return -1;
    }
    memcpy(bytes, unread.data, size);
    unread = span_skip(unread, size);
    return (ssize_t)size;
}

static ssize_t take_output(wslay_event_context_ptr context, const uint8_t *bytes, size_t size,
                           int flags, void *user)
{
    (void)context, (void)flags, (void)user;
    buffer_add(&output, bytes, size);
    return (ssize_t)size;
}

static void queue(const struct peer *peer, const struct wslay_event_msg *message)
{
    if (wslay_event_queue_msg(peer->state, message) != 0) fail(3, "wslay has no memory");
}

static void handle(wslay_event_context_ptr context,
                   const struct wslay_event_on_msg_recv_arg *received, void *user)
{
    const struct wslay_event_msg message = {
        .opcode = received->opcode, .msg = received->msg, .msg_length = received->msg_length};
    (void)context;
    if (wslay_is_ctrl_frame(received->opcode)) fail(1, "a control frame");
    if (!broadcasts) queue(user, &message);
    for (uint32_t i = 0; broadcasts && i < peer_count; i++)
        if (peers[i]->is_open) queue(peers[i], &message);
}

static void flush(struct peer *peer)
{
    output.size = 0;
    if (wslay_event_send(peer->state) != 0) fail(1, "wslay cannot send");
    transmit(peer, span_of(output.bytes, output.size));
}

static size_t take(struct peer *peer, struct span bytes)
{
    unread = bytes;
    if (wslay_event_recv(peer->state) != 0 || unread.size != 0) fail(1, "wslay cannot read");
    if (!broadcasts) flush(peer);
    for (uint32_t i = 0; broadcasts && i < peer_count; i++)
        if (wslay_event_want_write(peers[i]->state)) flush(peers[i]);
    return bytes.size;
}

static void open_context(struct peer *peer)
{
    static const struct wslay_event_callbacks callbacks = {
        .recv_callback = give, .send_callback = take_output, .on_msg_recv_callback = handle};
    wslay_event_context_ptr context;
    if (wslay_event_context_server_init(&context, &callbacks, peer) != 0)
        fail(3, "wslay has no memory");
    peer->state = context;
}

static void close_context(struct peer *peer)
{
    wslay_event_context_free(peer->state);
}

int main(int count, char **words)
{
    static const struct codec codec = {.open = open_context, .close = close_context, .take = take};
    floor_run(count, words, &codec);
}
