/* The client's side of WebSocket, by sections of RFC 6455. */
#include "base/check.h"
#include "frame/websocket_client.h"

#include <criterion/criterion.h>
#include <stdio.h>

#define TEXT(literal) span_of(literal, sizeof(literal) - 1)

/* The key of section 1.3 is "the sample nonce", whose answer is known. */
static const uint8_t nonce[] = "the sample nonce", mask[4] = {0x37, 0xfa, 0x21, 0x3d};
static const struct websocket_asking plain = {.host = "example.com", .target = "/chat"};

static struct websocket_client client;
static char request[WEBSOCKET_ASK_MAX + 1];

static size_t ask(const struct websocket_asking *asking)
{
    memset(request, 0xa5, sizeof request);
    size_t size = websocket_client_ask(&client, asking, nonce, 1000, request, WEBSOCKET_ASK_MAX);
    request[size] = '\0';
    return size;
}

static bool is(struct span bytes, const char *text)
{
    return bytes.size == strlen(text) && memcmp(bytes.data, text, bytes.size) == 0;
}

#define same(bytes, text) \
    cr_assert(is(bytes, text), "\"%.*s\" and not \"%s\"", (int)(bytes).size, \
              (const char *)(bytes).data, text)

/* ---- the request: section 4.1, the second list of requirements ---- */

Test(websocket_client, asks_for_what_section_4_1_requires)
{
    size_t size = ask(&plain);
    cr_assert_str_eq(request, "GET /chat HTTP/1.1\r\n"
                              "Host: example.com\r\n"
                              "Upgrade: websocket\r\n"
                              "Connection: Upgrade\r\n"
                              "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                              "Sec-WebSocket-Version: 13\r\n"
                              "\r\n");
    cr_assert_eq(size, strlen(request));
    ask(&(struct websocket_asking){.host = "h:81",
                                   .target = "/?a=b",
                                   .origin = "null",
                                   .protocols = "b, a",
                                   .headers = "Cookie: x\r\nA: b\r\n"});
    cr_assert_not_null(strstr(request, "Version: 13\r\nOrigin: null\r\n"
                                       "Sec-WebSocket-Protocol: b, a\r\n"
                                       "Cookie: x\r\nA: b\r\n\r\n"),
                       "%s", request);
}

Test(websocket_client, does_not_ask_for_what_would_become_another_request)
{
    static const struct websocket_asking bad[] = {
        {.host = "a\r\nb", .target = "/"},
        {.host = "a", .target = "/ HTTP/1.1\r\nX: y"},
        {.host = "a", .target = "/ x"},
        {.host = "a", .target = "chat"},
        {.host = "a", .target = "/\x7f"},
        {.host = "a", .target = "/", .origin = "\n"},
        {.host = "a", .target = "/", .protocols = "a\r\n"},
        {.host = "a", .target = "/", .headers = "A: \x01\r\n"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) cr_assert_eq(ask(&bad[i]), 0, "%zu", i);
}

Test(websocket_client, says_when_there_is_no_room)
{
    size_t size = ask(&plain);
    cr_assert_eq(websocket_client_ask(&client, &plain, nonce, 1, request, size), 0);
    cr_assert_eq(websocket_client_ask(&client, &plain, nonce, 1, request, size + 1), size);
    cr_assert_eq(websocket_client_ask(&client, &plain, nonce, 1, request, 0), 0);
}

/* ---- the answer: section 4.1, the last list ---- */

static struct websocket_answer answer;

/* Handed over at the very end of an allocation. What is found lies there until the next. */
static enum websocket_answered answers(struct span bytes, bool ended)
{
    static uint8_t *last;
    free(last);
    last = malloc(bytes.size);
    check(last != NULL || bytes.size == 0);
    if (bytes.size != 0) memcpy(last, bytes.data, bytes.size);
    return websocket_client_answer(&client, span_of(last, bytes.size), ended, &answer);
}

/* However much has come, it is MORE until the whole is there. */
static void answers_as(const char *text, enum websocket_answered expected)
{
    struct span bytes = span_text(text);
    for (size_t size = 0; size < bytes.size; size++) {
        enum websocket_answered early = answers(span_first(bytes, size), false);
        cr_assert(early == WEBSOCKET_MORE || early == expected, "%zu of %s", size, text);
    }
    cr_assert_eq(answers(bytes, false), expected, "%s: %s", text, answer.why);
}

#define ANSWER_101 "HTTP/1.1 101 Switching Protocols\r\n"
#define UPGRADE "Upgrade: websocket\r\n"
#define CONNECTION "Connection: Upgrade\r\n"
#define ACCEPT "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"

Test(websocket_client, opens_with_the_right_answer)
{
    ask(&plain);
    answers_as(ANSWER_101 UPGRADE CONNECTION ACCEPT "\r\n", WEBSOCKET_OPEN);
    cr_assert_null(answer.protocol.data);
    answers_as(ANSWER_101 "upgrade:\tWebSocket \r\nCONNECTION: a, UPGRADE,\r\n" ACCEPT "\r\n",
               WEBSOCKET_OPEN);
    answers_as(ANSWER_101 UPGRADE CONNECTION ACCEPT "Sec-WebSocket-Extensions:\r\n\r\n",
               WEBSOCKET_OPEN);
}

/* Frames may follow at once, and interim answers come before (RFC 9110 section 15.2). */
Test(websocket_client, knows_where_the_frames_begin)
{
    static const char all[] = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nA: b\r\n\r\n" //
        ANSWER_101 UPGRADE CONNECTION ACCEPT "\r\n\x81\x02hi";
    ask(&plain);
    cr_assert_eq(answers(TEXT(all), false), WEBSOCKET_OPEN);
    cr_assert_eq(answer.size, sizeof all - 1 - 4);
}

Test(websocket_client, does_not_read_interim_answers_for_ever)
{
    char all[(WEBSOCKET_INTERIM_MAX + 1) * 25 + 1] = "";
    for (int i = 0; i <= WEBSOCKET_INTERIM_MAX; i++) strcat(all, "HTTP/1.1 100 Go on\r\n\r\n");
    ask(&plain);
    cr_assert_eq(answers(span_text(all), false), WEBSOCKET_BAD);
    strcpy(all + strlen(all) - strlen("HTTP/1.1 100 Go on\r\n\r\n"), "");
    cr_assert_eq(answers(span_text(all), false), WEBSOCKET_MORE);
}

static void bad_answer(const char *text, const char *why)
{
    answers_as(text, WEBSOCKET_BAD);
    cr_assert_not_null(strstr(answer.why, why), "%s", answer.why);
}

Test(websocket_client, fails_the_connection_by_each_item_of_section_4_1)
{
    ask(&plain);
    bad_answer(ANSWER_101 CONNECTION ACCEPT "\r\n", "Upgrade: websocket"); /* 2 */
    bad_answer(ANSWER_101 "Upgrade: h2c\r\n" CONNECTION ACCEPT "\r\n", "Upgrade: websocket");
    bad_answer(ANSWER_101 UPGRADE ACCEPT "\r\n", "Connection: Upgrade"); /* 3 */
    bad_answer(ANSWER_101 UPGRADE "Connection: upgrade-insecure\r\n" ACCEPT "\r\n", "Connection");
    bad_answer(ANSWER_101 UPGRADE CONNECTION "\r\n", "Sec-WebSocket-Accept"); /* 4 */
    bad_answer(ANSWER_101 UPGRADE CONNECTION ACCEPT ACCEPT "\r\n", "Sec-WebSocket-Accept");
    bad_answer(ANSWER_101 UPGRADE CONNECTION
               "Sec-WebSocket-Accept: S3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
               "Sec-WebSocket-Accept"); /* another letter's case */
    bad_answer(ANSWER_101 UPGRADE CONNECTION ACCEPT
               "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n",
               "extension"); /* 5 */
    bad_answer(ANSWER_101 UPGRADE CONNECTION ACCEPT "Sec-WebSocket-Protocol: chat\r\n\r\n",
               "protocol"); /* 6 */
}

Test(websocket_client, takes_one_of_the_protocols_it_asked_for)
{
    ask(&(struct websocket_asking){.host = "h", .target = "/", .protocols = "chat.v2, chat"});
    answers_as(ANSWER_101 UPGRADE CONNECTION ACCEPT "Sec-WebSocket-Protocol: chat\r\n\r\n",
               WEBSOCKET_OPEN);
    same(answer.protocol, "chat");
    answers_as(ANSWER_101 UPGRADE CONNECTION ACCEPT "\r\n", WEBSOCKET_OPEN);
    cr_assert_null(answer.protocol.data);
    bad_answer(ANSWER_101 UPGRADE CONNECTION ACCEPT "Sec-WebSocket-Protocol: Chat\r\n\r\n",
               "protocol");
    bad_answer(ANSWER_101 UPGRADE CONNECTION ACCEPT "Sec-WebSocket-Protocol: chat.v\r\n\r\n",
               "protocol");
    bad_answer(ANSWER_101 UPGRADE CONNECTION ACCEPT
               "Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Protocol: chat.v2\r\n\r\n",
               "protocol");
}

static void refused(const char *text, uint16_t status, const char *told)
{
    answers_as(text, WEBSOCKET_REFUSED);
    cr_assert_eq(answer.status, status);
    same(answer.text, told);
}

#define PLAIN "Content-Type: text/plain; charset=utf-8\r\n"

/* Section 4.1, item 1: any other status is HTTP's. */
Test(websocket_client, is_refused_by_a_status_and_the_first_line_of_a_plain_text)
{
    ask(&plain);
    refused("HTTP/1.1 403 Forbidden\r\n\r\n", 403, "Forbidden");
    refused("HTTP/1.1 200\r\n\r\n", 200, "");
    refused("HTTP/1.1 403 Forbidden\r\n" PLAIN "Content-Length: 10\r\n\r\nNot you.\r\n", 403,
            "Not you.");
    refused("HTTP/1.1 403 Forbidden\r\n" PLAIN "Content-Length: 4\r\n\r\nno\nx", 403, "no");
    refused("HTTP/1.1 403 No\r\n" PLAIN "Content-Length: 3\r\n\r\nyes", 403, "yes");
    refused("HTTP/1.1 403 No\r\n" PLAIN "Content-Length: 3\r\n\r\nyesterday", 403, "yes");
    refused("HTTP/1.1 403 No\r\n" PLAIN "Content-Length: 0\r\n\r\n", 403, "No");
    refused("HTTP/1.1 403 No\r\n" PLAIN "Transfer-Encoding: chunked\r\n\r\n4\r\nwhy?\r\n", 403,
            "why?");
    refused("HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\n\r\n", 404, "Not Found");
    cr_assert_null(answer.location.data);
    refused("HTTP/1.1 301 Moved\r\nLocation: ws://x/\r\n\r\n", 301, "Moved");
    same(answer.location, "ws://x/");
}

Test(websocket_client, does_not_wait_for_the_rest_of_a_text_that_ends_or_is_long)
{
    char all[400] = "HTTP/1.1 403 No\r\n" PLAIN "\r\n";
    ask(&plain);
    strcat(all, "half a li");
    cr_assert_eq(answers(span_text(all), false), WEBSOCKET_MORE);
    cr_assert_eq(answers(span_text(all), true), WEBSOCKET_REFUSED);
    same(answer.text, "half a li");
    size_t size = strlen(all);
    memset(all + size, 'x', WEBSOCKET_TOLD_MAX);
    cr_assert_eq(answers(span_of(all, size + WEBSOCKET_TOLD_MAX), false), WEBSOCKET_REFUSED);
    cr_assert_eq(answer.text.size, WEBSOCKET_TOLD_MAX);
}

Test(websocket_client, knows_what_is_no_HTTP_and_an_end_before_the_answer)
{
    ask(&plain);
    bad_answer("SSH-2.0-OpenSSH_9.2\r\n", "HTTP/1.1 and a status");
    cr_assert_eq(answers(TEXT(""), true), WEBSOCKET_BAD);
    cr_assert_not_null(strstr(answer.why, "ended"));
    cr_assert_eq(answers(TEXT(ANSWER_101 "Upgr"), true), WEBSOCKET_BAD);
}

/* ---- frames from the server ---- */

static uint8_t stream[400000];
static size_t arrived;
static struct frame_cut cut;
static struct session_reply reply;

static void open_client(uint64_t message_max)
{
    ask(&plain);
    client.message_max = message_max;
    arrived = 0;
}

static void comes(struct span bytes)
{
    check(arrived + bytes.size <= sizeof stream);
    memcpy(stream + arrived, bytes.data, bytes.size);
    arrived += bytes.size;
}

static char message[100000];

/* The next verdict that is not CONSUMED; the message is copied, for bytes are taken off. */
static enum frame_verdict next(void)
{
    enum frame_verdict verdict;
    do {
        verdict = websocket_client_next(&client, span_of(stream, arrived), mask, &cut, &reply);
        check(cut.packet.size < sizeof message);
        if (cut.packet.size != 0) memcpy(message, cut.packet.data, cut.packet.size);
        message[cut.packet.size] = '\0';
        check(cut.consumed <= arrived);
        memmove(stream, stream + cut.consumed, arrived - cut.consumed);
        arrived -= cut.consumed;
    } while (verdict == FRAME_CONSUMED && reply.size == 0);
    return verdict;
}

static void expect(const char *text, enum packet_kind kind)
{
    cr_assert_eq(next(), FRAME_PACKET, "%s", cut.why == NULL ? "" : cut.why);
    cr_assert_str_eq(message, text);
    cr_assert_eq(cut.kind, kind);
    cr_assert_eq(reply.size, 0);
}

/* Section 5.7. */
Test(websocket_client, reads_the_examples_of_section_5_7)
{
    open_client(100000);
    comes(TEXT("\x81\x05Hello\x01\x03Hel\x80\x02lo"));
    expect("Hello", PACKET_TEXT);
    expect("Hello", PACKET_TEXT);
    cr_assert_eq(next(), FRAME_MORE);
    cr_assert_eq(arrived, 0);
    uint8_t big[4 + 256] = {0x82, 0x7e, 0x01, 0x00};
    memset(big + 4, 'b', 256);
    comes(span_of(big, sizeof big));
    cr_assert_eq(next(), FRAME_PACKET);
    cr_assert_eq(cut.packet.size, 256);
    cr_assert_eq(cut.kind, PACKET_BINARY);
}

/* Section 5.5.2: "Hello" in a ping comes back in a pong, masked. */
Test(websocket_client, answers_a_ping_with_what_it_has)
{
    open_client(1000);
    comes(TEXT("\x89\x05Hello\x89\x00\x8a\x03 no\x81\x01x"));
    cr_assert_eq(next(), FRAME_CONSUMED);
    cr_assert_eq(reply.size, 11);
    cr_assert_eq(memcmp(reply.bytes, "\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11), 0);
    cr_assert_eq(next(), FRAME_CONSUMED);
    cr_assert_eq(reply.size, 6);
    expect("x", PACKET_TEXT); /* a pong is not answered: section 5.5.3 */
}

/* Section 5.4: control frames may be between fragments. However the bytes come, the messages are the same. */
Test(websocket_client, joins_fragments_however_they_come)
{
    static const char frames[] = "\x01\x03one\x89\x02hi\x00\x00\x00\x04 two\x8a\x00\x80\x06 three"
                                 "\x02\x00\x80\x01z\x81\x00\x01\x00\x80\x00"
                                 "\x81\x02ok";
    static const char *const messages[] = {"one two three", "z", "", "", "ok"};
    for (size_t piece = 1; piece <= sizeof frames; piece++) {
        size_t seen = 0, pings = 0;
        struct span rest = span_of(frames, sizeof frames - 1);
        open_client(13);
        while (rest.size != 0) {
            struct span part = span_first(rest, piece);
            rest = span_skip(rest, part.size);
            comes(part);
            enum frame_verdict verdict;
            while ((verdict = next()) != FRAME_MORE) {
                cr_assert(verdict == FRAME_PACKET || verdict == FRAME_CONSUMED, "%s", cut.why);
                if (verdict == FRAME_CONSUMED) pings++;
                if (verdict == FRAME_PACKET) cr_assert_str_eq(message, messages[seen++]);
            }
        }
        cr_assert_eq(seen, 5, "%zu in pieces of %zu", seen, piece);
        cr_assert_eq(pings, 1);
        cr_assert_eq(arrived, 0);
    }
}

/* What is in the way of a message does not pile up. */
Test(websocket_client, keeps_no_more_than_the_message_and_as_much_again)
{
    open_client(1000);
    comes(TEXT("\x01\x04half"));
    for (int i = 0; i < 10000; i++) {
        comes(i % 2 == 0 ? TEXT("\x00\x00") : TEXT("\x8a\x01p"));
        cr_assert_eq(next(), FRAME_MORE);
        cr_assert_leq(arrived, 4 + 4);
    }
    comes(TEXT("\x80\x04half"));
    expect("halfhalf", PACKET_TEXT);
}

static void breaks(struct span bytes, uint16_t code, const char *why)
{
    open_client(1000);
    comes(bytes);
    enum frame_verdict verdict;
    while ((verdict = next()) == FRAME_PACKET) continue;
    cr_assert_eq(verdict, FRAME_ERROR, "%s", why);
    cr_assert_eq(cut.code, code, "%u: %s", cut.code, why);
    cr_assert(client.is_over);
    cr_assert_not_null(strstr(cut.why == NULL ? "too big" : cut.why, why), "%s", cut.why);
    cr_assert_eq(reply.bytes[0], 0x88, "it is told: section 7.1.7");
    ws_mask(reply.bytes + 6, reply.size - 6, mask, 0);
    cr_assert_eq(reply.bytes[6] << 8 | reply.bytes[7], code);
}

Test(websocket_client, fails_the_connection_when_the_server_breaks_the_protocol)
{
    breaks(TEXT("\x81\x81\1\2\3\4h"), 1002, "masked");               /* 5.1 */
    breaks(TEXT("\xc1\x01h"), 1002, "reserved bit");                 /* 5.2 */
    breaks(TEXT("\x91\x01h"), 1002, "reserved bit");                 /* 5.2 */
    breaks(TEXT("\x83\x00"), 1002, "reserved opcode");               /* 5.2 */
    breaks(TEXT("\x81\x7e\x00\x01h"), 1002, "longer than");          /* 5.2 */
    breaks(TEXT("\x80\x01h"), 1002, "continuation");                 /* 5.4 */
    breaks(TEXT("\x01\x01h\x81\x01h"), 1002, "before the last one"); /* 5.4 */
    breaks(TEXT("\x09\x00"), 1002, "fragmented");                    /* 5.5 */
    breaks(TEXT("\x89\x7e\x00\x7e"), 1002, "125");                   /* 5.5 */
    breaks(TEXT("\x88\x01\x03"), 1002, "half a code");               /* 5.5.1 */
    breaks(TEXT("\x88\x02\x03\xed"), 1002, "may not be sent");       /* 7.4.1: 1005 */
    breaks(TEXT("\x88\x03\x03\xe8\xff"), 1007, "UTF-8");             /* 8.1 */
    breaks(TEXT("\x81\x02\xc3\x28"), 1007, "UTF-8");                 /* 8.1 */
    breaks(TEXT("\x81\x01\xc3"), 1007, "within a character");        /* 8.1 */
    breaks(TEXT("\x01\x01\xc3\x80\x01x"), 1007, "UTF-8");            /* 8.1 */
    breaks(TEXT("\x82\x7e\x03\xe9"), 1009, "too big");               /* 7.4.1 */
    breaks(TEXT("\x02\x01x\x00\x7e\x03\xe8"), 1009, "too big");      /* 7.4.1 */
}

/* A character may be in two fragments (8.1), and binary is anything. */
Test(websocket_client, checks_text_over_fragments_and_binary_not)
{
    open_client(1000);
    comes(TEXT("\x01\x01\xc3\x80\x01\xa4\x82\x01\xff"));
    expect("\xc3\xa4", PACKET_TEXT);
    expect("\xff", PACKET_BINARY);
}

Test(websocket_client, takes_a_message_of_just_the_largest_size)
{
    open_client(4);
    comes(TEXT("\x82\x04 1234\x02\x02 1\x80\x02 2"));
    memmove(stream + 2, stream + 3, arrived - 3); /* "1234" */
    arrived--;
    expect("1234", PACKET_BINARY);
    expect(" 1 2", PACKET_BINARY);
}

/* ---- the end: sections 5.5.1, 7 ---- */

static void replied(const char *payload, size_t size)
{
    cr_assert_eq(reply.size, 6 + size);
    cr_assert_eq(reply.bytes[0], 0x88);
    cr_assert_eq(reply.bytes[1], 0x80 | size);
    ws_mask(reply.bytes + 6, size, mask, 0);
    cr_assert_eq(memcmp(reply.bytes + 6, payload, size), 0);
}

Test(websocket_client, echoes_the_code_of_a_close)
{
    open_client(1000);
    comes(TEXT("\x01\x01x\x88\x07\x03\xe9 bye!"));
    cr_assert_eq(next(), FRAME_ENDED);
    cr_assert_eq(cut.code, WS_GOING_AWAY);
    cr_assert_str_eq(message, " bye!");
    replied("\x03\xe9", 2);
    cr_assert(client.is_over);
    open_client(1000);
    comes(TEXT("\x88\x00"));
    cr_assert_eq(next(), FRAME_ENDED);
    cr_assert_eq(cut.code, WS_NO_CODE);
    replied("", 0);
}

Test(websocket_client, closes_once_and_hears_the_rest)
{
    open_client(1000);
    websocket_client_close(&client, WS_NORMAL, span_text("done"), mask, &reply);
    replied("\x03\xe8"
            "done",
            6);
    websocket_client_close(&client, WS_NORMAL, span_text("done"), mask, &reply);
    cr_assert_eq(reply.size, 0);
    comes(TEXT("\x81\x02hi\x89\x01p\x88\x02\x03\xe8"));
    expect("hi", PACKET_TEXT);
    cr_assert_eq(next(), FRAME_ENDED);
    cr_assert_eq(reply.size, 0, "neither the ping nor the close is answered: section 5.5.1");
    open_client(1000);
    websocket_client_close(&client, WS_NORMAL, span_text(""), mask, &reply);
    comes(TEXT("\x83\x00"));
    cr_assert_eq(next(), FRAME_ERROR);
    cr_assert_eq(reply.size, 0);
}

Test(websocket_client, has_words_for_codes)
{
    for (int code = 0; code < 5000; code++) {
        bool known = code >= 1000 && code <= 1014 && code != 1004;
        cr_assert_eq(*websocket_code_text((uint16_t)code) != '\0', known, "%d", code);
    }
}

/* ---- to the server: sections 5.3, 5.6 ---- */

static struct span wrapped(struct span packet, enum packet_kind kind)
{
    static uint8_t room[100 + WS_HEADER_MAX];
    size_t size;
    check(packet.size <= 100);
    cr_assert_eq(websocket_client_wrap(packet, kind, mask, room, &size), FRAME_NO_FAULT);
    return span_of(room, size);
}

Test(websocket_client, masks_what_it_sends)
{
    struct span frame = wrapped(TEXT("Hello"), PACKET_PLAIN); /* the example of section 5.7 */
    cr_assert_eq(frame.size, 11);
    cr_assert_eq(memcmp(frame.data, "\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58", 11), 0);
    cr_assert_eq(wrapped(TEXT(""), PACKET_TEXT).size, 6);
}

Test(websocket_client, sends_text_as_text_and_the_rest_as_binary)
{
    uint8_t room[20];
    size_t size;
    cr_assert_eq(wrapped(TEXT("\xc3\xa4"), PACKET_PLAIN).data[0], 0x81);
    cr_assert_eq(wrapped(TEXT("\xc3"), PACKET_PLAIN).data[0], 0x82);
    cr_assert_eq(wrapped(TEXT("a"), PACKET_BINARY).data[0], 0x82);
    cr_assert_eq(wrapped(TEXT("a"), PACKET_TEXT).data[0], 0x81);
    cr_assert_eq(websocket_client_wrap(TEXT("\xc3"), PACKET_TEXT, mask, room, &size),
                 FRAME_BAD_TEXT);
}
