/* WebSockets that compress, on a server: their queues run full, their broadcasts are compressed once. */
#include "frame/deflate.h"
#include "frame/ws_frame.h"
#include "offline_talk.h"
#include "random.h"
#include "server/worker.h"

#include <stdlib.h>

enum { HARD = 20000, SIZE = 2000, CLIENTS = 3 };

static struct seen noted;
static struct offline *offline;
static uint64_t seed = 3;

/* A client, and what it keeps from message to message. */
struct reader {
    struct offline_peer *peer;
    struct inflater *inflater;
    bool keeps;
};
static struct budget of_readers = {.limit = 1 << 20};

static void begin(const char *framing)
{
    offline =
        open_set(&noted, (const char *const[]){"framing", framing, "on_full", "refuse",
                                               "idle_timeout", "0", "hard_mark", "20000",
                                               "soft_mark", "10000", "max_packet", "4000", NULL});
}

static struct reader connect_reader(bool keeps, const char *offer)
{
    char head[400];
    struct reader reader = {.keeps = keeps};
    reader.peer = connect_to(offline);
    reader.inflater = inflater_open(&of_readers, 15);
    snprintf(head, sizeof head,
             "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Extensions: %s\r\n\r\n",
             offer);
    cr_assert(offline_send(reader.peer, span_text(head)));
    cr_assert(offline_run(offline));
    struct span welcome = offline_received(reader.peer);
    cr_assert_gt(welcome.size, 4);
    cr_assert(memcmp(welcome.data + welcome.size - 4, "\r\n\r\n", 4) == 0);
    offline_take(reader.peer, welcome.size);
    return reader;
}

static void end_reader(struct reader *reader)
{
    inflater_close(reader->inflater);
}

/* A packet whose number is in it. */
static struct span packet_of(int number)
{
    static char text[SIZE];
    for (size_t i = 0; i < SIZE; i++) text[i] = "0123456789abcdef {}:"[random_next(&seed) % 20];
    text[snprintf(text, 12, "%d,", number)] = ' ';
    return span_of(text, SIZE);
}

/* The number of the next packet; -1: there is none. */
static int read_number(struct reader *reader)
{
    static uint8_t message[SIZE + 1];
    struct span bytes = offline_received(reader->peer), tail = inflater_tail();
    struct ws_header header;
    if (ws_header_read(&header, bytes) != WS_HEADER) return -1;
    struct span payload = span_first(span_skip(bytes, header.header_size), header.size);
    if (payload.size < header.size) return -1;
    if (header.reserved == WS_RSV1) {
        struct span room = span_of(message, sizeof message);
        cr_assert(inflater_run(reader->inflater, &payload, &room));
        cr_assert(inflater_run(reader->inflater, &tail, &room));
        cr_assert_eq(room.size, 1);
        inflater_reset(reader->inflater, reader->keeps);
    } else {
        cr_assert_eq(payload.size, SIZE);
        memcpy(message, payload.data, SIZE);
    }
    offline_take(reader->peer, header.header_size + header.size);
    message[SIZE] = '\0';
    return (int)strtol((char *)message, NULL, 10);
}

/* All that is sent is understood, whatever was refused before it. */
static void fill_and_drain(struct reader *reader, int rounds)
{
    int sent = 0, refused = 0;
    for (int round = 0; round < rounds; round++) {
        int expected = sent;
        offline_set_deaf(reader->peer, true);
        for (int i = 0; i < 40; i++) {
            enum send_result result = link_send(noted.link, packet_of(sent));
            cr_assert(result == SEND_OK || result == SEND_FULL);
            sent += result == SEND_OK;
            refused += result == SEND_FULL;
        }
        offline_set_deaf(reader->peer, false);
        cr_assert(offline_run(offline));
        while (expected < sent) cr_assert_eq(read_number(reader), expected++);
        cr_assert_eq(read_number(reader), -1);
    }
    cr_assert_gt(refused, 0);
    cr_assert_gt(sent, rounds);
}

Test(link_deflate, a_refused_packet_is_not_missed)
{
    for (int keeps = 0; keeps < 2; keeps++) {
        begin(keeps ? "websocket,compress=takeover" : "websocket,compress=true");
        struct reader reader = connect_reader(keeps, "permessage-deflate");
        fill_and_drain(&reader, 5);
        end_reader(&reader);
        offline_close(offline);
    }
}

/* With no memory for a queue, too. */
Test(link_deflate, a_packet_without_memory_is_not_missed)
{
    begin("websocket,compress=takeover");
    struct reader reader = connect_reader(true, "permessage-deflate");
    struct link_home *home = noted.link->home;
    struct link_limits limits = home->limits;
    cr_assert_eq(link_send(noted.link, packet_of(0)), SEND_OK);
    cr_assert(offline_run(offline));
    cr_assert_eq(read_number(&reader), 0);
    size_t memory = home->streams.budget.limit;
    struct list taken;
    list_init(&taken);
    for (struct block *block; (block = block_take(&home->streams.blocks)) != NULL;)
        list_append(&taken, &block->node);
    worker_set_limits(offline_worker(offline), &limits, budget_used(&home->streams.budget));
    for (int i = 0; i < 5; i++) cr_assert_eq(link_send(noted.link, packet_of(99)), SEND_NO_MEMORY);
    while (!list_empty(&taken)) {
        struct block *block = block_of(taken.next);
        list_remove(&block->node);
        block_give(block);
    }
    worker_set_limits(offline_worker(offline), &limits, memory);
    cr_assert(offline_run(offline));
    for (int i = 1; i < 5; i++) {
        cr_assert_eq(link_send(noted.link, packet_of(i)), SEND_OK);
        cr_assert(offline_run(offline));
        cr_assert_eq(read_number(&reader), i);
    }
    end_reader(&reader);
    offline_close(offline);
}

/* What is queued for all that share it lies in memory once. */
Test(link_deflate, a_broadcast_is_compressed_once_for_all_without_contexts)
{
    for (int keeps = 0; keeps < 2; keeps++) {
        struct reader readers[CLIENTS];
        size_t count;
        begin(keeps ? "websocket,compress=takeover" : "websocket,compress=true");
        for (int i = 0; i < CLIENTS; i++)
            readers[i] =
                connect_reader(keeps, i == 0 ? "permessage-deflate; server_max_window_bits=9"
                                             : "permessage-deflate");
        struct reader plain = connect_reader(false, "x");
        cr_assert_eq(noted.link->share, noted.link->frame);
        for (int number = 0; number < 4; number++) {
            cr_assert_eq(worker_broadcast(offline_worker(offline), packet_of(number), PACKET_PLAIN,
                                          NULL, &count),
                         SEND_OK);
            cr_assert_eq(count, CLIENTS + 1);
            cr_assert(offline_run(offline));
            struct span one = offline_received(readers[1].peer),
                        other = offline_received(readers[2].peer);
            cr_assert_lt(one.size, SIZE);
            cr_assert_eq(one.size, other.size);
            cr_assert_eq(offline_received(plain.peer).size, SIZE + 4);
            for (int i = 0; i < CLIENTS; i++) cr_assert_eq(read_number(&readers[i]), number);
            cr_assert_eq(read_number(&plain), number);
        }
        for (int i = 0; i < CLIENTS; i++) end_reader(&readers[i]);
        end_reader(&plain);
        offline_close(offline);
    }
}

/* The last that leaves takes what was shared with it. */
Test(link_deflate, all_memory_comes_back)
{
    begin("websocket,compress=true");
    struct reader first = connect_reader(false, "permessage-deflate"),
                  second = connect_reader(false, "permessage-deflate");
    struct link_home *home = noted.link->home;
    cr_assert_not_null(home->deflate);
    cr_assert_eq(link_send(noted.link, packet_of(1)), SEND_OK);
    offline_reset(second.peer);
    cr_assert(offline_run(offline));
    cr_assert_not_null(home->deflate);
    offline_reset(first.peer);
    cr_assert(offline_advance(offline, SECOND));
    cr_assert_null(home->deflate);
    end_reader(&first);
    end_reader(&second);
    offline_close(offline);
}
