/* tls_load.c - the load of load.h over TLS: each packet in a record of its own.
 *
 * Besides its options:
 *
 *     [--version 1.2|1.3] */
#include "load.h"
#include "tls_client.h"

#include <fcntl.h>

static SSL_CTX *client;

static void greet_securely(const struct load *load, uint64_t until_ns)
{
    tls_greet(client, &load->address, until_ns);
}

static void open_securely(const struct load *load, struct peer *peer)
{
    struct tls_wire *wire = malloc(sizeof *wire);
    if (wire == NULL) fail(3, "out of memory");
    tls_wire_connect(wire, client, &load->address, peer->number, 0);
    peer->wire = wire;
    peer->handle = wire->handle;
    if (fcntl(peer->handle, F_SETFL, O_NONBLOCK) != 0) fail(3, "fcntl: %s", strerror(errno));
}

static bool holds(const struct peer *peer)
{
    return tls_wire_holds(peer->wire);
}

static size_t send_securely(const struct load *load, struct peer *peer, const uint8_t *bytes,
                            size_t size)
{
    size_t used = 0;
    while (used < size) {
        size_t left = load->packet - (peer->sent + used) % load->packet;
        size_t part = left < size - used ? left : size - used;
        tls_wire_write(peer->wire, bytes + used, part);
        used += part;
    }
    tls_wire_flush(peer->wire);
    return size;
}

static void receive_securely(struct load *load, struct peer *peer)
{
    static uint8_t bytes[PIECE];
    size_t size, part;
    if (!tls_wire_receive(peer->wire)) return;
    do {
        for (size = 0; (part = tls_wire_read(peer->wire, bytes + size, sizeof bytes - size)) > 0;)
            size += part;
        if (size > 0) load_take(load, peer, bytes, size);
    } while (size == sizeof bytes);
}

static bool option(const char *name, const char *value)
{
    if (strcmp(name, "--version") != 0) return false;
    SSL_CTX_free(client);
    client = tls_context(value);
    return client != NULL;
}

int main(int count, char **words)
{
    static const struct way way = {.greet = greet_securely,
                                   .open = open_securely,
                                   .send = send_securely,
                                   .holds = holds,
                                   .receive = receive_securely,
                                   .option = option};
    client = tls_context("1.3");
    return load_main(count, words, &way);
}
