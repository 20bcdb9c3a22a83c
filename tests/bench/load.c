/* load.c - the load of load.h over plain TCP. */
#include "load.h"

static void greet_plainly(const struct load *load, uint64_t until_ns)
{
    greet(&load->address, until_ns);
}

static void open_plainly(const struct load *load, struct peer *peer)
{
    peer->handle = connect_to(&load->address, peer->number, 0);
}

static size_t send_plainly(const struct load *load, struct peer *peer, const uint8_t *bytes,
                           size_t size)
{
    (void)load;
    ssize_t sent = send(peer->handle, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        fail(1, "connection %" PRIu64 ": sending: %s", peer->number, strerror(errno));
    return sent > 0 ? (size_t)sent : 0;
}

static void receive_plainly(struct load *load, struct peer *peer)
{
    static uint8_t bytes[PIECE];
    ssize_t size = recv(peer->handle, bytes, sizeof bytes, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    if (size <= 0)
        fail(1, "connection %" PRIu64 ": the server closed it: %s", peer->number,
             size == 0 ? "end of stream" : strerror(errno));
    load_take(load, peer, bytes, (size_t)size);
}

int main(int count, char **words)
{
    static const struct way way = {.greet = greet_plainly,
                                   .open = open_plainly,
                                   .send = send_plainly,
                                   .receive = receive_plainly};
    return load_main(count, words, &way);
}
