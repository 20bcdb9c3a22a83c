#include "frame/frame.h"

#include <criterion/criterion.h>

enum { PACKET_MAX = 16 << 20 };

static struct frame described(const char *text)
{
    struct frame frame;
    struct error error = {0};
    bool good = frame_parse(&frame, text, PACKET_MAX, &error);
    cr_assert(good, "%s: %s", text, error.text);
    return frame;
}

/* The description is an error that says this. */
static void refused(const char *text, const char *reason)
{
    struct frame frame;
    struct error error = {0};
    bool good = frame_parse(&frame, text, PACKET_MAX, &error);
    cr_assert_not(good, "%s was accepted", text);
    cr_assert_eq(error.kind, ERROR_INPUT);
    cr_assert(strstr(error.text, reason) != NULL, "%s: %s", text, error.text);
}

Test(frame, the_default_is_the_original_framing)
{
    struct frame frame = frame_default(PACKET_MAX);
    struct error error;
    cr_assert(frame_finish(&frame, &error));
    cr_assert_eq(frame.kind, FRAME_LENGTH);
    cr_assert_eq(frame.length.size, 4);
    cr_assert_not(frame.length.big_endian);
    cr_assert(frame.length.counts_header);
    cr_assert_eq(frame.length.offset, 0);
    cr_assert_eq(frame.length.adjustment, 0);
    cr_assert_eq(frame.packet_max, PACKET_MAX);
}

Test(frame, each_setting_lands_where_it_belongs)
{
    struct frame frame =
        described("length,size=2,order=big,offset=3,adjustment=-2,counts_header=false,max=1K");
    cr_assert_eq(frame.length.size, 2);
    cr_assert(frame.length.big_endian);
    cr_assert_eq(frame.length.offset, 3);
    cr_assert_eq(frame.length.adjustment, -2);
    cr_assert_not(frame.length.counts_header);
    cr_assert_eq(frame.packet_max, 1024);

    frame = described("line,delimiter=a\\r\\n\\t\\0\\\\\\xfF,strip=false");
    cr_assert_eq(frame.kind, FRAME_LINE);
    cr_assert_eq(frame.line.delimiter_size, 7);
    cr_assert_eq(memcmp(frame.line.delimiter, "a\r\n\t\0\\\xff", 7), 0);
    cr_assert(frame.line.keep);

    frame = described("fixed,size=4K");
    cr_assert_eq(frame.kind, FRAME_FIXED);
    cr_assert_eq(frame.fixed_size, 4096);
    cr_assert_eq(described("raw").kind, FRAME_RAW);
    cr_assert_eq(described("length,size=varint").length.size, 0);
}

Test(frame, a_new_kind_forgets_all_settings_but_max)
{
    struct frame frame = frame_default(PACKET_MAX);
    struct error error;
    cr_assert(frame_set(&frame, "order", "big", &error));
    cr_assert(frame_set(&frame, "max", "100", &error));
    cr_assert(frame_set_kind(&frame, "line", &error));
    cr_assert_eq(frame.line.delimiter_size, 0);
    cr_assert_not(frame_given(&frame, FRAME_ORDER));
    cr_assert(frame_finish(&frame, &error));
    cr_assert_eq(frame.packet_max, 100);
}

Test(frame, finishing_twice_is_finishing_once)
{
    struct frame frame = described("length,size=1,max=100");
    struct error error;
    cr_assert(frame_finish(&frame, &error));
    cr_assert_eq(frame.packet_max, 100);
    cr_assert_eq(frame.length.value_max, 101);
}

Test(frame, finishing_again_follows_a_new_packet_max)
{
    struct frame frame = described("length,size=2");
    struct error error;
    cr_assert_eq(frame.packet_max, 65533);
    frame.packet_max = 1000;
    cr_assert(frame_finish(&frame, &error));
    cr_assert_eq(frame.packet_max, 1000);
    cr_assert_eq(frame.length.value_max, 1002);
    frame.packet_max = PACKET_MAX;
    cr_assert(frame_finish(&frame, &error));
    cr_assert_eq(frame.packet_max, 65533);

    frame = described("fixed,size=2000");
    frame.packet_max = 1999;
    cr_assert_not(frame_finish(&frame, &error));
}

Test(frame, an_unknown_kind_names_the_known_ones_and_the_nearest)
{
    refused("lingth", "there are \"length\", \"line\", \"fixed\", \"raw\"");
    refused("lines", "did you mean \"line\"?");
    refused("", "unknown framing");
}

Test(frame, an_unknown_setting_names_the_nearest)
{
    refused("length,ofset=1", "did you mean \"offset\"?");
    refused("line,zzzzzz=1", "unknown setting \"zzzzzz\"");
    refused("length,size", "write name=value");
}

Test(frame, a_setting_of_another_kind_says_whose_it_is)
{
    refused("line,order=big", "order is a setting of length framing, this is line framing");
    refused("raw,size=4", "size is a setting of length and fixed framing, this is raw framing");
    refused("length,strip=true", "strip is a setting of line and delimiter framing, this is "
                                 "length framing");
}

Test(frame, a_bad_value_says_what_is_expected)
{
    refused("length,size=5", "size is 1, 2, 3, 4, 8 or varint, not \"5\"");
    refused("length,size=0", "1, 2, 3, 4, 8 or varint");
    refused("length,size=-1", "1, 2, 3, 4, 8 or varint");
    refused("length,size=260", "1, 2, 3, 4, 8 or varint");
    refused("length,order=middle", "\"little\" or \"big\"");
    refused("length,offset=256", "0 to 255");
    refused("length,offset=-1", "0 to 255");
    refused("length,adjustment=2147483648", "32 bits");
    refused("length,counts_header=perhaps", "true or false");
    refused("length,max=0", "max is a number of bytes");
    refused("length,max=lots", "max is a number of bytes");
    refused("line,delimiter=", "at least 1 byte");
    refused("line,delimiter=123456789", "at most 8 bytes");
    refused("line,delimiter=\\q", "escapes");
    refused("line,delimiter=\\x1", "escapes");
    refused("line,delimiter=\\", "escapes");
    refused("line,strip=2", "true or false");
    refused("fixed,size=0", "at least 1");
    refused("fixed,size=4G", "below 4G");
}

Test(frame, impossible_combinations_are_refused)
{
    refused("length,size=varint,order=little", "varint");
    refused("length,size=varint,counts_header=true", "varint");
    refused("length,size=1,max=255", "at most 254");
    refused("length,size=1,counts_header=false,max=256", "at most 255");
    refused("length,size=1,offset=255", "cannot express even an empty packet");
    refused("length,size=1,adjustment=-300", "cannot express even an empty packet");
    refused("length,offset=10,max=9", "offset is 10 bytes");
    refused("length,adjustment=1005,max=1000", "every packet is larger");
    refused("length,max=17M", "max_packet is 16777216");
    refused("fixed", "needs a size");
    refused("fixed,size=17M", "may have only 16777216");
    refused("fixed,size=11,max=10", "may have only 10");
    refused("line,delimiter=12345,strip=false,max=4", "larger than a packet may be");
}

Test(frame, a_delimiter_of_nothing_is_refused_even_when_it_was_not_set_as_text)
{
    struct frame frame = frame_default(PACKET_MAX);
    struct error error;
    cr_assert(frame_set_kind(&frame, "line", &error));
    frame.line.delimiter_size = FRAME_DELIMITER_MAX + 1;
    cr_assert_not(frame_finish(&frame, &error));
    frame.line.delimiter_size = 0;
    frame.given |= 1u << FRAME_DELIMITER;
    cr_assert_not(frame_finish(&frame, &error));
}

Test(frame, a_length_of_a_size_that_there_is_not_is_refused)
{
    struct frame frame = frame_default(PACKET_MAX);
    struct error error;
    frame.length.size = 5;
    cr_assert_not(frame_finish(&frame, &error));
    frame.length.size = 9;
    cr_assert_not(frame_finish(&frame, &error));
}

Test(frame, a_varint_that_was_not_told_otherwise_does_not_count_its_header)
{
    cr_assert_not(described("length,size=varint").length.counts_header);
    cr_assert_not(described("length,size=varint,counts_header=false").length.counts_header);
}

Test(frame, packet_max_falls_to_what_the_length_can_express)
{
    cr_assert_eq(described("length,size=1").packet_max, 254);
    cr_assert_eq(described("length,size=1,counts_header=false").packet_max, 255);
    cr_assert_eq(described("length,size=1,offset=5,counts_header=false").packet_max, 260);
    cr_assert_eq(described("length,size=1,offset=5").packet_max, 254);
    cr_assert_eq(described("length,size=2,adjustment=10").packet_max, 65543);
    cr_assert_eq(described("length,size=2,adjustment=-10").packet_max, 65523);
    cr_assert_eq(described("length,size=3").packet_max, PACKET_MAX - 4);
    cr_assert_eq(described("length,size=8").packet_max, PACKET_MAX);
}

Test(frame, a_packet_max_beyond_all_memory_is_lowered)
{
    struct frame frame;
    struct error error;
    cr_assert(frame_parse(&frame, "length,size=8,adjustment=-2147483648", UINT64_MAX, &error));
    cr_assert(frame.packet_max <= SIZE_MAX / 4);
    cr_assert_not(frame_parse(&frame, "line", 0, &error));
}

Test(frame, a_description_has_a_longest_length)
{
    char text[1200];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    refused(text, "too long");
}

Test(frame, every_fault_has_a_text)
{
    for (int fault = FRAME_NO_FAULT; fault <= FRAME_PROTOCOL; fault++)
        cr_assert_not(strcmp(frame_fault_text((enum frame_fault)fault), "unknown fault") == 0);
    cr_assert_str_eq(frame_fault_text(FRAME_TOO_BIG), "the packet is larger than max_packet");
}

static const char *guess(const char *framing, const char *bytes, size_t size)
{
    struct frame frame = described(framing);
    return frame_guess(&frame, span_of(bytes, size));
}

#define GUESS(framing, bytes) guess(framing, bytes, sizeof(bytes) - 1)

Test(frame_guess, knows_what_people_point_at_the_wrong_port)
{
    cr_assert_str_eq(GUESS("length", "GET / HTTP/1.1\r\n"), "this looks like HTTP");
    cr_assert_str_eq(GUESS("length", "POST /x HTTP/1.1\r\n"), "this looks like HTTP");
    cr_assert_str_eq(GUESS("length", "HTTP/1.1 200 OK\r\n"), "this looks like HTTP");
    cr_assert_str_eq(GUESS("line", "PRI * HTTP/2.0\r\n"), "this looks like HTTP");
    cr_assert_str_eq(GUESS("length", "\x16\x03\x01\x02\x00\x01"), "this looks like TLS");
    cr_assert_str_eq(GUESS("length", "SSH-2.0-OpenSSH_9\r\n"), "this looks like SSH");
    static const char proxy[] =
        "this looks like a PROXY protocol header: switch it off in the proxy in front";
    cr_assert_str_eq(GUESS("length", "PROXY TCP4 192.0.2.1 192.0.2.2 4711 7000\r\n"), proxy);
    cr_assert_str_eq(GUESS("line", "PROXY TCP6 2001:db8::1"), proxy);
    cr_assert_str_eq(GUESS("fixed,size=100", "PROXY UNKNOWN\r\n"), proxy);
    cr_assert_str_eq(GUESS("length", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c"), proxy);
    cr_assert_str_eq(GUESS("length", "\r\n\r\n\x00\r\nQUI"), "");
    cr_assert_str_eq(GUESS("length", "hello there\n"), "this looks like text: framing = \"line\"?");
}

Test(frame_guess, sees_a_length_of_the_other_order)
{
    cr_assert_str_eq(GUESS("length", "\0\0\0\x09hello"), "the length looks big-endian");
    cr_assert_str_eq(GUESS("length,order=big", "\x09\0\0\0hello"),
                     "the length looks little-endian");
    cr_assert_str_eq(GUESS("length,offset=2", "\xff\x01\0\0\0\x09hel"),
                     "the length looks big-endian");
}

Test(frame_guess, sees_a_length_that_does_not_count_its_header)
{
    cr_assert_str_eq(GUESS("length", "\x03\0\0\0abc"), "the length may not count its header");
    cr_assert_str_eq(GUESS("length", "\x02\0\0\0ab\x01\0\0\0c"),
                     "the length may not count its header");
    cr_assert_str_eq(GUESS("length,order=big", "\0\0\0\x01x"),
                     "the length may not count its header");
    cr_assert_str_eq(GUESS("length", "\x03\0\0\0ab"), "");
    cr_assert_str_eq(GUESS("length,counts_header=false", "\x03\0\0\0abc"), "");
}

Test(frame_guess, takes_a_beginning_for_what_it_begins)
{
    cr_assert_str_eq(GUESS("length", "GET "), "this looks like HTTP");
    cr_assert_str_eq(GUESS("length", "SSH-"), "this looks like SSH");
    cr_assert_str_eq(GUESS("length", "\x16\x03"), "this looks like TLS");
    cr_assert_str_eq(GUESS("length", "GET"), "this looks like text: framing = \"line\"?");
    cr_assert_str_eq(GUESS("length", "hello\x7f"), "");
    cr_assert_str_eq(GUESS("length", "hello~"), "this looks like text: framing = \"line\"?");
}

/* What may be right as it is needs no guess. */
Test(frame_guess, says_nothing_of_a_length_that_fits)
{
    cr_assert_str_eq(GUESS("length", "\x04\0\0\0\x04\0\0\0"), "");
    cr_assert_str_eq(GUESS("length,size=2", "\x03\x04"), "");
    cr_assert_str_eq(GUESS("length,size=2,order=big", "\x04\x03"), "");
}

Test(frame_guess, shows_the_first_bytes_and_no_more)
{
    char text[FRAME_BYTES_TEXT_MAX];
    static const char all[] = "first bytes: 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61 61";
    uint8_t bytes[100];
    memset(bytes, 'a', sizeof bytes);
    cr_assert_str_eq(frame_bytes_text(span_of(bytes, sizeof bytes), "", text), all);
    cr_assert_str_eq(frame_bytes_text(span_of(bytes, 16), "", text), all);
    cr_assert_str_eq(frame_bytes_text(span_of(bytes, 1), "odd", text), "first bytes: 61; odd");
}

Test(frame_guess, says_nothing_when_nothing_fits)
{
    cr_assert_str_eq(GUESS("length", "\xff\xfe\xfd\xfc\xfb"), "");
    cr_assert_str_eq(GUESS("length", "\x01"), "");
    cr_assert_str_eq(GUESS("length", ""), "");
    cr_assert_str_eq(GUESS("line", "hello there"), "");
    cr_assert_str_eq(GUESS("length,size=varint", "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), "");
    cr_assert_str_eq(GUESS("fixed,size=9", "\x03\0\0\0abc"), "");
}

/* Whatever differs in what is cut or wrapped makes them two. */
Test(frame, framings_are_the_same_when_all_that_they_say_is)
{
    static const char *const texts[] = {
        "length",
        "length,size=2",
        "length,order=big",
        "length,offset=4",
        "length,adjustment=1",
        "length,adjustment=2",
        "length,counts_header=false",
        "length,max=1K",
        "line",
        "line,strip=false",
        "line,delimiter=\\r\\n",
        "line,delimiter=ab",
        "line,delimiter=ac",
        "line,delimiter=abc",
        "line,max=1K",
        "fixed,size=8",
        "fixed,size=9",
        "raw",
        "raw,max=1K",
    };
    enum { TEXTS = sizeof texts / sizeof *texts };
    for (int i = 0; i < TEXTS; i++)
        for (int j = 0; j < TEXTS; j++) {
            const struct frame one = described(texts[i]), other = described(texts[j]);
            cr_assert_eq(frame_is_same(&one, &other), i == j, "%s and %s", texts[i], texts[j]);
        }
}

Test(frame, a_description_is_as_long_as_there_is_room_for_and_no_longer)
{
    for (size_t size = 1018; size < 1030; size++) {
        char text[1100] = "line";
        memset(text + 4, ',', size - 4); /* settings without a name */
        text[size] = '\0';
        refused(text, size < 1024 ? "is not a setting" : "too long");
    }
}
