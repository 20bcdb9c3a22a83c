/* What a server sends (RFC 6455 sections 5.1, 5.2, 5.5, 7.4): messages, pings, farewells. */
#include "base/piece.h"
#include "websocket_try.h"

/* One session without a client. */
static struct budget budget = {.limit = WS_BIG};
static struct frame spoken;
static struct session *session;

static void begin(const char *framing, uint64_t packet_max)
{
    spoken = frame_made(framing, packet_max);
    session = spoken.codec->sessions->open(&spoken, &budget);
    cr_assert_not_null(session);
}

static void end(void)
{
    session->codec->close(session);
    cr_assert_eq(budget_used(&budget), 0);
}

/* The frame of a packet, whose header is this. */
static void sends(struct span packet, enum packet_kind kind, struct span header)
{
    uint8_t room[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count = 0;
    cr_assert_eq(session->codec->wrap(session, &spoken, packet, kind, room, parts, &count),
                 FRAME_NO_FAULT);
    cr_assert_eq(count, packet.size > 0 ? 2 : 1);
    cr_assert(same_bytes(parts[0], header), "%zu bytes: another header", packet.size);
    if (count == 2) cr_assert(parts[1].data == packet.data && parts[1].size == packet.size);
}

static void refuses(struct span packet, enum packet_kind kind, enum frame_fault fault)
{
    uint8_t room[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count = 0;
    cr_assert_eq(session->codec->wrap(session, &spoken, packet, kind, room, parts, &count), fault);
}

#define HEADER(bytes) span_of(bytes, sizeof(bytes) - 1)

Test(websocket_send, a_packet_is_one_frame_without_a_mask)
{
    begin("websocket", 100);
    sends(span_text("Hello"), PACKET_TEXT, HEADER("\x81\x05"));
    sends(span_text("Hello"), PACKET_BINARY, HEADER("\x82\x05"));
    sends(span_text(""), PACKET_TEXT, HEADER("\x81\x00"));
    sends(span_text(""), PACKET_BINARY, HEADER("\x82\x00"));
    sends((struct span){NULL, 0}, PACKET_PLAIN, HEADER("\x81\x00"));
    end();
}

Test(websocket_send, a_packet_without_a_kind_is_text_if_it_can_be)
{
    begin("websocket", 100);
    sends(span_text("Hello"), PACKET_PLAIN, HEADER("\x81\x05"));
    sends(span_text("k\xc3\xa4se"), PACKET_PLAIN, HEADER("\x81\x05"));
    sends(span_text("\xff"), PACKET_PLAIN, HEADER("\x82\x01"));
    sends(span_text("k\xc3"), PACKET_PLAIN, HEADER("\x82\x02"));
    sends(span_of("\0\0", 2), PACKET_PLAIN, HEADER("\x81\x02"));
    sends(span_text("\xed\xa0\x80"), PACKET_PLAIN, HEADER("\x82\x03"));
    end();
}

Test(websocket_send, a_text_is_utf_8)
{
    begin("websocket", 100);
    sends(span_text("k\xc3\xa4se"), PACKET_TEXT, HEADER("\x81\x05"));
    refuses(span_text("\xff"), PACKET_TEXT, FRAME_BAD_TEXT);
    refuses(span_text("k\xc3"), PACKET_TEXT, FRAME_BAD_TEXT);
    refuses(span_text("\xed\xa0\x80"), PACKET_TEXT, FRAME_BAD_TEXT);
    sends(span_text("\xff"), PACKET_BINARY, HEADER("\x82\x01"));
    end();
}

Test(websocket_send, lengths_are_as_short_as_can_be)
{
    static uint8_t bytes[70000];
    begin("websocket", 70000);
    sends(span_of(bytes, 125), PACKET_BINARY, HEADER("\x82\x7d"));
    sends(span_of(bytes, 126), PACKET_BINARY, HEADER("\x82\x7e\x00\x7e"));
    sends(span_of(bytes, 127), PACKET_BINARY, HEADER("\x82\x7e\x00\x7f"));
    sends(span_of(bytes, 65535), PACKET_TEXT, HEADER("\x81\x7e\xff\xff"));
    sends(span_of(bytes, 65536), PACKET_TEXT, HEADER("\x81\x7f\0\0\0\0\0\1\0\0"));
    sends(span_of(bytes, 70000), PACKET_BINARY, HEADER("\x82\x7f\0\0\0\0\0\1\x11\x70"));
    end();
}

Test(websocket_send, nothing_larger_than_a_packet_may_be)
{
    static uint8_t bytes[101];
    begin("websocket", 100);
    sends(span_of(bytes, 100), PACKET_PLAIN, HEADER("\x81\x64"));
    refuses(span_of(bytes, 101), PACKET_PLAIN, FRAME_TOO_BIG);
    refuses(span_of(bytes, 101), PACKET_TEXT, FRAME_TOO_BIG);
    refuses(span_of(bytes, 101), PACKET_BINARY, FRAME_TOO_BIG);
    end();
    begin("websocket,max=10", 100);
    sends(span_of(bytes, 10), PACKET_PLAIN, HEADER("\x81\x0a"));
    refuses(span_of(bytes, 11), PACKET_PLAIN, FRAME_TOO_BIG);
    end();
}

Test(websocket_send, connections_of_one_framing_share_what_is_sent)
{
    begin("websocket", 100);
    struct session *other = spoken.codec->sessions->open(&spoken, &budget);
    cr_assert_not_null(other);
    cr_assert_not_null(session->codec->share(session, &spoken));
    cr_assert_eq(session->codec->share(session, &spoken), other->codec->share(other, &spoken));
    other->codec->close(other);
    end();
}

Test(websocket_send, a_ping_is_empty)
{
    struct session_reply reply = {.size = 0};
    begin("websocket", 100);
    session->codec->ping(&spoken, &reply);
    cr_assert(same_bytes(span_of(reply.bytes, reply.size), HEADER("\x89\x00")));
    end();
}

Test(websocket_send, pings_are_as_far_apart_as_is_set)
{
    begin("websocket", 100);
    cr_assert_eq(session->codec->ping_after_ns(&spoken), UINT64_C(30000000000));
    end();
    begin("websocket,ping=5", 100);
    cr_assert_eq(session->codec->ping_after_ns(&spoken), UINT64_C(5000000000));
    end();
    begin("websocket,ping=0", 100);
    cr_assert_eq(session->codec->ping_after_ns(&spoken), 0);
    end();
}

static void says_goodbye(uint16_t code, struct span words, struct span bytes)
{
    struct session_reply reply = {.size = 0};
    session->codec->farewell(&spoken, code, words, &reply);
    cr_assert(same_bytes(span_of(reply.bytes, reply.size), bytes), "%u: other bytes", code);
}

Test(websocket_send, a_farewell_has_a_code_and_words)
{
    begin("websocket", 100);
    says_goodbye(1000, (struct span){NULL, 0}, HEADER("\x88\x02\x03\xe8"));
    says_goodbye(1001, span_text("bye"),
                 HEADER("\x88\x05\x03\xe9"
                        "bye"));
    says_goodbye(4999, span_text("k\xc3\xa4se"), HEADER("\x88\x07\x13\x87k\xc3\xa4se"));
    end();
}

Test(websocket_send, words_of_a_farewell_are_cut_between_characters)
{
    char words[200];
    struct session_reply reply = {.size = 0};
    begin("websocket", 100);
    for (size_t i = 0; i < sizeof words; i += 2) memcpy(words + i, "\xc3\xa4", 2);
    session->codec->farewell(&spoken, 1000, span_of(words, sizeof words), &reply);
    cr_assert_eq(reply.size, 2 + 2 + 122);
    cr_assert_eq(reply.bytes[1], 124);
    session->codec->farewell(&spoken, 1000, span_of(words, 124), &reply);
    cr_assert_eq(reply.bytes[1], 124);
    session->codec->farewell(&spoken, 1000, span_of(words, 122), &reply);
    cr_assert_eq(reply.bytes[1], 124);
    end();
}

/* ---- memory ---- */

Test(websocket_send, no_session_without_memory)
{
    struct budget none = {.limit = 16};
    spoken = frame_made("websocket", 100);
    cr_assert_null(spoken.codec->sessions->open(&spoken, &none));
    cr_assert_eq(budget_used(&none), 0);
}

static enum frame_verdict receives(const char *notation)
{
    static struct ws_text text;
    struct session_reply reply = {.size = 0};
    struct frame_cursor cursor = {0};
    struct frame_cut cut;
    ws_write(&text, notation);
    return session->codec->next(session, &spoken, &cursor, span_of(text.bytes, text.size), &cut,
                                &reply);
}

/* The memory of a message is kept while it is used, and no longer; a whole frame needs none. */
Test(websocket_send, what_a_message_holds_is_given_back)
{
    begin("websocket", 1000);
    size_t alone = budget_used(&budget);
    cr_assert_eq(receives("t:whole"), FRAME_PACKET);
    cr_assert_eq(session->held, 0);
    cr_assert_eq(receives("t-:x*500"), FRAME_CONSUMED);
    cr_assert(session->held >= 500 && session->held <= 1000);
    cr_assert_eq(budget_used(&budget), alone + session->held);
    session->codec->rest(session);
    cr_assert(session->held >= 500, "the message goes on");
    cr_assert_eq(receives("p:"), FRAME_CONSUMED);
    cr_assert_eq(receives("c:x*500"), FRAME_PACKET);
    cr_assert_eq(session->held, 1000);
    session->codec->rest(session);
    cr_assert_eq(session->held, 0);
    cr_assert_eq(budget_used(&budget), alone);
    end();
}

/* No more is held than a message may have, however it grows. */
Test(websocket_send, a_message_holds_no_more_than_it_may)
{
    begin("websocket,max=300", 1000);
    cr_assert_eq(receives("b-:x"), FRAME_CONSUMED);
    cr_assert_eq(session->held, 256);
    cr_assert_eq(receives("c-:x*256"), FRAME_CONSUMED);
    cr_assert_eq(session->held, 300);
    end();
    begin("websocket,max=100", 1000);
    cr_assert_eq(receives("b-:x"), FRAME_CONSUMED);
    cr_assert_eq(session->held, 100);
    end();
}

/* Twice as much as before is not there, but as much as is needed. */
Test(websocket_send, a_message_takes_what_it_needs_when_memory_is_short)
{
    begin("websocket", 1000);
    cr_assert_eq(receives("b-:x*250"), FRAME_CONSUMED);
    cr_assert_eq(session->held, 256);
    budget.limit = budget_used(&budget) + 100;
    cr_assert_eq(receives("c-:x*50"), FRAME_CONSUMED);
    cr_assert_eq(session->held, 300);
    cr_assert_eq(receives("c-:x*100"), FRAME_STARVED);
    budget.limit = WS_BIG;
    cr_assert_eq(receives("c:x*100"), FRAME_PACKET);
    end();
}

/* As clients of other framings do. */
Test(websocket_send, nobody_speaks_it_without_a_session)
{
    struct frame frame = frame_made("websocket", 100);
    uint8_t room[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count;
    struct frame_cursor cursor = {0};
    struct frame_cut cut = {0};
    cr_assert_eq(frame_peek(&frame, cursor, span_text("x")), FRAME_ERROR);
    cr_assert_eq(frame_next(&frame, &cursor, span_text("x"), &cut), FRAME_ERROR);
    cr_assert_eq(cut.fault, FRAME_PROTOCOL);
    cr_assert_eq(frame_wrap(&frame, span_text("x"), room, parts, &count), FRAME_BAD_SIZE);
}
