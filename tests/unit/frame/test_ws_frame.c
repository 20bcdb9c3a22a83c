#include "frame/ws_frame.h"

#include "base/check.h"
#include "random.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <signal.h>

static const uint8_t rfc_mask[4] = {0x37, 0xfa, 0x21, 0x3d}; /* of the examples in section 5.7 */

/* Reads what has come, which ends where its allocation does, so that the address sanitizer sees a read beyond it. */
static enum ws_verdict read_exact(struct ws_header *header, struct span bytes)
{
    uint8_t *copy = malloc(bytes.size);
    check(copy != NULL || bytes.size == 0);
    if (bytes.size != 0) memcpy(copy, bytes.data, bytes.size);
    memset(header, 0xa5, sizeof *header);
    enum ws_verdict verdict = ws_header_read(header, span_of(copy, bytes.size));
    free(copy);
    return verdict;
}

static void check_same(const struct ws_header *one, const struct ws_header *other)
{
    cr_assert_eq(one->size, other->size, "%" PRIu64, one->size);
    cr_assert_eq(one->opcode, other->opcode, "%d", one->opcode);
    cr_assert_eq(one->fin, other->fin);
    cr_assert_eq(one->reserved, other->reserved, "%d", one->reserved);
    cr_assert_eq(one->masked, other->masked);
    cr_assert_eq(memcmp(one->mask, other->mask, sizeof one->mask), 0);
    cr_assert_eq(one->header_size, other->header_size, "%d", one->header_size);
}

/* Reads every beginning of the bytes: MORE up to `decided` of them, and the same from there on. */
static enum ws_verdict read_slowly(struct span bytes, size_t decided, struct ws_header *header)
{
    enum ws_verdict expected = read_exact(header, bytes);
    size_t wanted = 2;
    for (size_t come = 0; come <= bytes.size; come++) {
        struct ws_header slow;
        enum ws_verdict verdict = read_exact(&slow, span_first(bytes, come));
        cr_assert_eq(verdict, come < decided ? WS_MORE : expected, "%zu bytes: %d", come,
                     (int)verdict);
        if (verdict == WS_HEADER) check_same(&slow, header);
        if (verdict == WS_BAD) cr_assert_str_eq(slow.why, header->why);
        if (verdict != WS_MORE) continue;
        cr_assert_gt(slow.header_size, come, "more is wanted than has come");
        cr_assert_geq(slow.header_size, wanted, "and never less than before");
        wanted = slow.header_size;
        if (expected == WS_HEADER) cr_assert_leq(wanted, header->header_size);
    }
    return expected;
}

/* ---- headers ---- */

#define BYTES(text) (const uint8_t *)(text), sizeof(text) - 1

Test(ws_frame, headers_are_read_as_they_stand)
{
    static const struct {
        const char *section;
        const uint8_t *bytes;
        size_t count;
        struct ws_header expected;
    } cases[] = {
        {"5.7 a text", BYTES("\x81\x05Hello"), {5, WS_TEXT, true, 0, false, {0}, 2, NULL}},
        {"5.7 a masked text",
         BYTES("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
         {5, WS_TEXT, true, 0, true, {0x37, 0xfa, 0x21, 0x3d}, 6, NULL}},
        {"5.7 its first part", BYTES("\x01\x03Hel"), {3, WS_TEXT, false, 0, false, {0}, 2, NULL}},
        {"5.7 its last part",
         BYTES("\x80\x02lo"),
         {2, WS_CONTINUATION, true, 0, false, {0}, 2, NULL}},
        {"5.7 a ping", BYTES("\x89\x05Hello"), {5, WS_PING, true, 0, false, {0}, 2, NULL}},
        {"5.7 a pong",
         BYTES("\x8a\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58"),
         {5, WS_PONG, true, 0, true, {0x37, 0xfa, 0x21, 0x3d}, 6, NULL}},
        {"5.7 256 bytes",
         BYTES("\x82\x7e\x01\x00..."),
         {256, WS_BINARY, true, 0, false, {0}, 4, NULL}},
        {"5.7 64 KiB",
         BYTES("\x82\x7f\0\0\0\0\0\x01\0\0..."),
         {65536, WS_BINARY, true, 0, false, {0}, 10, NULL}},
        {"5.2 nothing", BYTES("\x82\x00"), {0, WS_BINARY, true, 0, false, {0}, 2, NULL}},
        {"5.2 nothing, masked",
         BYTES("\x82\x80\x01\x02\x03\x04\x88"),
         {0, WS_BINARY, true, 0, true, {1, 2, 3, 4}, 6, NULL}},
        {"5.2 a part in the middle",
         BYTES("\x00\x81\0\0\0\0x"),
         {1, WS_CONTINUATION, false, 0, true, {0}, 6, NULL}},
        {"5.2 most in 7 bits", BYTES("\x82\x7d"), {125, WS_BINARY, true, 0, false, {0}, 2, NULL}},
        {"5.2 least in 16",
         BYTES("\x82\x7e\x00\x7e"),
         {126, WS_BINARY, true, 0, false, {0}, 4, NULL}},
        {"5.2 most in 16",
         BYTES("\x82\xfe\xff\xff\x05\x06\x07\x08"),
         {65535, WS_BINARY, true, 0, true, {5, 6, 7, 8}, 8, NULL}},
        {"5.2 each byte of a length",
         BYTES("\x82\x7f\x01\x23\x45\x67\x89\xab\xcd\xef"),
         {UINT64_C(0x0123456789abcdef), WS_BINARY, true, 0, false, {0}, 10, NULL}},
        {"5.2 most of all, and the longest header",
         BYTES("\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\x05\x06\x07\x08"),
         {INT64_MAX, WS_BINARY, true, 0, true, {5, 6, 7, 8}, WS_HEADER_MAX, NULL}},
        {"5.2 reserved 1", BYTES("\xc1\x00"), {0, WS_TEXT, true, WS_RSV1, false, {0}, 2, NULL}},
        {"5.2 reserved 2", BYTES("\x22\x00"), {0, WS_BINARY, false, WS_RSV2, false, {0}, 2, NULL}},
        {"5.2 reserved 3", BYTES("\x98\x00"), {0, WS_CLOSE, true, WS_RSV3, false, {0}, 2, NULL}},
        {"5.5 most in a control frame",
         BYTES("\x88\xfd\x01\x02\x03\x04"),
         {125, WS_CLOSE, true, 0, true, {1, 2, 3, 4}, 6, NULL}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ws_header header;
        enum ws_verdict verdict = read_slowly(span_of(cases[i].bytes, cases[i].count),
                                              cases[i].expected.header_size, &header);
        cr_assert_eq(verdict, WS_HEADER, "%s: %d", cases[i].section, (int)verdict);
        check_same(&header, &cases[i].expected);
    }
}

Test(ws_frame, headers_that_may_not_be_are_refused)
{
    static const struct {
        const char *section;
        const uint8_t *bytes;
        size_t count;
        size_t decided; /* bytes that tell it */
        const char *why;
    } cases[] = {
        {"5.2 opcode 3", BYTES("\x83\x00"), 1, "a frame has a reserved opcode"},
        {"5.2 opcode 7", BYTES("\x07\x80...."), 1, "a frame has a reserved opcode"},
        {"5.2 opcode 11", BYTES("\x8b\x00"), 1, "a frame has a reserved opcode"},
        {"5.2 opcode 15", BYTES("\xff\xff"), 1, "a frame has a reserved opcode"},
        {"5.4 half a close", BYTES("\x08\x00"), 1, "a control frame is fragmented"},
        {"5.5 half a ping", BYTES("\x09\x81....x"), 1, "a control frame is fragmented"},
        {"5.5 half a pong", BYTES("\x7a\x00"), 1, "a control frame is fragmented"},
        {"5.5 a close of 126", BYTES("\x88\x7e\0\x7e"), 2,
         "a control frame has more than 125 bytes"},
        {"5.5 a long ping", BYTES("\x89\xff\0\0\0\0\0\1\0\0...."), 2,
         "a control frame has more than 125 bytes"},
        {"5.5 a pong of 5, written longer", BYTES("\x8a\x7e\0\5"), 2,
         "a control frame has more than 125 bytes"},
        {"5.2 125 in 16 bits", BYTES("\x82\x7e\0\x7d"), 4,
         "the length of a frame is written longer than it has to be"},
        {"5.2 0 in 16 bits, masked", BYTES("\x81\xfe\0\0....x"), 8,
         "the length of a frame is written longer than it has to be"},
        {"5.2 65535 in 64 bits", BYTES("\x82\x7f\0\0\0\0\0\0\xff\xff"), 10,
         "the length of a frame is written longer than it has to be"},
        {"5.2 0 in 64 bits, masked", BYTES("\x02\xff\0\0\0\0\0\0\0\0....x"), 14,
         "the length of a frame is written longer than it has to be"},
        {"5.2 2^63", BYTES("\x82\x7f\x80\0\0\0\0\0\0\0"), 10,
         "the length of a frame has its top bit set"},
        {"5.2 2^64 - 1, masked", BYTES("\x82\xff\xff\xff\xff\xff\xff\xff\xff\xff....x"), 14,
         "the length of a frame has its top bit set"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct ws_header header;
        enum ws_verdict verdict =
            read_slowly(span_of(cases[i].bytes, cases[i].count), cases[i].decided, &header);
        cr_assert_eq(verdict, WS_BAD, "%s: %d", cases[i].section, (int)verdict);
        cr_assert_str_eq(header.why, cases[i].why, "%s: %s", cases[i].section, header.why);
        cr_assert_leq(strlen(header.why), WS_REASON_MAX);
    }
}

/* All of the first two bytes, with lengths that fit them. */
Test(ws_frame, the_first_two_bytes_mean_what_section_5_2_says)
{
    for (int first = 0; first < 256; first++)
        for (int second = 0; second < 256; second++) {
            uint8_t bytes[WS_HEADER_MAX] = {(uint8_t)first, (uint8_t)second, 1, 1, 1};
            int opcode = first % 16, length = second % 128;
            bool control = opcode >= 8, known = control ? opcode <= 10 : opcode <= 2;
            bool fine = known && (!control || (first >= 128 && length <= 125));
            struct ws_header header;
            enum ws_verdict verdict = ws_header_read(&header, span_of(bytes, sizeof bytes));
            cr_assert_eq(verdict, fine ? WS_HEADER : WS_BAD, "%02x %02x", first, second);
            if (!fine) continue;
            cr_assert_eq(header.opcode, opcode);
            cr_assert_eq(header.fin, first >= 128);
            cr_assert_eq(header.reserved, first / 16 % 8 * 16);
            cr_assert_eq(header.masked, second >= 128);
            int longer = length == 127 ? 8 : length == 126 ? 2 : 0;
            cr_assert_eq(header.header_size, 2 + longer + second / 128 * 4);
        }
}

Test(ws_frame, what_is_written_is_read_as_it_was)
{
    static const uint64_t sizes[] = {0,     1,     124,        125,        126,
                                     127,   255,   256,        65534,      65535,
                                     65536, 65537, UINT32_MAX, 1ull << 32, INT64_MAX};
    static const uint8_t opcodes[] = {WS_CONTINUATION, WS_TEXT, WS_BINARY,
                                      WS_CLOSE,        WS_PING, WS_PONG};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t opcode = 0; opcode < sizeof opcodes; opcode++)
            for (int form = 0; form < 32; form++) {
                struct ws_header expected = {sizes[i],
                                             opcodes[opcode],
                                             form % 2 != 0,
                                             (uint8_t)(form / 4 * 16),
                                             form / 2 % 2 != 0,
                                             {0},
                                             0,
                                             NULL};
                if (expected.masked) memcpy(expected.mask, rfc_mask, sizeof rfc_mask);
                if (expected.opcode >= WS_CONTROL && (!expected.fin || expected.size > 125))
                    continue;
                uint8_t room[WS_HEADER_MAX + 1];
                memset(room, 0xa5, sizeof room);
                expected.header_size =
                    ws_header_write(room, expected.opcode, expected.fin, expected.reserved,
                                    expected.size, expected.masked ? rfc_mask : NULL);
                size_t longer = expected.size < 126 ? 0 : expected.size < 65536 ? 2 : 8;
                cr_assert_eq(expected.header_size, 2 + longer + (expected.masked ? 4 : 0));
                for (size_t at = expected.header_size; at < sizeof room; at++)
                    cr_assert_eq(room[at], 0xa5, "nothing behind it is written");
                struct ws_header header;
                cr_assert_eq(
                    read_slowly(span_of(room, expected.header_size), expected.header_size, &header),
                    WS_HEADER);
                check_same(&header, &expected);
            }
}

Test(ws_frame, a_fragmented_control_frame_of_ours_is_a_bug, .signal = SIGABRT)
{
    uint8_t room[WS_HEADER_MAX];
    ws_header_write(room, WS_PING, false, 0, 0, NULL);
}

Test(ws_frame, a_large_control_frame_of_ours_is_a_bug, .signal = SIGABRT)
{
    uint8_t room[WS_HEADER_MAX];
    ws_header_write(room, WS_PONG, true, 0, WS_CONTROL_MAX + 1, NULL);
}

Test(ws_frame, an_opcode_of_ours_that_is_reserved_is_a_bug, .signal = SIGABRT)
{
    uint8_t room[WS_HEADER_MAX];
    ws_header_write(room, 3, true, 0, 0, NULL);
}

Test(ws_frame, an_opcode_of_ours_with_other_bits_is_a_bug, .signal = SIGABRT)
{
    uint8_t room[WS_HEADER_MAX];
    ws_header_write(room, WS_RSV1 | WS_TEXT, true, 0, 0, NULL);
}

Test(ws_frame, reserved_bits_of_ours_elsewhere_are_a_bug, .signal = SIGABRT)
{
    uint8_t room[WS_HEADER_MAX];
    ws_header_write(room, WS_TEXT, false, 0x80, 0, NULL);
}

Test(ws_frame, a_size_of_ours_with_its_top_bit_is_a_bug, .signal = SIGABRT)
{
    uint8_t room[WS_HEADER_MAX];
    ws_header_write(room, WS_TEXT, true, 0, UINT64_C(1) << 63, NULL);
}

/* ---- masks: section 5.3 ---- */

enum { AROUND = 32 };

/* All sizes, wherever the bytes lie in memory and in their payload; what is around them stays. */
Test(ws_frame, each_byte_is_masked_by_its_own)
{
    static const size_t dones[] = {0, 1, 2, 3, 4, 1021, SIZE_MAX - 1};
    for (size_t i = 0; i < sizeof dones / sizeof *dones; i++)
        for (size_t place = 0; place < 16; place++)
            for (size_t size = 0; size <= 200; size++) {
                _Alignas(16) uint8_t bytes[AROUND + 200 + AROUND], expected[sizeof bytes];
                for (size_t at = 0; at < sizeof bytes; at++) bytes[at] = (uint8_t)(at * 91);
                memcpy(expected, bytes, sizeof bytes);
                for (size_t at = 0; at < size; at++)
                    expected[place + at] ^= rfc_mask[(dones[i] % 4 + at) % 4];
                ws_mask(bytes + place, size, rfc_mask, dones[i]);
                cr_assert_eq(memcmp(bytes, expected, sizeof bytes), 0,
                             "%zu bytes at %zu, behind %zu", size, place, dones[i]);
            }
}

Test(ws_frame, the_examples_payload_is_unmasked)
{
    uint8_t bytes[] = {0x7f, 0x9f, 0x4d, 0x51, 0x58};
    ws_mask(bytes, sizeof bytes, rfc_mask, 0);
    cr_assert_eq(memcmp(bytes, "Hello", 5), 0);
    ws_mask(NULL, 0, rfc_mask, 5);
}

Test(ws_frame, a_payload_may_be_unmasked_in_pieces)
{
    uint64_t seed = 1;
    for (int round = 0; round < 2000; round++) {
        uint8_t whole[150], pieces[sizeof whole];
        for (size_t at = 0; at < sizeof whole; at++)
            whole[at] = pieces[at] = (uint8_t)random_next(&seed);
        ws_mask(whole, sizeof whole, rfc_mask, 0);
        for (size_t done = 0; done < sizeof pieces;) {
            size_t size = random_next(&seed) % 40, left = sizeof pieces - done;
            if (size > left) size = left;
            ws_mask(pieces + done, size, rfc_mask, done);
            done += size;
        }
        cr_assert_eq(memcmp(pieces, whole, sizeof whole), 0, "round %d", round);
    }
}

/* ---- close frames: sections 5.5.1, 7.4 ---- */

Test(ws_frame, codes_that_may_be_sent_are_those_of_section_7_4)
{
    for (uint32_t code = 0; code <= UINT16_MAX; code++) {
        bool defined = code >= 1000 && code <= 1014;
        bool never = code == 1004 || code == WS_NO_CODE || code == WS_NO_CLOSE;
        bool free_to_use = code >= 3000 && code <= 4999;
        cr_assert_eq(ws_code_is_sendable((uint16_t)code), (defined && !never) || free_to_use,
                     "%" PRIu32, code);
    }
}

Test(ws_frame, a_close_frame_tells_its_code_and_reason)
{
    static const struct {
        const char *section;
        const uint8_t *bytes;
        size_t count;
        uint16_t code;
        const char *reason;
        const char *why; /* NULL: it is fine */
    } cases[] = {
        {"7.1.5 empty", NULL, 0, WS_NO_CODE, "", NULL},
        {"5.5.1 half a code", BYTES("\x03"), WS_PROTOCOL_ERROR, "",
         "a close frame has half a code"},
        {"5.5.1 a code", BYTES("\x03\xe8"), 1000, "", NULL},
        {"5.5.1 a code and a reason",
         BYTES("\x03\xe9"
               "bye"),
         1001, "bye", NULL},
        {"7.4.2 of an application", BYTES("\x13\x87\xe2\x82\xac"), 4999, "\xe2\x82\xac", NULL},
        {"7.4.1 reserved", BYTES("\x03\xec"), WS_PROTOCOL_ERROR, "",
         "a close frame has a code that may not be sent"},
        {"7.4.1 no code, sent",
         BYTES("\x03\xed"
               "x"),
         WS_PROTOCOL_ERROR, "", "a close frame has a code that may not be sent"},
        {"7.4.2 not defined", BYTES("\0\0"), WS_PROTOCOL_ERROR, "",
         "a close frame has a code that may not be sent"},
        {"7.4.2 too large", BYTES("\xff\xff\xff"), WS_PROTOCOL_ERROR, "",
         "a close frame has a code that may not be sent"},
        {"8.1 a reason that is no text",
         BYTES("\x03\xe8"
               "a\xff"),
         WS_NOT_VALID, "", "the reason of a close frame is not UTF-8"},
        {"8.1 a reason that is cut off", BYTES("\x03\xe8\xe2\x82"), WS_NOT_VALID, "",
         "the reason of a close frame is not UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint16_t code = 1;
        struct span reason = span_text("?"), payload = span_of(cases[i].bytes, cases[i].count);
        const char *why = "?";
        bool fine = ws_close_read(payload, &code, &reason, &why);
        cr_assert_eq(fine, cases[i].why == NULL, "%s", cases[i].section);
        cr_assert_eq(code, cases[i].code, "%s: %d", cases[i].section, code);
        cr_assert_eq(reason.size, strlen(cases[i].reason), "%s", cases[i].section);
        if (reason.size != 0) cr_assert(reason.data == payload.data + 2, "it lies in the payload");
        if (fine) {
            cr_assert_null(why);
        } else {
            cr_assert_str_eq(why, cases[i].why);
            cr_assert_leq(strlen(why), WS_REASON_MAX);
        }
    }
}

static uint8_t write_close(uint8_t room[WS_CONTROL_MAX], uint16_t code, const char *reason)
{
    memset(room, 0xa5, WS_CONTROL_MAX);
    return ws_close_write(room, code, span_text(reason));
}

Test(ws_frame, a_close_frame_is_read_as_it_was_written)
{
    uint8_t room[WS_CONTROL_MAX];
    uint16_t code;
    struct span reason;
    const char *why;
    cr_assert_eq(write_close(room, WS_GOING_AWAY, "restart"), 9);
    cr_assert_eq(memcmp(room, "\x03\xe9restart\xa5", 10), 0);
    cr_assert(ws_close_read(span_of(room, 9), &code, &reason, &why));
    cr_assert_eq(code, WS_GOING_AWAY);
    cr_assert_eq(reason.size, 7);
    cr_assert_eq(write_close(room, 3000, ""), 2);
    cr_assert_eq(ws_close_write(room, WS_NORMAL, span_of(NULL, 0)), 2);
    cr_assert_eq(write_close(room, WS_NO_CODE, "lost"), 0, "an empty payload");
    cr_assert_eq(room[0], 0xa5);
}

/* A reason ends with a whole character, and fits: section 5.5. */
Test(ws_frame, a_long_reason_is_cut_between_characters)
{
    static const char *const characters[] = {"a", "\xc3\xa4", "\xe2\x82\xac", "\xf0\x9f\x98\x80"};
    for (size_t i = 0; i < sizeof characters / sizeof *characters; i++)
        for (size_t before = 0; before < 4; before++) {
            char text[200] = "xyz";
            text[before < 3 ? before : 3] = '\0';
            size_t begin = strlen(text);
            while (strlen(text) < 180) strcat(text, characters[i]);
            uint8_t room[WS_CONTROL_MAX];
            uint16_t code;
            struct span reason;
            const char *why;
            uint8_t size = write_close(room, WS_POLICY, text);
            cr_assert_eq(size, 2 + begin + (123 - begin) / (i + 1) * (i + 1), "%zu: %d", i, size);
            cr_assert(ws_close_read(span_of(room, size), &code, &reason, &why), "%s", why);
            cr_assert_eq(memcmp(reason.data, text, reason.size), 0);
        }
}

Test(ws_frame, a_reason_that_fits_is_whole)
{
    uint8_t room[WS_CONTROL_MAX];
    char text[124] = "";
    while (strlen(text) < 123) strcat(text, "\xe2\x82\xac");
    cr_assert_eq(write_close(room, WS_NORMAL, text), WS_CONTROL_MAX);
    cr_assert_eq(memcmp(room + 2, text, 123), 0);
}

Test(ws_frame, a_code_of_ours_that_may_not_be_sent_is_a_bug, .signal = SIGABRT)
{
    uint8_t room[WS_CONTROL_MAX];
    ws_close_write(room, WS_NO_CLOSE, span_of(NULL, 0));
}

Test(ws_frame, a_close_frame_larger_than_any_is_a_bug, .signal = SIGABRT)
{
    uint8_t bytes[WS_CONTROL_MAX + 1] = {0x03, 0xe8};
    uint16_t code;
    struct span reason;
    const char *why;
    ws_close_read(span_of(bytes, sizeof bytes), &code, &reason, &why);
}
