/* The codec "length" by the names of those who use it: Erlang's {packet, N} and skynet. */
#include "frame_table.h"

#include <criterion/criterion.h>

static const struct frame_case cases[] = {
    {.framing = "erlang", BYTES("\0\0\0\5hello\0\0\0\0\0\0\0\1x\0\0"), .packets = "hello||x|"},
    {.framing = "erlang,size=4", BYTES("\0\0\0\5hello"), .packets = "hello|"},
    {.framing = "erlang,size=2", BYTES("\0\5hello\0\0\0\1x\0"), .packets = "hello||x|"},
    {.framing = "erlang,size=1", BYTES("\5hello\0\1x"), .packets = "hello||x|"},
    {.framing = "skynet", BYTES("\0\5hello\0\0\0\1x\0"), .packets = "hello||x|"},
    {.framing = "erlang",
     BYTES("\5\0\0\0hello"),
     .packets = "",
     .text = "the packet is larger than max_packet (length 83886080, max_packet 1000)",
     .fault = FRAME_TOO_BIG},
    {.framing = "skynet",
     BYTES("\x03\xe9"),
     .packets = "",
     .text = "the packet is larger than max_packet (length 1001, max_packet 1000)",
     .fault = FRAME_TOO_BIG},
};

Test(frame_names, cuts_as_erlang_and_skynet_send)
{
    TABLE_TRY(cases);
}

Test(frame_names, sends_as_they_do)
{
    wraps_to("erlang", span_text("hello"), span_of("\0\0\0\5hello", 9));
    wraps_to("erlang,size=2", span_text("hello"), span_of("\0\5hello", 7));
    wraps_to("erlang,size=1", span_text("hello"), span_of("\5hello", 6));
    wraps_to("skynet", span_text("hello"), span_of("\0\5hello", 7));
    wraps_to("skynet", span_text(""), span_of("\0\0", 2));
}

Test(frame_names, keeps_the_name_that_was_asked_for)
{
    static const char *const names[] = {"length", "line",   "fixed",     "raw",  "delimiter",
                                        "erlang", "skynet", "netstring", "mqtt", "hpsocket"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        struct frame frame = frame_default(1000);
        struct error error;
        cr_assert(frame_set_kind(&frame, names[i], &error));
        cr_assert_str_eq(frame.codec->name, names[i]);
    }
}

Test(frame_names, takes_settings_that_say_what_the_name_says)
{
    struct frame frame =
        frame_made("erlang,size=2,order=big,offset=0,adjustment=0,counts_header=false", 1000);
    struct frame named = frame_made("erlang,size=2", 1000);
    cr_assert(frame_is_same(&frame, &named));
    cr_assert_eq(frame_made("skynet,size=2,max=10", 1000).packet_max, 10);
    cr_assert_eq(frame_made("skynet", 1 << 20).packet_max, 65535);
    cr_assert_eq(frame_made("erlang,size=1", 1 << 20).packet_max, 255);
    cr_assert_eq(frame_made("erlang", 1 << 20).packet_max, 1 << 20);
}

Test(frame_names, refuses_settings_that_contradict_the_name)
{
    table_refused("erlang,size=3",
                  "erlang framing: size must be 1, 2 or 4; for another, use length");
    table_refused("erlang,size=8",
                  "erlang framing: size must be 1, 2 or 4; for another, use length");
    table_refused("erlang,size=varint", "erlang framing: size must be 1, 2 or 4");
    table_refused("erlang,order=little",
                  "erlang framing: order must be big; for another, use length");
    table_refused("erlang,offset=1", "erlang framing: offset must be 0; for another, use length");
    table_refused("erlang,adjustment=1", "erlang framing: adjustment must be 0");
    table_refused("erlang,counts_header=true", "erlang framing: counts_header must be false");
    table_refused("skynet,size=4",
                  "skynet framing: size must be 2; for another, use length framing");
    table_refused("skynet,order=little", "skynet framing: order must be big");
    table_refused("erlang,size=1,max=256",
                  "erlang framing: a length of 1 bytes cannot express max");
    table_refused("skynet,strip=true", "strip is a setting of line and delimiter framing, this is "
                                       "skynet framing");
}

/* Names of the guide, misspelled. */
Test(frame_names, suggests_the_name_that_was_meant)
{
    table_refused("erlan", "did you mean \"erlang\"?");
    table_refused("sky-net", "did you mean \"skynet\"?");
    table_refused("netstrings", "did you mean \"netstring\"?");
    table_refused("web-socket", "did you mean \"websocket\"?");
    table_refused("hp-socket", "did you mean \"hpsocket\"?");
    table_refused("MQTT", "there are \"length\", \"line\", \"fixed\", \"raw\", \"delimiter\", "
                          "\"netstring\", \"mqtt\", \"hpsocket\", \"websocket\", \"http\", "
                          "\"erlang\" and \"skynet\"");
}

Test(frame_names, knows_the_names_in_a_text_that_was_refused)
{
    static const char *const known[] = {"erlang,size=3",   "skynet,order=little",
                                        "delimiter,by=",   "hpsocket,flag=1024",
                                        "netstring,max=x", "mqtt,max=0"};
    static const char *const unknown[] = {"erlang,flag=1", "delimiter,delimiter=x", "hpsockets",
                                          "hpsocket,by=1", "netstring,strip=on",    "mqtt,size=1"};
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        cr_assert(frame_text_is_known(known[i]), "%s", known[i]);
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        cr_assert_not(frame_text_is_known(unknown[i]), "%s", unknown[i]);
}

Test(frame_names, are_the_same_when_all_that_they_say_is)
{
    static const char *const texts[] = {
        "length,size=4,order=big,counts_header=false",
        "length,size=2,order=big,counts_header=false",
        "erlang",
        "erlang,size=2",
        "skynet",
        "netstring",
        "netstring,max=100",
        "mqtt",
        "hpsocket",
        "hpsocket,flag=1",
        "delimiter,by=;",
        "delimiter,by=;|.",
        "delimiter,by=.|;",
        "delimiter,by=;;",
        "delimiter,by=;,strip=false",
        "delimiter,by=;,max=100",
    };
    enum { TEXTS = sizeof texts / sizeof *texts };
    for (int i = 0; i < TEXTS; i++)
        for (int j = 0; j < TEXTS; j++) {
            const struct frame one = frame_made(texts[i], 1000), other = frame_made(texts[j], 1000);
            cr_assert_eq(frame_is_same(&one, &other), i == j, "%s and %s", texts[i], texts[j]);
        }
}
