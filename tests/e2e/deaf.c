#include "deaf.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum { HEADER = 4, PIECE = 16 << 10, DEAF_MAX = 64, PATIENCE_MS = 30000 };

static void fill(const struct deaf *deaf, uint64_t place, uint8_t *bytes, size_t size)
{
    size_t length = HEADER + deaf->packet_size;
    for (size_t i = 0; i < size; i++) {
        uint64_t packet = (place + i) / length;
        size_t within = (size_t)((place + i) % length);
        bytes[i] = within < HEADER ? (uint8_t)(length >> 8 * within)
                                   : (uint8_t)(packet * 131 + within * 7 + (packet >> 8));
    }
}

static size_t push(struct deaf *deaf, size_t size)
{
    uint8_t bytes[PIECE];
    fill(deaf, deaf->sent, bytes, size);
    ssize_t sent = send(deaf->client, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent <= 0) return 0; /* or it was closed: that shows when it is to hear */
    deaf->sent += (uint64_t)sent;
    return (size_t)sent;
}

size_t deaf_push(struct deaf *deaf)
{
    return push(deaf, PIECE);
}

/* Bytes until the packet that was begun is whole. */
static size_t missing(const struct deaf *deaf)
{
    size_t length = HEADER + deaf->packet_size;
    return (size_t)((length - deaf->sent % length) % length);
}

static void hear(struct deaf *deaf)
{
    uint8_t bytes[PIECE], expected[PIECE];
    ssize_t size = recv(deaf->client, bytes, sizeof bytes, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    cr_assert(size > 0, "after %llu of %llu bytes: %s", (unsigned long long)deaf->received,
              (unsigned long long)deaf->sent, size == 0 ? "it ended" : strerror(errno));
    fill(deaf, deaf->received, expected, (size_t)size);
    cr_assert(memcmp(bytes, expected, (size_t)size) == 0, "a wrong byte behind the first %llu",
              (unsigned long long)deaf->received);
    deaf->received += (uint64_t)size;
}

void deaf_hear(struct deaf *deaf, int count)
{
    struct pollfd ready[DEAF_MAX];
    int unfinished;
    cr_assert(count <= DEAF_MAX);
    do {
        unfinished = 0;
        for (int i = 0; i < count; i++) {
            bool over = missing(&deaf[i]) == 0 && deaf[i].received == deaf[i].sent;
            short events = (short)(POLLIN | (missing(&deaf[i]) > 0 ? POLLOUT : 0));
            ready[i] = (struct pollfd){.fd = over ? -1 : deaf[i].client, .events = events};
            unfinished += !over;
        }
        if (unfinished == 0) return;
        cr_assert(poll(ready, (nfds_t)count, PATIENCE_MS * patience()) > 0,
                  "%d connections wait for what they are owed", unfinished);
        for (int i = 0; i < count; i++) {
            if (ready[i].revents & POLLOUT) push(&deaf[i], missing(&deaf[i]));
            if (ready[i].revents & ~POLLOUT) hear(&deaf[i]);
        }
    } while (true);
}

/* Its receive buffer is left as it is: with a small one TCP would take minutes to catch up. */
struct deaf deaf_connect(const struct server *server, size_t packet_size)
{
    struct deaf deaf = {.client = client_connect(server), .packet_size = packet_size};
    push(&deaf, 1);
    deaf_hear(&deaf, 1);
    return deaf;
}
