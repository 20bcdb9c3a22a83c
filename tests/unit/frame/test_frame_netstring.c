#include "frame_table.h"

#include <criterion/criterion.h>

static const struct frame_case cases[] = {
    {.framing = "netstring", BYTES("12:hello world!,"), .packets = "hello world!|"},
    {.framing = "netstring",
     BYTES("0:,1:a,0:,3:,:,,10:0123456789,2:x"),
     .packets = "|a||,:,|0123456789|"},
    {.framing = "netstring", BYTES("5:a\0b\r\n,"), .packets = ""},
    {.framing = "netstring", BYTES("1"), .packets = ""},
    {.framing = "netstring", BYTES("1:"), .packets = ""},
    {.framing = "netstring", BYTES("0:"), .packets = ""},
    {.framing = "netstring,max=10", BYTES("10:0123456789,"), .packets = "0123456789|"},
    {.framing = "netstring,max=10", BYTES("9:012345678,0:,"), .packets = "012345678||"},
};

Test(frame_netstring, comes_out_however_it_is_cut)
{
    /* The packet with a NUL cannot be joined as text. */
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (i != 2) table_try(&cases[i]);
    wraps_to("netstring", span_of("a\0b\r\n", 5), span_of("5:a\0b\r\n,", 8));
}

static const struct frame_case broken[] = {
    {.framing = "netstring",
     BYTES("1:a,:b,"),
     .packets = "a|",
     .text = "a netstring begins with its length in digits and a colon, here is ':'",
     .fault = FRAME_BAD_LENGTH},
    {.framing = "netstring",
     BYTES("hello"),
     .packets = "",
     .text = "a netstring begins with its length in digits and a colon, here is 'h'",
     .fault = FRAME_BAD_LENGTH},
    {.framing = "netstring",
     BYTES("12;hello"),
     .packets = "",
     .text = "a netstring begins with its length in digits and a colon, here is ';'",
     .fault = FRAME_BAD_LENGTH},
    {.framing = "netstring",
     BYTES("12 :hello"),
     .packets = "",
     .text = "a netstring begins with its length in digits and a colon, here is 0x20",
     .fault = FRAME_BAD_LENGTH},
    {.framing = "netstring",
     BYTES("-1:,"),
     .packets = "",
     .text = "a netstring begins with its length in digits and a colon, here is '-'",
     .fault = FRAME_BAD_LENGTH},
    {.framing = "netstring",
     BYTES("1/"),
     .packets = "",
     .text = "a netstring begins with its length in digits and a colon, here is '/'",
     .fault = FRAME_BAD_LENGTH},
    {.framing = "netstring",
     BYTES("\x7f"),
     .packets = "",
     .text = "a netstring begins with its length in digits and a colon, here is 0x7f",
     .fault = FRAME_BAD_LENGTH},
    {.framing = "netstring",
     BYTES("05:hello,"),
     .packets = "",
     .text = "a netstring's length has no leading zeros, here '5' follows a 0",
     .fault = FRAME_BAD_LENGTH},
    {.framing = "netstring",
     BYTES("00:,"),
     .packets = "",
     .text = "a netstring's length has no leading zeros, here '0' follows a 0",
     .fault = FRAME_BAD_LENGTH},
    {.framing = "netstring",
     BYTES("5:hello;"),
     .packets = "",
     .text = "a netstring ends in a comma, here is ';'",
     .fault = FRAME_BAD_END},
    {.framing = "netstring",
     BYTES("5:hello\n"),
     .packets = "",
     .text = "a netstring ends in a comma, here is 0x0a",
     .fault = FRAME_BAD_END},
    {.framing = "netstring",
     BYTES("0:x"),
     .packets = "",
     .text = "a netstring ends in a comma, here is 'x'",
     .fault = FRAME_BAD_END},
    {.framing = "netstring,max=10",
     BYTES("11:"),
     .packets = "",
     .text = "the packet is larger than max_packet (length 11, max_packet 10)",
     .fault = FRAME_TOO_BIG},
    {.framing = "netstring,max=10",
     BYTES("99999999999999999999999999999999999999"),
     .packets = "",
     .text = "the packet is larger than max_packet (length 99, max_packet 10)",
     .fault = FRAME_TOO_BIG},
};

Test(frame_netstring, says_what_is_wrong_as_soon_as_it_is)
{
    TABLE_TRY(broken);
}

Test(frame_netstring, waits_for_the_comma_too)
{
    struct frame frame = frame_made("netstring", 1000);
    struct frame_cut cut;
    struct frame_cursor cursor;
    cr_assert_eq(verdict_on(&frame, span_text("5:he"), &cut, &cursor), FRAME_MORE);
    cr_assert_eq(cursor.wanted, 8);
    cr_assert_eq(verdict_on(&frame, span_text("5:hello"), &cut, &cursor), FRAME_MORE);
    cr_assert_eq(cursor.wanted, 8);
    cr_assert_eq(verdict_on(&frame, span_text("55"), &cut, &cursor), FRAME_MORE);
    cr_assert_eq(cursor.wanted, 3);
}

Test(frame_netstring, writes_the_length_and_the_comma)
{
    wraps_to("netstring", span_text("hello world!"), span_text("12:hello world!,"));
    wraps_to("netstring", span_text(""), span_text("0:,"));
    cr_assert_eq(table_wrap("netstring", 5, span_text("12345")), FRAME_NO_FAULT);
    cr_assert_eq(table_wrap("netstring", 5, span_text("123456")), FRAME_TOO_BIG);
}

/* The largest length has 9 digits, and its header has room. */
Test(frame_netstring, has_no_packet_of_a_length_with_ten_digits)
{
    struct frame frame;
    struct error error = {0};
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count = 0;
    cr_assert(frame_parse(&frame, "netstring", UINT64_C(1) << 30, &error));
    cr_assert_eq(frame.packet_max, 999999999);
    cr_assert(frame_parse(&frame, "netstring,max=999999999", UINT64_C(1) << 30, &error));
    cr_assert_not(frame_parse(&frame, "netstring,max=1000000000", UINT64_C(1) << 30, &error));
    cr_assert(strstr(error.text,
                     "netstring framing: no length can express max; at most 999999999") != NULL,
              "%s", error.text);

    cr_assert(frame_parse(&frame, "netstring", UINT64_C(1) << 30, &error));
    uint8_t byte = 'x'; /* the rest is not read */
    cr_assert_eq(frame_wrap(&frame, span_of(&byte, 999999999), header, parts, &count),
                 FRAME_NO_FAULT);
    cr_assert_eq(count, 3);
    cr_assert(same_bytes(parts[0], span_text("999999999:")));
    cr_assert(same_bytes(parts[2], span_text(",")));
    table_refused("netstring,size=4", "size is a setting of length and fixed framing");
}
