/* Framings by name: netstring, mqtt, hpsocket, erlang and skynet.
 *
 *     input:  which | its setting, 2 bytes | packet_max, 2 bytes | pieces, their count first | the stream
 */
#include "fuzz_frame.h"

static const char *const named[] = {"netstring", "mqtt", "hpsocket", "erlang", "skynet"};
enum { NAMED = sizeof named / sizeof named[0] };

static struct frame take_frame(struct span *input)
{
    static const uint8_t sizes[] = {1, 2, 4};
    struct error error;
    struct frame frame = frame_default(0);
    check(frame_set_kind(&frame, named[fuzz_byte(input) % NAMED], &error));
    uint16_t setting = (uint16_t)fuzz_number(input, 2);
    if (frame.kind == FRAME_HPSOCKET) frame.flag = setting % (FRAME_FLAG_MAX + 1);
    if (frame.codec == &frame_erlang_codec) frame.length.size = sizes[setting % 3];
    frame.packet_max = fuzz_number(input, 2);
    return frame;
}

/* The wire of what was sent, a second time, from the words of its standard. */
static void check_netstring(struct span wire, struct span packet)
{
    size_t header = 0, length = 0;
    for (; wire.data[header] != ':'; header++) length = 10 * length + wire.data[header] - '0';
    check(wire.data[0] != '0' || header == 1);
    check(length == packet.size);
    check(wire.size == header + 1 + length + 1);
    check(wire.data[wire.size - 1] == ',');
    check(fuzz_same(span_first(span_skip(wire, header + 1), length), packet));
}

static void check_mqtt(struct span wire, struct span packet)
{
    size_t header = 1, length = wire.data[1] & 0x7f;
    for (unsigned shift = 7; wire.data[header++] >= 0x80; shift += 7)
        length |= (size_t)(wire.data[header] & 0x7f) << shift;
    check(header <= 5);
    check(length == packet.size - 1);
    check(wire.data[0] == packet.data[0]);
    check(fuzz_same(span_skip(wire, header), span_skip(packet, 1)));
}

static void check_hpsocket(struct span wire, struct span packet, uint16_t flag)
{
    uint32_t header = wire.data[0] | (uint32_t)wire.data[1] << 8 | (uint32_t)wire.data[2] << 16 |
                      (uint32_t)wire.data[3] << 24;
    check(header / 4194304 == flag);
    check(header % 4194304 == packet.size);
    check(fuzz_same(span_skip(wire, 4), packet));
}

static void check_wrap(const struct frame *frame, struct span packet, struct pieces pieces)
{
    enum frame_fault fault;
    bool nothing = frame->kind == FRAME_MQTT || frame->kind == FRAME_HPSOCKET;
    struct span wire = wrap(frame, packet, &fault);
    check((fault == FRAME_BAD_SIZE) == (nothing && packet.size == 0));
    check((fault == FRAME_TOO_BIG) == (packet.size > frame->packet_max));
    if (fault != FRAME_NO_FAULT) return;
    if (frame->kind == FRAME_NETSTRING) check_netstring(wire, packet);
    if (frame->kind == FRAME_MQTT) check_mqtt(wire, packet);
    if (frame->kind == FRAME_HPSOCKET) check_hpsocket(wire, packet, frame->flag);
    check_comes_back(frame, wire, pieces, packet);
    free(wire.data);
}

/* A peek says what a cut does, and changes nothing; the fault has words. */
static void check_peek(const struct frame *frame, struct span stream)
{
    char text[FRAME_FAULT_TEXT_MAX];
    struct frame_cursor cursor = {.wanted = 0};
    struct frame_cut cut = {.fault = FRAME_NO_FAULT};
    struct span copy = fuzz_copy(stream);
    enum frame_verdict peeked = frame_peek(frame, cursor, copy);
    check(fuzz_same(copy, stream));
    check(frame_next(frame, &cursor, copy, &cut) == peeked);
    if (peeked == FRAME_ERROR) check(frame_error_text(frame, &cut, text)[0] != '\0');
    free(copy.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct frame frame = take_frame(&input);
    struct pieces pieces = pieces_take(&input);
    if (!finish(&frame)) return 0;
    check_cuts(&frame, input, pieces);
    check_peek(&frame, input);
    check_guess(&frame, input);
    check_wrap(&frame, input, pieces);
    return 0;
}
