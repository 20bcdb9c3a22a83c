#include "frame_table.h"

#include <criterion/criterion.h>

static const struct frame_case cases[] = {
    /* PINGREQ has no rest; PUBLISH and DISCONNECT. */
    {.framing = "mqtt", BYTES("\xc0\x00"), .packets = "\xc0|"},
    {.framing = "mqtt", BYTES("\x30\x05\x01tabc\xe0\x00\x30"), .packets = "\x30\x01tabc|\xe0|"},
    {.framing = "mqtt",
     BYTES("\x30\x85\x00hello"),
     .packets = "\x30hello|"}, /* more than it needs */
    {.framing = "mqtt", BYTES("\x30\x85\x80\x80\x00hello"), .packets = "\x30hello|"},
    {.framing = "mqtt", BYTES("\x30\x85\x80\x80"), .packets = ""},
    {.framing = "mqtt",
     BYTES("\xc0\x00\x30\x85\x80\x80\x80\x01"),
     .packets = "\xc0|",
     .text = "the remaining length of a packet has more than 4 bytes",
     .fault = FRAME_BAD_LENGTH},
    {.framing = "mqtt",
     BYTES("\x30\xff\xff\xff\xff"),
     .packets = "",
     .text = "the remaining length of a packet has more than 4 bytes",
     .fault = FRAME_BAD_LENGTH},
    {.framing = "mqtt,max=6", BYTES("\x30\x05hello"), .packets = "\x30hello|"},
    {.framing = "mqtt,max=6",
     BYTES("\x30\x06hello!"),
     .packets = "",
     .text = "the packet is larger than max_packet (length 6, max_packet 6)",
     .fault = FRAME_TOO_BIG},
    {.framing = "mqtt,max=1", BYTES("\xc0\x00\xd0\x00"), .packets = "\xc0|\xd0|"},
};

Test(frame_mqtt, joins_the_first_byte_and_the_rest)
{
    TABLE_TRY(cases);
}

/* 3.1.1 section 2.2.3, table 2.4: where the length becomes a byte longer. */
static const struct {
    uint32_t rest;
    const char *field;
    size_t size;
} fields[] = {
    {0, "\x00", 1},
    {127, "\x7f", 1},
    {128, "\x80\x01", 2},
    {16383, "\xff\x7f", 2},
    {16384, "\x80\x80\x01", 3},
    {2097151, "\xff\xff\x7f", 3},
    {2097152, "\x80\x80\x80\x01", 4},
    {268435455, "\xff\xff\xff\x7f", 4},
};

Test(frame_mqtt, writes_and_reads_lengths_as_the_standard_shows_them)
{
    struct frame frame = frame_made("mqtt", 300000000);
    cr_assert_eq(frame.packet_max, 268435456);
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        uint8_t header[FRAME_HEADER_MAX], byte = 0x30; /* the rest is not read */
        struct span parts[FRAME_PARTS_MAX];
        int count = 0;
        struct span packet = span_of(&byte, 1 + (size_t)fields[i].rest);
        cr_assert_eq(frame_wrap(&frame, packet, header, parts, &count), FRAME_NO_FAULT);
        cr_assert_eq(count, fields[i].rest == 0 ? 1 : 2);
        cr_assert_eq(parts[0].data[0], 0x30);
        cr_assert(same_bytes(span_skip(parts[0], 1), span_of(fields[i].field, fields[i].size)));
        if (fields[i].rest == 0) continue;
        cr_assert_eq(parts[1].size, fields[i].rest);
        struct frame_cut cut;
        struct frame_cursor cursor;
        cr_assert_eq(verdict_on(&frame, parts[0], &cut, &cursor), FRAME_MORE);
        cr_assert_eq(cursor.wanted, parts[0].size + fields[i].rest);
    }
}

Test(frame_mqtt, comes_back_as_it_was_sent)
{
    static uint8_t bytes[20000];
    static struct wire wire;
    static const size_t sizes[] = {1, 2, 128, 129, 130, 300, 16384, 16385, 16386};
    struct frame frame = frame_made("mqtt", sizeof bytes);
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 7 + 1);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        wire.frame = &frame;
        wire.size = 0;
        wire.count = 0;
        cr_assert_eq(wire_put(&wire, span_of(bytes, sizes[i])), FRAME_NO_FAULT);
        cr_assert_eq(wire_put(&wire, span_of(bytes + 1, 1)), FRAME_NO_FAULT);
        if (sizes[i] < 1000) {
            wire_cut_everywhere(&wire, "mqtt");
        } else {
            struct wire_end end = {.wire = &wire};
            while (end.arrived < wire.size) wire_arrive(&end, 1, "mqtt");
            wire_end_whole(&end, "mqtt");
        }
    }
}

Test(frame_mqtt, sends_no_packet_without_a_first_byte_and_none_too_large)
{
    cr_assert_eq(table_wrap("mqtt", 5, span_text("")), FRAME_BAD_SIZE);
    cr_assert_eq(table_wrap("mqtt", 5, span_text("12345")), FRAME_NO_FAULT);
    cr_assert_eq(table_wrap("mqtt", 5, span_text("123456")), FRAME_TOO_BIG);
}

Test(frame_mqtt, has_no_settings_but_max)
{
    struct frame frame;
    struct error error = {0};
    cr_assert(frame_parse(&frame, "mqtt,max=256M", UINT64_C(1) << 30, &error));
    cr_assert_eq(frame.packet_max, 268435456);
    cr_assert_not(frame_parse(&frame, "mqtt,max=268435457", UINT64_C(1) << 30, &error));
    cr_assert(strstr(error.text, "at most 268435456") != NULL, "%s", error.text);
    table_refused("mqtt,offset=1", "offset is a setting of length framing, this is mqtt framing");
}

Test(frame_mqtt, wants_the_length_first_and_then_the_rest)
{
    struct frame frame = frame_made("mqtt", 1000);
    struct frame_cut cut;
    struct frame_cursor cursor;
    cr_assert_eq(verdict_on(&frame, span_text(""), &cut, &cursor), FRAME_MORE);
    cr_assert_eq(cursor.wanted, 2);
    cr_assert_eq(verdict_on(&frame, span_text("\x30"), &cut, &cursor), FRAME_MORE);
    cr_assert_eq(cursor.wanted, 2);
    cr_assert_eq(verdict_on(&frame, span_text("\x30\x80"), &cut, &cursor), FRAME_MORE);
    cr_assert_eq(cursor.wanted, 3);
    cr_assert_eq(verdict_on(&frame, span_text("\x30\x80\x01x"), &cut, &cursor), FRAME_MORE);
    cr_assert_eq(cursor.wanted, 131);
}
