/* Peers that speak one of the framings with names, on a listener of another. */
#include "frame_wire.h"

#include <criterion/criterion.h>

static const char *guess(const char *framing, const char *bytes, size_t size)
{
    struct frame frame = frame_made(framing, 16 << 20);
    uint8_t *copy = exact_copy(span_of(bytes, size));
    const char *text = frame_guess(&frame, span_of(copy, size));
    free(copy);
    return text;
}

#define GUESS(framing, bytes) guess(framing, bytes, sizeof(bytes) - 1)

static const char netstring[] = "this looks like a netstring: framing = \"netstring\"?";
static const char mqtt[] = "this looks like MQTT: framing = \"mqtt\"?";

Test(frame_guess, knows_a_netstring)
{
    cr_assert_str_eq(GUESS("length", "12:hello world!,"), netstring);
    cr_assert_str_eq(GUESS("length", "12:hello world!,5:h"), netstring);
    cr_assert_str_eq(GUESS("line", "12:hello world!,"), netstring);
    cr_assert_str_eq(GUESS("line", "0:,"), netstring);
    cr_assert_str_eq(GUESS("length", "999999999:hello"), netstring);
    cr_assert_str_eq(GUESS("erlang", "20:01234567890123456789,"), netstring);
    cr_assert_str_eq(GUESS("line", "20:01234567890123456789,"), netstring);
    cr_assert_str_eq(GUESS("netstring", "12:hello world!,x"), "");
    cr_assert_str_eq(GUESS("netstring", "hello there"),
                     "this looks like text: framing = \"line\"?");
}

/* The time of day, a list. */
Test(frame_guess, takes_no_text_for_a_netstring)
{
    static const char text[] = "this looks like text: framing = \"line\"?";
    cr_assert_str_eq(GUESS("line", "12:30"), "");
    cr_assert_str_eq(GUESS("line", "12:30 and so on it goes"), "");
    cr_assert_str_eq(GUESS("length", "12:30 and so on it goes"), text);
    cr_assert_str_eq(GUESS("length", "20:01234567890123456789;"), text);
    cr_assert_str_eq(GUESS("length", "1234567890:x"), text);
    cr_assert_str_eq(GUESS("length", ":,"), text);
    cr_assert_str_eq(GUESS("length", "12"), text);
    cr_assert_str_eq(GUESS("length", "1/:"), text);
}

Test(frame_guess, knows_the_first_packet_of_an_mqtt_client)
{
    cr_assert_str_eq(GUESS("length", "\x10\x10\x00\x04MQTT\x04\x02\x00\x3c"), mqtt);
    cr_assert_str_eq(GUESS("line", "\x10\xff\x01\x00\x04MQTT\x05"), mqtt);
    cr_assert_str_eq(GUESS("erlang", "\x10\xff\xff\xff\x01\x00\x04MQTT\x05"), mqtt);
    cr_assert_str_eq(GUESS("delimiter,by=;", "\x10\x10\x00\x04MQTT"), mqtt);
    cr_assert_str_eq(GUESS("netstring", "\x10\x10\x00\x06MQIsdp\x03"), mqtt);
    cr_assert_str_eq(GUESS("mqtt", "\x10\x10\x00\x04MQTT"), "");
}

Test(frame_guess, takes_no_other_bytes_for_mqtt)
{
    cr_assert_str_eq(GUESS("fixed,size=99", "\x20\x10\x00\x04MQTT"), "");
    cr_assert_str_eq(GUESS("fixed,size=99", "\x10\x10\x00\x04MQT"), "");
    cr_assert_str_eq(GUESS("fixed,size=99", "\x10\x10\x00\x05MQTT"), "");
    cr_assert_str_eq(GUESS("fixed,size=99", "\x10\xff\xff\xff\xff\x01\x00\x04MQTT"), "");
    cr_assert_str_eq(GUESS("fixed,size=99", "\x10\xff\xff"), "");
    cr_assert_str_eq(GUESS("fixed,size=99", "\x10"), "");
}

Test(frame_guess, knows_what_is_pointed_at_a_framing_with_a_name)
{
    cr_assert_str_eq(GUESS("mqtt", "GET / HTTP/1.1\r\n"), "this looks like HTTP");
    cr_assert_str_eq(GUESS("delimiter,by=;", "\x16\x03\x01\x02"), "this looks like TLS");
    cr_assert_str_eq(GUESS("hpsocket,flag=1", "hello there"),
                     "this looks like text: framing = \"line\"?");
    cr_assert_str_eq(GUESS("mqtt", "hello there"), "this looks like text: framing = \"line\"?");
    cr_assert_str_eq(GUESS("delimiter,by=;", "hello there"), "");
    cr_assert_str_eq(GUESS("delimiter,by=;", "a\0b"), "");
    cr_assert_str_eq(GUESS("erlang", "\5\0\0\0hello"), "the length looks little-endian");
}

static const char *later(const char *framing)
{
    struct frame frame = frame_made(framing, 1000);
    return frame_guess_later(&frame);
}

Test(frame_guess, suggests_no_setting_that_a_name_does_not_have)
{
    cr_assert_str_eq(later("length,counts_header=false"),
                     "perhaps the length before it counts its header, too: counts_header = true?");
    cr_assert_str_eq(later("length"), "perhaps the length before it does not count its header: "
                                      "counts_header = false?");
    cr_assert_str_eq(later("erlang"), "perhaps the length before it counts its header, too: that "
                                      "is for length framing");
    cr_assert_str_eq(later("mqtt"), "");
    cr_assert_str_eq(later("delimiter,by=;"), "");
}
