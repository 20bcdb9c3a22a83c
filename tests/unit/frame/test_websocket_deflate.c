/* WebSockets that compress: RFC 7692 as a session does it. A client of the test's own is at the other end. */
#include "base/piece.h"
#include "frame/deflate.h"
#include "frame/session.h"
#include "frame/ws_frame.h"
#include "random.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { LIMIT = 16 << 20, LARGEST = 1 << 20, MESSAGE_MAX = 20000 };

static struct budget budget, of_client = {.limit = LIMIT};
static struct deflate_shared *shared;
static struct frame frame;
static uint64_t seed = 11;

/* One connection. */
struct talk {
    struct session *session;
    struct deflater *deflater;
    struct inflater *inflater;
    char welcome[SESSION_WELCOME_MAX + 1];
    bool keeps; /* contexts */
};

static void set_framing(const char *text, uint64_t packet_max)
{
    struct error error;
    budget.limit = LIMIT;
    cr_assert(frame_parse(&frame, text, packet_max, &error), "%s", error.text);
}

static const struct session_codec *codec(void)
{
    return frame.codec->sessions;
}

/* NULL: there was no memory. */
static struct session *open_session(const char *offer, char *welcome)
{
    char head[600];
    struct frame_cut cut;
    struct session_answer answer;
    struct session *session = codec()->open(&frame, &budget);
    if (session == NULL) return NULL;
    session->shared = &shared;
    snprintf(head, sizeof head,
             "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
             "Sec-WebSocket-Extensions: %s\r\n\r\n",
             offer);
    enum frame_verdict verdict = codec()->greet(session, &frame, span_text(head), &cut, &answer);
    if (verdict == FRAME_STARVED) {
        codec()->close(session);
        return NULL;
    }
    cr_assert_eq(verdict, FRAME_CONSUMED);
    session->is_greeted = true;
    welcome[codec()->welcome(session, &frame, welcome)] = '\0';
    session->is_open = true;
    codec()->rest(session);
    return session;
}

static struct talk begin(const char *offer)
{
    struct talk talk;
    talk.session = open_session(offer, talk.welcome);
    cr_assert_not_null(talk.session);
    talk.keeps = frame.websocket.compress == WEBSOCKET_TAKEOVER;
    uint8_t bits = talk.keeps && strstr(talk.welcome, "client_max") != NULL
                       ? frame.websocket.compress_window
                       : 15;
    talk.deflater = deflater_open(&of_client, 6, bits);
    talk.inflater = inflater_open(&of_client, 15);
    return talk;
}

static void end(struct talk *talk)
{
    codec()->close(talk->session);
    deflater_close(talk->deflater);
    inflater_close(talk->inflater);
}

static void end_last(struct talk *talk)
{
    end(talk);
    cr_assert_null(shared);
    cr_assert_eq(budget_used(&budget), 0);
    cr_assert_eq(budget_used(&of_client), 0);
}

#define OFFER "permessage-deflate; client_max_window_bits"

static const char *const framings[] = {"websocket,compress=true", "websocket,compress=takeover"};

/* ---- the client ---- */

static struct span pack(struct talk *talk, struct span message)
{
    static uint8_t room[LARGEST + LARGEST / 8];
    if (message.size == 0) return span_of("", 1); /* 7.2.3.6 */
    if (!talk->keeps) deflater_reset(talk->deflater);
    return span_of(room, deflater_run(talk->deflater, message, span_of(room, sizeof room)));
}

/* Frames one behind the other, in an allocation that ends where they do. */
struct stream_of {
    uint8_t *bytes;
    size_t size;
};

static void add(struct stream_of *stream, uint8_t first, struct span payload)
{
    static const uint8_t mask[4] = {0x12, 0x34, 0x56, 0x78};
    uint8_t header[WS_HEADER_MAX];
    uint8_t size = ws_header_write(header, first & 15, true, 0, payload.size, mask);
    header[0] = first;
    stream->bytes = realloc(stream->bytes, stream->size + size + payload.size);
    uint8_t *place = stream->bytes + stream->size;
    memcpy(place, header, size);
    if (payload.size > 0) memcpy(place + size, payload.data, payload.size);
    ws_mask(place + size, payload.size, mask, 0);
    stream->size += size + payload.size;
}

enum { FIN = 0x80, RSV1 = WS_RSV1, LAST = FIN /* a continuation */ };

struct got {
    enum frame_verdict verdict;
    struct frame_cut cut;
    int packets, replies;
};

/* What comes of a stream that arrives in two pieces; of the last packet, or of what ended it. Uses the stream up. */
static struct got feed_split(struct talk *talk, struct stream_of *stream, size_t at)
{
    struct got got = {.verdict = FRAME_MORE};
    struct frame_cursor cursor = {0};
    size_t used = 0, arrived = at;
    struct session_reply reply = {.size = 0};
    while (used < stream->size) {
        struct frame_cut cut = {.fault = FRAME_NO_FAULT};
        struct span input = span_of(stream->bytes + used, arrived - used);
        reply.size = 0;
        enum frame_verdict verdict =
            input.size == 0 ? FRAME_MORE
                            : codec()->next(talk->session, &frame, &cursor, input, &cut, &reply);
        got.replies += reply.size > 0;
        if (verdict == FRAME_MORE) {
            cr_assert_lt(arrived, stream->size);
            arrived = stream->size;
            continue;
        }
        got.verdict = verdict;
        got.cut = cut;
        if (verdict != FRAME_PACKET && verdict != FRAME_CONSUMED) return got;
        got.packets += verdict == FRAME_PACKET;
        used += cut.consumed;
    }
    return got;
}

static struct got feed(struct talk *talk, struct stream_of *stream)
{
    return feed_split(talk, stream, stream->size);
}

static void expect_message(const struct got *got, struct span message, enum packet_kind kind)
{
    cr_assert_eq(got->verdict, FRAME_PACKET, "verdict %d, fault %d, %s", (int)got->verdict,
                 (int)got->cut.fault, got->cut.fault == FRAME_PROTOCOL ? got->cut.why : "");
    cr_assert_eq(got->cut.kind, kind);
    cr_assert_eq(got->cut.packet.size, message.size);
    cr_assert(message.size == 0 || memcmp(got->cut.packet.data, message.data, message.size) == 0);
}

static void expect_error(struct talk *talk, struct stream_of *stream, uint16_t code)
{
    struct got got = feed(talk, stream);
    cr_assert_eq(got.verdict, FRAME_ERROR);
    cr_assert_eq(got.cut.code, code, "%u: %s", got.cut.code,
                 got.cut.fault == FRAME_PROTOCOL ? got.cut.why : "too big");
    free(stream->bytes);
}

/* Something like JSON. */
static struct span text_of(size_t size)
{
    static uint8_t bytes[LARGEST];
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t) "{\"id\":12}, abcdefg"[random_next(&seed) % 18];
    return span_of(bytes, size);
}

/* ---- the way in ---- */

Test(websocket_deflate, is_agreed_on_if_the_listener_is_set_to)
{
    static const struct {
        const char *framing, *line;
    } rows[] = {
        {"websocket", NULL},
        {"websocket,compress=false", NULL},
        {"websocket,compress=true",
         "permessage-deflate; server_no_context_takeover; client_no_context_takeover"},
        {"websocket,compress=takeover", "permessage-deflate; client_max_window_bits=12"},
        {"websocket,compress=takeover,compress_window=9",
         "permessage-deflate; client_max_window_bits=9"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char line[200];
        set_framing(rows[i].framing, MESSAGE_MAX);
        struct talk talk = begin(OFFER);
        snprintf(line, sizeof line, "\r\nSec-WebSocket-Extensions: %s\r\n\r\n",
                 rows[i].line != NULL ? rows[i].line : "");
        cr_assert_eq(strstr(talk.welcome, "Extensions") != NULL, rows[i].line != NULL);
        cr_assert(rows[i].line == NULL || strstr(talk.welcome, line) != NULL, "%s", talk.welcome);
        end_last(&talk);
        talk = begin("x-webkit-deflate-frame");
        cr_assert_null(strstr(talk.welcome, "Extensions"));
        end_last(&talk);
    }
}

Test(websocket_deflate, nothing_is_agreed_on_where_nothing_can_be_shared)
{
    struct frame_cut cut;
    struct session_answer answer;
    char welcome[SESSION_WELCOME_MAX + 1];
    set_framing("websocket,compress=takeover", MESSAGE_MAX);
    struct session *session = codec()->open(&frame, &budget);
    const char *head =
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Extensions: " OFFER "\r\n\r\n";
    codec()->greet(session, &frame, span_text(head), &cut, &answer);
    welcome[codec()->welcome(session, &frame, welcome)] = '\0';
    cr_assert_null(strstr(welcome, "Extensions"));
    codec()->close(session);
    cr_assert_eq(budget_used(&budget), 0);
}

Test(websocket_deflate, a_message_split_at_each_point)
{
    static const size_t sizes[] = {0, 1, 5, 100, 300};
    for (int f = 0; f < 2; f++) {
        set_framing(framings[f], MESSAGE_MAX);
        struct talk talk = begin(OFFER);
        for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
            for (size_t at = 0, size = 1; at < size; at++) {
                struct stream_of stream = {0};
                struct span message = text_of(sizes[i]);
                add(&stream, FIN | RSV1 | (at % 2 ? WS_TEXT : WS_BINARY), pack(&talk, message));
                size = stream.size;
                struct got got = feed_split(&talk, &stream, at);
                expect_message(&got, message, at % 2 ? PACKET_TEXT : PACKET_BINARY);
                free(stream.bytes);
            }
        end_last(&talk);
    }
}

Test(websocket_deflate, messages_of_all_sizes)
{
    static const size_t sizes[] = {0,     1,     255,    256,         257,    4096,
                                   65535, 65536, 200000, LARGEST - 1, LARGEST};
    for (int f = 0; f < 2; f++) {
        set_framing(framings[f], LARGEST);
        struct talk talk = begin(OFFER);
        for (size_t i = 0; i < 2 * (sizeof sizes / sizeof *sizes); i++) {
            struct stream_of stream = {0};
            struct span message = text_of(sizes[i / 2]);
            if (i % 2 == 1) /* noise, which gets larger */
                for (size_t k = 0; k < message.size; k++)
                    message.data[k] = (uint8_t)random_next(&seed);
            add(&stream, FIN | RSV1 | WS_BINARY, pack(&talk, message));
            struct got got = feed(&talk, &stream);
            expect_message(&got, message, PACKET_BINARY);
            free(stream.bytes);
        }
        end_last(&talk);
    }
}

/* 7.2.1: fragments are cut anywhere, may be empty, and a ping comes between them (RFC 6455 section 5.4). */
Test(websocket_deflate, a_message_in_fragments)
{
    for (int f = 0; f < 2; f++) {
        set_framing(framings[f], MESSAGE_MAX);
        struct talk talk = begin(OFFER);
        for (size_t at = 0, size = 1; at <= size; at++) {
            struct stream_of stream = {0};
            struct span message = text_of(200), packed = pack(&talk, message);
            size = packed.size;
            if (at > size) at = size;
            add(&stream, RSV1 | WS_TEXT, span_first(packed, at));
            add(&stream, FIN | WS_PING, span_text("here?"));
            add(&stream, WS_CONTINUATION, span_text(""));
            add(&stream, LAST, span_skip(packed, at));
            struct got got = feed_split(&talk, &stream, stream.size * at / size);
            expect_message(&got, message, PACKET_TEXT);
            cr_assert_eq(got.replies, 1);
            free(stream.bytes);
        }
        end_last(&talk);
    }
}

/* 6, 7.2: a message may be sent as it is; it does not touch the context. */
Test(websocket_deflate, a_message_that_is_not_compressed)
{
    for (int f = 0; f < 2; f++) {
        set_framing(framings[f], MESSAGE_MAX);
        struct talk talk = begin(OFFER);
        for (int round = 0; round < 3; round++) {
            struct stream_of stream = {0};
            struct span message = text_of(500);
            add(&stream, FIN | RSV1 | WS_TEXT, pack(&talk, message));
            add(&stream, FIN | WS_TEXT, span_text("plain"));
            add(&stream, WS_TEXT, span_text("pla"));
            add(&stream, LAST, span_text("in"));
            struct got got = feed(&talk, &stream);
            expect_message(&got, span_text("plain"), PACKET_TEXT);
            cr_assert_eq(got.packets, 3);
            free(stream.bytes);
        }
        end_last(&talk);
    }
}

/* What one leaves in the inflater that all share is nobody else's; not even when it stops in the middle. */
Test(websocket_deflate, two_connections_do_not_see_each_other)
{
    for (int f = 0; f < 2; f++) {
        set_framing(framings[f], MESSAGE_MAX);
        struct talk one = begin(OFFER), other = begin(OFFER);
        for (int round = 0; round < 3; round++) {
            struct stream_of first = {0}, between = {0}, last = {0};
            uint8_t copy[2000];
            struct span message = text_of(sizeof copy), packed = pack(&one, message);
            memcpy(copy, message.data, sizeof copy);
            add(&first, RSV1 | WS_TEXT, span_first(packed, packed.size / 2));
            add(&last, LAST, span_skip(packed, packed.size / 2));
            cr_assert_eq(feed(&one, &first).verdict, FRAME_CONSUMED);
            message = text_of(700);
            add(&between, FIN | RSV1 | WS_TEXT, pack(&other, message));
            struct got got = feed(&other, &between);
            expect_message(&got, message, PACKET_TEXT);
            got = feed(&one, &last);
            expect_message(&got, span_of(copy, sizeof copy), PACKET_TEXT);
            free(first.bytes);
            free(between.bytes);
            free(last.bytes);
        }
        end(&one);
        end_last(&other);
    }
}

/* 7.1.1.2: a client that was told to keep no context, and does. */
Test(websocket_deflate, nothing_is_left_of_the_last_message)
{
    struct stream_of stream = {0};
    set_framing(framings[0], MESSAGE_MAX);
    struct talk talk = begin(OFFER);
    add(&stream, FIN | RSV1 | WS_TEXT, span_of("\xf2\x48\xcd\xc9\xc9\x07\x00", 7));
    struct got got = feed(&talk, &stream);
    expect_message(&got, span_text("Hello"), PACKET_TEXT);
    free(stream.bytes);
    stream = (struct stream_of){0};
    add(&stream, FIN | RSV1 | WS_TEXT, span_of("\xf2\x00\x11\x00\x00", 5));
    expect_error(&talk, &stream, WS_NOT_VALID);
    end_last(&talk);
}

/* 6: the bit stands in the first frame of a message, and only if that was agreed on. */
Test(websocket_deflate, the_bit_where_it_may_not_be)
{
    static const struct {
        const char *framing;
        uint8_t before, first;
    } rows[] = {
        {"websocket", 0, FIN | RSV1 | WS_TEXT},
        {"websocket,compress=true", 0, FIN | RSV1 | WS_PING},
        {"websocket,compress=true", 0, FIN | RSV1 | WS_PONG},
        {"websocket,compress=true", 0, FIN | RSV1 | WS_CLOSE},
        {"websocket,compress=true", WS_TEXT, LAST | RSV1},
        {"websocket,compress=true", RSV1 | WS_TEXT, LAST | RSV1},
        {"websocket,compress=true", RSV1 | WS_TEXT, FIN | RSV1 | WS_TEXT},
        {"websocket,compress=true", 0, FIN | WS_RSV2 | WS_TEXT},
        {"websocket,compress=true", 0, FIN | WS_RSV3 | WS_TEXT},
        {"websocket,compress=takeover", 0, FIN | RSV1 | WS_RSV2 | WS_TEXT},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct stream_of stream = {0};
        set_framing(rows[i].framing, MESSAGE_MAX);
        struct talk talk = begin(OFFER);
        if (rows[i].before != 0) add(&stream, rows[i].before, span_text("\x00"));
        add(&stream, rows[i].first, span_text(""));
        expect_error(&talk, &stream, WS_PROTOCOL_ERROR);
        end_last(&talk);
    }
}

Test(websocket_deflate, what_is_not_compressed_right_or_no_text)
{
    static const char *const texts[] = {"\xff", "abc\xc3(", "\xed\xa0\x80", "abc\xe2\x82"};
    for (int f = 0; f < 2; f++) {
        set_framing(framings[f], MESSAGE_MAX);
        for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
            struct stream_of stream = {0};
            struct talk talk = begin(OFFER);
            add(&stream, FIN | RSV1 | WS_TEXT, pack(&talk, span_text(texts[i])));
            expect_error(&talk, &stream, WS_NOT_VALID);
            end_last(&talk);
            talk = begin(OFFER);
            stream = (struct stream_of){0};
            add(&stream, FIN | RSV1 | WS_BINARY, pack(&talk, span_text(texts[i])));
            struct got got = feed(&talk, &stream);
            expect_message(&got, span_text(texts[i]), PACKET_BINARY);
            free(stream.bytes);
            end_last(&talk);
        }
        struct stream_of stream = {0};
        struct talk talk = begin(OFFER);
        add(&stream, FIN | RSV1 | WS_TEXT, span_text("\xf2\x01\x11"));
        add(&stream, FIN | RSV1 | WS_TEXT, span_text("\x07"));
        expect_error(&talk, &stream, WS_NOT_VALID);
        end_last(&talk);
    }
}

/* A character may be cut by fragments, in the compressed bytes and in what they say. */
Test(websocket_deflate, a_text_is_checked_over_fragments)
{
    struct span text = span_text("\xe6\xbc\xa2\xe5\xad\x97 \xf0\x9f\x98\x80 abc");
    for (int f = 0; f < 2; f++) {
        set_framing(framings[f], MESSAGE_MAX);
        struct talk talk = begin(OFFER);
        for (size_t at = 0; at <= 20; at++) {
            struct stream_of stream = {0};
            struct span packed = pack(&talk, text);
            size_t first = at < packed.size ? at : packed.size;
            add(&stream, RSV1 | WS_TEXT, span_first(packed, first));
            add(&stream, LAST, span_skip(packed, first));
            struct got got = feed(&talk, &stream);
            expect_message(&got, text, PACKET_TEXT);
            free(stream.bytes);
        }
        end_last(&talk);
    }
}

/* ---- bombs ---- */

static size_t peak; /* the most that was used */

static struct got explode(const char *framing, uint64_t packet_max, size_t size, size_t fragments)
{
    struct stream_of stream = {0};
    set_framing(framing, packet_max);
    struct talk talk = begin(OFFER);
    struct span zeros = text_of(0);
    memset(zeros.data, 0, size);
    struct span packed = pack(&talk, span_of(zeros.data, size));
    size_t before = budget_used(&budget);
    for (size_t i = 0; i < fragments; i++) {
        size_t from = packed.size * i / fragments, to = packed.size * (i + 1) / fragments;
        add(&stream, (uint8_t)((i == 0 ? RSV1 | WS_BINARY : 0) | (i + 1 == fragments ? FIN : 0)),
            span_of(packed.data + from, to - from));
    }
    struct got got = feed(&talk, &stream);
    peak = budget_used(&budget) - before;
    free(stream.bytes);
    end_last(&talk);
    return got;
}

Test(websocket_deflate, a_bomb_ends_at_the_largest_message)
{
    for (int f = 0; f < 2; f++)
        for (size_t fragments = 1; fragments <= 4; fragments += 3) {
            struct got got = explode(framings[f], 5000, LARGEST, fragments);
            cr_assert_eq(got.verdict, FRAME_ERROR);
            cr_assert_eq(got.cut.fault, FRAME_TOO_BIG);
            cr_assert_eq(got.cut.code, WS_TOO_BIG);
            cr_assert_eq(got.cut.declared, 5001, "one byte more is enough");
            cr_assert_leq(peak, 5001 + (fragments > 1 ? 42000 : 0), "%zu", peak);
            cr_assert_eq(explode(framings[f], 5000, 5001, fragments).verdict, FRAME_ERROR);
            cr_assert_eq(explode(framings[f], 5000, 5000, fragments).verdict, FRAME_PACKET);
            cr_assert_eq(explode(framings[f], 1, 1, fragments).verdict, FRAME_PACKET);
            cr_assert_eq(explode(framings[f], 1, 2, fragments).verdict, FRAME_ERROR);
        }
}

/* A frame that is too large to be of a message that is not is refused before it has come. */
Test(websocket_deflate, a_frame_that_is_too_large_itself)
{
    uint8_t header[WS_HEADER_MAX];
    static const uint8_t mask[4];
    set_framing("websocket,compress=true", 1000);
    struct talk talk = begin(OFFER);
    struct frame_cut cut;
    struct session_reply reply = {.size = 0};
    struct frame_cursor cursor = {0};
    uint8_t size = ws_header_write(header, WS_BINARY, true, RSV1, 1000 + 125 + 64, mask);
    cr_assert_eq(codec()->next(talk.session, &frame, &cursor, span_of(header, size), &cut, &reply),
                 FRAME_MORE);
    size = ws_header_write(header, WS_BINARY, true, RSV1, 1000 + 125 + 65, mask);
    cr_assert_eq(codec()->next(talk.session, &frame, &cursor, span_of(header, size), &cut, &reply),
                 FRAME_ERROR);
    cr_assert_eq(cut.code, WS_TOO_BIG);
    end_last(&talk);
}

/* ---- memory ---- */

/* As long as there is not enough for contexts, messages go as they are. */
Test(websocket_deflate, without_memory_nothing_is_agreed_on)
{
    for (int f = 0; f < 2; f++) {
        bool agreed = false;
        int declined = 0;
        set_framing(framings[f], MESSAGE_MAX);
        for (size_t limit = 100; !agreed; limit += 150) {
            char welcome[SESSION_WELCOME_MAX + 1];
            budget.limit = limit;
            struct session *session = open_session(OFFER, welcome);
            if (session != NULL) {
                agreed = strstr(welcome, "Extensions") != NULL;
                cr_assert_eq(shared != NULL, agreed);
                declined += !agreed;
                codec()->close(session);
            }
            cr_assert_null(shared);
            cr_assert_eq(budget_used(&budget), 0);
            cr_assert_lt(limit, 100000);
        }
        cr_assert_gt(declined, 100);
    }
}

/* So that little comes, much is in it, and characters are cut wherever memory runs out. */
static struct span repeated_text(size_t size)
{
    struct span text = text_of(size);
    for (size_t i = 0; i + 3 <= size; i += 3)
        if (i % 100 != 0) memcpy(text.data + i, "\xe6\xbc\xa2", 3);
    return text;
}

/* Each growth of a message that there is no memory for; then there is, and the same bytes are looked at again. Meanwhile
 * somebody else uses the inflater that all share. */
static void starve(const char *framing, bool in_fragments)
{
    set_framing(framing, MESSAGE_MAX);
    struct talk talk = begin(OFFER), other = begin(OFFER);
    size_t used = budget_used(&budget);
    int starved = 0;
    for (size_t more = 0; more < 70000; more += more < 2000 ? 100 : 3000) {
        struct stream_of stream = {0}, between = {0};
        uint8_t copy[15000];
        struct span message = repeated_text(sizeof copy), packed = pack(&talk, message);
        memcpy(copy, message.data, sizeof copy);
        size_t first = in_fragments ? packed.size / 3 : packed.size;
        add(&stream, (in_fragments ? 0 : FIN) | RSV1 | WS_TEXT, span_first(packed, first));
        if (in_fragments) add(&stream, LAST, span_skip(packed, first));
        struct frame_cursor cursor = {0};
        struct session_reply reply = {.size = 0};
        struct frame_cut cut;
        size_t at = 0;
        enum frame_verdict verdict = FRAME_CONSUMED;
        while (verdict != FRAME_PACKET) {
            struct span input = span_of(stream.bytes + at, stream.size - at);
            budget.limit = used + more;
            verdict = codec()->next(talk.session, &frame, &cursor, input, &cut, &reply);
            if (verdict == FRAME_STARVED) {
                codec()->rest(talk.session);
                starved++;
                budget.limit = LIMIT;
                message = text_of(300);
                add(&between, FIN | RSV1 | WS_TEXT, pack(&other, message));
                struct got got = feed(&other, &between);
                expect_message(&got, message, PACKET_TEXT);
                codec()->rest(other.session);
                free(between.bytes);
                between = (struct stream_of){0};
                verdict = codec()->next(talk.session, &frame, &cursor, input, &cut, &reply);
            }
            cr_assert(verdict == FRAME_PACKET || verdict == FRAME_CONSUMED, "%d", (int)verdict);
            at += cut.consumed;
        }
        cr_assert_eq(cut.packet.size, sizeof copy);
        cr_assert(memcmp(cut.packet.data, copy, sizeof copy) == 0);
        cr_assert_gt(talk.session->held, 0);
        codec()->rest(talk.session);
        cr_assert_eq(talk.session->held, 0);
        cr_assert_eq(budget_used(&budget), used);
        free(stream.bytes);
    }
    cr_assert_gt(starved, 20, "%d", starved);
    budget.limit = LIMIT;
    end(&talk);
    end_last(&other);
}

Test(websocket_deflate, goes_on_when_there_is_memory_again)
{
    starve(framings[0], false);
    starve(framings[1], false);
}

Test(websocket_deflate, goes_on_within_fragments)
{
    starve(framings[0], true);
    starve(framings[1], true);
}

/* What an unfinished message holds is known, so that somebody can be found who holds much. */
Test(websocket_deflate, an_inflater_in_the_middle_of_a_message_is_held)
{
    struct stream_of stream = {0};
    set_framing(framings[0], MESSAGE_MAX);
    struct talk talk = begin(OFFER);
    size_t before = budget_used(&budget);
    add(&stream, RSV1 | WS_TEXT, span_text(""));
    cr_assert_eq(feed(&talk, &stream).verdict, FRAME_CONSUMED);
    cr_assert_eq(talk.session->held, budget_used(&budget) - before);
    cr_assert_gt(talk.session->held, 32768);
    free(stream.bytes);
    end_last(&talk);
}

Test(websocket_deflate, costs_a_connection_what_it_says)
{
    set_framing(framings[1], MESSAGE_MAX);
    struct talk one = begin(OFFER);
    size_t before = budget_used(&budget);
    struct talk other = begin(OFFER);
    cr_assert_lt(budget_used(&budget) - before, 52000, "%zu", budget_used(&budget) - before);
    end(&one);
    end_last(&other);
    set_framing(framings[0], MESSAGE_MAX);
    one = begin(OFFER);
    before = budget_used(&budget);
    other = begin(OFFER);
    cr_assert_lt(budget_used(&budget) - before, 500, "%zu", budget_used(&budget) - before);
    end(&one);
    end_last(&other);
}

/* ---- the way out ---- */

/* What is sent for a packet, in one piece. Must be used before the next. */
static struct span wrap(struct talk *talk, struct span packet, bool sent)
{
    static uint8_t all[LARGEST + WS_HEADER_MAX];
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count = 0;
    size_t size = 0;
    cr_assert_eq(codec()->wrap(talk->session, &frame, packet, PACKET_PLAIN, header, parts, &count),
                 FRAME_NO_FAULT);
    for (int i = 0; i < count; i++) {
        memcpy(all + size, parts[i].data, parts[i].size);
        size += parts[i].size;
    }
    codec()->wrapped(talk->session, sent);
    return span_of(all, size);
}

/* A client reads a frame, which is the packet; returns its size. */
static size_t reads(struct talk *talk, struct span bytes, struct span packet, bool compressed)
{
    static uint8_t out[LARGEST + 1];
    struct ws_header header;
    cr_assert_eq(ws_header_read(&header, bytes), WS_HEADER);
    cr_assert(header.fin);
    cr_assert_eq(header.reserved, compressed ? RSV1 : 0);
    cr_assert_eq(header.header_size + header.size, bytes.size);
    struct span payload = span_skip(bytes, header.header_size);
    if (compressed) {
        struct span room = span_of(out, sizeof out), tail = inflater_tail();
        cr_assert(inflater_run(talk->inflater, &payload, &room));
        cr_assert(inflater_run(talk->inflater, &tail, &room));
        inflater_reset(talk->inflater, talk->keeps);
        payload = span_of(out, sizeof out - room.size);
    }
    cr_assert_eq(payload.size, packet.size);
    cr_assert(packet.size == 0 || memcmp(payload.data, packet.data, packet.size) == 0);
    return bytes.size;
}

Test(websocket_deflate, small_ones_and_noise_go_as_they_are)
{
    for (int f = 0; f < 2; f++) {
        set_framing(framings[f], LARGEST);
        struct talk talk = begin(OFFER);
        for (size_t size = 0; size < 300; size++) {
            struct span packet = text_of(size);
            memset(packet.data, 'x', size);
            size_t sent = reads(&talk, wrap(&talk, packet, true), packet, size >= 100);
            cr_assert(size < 100 || sent < 40);
        }
        for (size_t size = 100; size < LARGEST; size *= 3) {
            struct span packet = text_of(size);
            for (size_t i = 0; i < size; i++) packet.data[i] = (uint8_t)random_next(&seed);
            reads(&talk, wrap(&talk, packet, true), packet, false);
            packet = text_of(size);
            reads(&talk, wrap(&talk, packet, true), packet, true);
        }
        end_last(&talk);
    }
}

Test(websocket_deflate, with_a_context_what_was_said_before_is_short)
{
    struct span packet = text_of(800);
    set_framing(framings[1], LARGEST);
    struct talk talk = begin(OFFER);
    size_t first = reads(&talk, wrap(&talk, packet, true), packet, true);
    size_t again = reads(&talk, wrap(&talk, packet, true), packet, true);
    cr_assert_lt(again, first / 10);
    end_last(&talk);
    set_framing(framings[0], LARGEST);
    talk = begin(OFFER);
    first = reads(&talk, wrap(&talk, packet, true), packet, true);
    again = reads(&talk, wrap(&talk, packet, true), packet, true);
    cr_assert_eq(again, first);
    end_last(&talk);
}

/* A packet was compressed, and could not be queued: the client has never seen it. */
Test(websocket_deflate, a_packet_that_was_not_sent_is_not_referred_to)
{
    uint8_t copy[900];
    set_framing(framings[1], LARGEST);
    struct talk talk = begin(OFFER);
    memcpy(copy, text_of(sizeof copy).data, sizeof copy);
    struct span lost = span_of(copy, sizeof copy), packet = text_of(500);
    reads(&talk, wrap(&talk, packet, true), packet, true);
    for (int i = 0; i < 3; i++) {
        wrap(&talk, lost, false);
        reads(&talk, wrap(&talk, packet, true), packet, true);
        size_t again = reads(&talk, wrap(&talk, packet, true), packet, true);
        cr_assert_lt(again, 60);
        wrap(&talk, span_text("small"), false); /* this one costs no context */
        cr_assert_lt(reads(&talk, wrap(&talk, packet, true), packet, true), 60);
    }
    reads(&talk, wrap(&talk, lost, true), lost, true);
    end_last(&talk);
}

Test(websocket_deflate, without_memory_packets_go_as_they_are)
{
    for (int f = 0; f < 2; f++) {
        set_framing(framings[f], LARGEST);
        struct talk talk = begin(OFFER);
        struct span packet = text_of(3000);
        budget.limit = budget_used(&budget) + 2999;
        reads(&talk, wrap(&talk, packet, true), packet, false);
        budget.limit++;
        reads(&talk, wrap(&talk, packet, true), packet, true);
        budget.limit = LIMIT;
        end_last(&talk);
    }
}

/* The buffer stays between two packets if it is small, and grows when it has to. */
Test(websocket_deflate, a_large_buffer_is_given_back)
{
    set_framing(framings[0], LARGEST);
    struct talk talk = begin(OFFER);
    size_t before = budget_used(&budget);
    struct span packet = text_of(65536);
    reads(&talk, wrap(&talk, packet, true), packet, true);
    cr_assert_eq(budget_used(&budget), before + 65536);
    packet = text_of(65537);
    reads(&talk, wrap(&talk, packet, true), packet, true);
    cr_assert_eq(budget_used(&budget), before);
    end_last(&talk);
}

/* ---- broadcasts ---- */

Test(websocket_deflate, those_with_one_window_and_no_context_share)
{
    set_framing(framings[0], LARGEST);
    struct talk one = begin(OFFER), other = begin("permessage-deflate"),
                narrow = begin(OFFER "; server_max_window_bits=9"), plain = begin("x");
    const void *share = codec()->share(one.session, &frame);
    cr_assert_not_null(share);
    cr_assert_eq(codec()->share(other.session, &frame), share);
    cr_assert_neq(codec()->share(narrow.session, &frame), share);
    cr_assert_not_null(codec()->share(narrow.session, &frame));
    cr_assert_eq(codec()->share(plain.session, &frame), &frame);
    cr_assert_neq(share, &frame);
    struct span packet = text_of(2000), bytes = wrap(&one, packet, true);
    reads(&one, bytes, packet, true);
    reads(&other, bytes, packet, true);
    struct talk *all[] = {&one, &other, &narrow};
    for (int i = 0; i < 3; i++) end(all[i]);
    end_last(&plain);
}

/* Who has a smaller window gets what it can inflate with it, whoever else is there. */
Test(websocket_deflate, a_window_is_not_larger_than_was_agreed_on)
{
    uint8_t out[100];
    struct ws_header header;
    set_framing(framings[0], LARGEST);
    struct talk wide = begin(OFFER), narrow = begin(OFFER "; server_max_window_bits=9");
    struct inflater *inflater = inflater_open(&of_client, 9);
    struct span packet = text_of(3000);
    memcpy(packet.data + 1500, packet.data, 1500);
    wrap(&wide, packet, true);
    struct span bytes = wrap(&narrow, packet, true);
    cr_assert_eq(ws_header_read(&header, bytes), WS_HEADER);
    cr_assert_eq(header.reserved, RSV1);
    bytes = span_skip(bytes, header.header_size);
    for (size_t at = 0; at < packet.size; at += sizeof out) {
        struct span room = span_of(out, sizeof out);
        cr_assert(inflater_run(inflater, &bytes, &room));
        cr_assert(memcmp(out, packet.data + at, sizeof out - room.size) == 0);
        cr_assert_eq(room.size, 0);
    }
    inflater_close(inflater);
    end(&wide);
    end_last(&narrow);
}

Test(websocket_deflate, those_with_a_context_share_nothing)
{
    set_framing(framings[1], LARGEST);
    struct talk one = begin(OFFER), without = begin(OFFER "; server_no_context_takeover"),
                other = begin("permessage-deflate; server_no_context_takeover");
    cr_assert_null(codec()->share(one.session, &frame));
    cr_assert_not_null(codec()->share(without.session, &frame));
    cr_assert_eq(codec()->share(other.session, &frame), codec()->share(without.session, &frame));
    end(&one);
    end(&without);
    end_last(&other);
}
