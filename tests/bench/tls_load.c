/* tls_load.c - the load of load.h over TLS: each packet in a record of its own.
 *
 * Besides its options:
 *
 *     [--version 1.2|1.3] [--ahead N]
 *
 * With --ahead so many records of each connection are made for each second, before anything is measured. Making one takes
 * a client as long as the server takes to read it: without that, a server that is faster than the client finds less to do
 * at a time, and so takes more CPU for each packet. */
#include "load.h"
#include "tls_client.h"

#include <fcntl.h>

enum { RECORD_MAX = 16384 };

struct line {
    struct tls_wire wire;
    uint8_t *records; /* that are made, and not sent */
    size_t begin, end, room;
    uint64_t made;   /* plain bytes in records: a place in the stream */
    uint64_t sent;   /* bytes of records */
    uint64_t due;    /* ... and how many have been asked for */
    uint64_t record; /* bytes of each, if all are alike; else 0 */
};

static SSL_CTX *client;
static uint64_t ahead;

/* ---- records ---- */

/* Moves what OpenSSL has written. */
static void collect(struct line *line)
{
    char *bytes;
    size_t size = (size_t)BIO_get_mem_data(line->wire.out, &bytes);
    if (line->begin == line->end) line->begin = line->end = 0;
    if (line->end + size > line->room) {
        line->room = 2 * line->room + size;
        line->records = realloc(line->records, line->room);
        if (line->records == NULL) fail(3, "out of memory");
    }
    memcpy(line->records + line->end, bytes, size);
    line->end += size;
    BIO_reset(line->wire.out);
}

static void make(struct line *line, const uint8_t *bytes, size_t size)
{
    tls_wire_write(&line->wire, bytes, size);
    line->made += size;
}

static void make_ahead(const struct load *load, struct peer *peer)
{
    static uint8_t packet[RECORD_MAX];
    struct line *line = peer->wire;
    uint64_t count = 1 + ahead * (load->duration_ns / 8 * 9) / SECOND_NS; /* it warms up, too */
    if (load->packet > RECORD_MAX || load->packet * load->pipeline > PIECE)
        fail(2, "--ahead: packets are larger than a record, or more than are sent at once");
    line->room = 128 + count * (load->packet + 64);
    line->records = malloc(line->room);
    if (line->records == NULL) fail(3, "out of memory");
    for (uint64_t i = 0; i < count; i++) {
        load_fill(load, peer, line->made, packet, load->packet);
        make(line, packet, load->packet);
        collect(line);
    }
    line->record = line->end / count;
    if (line->record * count != line->end) fail(3, "records are of different sizes");
}

/* ---- the way ---- */

static void greet_securely(const struct load *load, uint64_t until_ns)
{
    tls_greet(client, &load->address, until_ns);
}

static void open_securely(const struct load *load, struct peer *peer)
{
    struct line *line = calloc(1, sizeof *line);
    if (line == NULL) fail(3, "out of memory");
    tls_wire_connect(&line->wire, client, &load->address, peer->number, 0);
    peer->wire = line;
    peer->handle = line->wire.handle;
    if (fcntl(peer->handle, F_SETFL, O_NONBLOCK) != 0) fail(3, "fcntl: %s", strerror(errno));
    if (ahead > 0) make_ahead(load, peer);
}

static bool holds(const struct peer *peer)
{
    const struct line *line = peer->wire;
    return line->sent < line->due;
}

static size_t send_securely(const struct load *load, struct peer *peer, const uint8_t *bytes,
                            size_t size)
{
    struct line *line = peer->wire;
    uint64_t until = peer->sent + size;
    while (line->made < until) {
        size_t left = load->packet - line->made % load->packet, rest = until - line->made;
        make(line, bytes + (line->made - peer->sent), left < rest ? left : rest);
    }
    collect(line);
    line->due = line->record > 0 ? until / load->packet * line->record
                                 : line->sent + (line->end - line->begin);
    ssize_t sent =
        send(peer->handle, line->records + line->begin, line->due - line->sent, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN)
        fail(1, "connection %" PRIu64 ": sending: %s", peer->number, strerror(errno));
    if (sent > 0) {
        line->begin += (size_t)sent;
        line->sent += (uint64_t)sent;
    }
    return size;
}

static void receive_securely(struct load *load, struct peer *peer)
{
    static uint8_t bytes[PIECE];
    struct line *line = peer->wire;
    size_t size, part;
    if (!tls_wire_receive(&line->wire)) return;
    do {
        for (size = 0; (part = tls_wire_read(&line->wire, bytes + size, sizeof bytes - size)) > 0;)
            size += part;
        if (size > 0) load_take(load, peer, bytes, size);
    } while (size == sizeof bytes);
}

static bool option(const char *name, const char *value)
{
    if (strcmp(name, "--ahead") == 0) return settings_size(value, &ahead);
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
