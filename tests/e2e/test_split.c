/* However the bytes of a stream arrive, the packets are the same: for every framing. */
#include "harness.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PACKETS = 6, SAMPLE_SIZE = 1024, COPIES = 200, CONFIG_SIZE = 4096 };

/* The answer has the same size and other bytes: what was cut wrongly comes back wrongly. */
static const char shout[] = "function on_receive(conn, packet)\n"
                            "  assert(conn:send(packet:upper()))\n"
                            "end\n"
                            "function on_disconnect(conn, reason)\n"
                            "  server.log('info', 'gone: %s', reason)\n"
                            "end\n";

enum kind { LENGTH, VARINT, LINE, FIXED, RAW };

struct framing {
    const char *spec; /* as in config.lua */
    enum kind kind;
    size_t size; /* of the length field, or of the packet */
    bool big;
    size_t offset;
    long adjustment;
    bool counts_header;
    size_t packet_min;
    const char *sent_as, *answered_as; /* the ends of lines */
};

static const struct framing framings[] = {
    {"'length'", LENGTH, .size = 4, .counts_header = true},
    {"{ 'length', size = 1 }", LENGTH, .size = 1, .counts_header = true},
    {"{ 'length', size = 2 }", LENGTH, .size = 2, .counts_header = true},
    {"{ 'length', size = 3 }", LENGTH, .size = 3, .counts_header = true},
    {"{ 'length', size = 8 }", LENGTH, .size = 8, .counts_header = true},
    {"{ 'length', order = 'big' }", LENGTH, .size = 4, .big = true, .counts_header = true},
    {"{ 'length', counts_header = false }", LENGTH, .size = 4},
    {"{ 'length', size = 2, offset = 3 }", LENGTH, .size = 2, .offset = 3, .counts_header = true,
     .packet_min = 3},
    {"{ 'length', adjustment = -7 }", LENGTH, .size = 4, .adjustment = -7, .counts_header = true},
    {"{ 'length', adjustment = 5 }", LENGTH, .size = 4, .adjustment = 5, .counts_header = true,
     .packet_min = 1},
    {"{ 'length', size = 3, order = 'big', offset = 4, adjustment = -1, counts_header = false }",
     LENGTH, .size = 3, .big = true, .offset = 4, .adjustment = -1, .packet_min = 4},
    {"{ 'length', size = 'varint' }", VARINT, .size = 0},
    {"{ 'length', size = 'varint', offset = 2 }", VARINT, .offset = 2, .packet_min = 2},
    {"'line'", LINE, .sent_as = "\n", .answered_as = "\n"},
    {"'line'", LINE, .sent_as = "\r\n", .answered_as = "\n"},
    {"{ 'line', strip = false }", LINE, .sent_as = "\n", .answered_as = "\n"},
    {"{ 'line', delimiter = '||' }", LINE, .sent_as = "||", .answered_as = "||"},
    {"{ 'fixed', size = 7 }", FIXED, .size = 7},
    {"'raw'", RAW, .size = 0},
};
enum { FRAMINGS = sizeof framings / sizeof *framings };

/* ---- a stream and its answer ---- */

struct bytes {
    uint8_t data[SAMPLE_SIZE];
    size_t size;
    size_t ends[PACKETS]; /* where each packet ends */
};

struct sample {
    struct bytes wire, answer;
};

static void append(struct bytes *bytes, const void *data, size_t size)
{
    cr_assert(bytes->size + size <= SAMPLE_SIZE);
    memcpy(bytes->data + bytes->size, data, size);
    bytes->size += size;
}

static void append_number(struct bytes *bytes, size_t value, size_t size, bool big)
{
    for (size_t i = 0; i < size; i++) {
        uint8_t byte = (uint8_t)(value >> 8 * (big ? size - 1 - i : i));
        append(bytes, &byte, 1);
    }
}

static void append_varint(struct bytes *bytes, size_t value)
{
    for (; value >= 128; value >>= 7) append(bytes, &(uint8_t){(uint8_t)(value | 128)}, 1);
    append(bytes, &(uint8_t){(uint8_t)value}, 1);
}

static void append_packet(struct bytes *bytes, const struct framing *framing, const char *packet,
                          size_t size, const char *line_end)
{
    bool has_length = framing->kind == LENGTH || framing->kind == VARINT;
    size_t offset = has_length ? framing->offset : 0;
    size_t value = size - offset - (size_t)framing->adjustment;
    if (framing->counts_header) value += offset + framing->size;
    append(bytes, packet, offset);
    if (framing->kind == LENGTH) append_number(bytes, value, framing->size, framing->big);
    if (framing->kind == VARINT) append_varint(bytes, value);
    append(bytes, packet + offset, size - offset);
    if (framing->kind == LINE) append(bytes, line_end, strlen(line_end));
}

static void make_sample(struct sample *sample, const struct framing *framing)
{
    static const size_t sizes[PACKETS] = {8, 0, 1, 150, 3, 20};
    char packet[SAMPLE_SIZE];
    memset(sample, 0, sizeof *sample);
    for (int i = 0; i < PACKETS; i++) {
        size_t size = sizes[i] < framing->packet_min ? framing->packet_min : sizes[i];
        if (framing->kind == FIXED) size = framing->size;
        for (size_t j = 0; j < size; j++) packet[j] = (char)('a' + (3 * j + (size_t)i) % 26);
        append_packet(&sample->wire, framing, packet, size, framing->sent_as);
        for (size_t j = 0; j < size; j++) packet[j] = (char)toupper(packet[j]);
        append_packet(&sample->answer, framing, packet, size, framing->answered_as);
        sample->wire.ends[i] = sample->wire.size;
        sample->answer.ends[i] = sample->answer.size;
    }
}

/* What is answered once so many bytes of the stream have arrived. */
static size_t answered(const struct sample *sample, const struct framing *framing, size_t arrived)
{
    size_t size = 0;
    if (framing->kind == RAW) return arrived;
    for (int i = 0; i < PACKETS; i++)
        if (sample->wire.ends[i] <= arrived) size = sample->answer.ends[i];
    return size;
}

static void expect_answer(int client, const struct framing *framing, const uint8_t *expected,
                          size_t size, size_t split)
{
    uint8_t *answer = malloc(size + 1);
    cr_assert_not_null(answer);
    client_receive(client, answer, size);
    cr_assert(memcmp(answer, expected, size) == 0, "%s, split at %zu", framing->spec, split);
    free(answer);
}

/* ---- one server for all of them, a listener each ---- */

static struct server begin_all(const char *block_size)
{
    static char config[CONFIG_SIZE];
    size_t size = (size_t)snprintf(config, sizeof config, "return { listen = {\n");
    for (int i = 0; i < FRAMINGS; i++)
        size +=
            (size_t)snprintf(config + size, sizeof config - size,
                             "  { address = '127.0.0.1:0', framing = %s },\n", framings[i].spec);
    snprintf(config + size, sizeof config - size, "} }\n");
    return server_begin(&(struct begin){
        .script = shout,
        .config = config,
        .flags = {"--block-size", block_size},
    });
}

static int connect_to(const struct server *server, int number)
{
    return client_connect_to("127.0.0.1", server_port(server, number));
}

static void end_all(struct server *server)
{
    server_expect_log_count(server, "gone: eof", FRAMINGS);
    server_end(server);
}

/* The first part ends with an unfinished packet, which has arrived when the answers to those before
 * it have; only then comes the second. */
static void split_everywhere(const char *block_size)
{
    static struct sample sample;
    struct server server = begin_all(block_size);
    for (int i = 0; i < FRAMINGS; i++) {
        int client = connect_to(&server, i);
        make_sample(&sample, &framings[i]);
        for (size_t split = 1; split < sample.wire.size; split++) {
            size_t first = answered(&sample, &framings[i], split);
            client_send(client, sample.wire.data, split);
            expect_answer(client, &framings[i], sample.answer.data, first, split);
            client_send(client, sample.wire.data + split, sample.wire.size - split);
            expect_answer(client, &framings[i], sample.answer.data + first,
                          sample.answer.size - first, split);
        }
        close(client);
    }
    end_all(&server);
}

Test(split, at_every_byte_gives_the_same_packets)
{
    split_everywhere("2048");
}

Test(split, at_every_byte_gives_the_same_packets_when_blocks_are_tiny)
{
    split_everywhere("64");
}

Test(split, byte_by_byte_gives_the_same_packets)
{
    static struct sample sample;
    struct server server = begin_all("64");
    for (int i = 0; i < FRAMINGS; i++) {
        int client = connect_to(&server, i);
        make_sample(&sample, &framings[i]);
        for (size_t j = 0; j < sample.wire.size; j++) client_send(client, sample.wire.data + j, 1);
        expect_answer(client, &framings[i], sample.answer.data, sample.answer.size, 1);
        close(client);
    }
    end_all(&server);
}

Test(split, packets_that_stick_together_come_apart)
{
    static struct sample sample;
    static uint8_t wire[COPIES * SAMPLE_SIZE], answer[COPIES * SAMPLE_SIZE];
    struct server server = begin_all("2048");
    for (int i = 0; i < FRAMINGS; i++) {
        int client = connect_to(&server, i);
        make_sample(&sample, &framings[i]);
        for (size_t copy = 0; copy < COPIES; copy++) {
            memcpy(wire + copy * sample.wire.size, sample.wire.data, sample.wire.size);
            memcpy(answer + copy * sample.answer.size, sample.answer.data, sample.answer.size);
        }
        client_send(client, wire, COPIES * sample.wire.size);
        expect_answer(client, &framings[i], answer, COPIES * sample.answer.size, 0);
        close(client);
    }
    end_all(&server);
}
