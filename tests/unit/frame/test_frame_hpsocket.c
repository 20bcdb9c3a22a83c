#include "frame_table.h"

#include <criterion/criterion.h>

/* 0x169 << 22 | 5 = 0x5a400005; 1023 << 22 | 5 = 0xffc00005 */
static const struct frame_case cases[] = {
    {.framing = "hpsocket",
     BYTES("\x05\x00\x00\x00hello\x01\x00\x00\x00x\x02\x00"),
     .packets = "hello|x|"},
    {.framing = "hpsocket", BYTES("\x05\x00\x40\x5ahello"), .packets = "hello|"}, /* not checked */
    {.framing = "hpsocket,flag=0x169", BYTES("\x05\x00\x40\x5ahello"), .packets = "hello|"},
    {.framing = "hpsocket,flag=361",
     BYTES("\x05\x00\x40\x5ahello\x01\x00\x40\x5ax"),
     .packets = "hello|x|"},
    {.framing = "hpsocket,flag=1023", BYTES("\x05\x00\xc0\xffhello"), .packets = "hello|"},
    {.framing = "hpsocket,flag=1", BYTES("\x05\x00\x40\x00hello"), .packets = "hello|"},
    {.framing = "hpsocket,flag=0x169",
     BYTES("\x05\x00\x40\x5ahello\x05\x00\x40\x7e"),
     .packets = "hello|",
     .text = "the flag of the header is 505 (0x1f9), expected 361 (0x169)",
     .fault = FRAME_BAD_FLAG},
    {.framing = "hpsocket,flag=1",
     BYTES("\x05\x00\x00\x00hello"),
     .packets = "",
     .text = "the flag of the header is 0 (0x0), expected 1 (0x1)",
     .fault = FRAME_BAD_FLAG},
    {.framing = "hpsocket,flag=1",
     BYTES("\x00\x00\x80\x00"),
     .packets = "",
     .text = "the flag of the header is 2 (0x2), expected 1 (0x1)",
     .fault = FRAME_BAD_FLAG},
    {.framing = "hpsocket,flag=1",
     BYTES("\x00\x00\x40\x00"),
     .packets = "",
     .text = "the length is 0, a pack has at least 1 byte",
     .fault = FRAME_TOO_SMALL},
    {.framing = "hpsocket,max=5", BYTES("\x05\x00\x00\x00hello"), .packets = "hello|"},
    {.framing = "hpsocket,max=5",
     BYTES("\x06\x00\x00\x00"),
     .packets = "",
     .text = "the packet is larger than max_packet (length 6, max_packet 5)",
     .fault = FRAME_TOO_BIG},
    {.framing = "hpsocket",
     BYTES("\xff\xff\xff\xff"),
     .packets = "",
     .text = "the packet is larger than max_packet (length 4194303, max_packet 1000)",
     .fault = FRAME_TOO_BIG},
};

Test(frame_hpsocket, checks_the_flag_and_cuts_by_the_length)
{
    TABLE_TRY(cases);
}

Test(frame_hpsocket, writes_the_flag_above_the_length)
{
    wraps_to("hpsocket", span_text("hello"), span_of("\x05\x00\x00\x00hello", 9));
    wraps_to("hpsocket,flag=0x169", span_text("hello"), span_of("\x05\x00\x40\x5ahello", 9));
    wraps_to("hpsocket,flag=0X3fF", span_text("hello"), span_of("\x05\x00\xc0\xffhello", 9));
    wraps_to("hpsocket,flag=0x1", span_text("x"), span_of("\x01\x00\x40\x00x", 5));
}

/* SetMaxPackSize of HP-Socket goes up to 0x3fffff. */
Test(frame_hpsocket, has_packets_of_1_to_4194303_bytes)
{
    uint8_t *bytes = calloc(1, 4194304);
    struct frame frame = frame_made("hpsocket,flag=1023", 16 << 20);
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count = 0;
    cr_assert_eq(frame.packet_max, 4194303);
    cr_assert_eq(frame_wrap(&frame, span_of(bytes, 4194303), header, parts, &count),
                 FRAME_NO_FAULT);
    cr_assert(same_bytes(parts[0], span_of("\xff\xff\xff\xff", 4)));
    struct frame_cut cut;
    struct frame_cursor cursor;
    cr_assert_eq(verdict_on(&frame, parts[0], &cut, &cursor), FRAME_MORE);
    cr_assert_eq(cursor.wanted, 4194307);
    cr_assert_eq(frame_wrap(&frame, span_of(bytes, 4194304), header, parts, &count), FRAME_TOO_BIG);
    cr_assert_eq(frame_wrap(&frame, span_of(bytes, 0), header, parts, &count), FRAME_BAD_SIZE);

    struct error error = {0};
    cr_assert(frame_parse(&frame, "hpsocket,max=4194303", 16 << 20, &error));
    cr_assert_not(frame_parse(&frame, "hpsocket,max=4M", 16 << 20, &error));
    cr_assert(strstr(error.text, "at most 4194303") != NULL, "%s", error.text);
    free(bytes);
}

Test(frame_hpsocket, takes_a_flag_of_ten_bits)
{
    static const char *const bad[] = {"1024", "-1",  "0x400", "0x",   "",        "x169",
                                      "0x-1", "0xg", "169h",  "0x1 ", "0x10169", "0x3ff0"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char text[64];
        snprintf(text, sizeof text, "hpsocket,flag=%s", bad[i]);
        table_refused(text, "hpsocket framing: flag is a number, 0 to 1023, not \"");
    }
    cr_assert_eq(frame_made("hpsocket", 100).flag, 0);
    cr_assert_eq(frame_made("hpsocket,flag=0x000000169", 100).flag, 361);
    table_refused("length,flag=1", "flag is a setting of hpsocket framing, this is length framing");
    table_refused("hpsocket,flags=1", "did you mean \"flag\"?");

    struct error error;
    struct frame frame = frame_made("hpsocket", 100);
    frame.flag = FRAME_FLAG_MAX + 1;
    cr_assert_not(frame_finish(&frame, &error));
}
