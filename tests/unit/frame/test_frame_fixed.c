#include "frame_wire.h"

#include <criterion/criterion.h>

Test(frame_fixed, packets_come_out_as_they_went_in_wherever_the_stream_is_cut)
{
    static struct wire wire;
    struct frame frame = frame_made("fixed,size=7", 100);
    wire.frame = &frame;
    cr_assert_eq(wire_put(&wire, span_text("1234567")), FRAME_NO_FAULT);
    cr_assert_eq(wire_put(&wire, span_text("abcdefg")), FRAME_NO_FAULT);
    cr_assert_eq(wire_put(&wire, span_text("ABCDEFG")), FRAME_NO_FAULT);
    cr_assert_eq(wire.size, 21);
    wire_cut_everywhere(&wire, "fixed");
}

Test(frame_fixed, wants_the_whole_packet)
{
    struct frame frame = frame_made("fixed,size=1K", 1024);
    struct frame_cut cut;
    struct frame_cursor cursor;
    cr_assert_eq(verdict_on(&frame, span_text("a"), &cut, &cursor), FRAME_MORE);
    cr_assert_eq(cursor.wanted, 1024);
}

Test(frame_fixed, sends_exactly_its_size)
{
    struct frame frame = frame_made("fixed,size=4", 100);
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count;
    cr_assert_eq(frame_wrap(&frame, span_text("123"), header, parts, &count), FRAME_BAD_SIZE);
    cr_assert_eq(frame_wrap(&frame, span_text("1234"), header, parts, &count), FRAME_NO_FAULT);
    cr_assert_eq(frame_wrap(&frame, span_text("12345"), header, parts, &count), FRAME_BAD_SIZE);
    cr_assert_eq(frame_wrap(&frame, span_of(NULL, 0), header, parts, &count), FRAME_BAD_SIZE);
}

Test(frame_raw, whatever_has_arrived_is_a_packet)
{
    struct frame frame = frame_made("raw", 100);
    struct frame_cut cut;
    struct frame_cursor cursor;
    cr_assert_eq(verdict_on(&frame, span_of(NULL, 0), &cut, &cursor), FRAME_MORE);
    for (size_t size = 1; size <= 100; size++) {
        uint8_t bytes[100] = {0};
        cr_assert_eq(verdict_on(&frame, span_of(bytes, size), &cut, &cursor), FRAME_PACKET);
        cr_assert_eq(cut.packet.size, size);
        cr_assert_eq(cut.consumed, size);
    }
}

Test(frame_raw, more_than_the_limit_is_cut_to_it)
{
    struct frame frame = frame_made("raw,max=8", 100);
    struct frame_cursor cursor = {0};
    struct frame_cut cut;
    struct span input = span_text("12345678abc");
    cr_assert_eq(frame_next(&frame, &cursor, input, &cut), FRAME_PACKET);
    cr_assert(same_bytes(cut.packet, span_text("12345678")));
    input = span_skip(input, cut.consumed);
    cr_assert_eq(frame_next(&frame, &cursor, input, &cut), FRAME_PACKET);
    cr_assert(same_bytes(cut.packet, span_text("abc")));
}

Test(frame_raw, sends_the_bytes_as_they_are)
{
    struct frame frame = frame_made("raw", 5);
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count;
    cr_assert_eq(frame_wrap(&frame, span_text("12345"), header, parts, &count), FRAME_NO_FAULT);
    cr_assert_eq(count, 1);
    cr_assert(same_bytes(parts[0], span_text("12345")));
    cr_assert_eq(frame_wrap(&frame, span_of(NULL, 0), header, parts, &count), FRAME_NO_FAULT);
    cr_assert_eq(count, 0);
    cr_assert_eq(frame_wrap(&frame, span_text("123456"), header, parts, &count), FRAME_TOO_BIG);
}
