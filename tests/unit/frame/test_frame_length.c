#include "frame_wire.h"
#include "random.h"

#include <criterion/criterion.h>
#include <inttypes.h>

#define BYTES(...) span_of(((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__}))

static const char *const sizes[] = {"1", "2", "3", "4", "8", "varint"};
static const char *const orders[] = {"", ",order=little", ",order=big"};
static const int offsets[] = {0, 1, 5};
static const int adjustments[] = {-2, 0, 3};
static const char *const counts[] = {"", ",counts_header=true", ",counts_header=false"};

/* Every combination of the above, as text; false behind the last. */
static bool combination(unsigned number, char *text, size_t text_size)
{
    const char *size = sizes[number % 6];
    const char *order = orders[number / 6 % 3];
    int offset = offsets[number / 18 % 3], adjustment = adjustments[number / 54 % 3];
    if (number / 162 == 3) return false;
    snprintf(text, text_size, "length,size=%s,offset=%d,adjustment=%d%s%s", size, offset,
             adjustment, order, counts[number / 162]);
    return true;
}

static bool impossible(const char *text)
{
    return strstr(text, "varint") != NULL &&
           (strstr(text, "order") != NULL || strstr(text, "counts_header=true") != NULL);
}

static size_t smallest_packet(const struct frame *frame)
{
    const struct frame_length *length = &frame->length;
    return length->offset + (length->bias > 0 ? (size_t)length->bias : 0);
}

static uint8_t *numbered_bytes(size_t size)
{
    static uint8_t bytes[WIRE_MAX];
    check(size <= sizeof bytes);
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(i * 7 + 1);
    return bytes;
}

Test(frame_length, every_possible_combination_is_accepted_and_no_other)
{
    char text[128];
    for (unsigned number = 0; combination(number, text, sizeof text); number++) {
        struct frame frame;
        struct error error = {0};
        bool accepted = frame_parse(&frame, text, 1000, &error);
        cr_assert_eq(accepted, !impossible(text), "%s: %s", text, error.text);
    }
}

/* Where one packet is possible still, and where none is. */
Test(frame_length, a_description_that_leaves_one_packet_is_accepted)
{
    static const char *const possible[] = {
        "length,counts_header=false,adjustment=10,max=10",
        "length,size=1,offset=254",
        "length,size=1,offset=10,max=10,counts_header=false",
    };
    static const char *const impossible[] = {
        "length,counts_header=false,adjustment=11,max=10",
        "length,size=1,offset=255",
        "length,size=1,offset=11,max=10,counts_header=false",
    };
    for (size_t i = 0; i < sizeof possible / sizeof *possible; i++) {
        struct frame frame;
        struct error error = {0};
        cr_assert(frame_parse(&frame, possible[i], 1000, &error), "%s: %s", possible[i],
                  error.text);
        cr_assert_not(frame_parse(&frame, impossible[i], 1000, &error), "%s", impossible[i]);
    }
}

Test(frame_length, packets_come_out_as_they_went_in_wherever_the_stream_is_cut)
{
    static struct wire wire;
    const size_t more[] = {0, 1, 0, 9, 130, 2};
    const uint8_t *bytes = numbered_bytes(1000);
    char text[128];
    for (unsigned number = 0; combination(number, text, sizeof text); number++) {
        if (impossible(text)) continue;
        struct frame frame = frame_made(text, 1000);
        wire.frame = &frame;
        wire.size = 0;
        wire.count = 0;
        for (size_t i = 0; i < sizeof more / sizeof more[0]; i++) {
            struct span packet = span_of(bytes + i, smallest_packet(&frame) + more[i]);
            cr_assert_eq(wire_put(&wire, packet), FRAME_NO_FAULT, "%s", text);
        }
        wire_cut_everywhere(&wire, text);
    }
}

Test(frame_length, the_limit_holds_to_the_byte_both_ways_and_before_the_packet_arrives)
{
    enum { LIMIT = 100 };
    static struct wire wire;
    const uint8_t *bytes = numbered_bytes(LIMIT + 1);
    char text[160];
    for (unsigned number = 0; combination(number, text, sizeof text - 16); number++) {
        if (impossible(text)) continue;
        struct frame wide = frame_made(text, 200);
        strcat(text, ",max=100");
        struct frame narrow = frame_made(text, 200);
        for (size_t size = LIMIT - 1; size <= LIMIT + 1; size++) {
            wire.frame = &wide;
            wire.size = 0;
            wire.count = 0;
            cr_assert_eq(wire_put(&wire, span_of(bytes, size)), FRAME_NO_FAULT);
            struct frame_cut cut;
            struct frame_cursor cursor;
            struct span whole = span_of(wire.data, wire.size);
            if (size <= LIMIT) {
                cr_assert_eq(verdict_on(&narrow, whole, &cut, &cursor), FRAME_PACKET, "%s", text);
                cr_assert_eq(cut.packet.size, size);
            } else {
                struct span header = span_first(whole, wire.size - size + wide.length.offset);
                cr_assert_eq(verdict_on(&narrow, header, &cut, &cursor), FRAME_ERROR, "%s", text);
                cr_assert_eq(cut.fault, FRAME_TOO_BIG);
            }
            wire.frame = &narrow;
            enum frame_fault fault = wire_put(&wire, span_of(bytes, size));
            cr_assert_eq(fault, size <= LIMIT ? FRAME_NO_FAULT : FRAME_TOO_BIG, "%s", text);
        }
    }
}

Test(frame_length, the_default_is_four_little_bytes_that_count_themselves)
{
    wraps_to("length", span_text("hello"), BYTES(9, 0, 0, 0, 'h', 'e', 'l', 'l', 'o'));
    wraps_to("length", span_of(NULL, 0), BYTES(4, 0, 0, 0));
}

Test(frame_length, writes_what_its_parameters_say)
{
    struct span abc = span_text("abc");
    wraps_to("length,size=1", abc, BYTES(4, 'a', 'b', 'c'));
    wraps_to("length,size=2,order=big", abc, BYTES(0, 5, 'a', 'b', 'c'));
    wraps_to("length,size=2,order=big,counts_header=false", abc, BYTES(0, 3, 'a', 'b', 'c'));
    wraps_to("length,size=3,order=little", abc, BYTES(6, 0, 0, 'a', 'b', 'c'));
    wraps_to("length,size=4,order=big", abc, BYTES(0, 0, 0, 7, 'a', 'b', 'c'));
    wraps_to("length,size=8,order=big", abc, BYTES(0, 0, 0, 0, 0, 0, 0, 11, 'a', 'b', 'c'));
    wraps_to("length,size=8", abc, BYTES(11, 0, 0, 0, 0, 0, 0, 0, 'a', 'b', 'c'));
    wraps_to("length,size=varint", abc, BYTES(3, 'a', 'b', 'c'));
    wraps_to("length,size=1,offset=1", abc, BYTES('a', 4, 'b', 'c'));
    wraps_to("length,size=1,offset=1,counts_header=false", abc, BYTES('a', 2, 'b', 'c'));
    wraps_to("length,size=1,offset=3", abc, BYTES('a', 'b', 'c', 4));
    wraps_to("length,size=1,adjustment=2", abc, BYTES(2, 'a', 'b', 'c'));
    wraps_to("length,size=1,adjustment=-2", abc, BYTES(6, 'a', 'b', 'c'));
    wraps_to("length,size=varint,offset=2", abc, BYTES('a', 'b', 1, 'c'));
}

Test(frame_length, a_varint_takes_seven_bits_a_byte)
{
    const uint8_t *bytes = numbered_bytes(16384);
    static const struct {
        size_t size;
        uint8_t header[3];
        size_t header_size;
    } cases[] = {{127, {0x7f}, 1},
                 {128, {0x80, 0x01}, 2},
                 {300, {0xac, 0x02}, 2},
                 {16383, {0xff, 0x7f}, 2},
                 {16384, {0x80, 0x80, 0x01}, 3}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct frame frame = frame_made("length,size=varint", 1 << 20);
        uint8_t header[FRAME_HEADER_MAX];
        struct span parts[FRAME_PARTS_MAX];
        int count;
        struct span packet = span_of(bytes, cases[i].size);
        cr_assert_eq(frame_wrap(&frame, packet, header, parts, &count), FRAME_NO_FAULT);
        cr_assert_eq(count, 2);
        cr_assert(same_bytes(parts[0], span_of(cases[i].header, cases[i].header_size)));
        cr_assert(same_bytes(parts[1], packet));
    }
}

static void declares(const char *framing, struct span bytes, enum frame_fault fault,
                     uint64_t declared)
{
    struct frame frame = frame_made(framing, 1 << 20);
    struct frame_cut cut;
    struct frame_cursor cursor;
    enum frame_verdict verdict = verdict_on(&frame, bytes, &cut, &cursor);
    cr_assert_eq(verdict, FRAME_ERROR, "%s: verdict %d", framing, (int)verdict);
    cr_assert_eq(cut.fault, fault, "%s: fault %d", framing, (int)cut.fault);
    cr_assert_eq(cut.declared, declared, "%s: declared %" PRIu64, framing, cut.declared);
}

Test(frame_length, a_length_below_its_own_header_is_too_small)
{
    declares("length", BYTES(3, 0, 0, 0), FRAME_TOO_SMALL, 3);
    declares("length", BYTES(0, 0, 0, 0, 1, 2, 3), FRAME_TOO_SMALL, 0);
    declares("length,size=1,offset=2", BYTES('a', 'b', 2), FRAME_TOO_SMALL, 2);
    declares("length,size=1,adjustment=-2,counts_header=false", BYTES(1), FRAME_TOO_SMALL, 1);
    declares("length,size=varint,adjustment=-2", BYTES(1), FRAME_TOO_SMALL, 1);
}

Test(frame_length, lengths_near_the_end_of_64_bits_are_too_big_and_nothing_else)
{
    static const char *const framings[] = {
        "length,size=8",
        "length,size=8,counts_header=false",
        "length,size=8,adjustment=3",
        "length,size=8,adjustment=3,counts_header=false",
        "length,size=8,adjustment=2000,counts_header=false,offset=255",
        "length,size=8,adjustment=-2147483648",
        "length,size=8,adjustment=-2147483648,offset=255,counts_header=true",
    };
    for (size_t i = 0; i < sizeof framings / sizeof framings[0]; i++) {
        for (int below = 0; below < 300; below++) {
            struct frame frame = frame_made(framings[i], 1 << 20);
            for (int half = 0; half < 2; half++) {
                uint64_t value = (half == 1 ? UINT64_MAX / 2 + 100 : UINT64_MAX) - (uint64_t)below;
                uint8_t bytes[255 + 8] = {0};
                for (int j = 0; j < 8; j++)
                    bytes[frame.length.offset + j] = (uint8_t)(value >> 8 * j);
                declares(framings[i], span_of(bytes, frame.length.offset + 8u), FRAME_TOO_BIG,
                         value);
            }
        }
    }
}

Test(frame_length, a_varint_that_does_not_end_is_no_length)
{
    struct frame frame = frame_made("length,size=varint", 1 << 20);
    struct frame_cut cut;
    struct frame_cursor cursor;
    uint8_t endless[12];
    memset(endless, 0x80, sizeof endless);
    for (size_t size = 0; size < 10; size++) {
        cr_assert_eq(verdict_on(&frame, span_of(endless, size), &cut, &cursor), FRAME_MORE);
        cr_assert_eq(cursor.wanted, size + 1);
    }
    declares("length,size=varint", span_of(endless, 10), FRAME_BAD_LENGTH, 0);
    declares("length,size=varint", span_of(endless, 12), FRAME_BAD_LENGTH, 0);

    endless[9] = 1; /* 2^63 is a number still, 2^64 is not */
    declares("length,size=varint", span_of(endless, 10), FRAME_TOO_BIG, UINT64_C(1) << 63);
    endless[9] = 2;
    declares("length,size=varint", span_of(endless, 10), FRAME_BAD_LENGTH, 0);
    memset(endless, 0xff, 9);
    endless[9] = 1;
    declares("length,size=varint", span_of(endless, 10), FRAME_TOO_BIG, UINT64_MAX);
}

Test(frame_length, a_varint_may_be_longer_than_it_needs_to_be)
{
    struct frame frame = frame_made("length,size=varint", 1 << 20);
    struct frame_cut cut;
    struct frame_cursor cursor;
    struct span bytes = BYTES(0x82, 0x80, 0x00, 'o', 'k');
    cr_assert_eq(verdict_on(&frame, bytes, &cut, &cursor), FRAME_PACKET);
    cr_assert_eq(cut.packet.size, 2);
    cr_assert_eq(cut.consumed, 5);
}

Test(frame_length, wants_the_header_and_then_the_whole)
{
    struct frame frame = frame_made("length,size=2,offset=3", 1 << 20);
    struct frame_cut cut;
    struct frame_cursor cursor;
    cr_assert_eq(verdict_on(&frame, BYTES('a'), &cut, &cursor), FRAME_MORE);
    cr_assert_eq(cursor.wanted, 5);
    cr_assert_eq(verdict_on(&frame, BYTES('a', 'b', 'c', 9, 0), &cut, &cursor), FRAME_MORE);
    cr_assert_eq(cursor.wanted, 9);
}

static enum frame_fault wrap_fault(const char *framing, size_t size)
{
    struct frame frame = frame_made(framing, 1000);
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count;
    return frame_wrap(&frame, span_of(numbered_bytes(size), size), header, parts, &count);
}

Test(frame_length, refuses_to_send_what_it_cannot_express)
{
    cr_assert_eq(wrap_fault("length,size=1", 254), FRAME_NO_FAULT);
    cr_assert_eq(wrap_fault("length,size=1", 255), FRAME_TOO_BIG);
    cr_assert_eq(wrap_fault("length,size=1,counts_header=false", 255), FRAME_NO_FAULT);
    cr_assert_eq(wrap_fault("length,size=1,counts_header=false", 256), FRAME_TOO_BIG);
    cr_assert_eq(wrap_fault("length,offset=5", 4), FRAME_BAD_SIZE);
    cr_assert_eq(wrap_fault("length,offset=5", 5), FRAME_NO_FAULT);
    cr_assert_eq(wrap_fault("length,adjustment=9", 4), FRAME_BAD_SIZE);
    cr_assert_eq(wrap_fault("length,adjustment=9", 5), FRAME_NO_FAULT);
}

Test(frame_length, garbage_gives_the_same_verdicts_whole_and_byte_by_byte)
{
    uint64_t seed = 20250117, state = seed;
    char text[128];
    for (int round = 0; round < 4000; round++) {
        while (!combination((unsigned)(random_next(&state) % 486), text, sizeof text) ||
               impossible(text)) {
        }
        struct frame frame = frame_made(text, 40);
        uint8_t bytes[64];
        for (size_t i = 0; i < sizeof bytes; i++) {
            bytes[i] = (uint8_t)random_next(&state);
            if (random_next(&state) % 4 != 0) bytes[i] &= random_next(&state) % 2 == 0 ? 0x1f : 0;
        }
        struct frame_cut whole, grown = {0};
        struct frame_cursor cursor;
        enum frame_verdict verdict = verdict_on(&frame, span_of(bytes, 64), &whole, &cursor);
        enum frame_verdict now = FRAME_MORE;
        for (size_t size = 0; size <= 64 && now == FRAME_MORE; size++)
            now = verdict_on(&frame, span_of(bytes, size), &grown, &cursor);
        cr_assert_eq(now, verdict, "seed %" PRIu64 " round %d: %s", seed, round, text);
        cr_assert_eq(grown.fault, whole.fault, "seed %" PRIu64 " round %d", seed, round);
        cr_assert_eq(grown.consumed, whole.consumed, "seed %" PRIu64 " round %d", seed, round);
        cr_assert(whole.packet.size <= 40, "seed %" PRIu64 " round %d", seed, round);
    }
}
