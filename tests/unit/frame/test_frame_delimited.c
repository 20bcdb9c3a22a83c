#include "frame_table.h"
#include "random.h"

#include <criterion/criterion.h>
#include <inttypes.h>

static const struct frame_case cases[] = {
    {.framing = "delimiter,by=\\r\\n|\\n|;",
     BYTES("one\r\ntwo\nthree;four"),
     .packets = "one|two|three|"},
    {.framing = "delimiter,by=\\r\\n|\\n|;", BYTES("\r\n\n;;\r\r\n"), .packets = "||||\r|"},
    {.framing = "delimiter,by=\\r\\n|\\n|;,strip=false",
     BYTES("one\r\ntwo\nthree;"),
     .packets = "one\r\n|two\n|three;|"},
    {.framing = "delimiter,by=;", BYTES("a;b;;c"), .packets = "a|b||"},
    {.framing = "delimiter,by=\\x00", BYTES("a\0b\0"), .packets = "a|b|"},
    {.framing = "delimiter,by=\\x7c|\\x2c", BYTES("a|b,c"), .packets = "a|b|"},

    /* Of those that begin at the same place the longest, when it is known which. */
    {.framing = "delimiter,by=\\r|\\r\\n", BYTES("a\r\nb\rc\r"), .packets = "a|b|"},
    {.framing = "delimiter,by=\\r|\\r\\n", BYTES("\r\r\n\r\rx"), .packets = "||||"},
    {.framing = "delimiter,by=ab|abcd|abc",
     BYTES("1abcd2abcx3abx4abcabcd"),
     .packets = "1|2|x3|x4||"},
    {.framing = "delimiter,by=;|;;;", BYTES("a;;;b;;c;"), .packets = "a|b||"},
    {.framing = "delimiter,by=;|;;;,strip=no", BYTES("a;;;b;;c;"), .packets = "a;;;|b;|;|"},

    /* One that begins earlier goes before one that ends earlier, if it comes to its end. */
    {.framing = "delimiter,by=abcd|bc", BYTES("1abcd2"), .packets = "1|"},
    {.framing = "delimiter,by=abcd|bc", BYTES("1abce2"), .packets = "1a|"},
    {.framing = "delimiter,by=abcd|bc", BYTES("1abc"), .packets = ""},
    {.framing = "delimiter,by=aab|ab", BYTES("aaab1ab"), .packets = "a|1|"},
};

Test(frame_delimited, ends_a_packet_at_the_delimiter_that_begins_first_and_at_the_longest)
{
    TABLE_TRY(cases);
}

static const struct frame_case limits[] = {
    {.framing = "delimiter,by=;|--,max=5", BYTES("12345;12345--"), .packets = "12345|12345|"},
    {.framing = "delimiter,by=;|--,max=5", BYTES("12345-"), .packets = ""},
    {.framing = "delimiter,by=;|--,max=5",
     BYTES("1;123456"),
     .packets = "1|",
     .text = "no delimiter within max_packet = 5 bytes",
     .fault = FRAME_TOO_BIG},
    {.framing = "delimiter,by=;|--,max=5",
     BYTES("12345-;"),
     .packets = "",
     .text = "no delimiter within max_packet = 5 bytes",
     .fault = FRAME_TOO_BIG},
    {.framing = "delimiter,by=;|--,max=5,strip=false",
     BYTES("1234;123--"),
     .packets = "1234;|123--|"},
    {.framing = "delimiter,by=;|--,max=5,strip=false", BYTES("1234"), .packets = ""},
    {.framing = "delimiter,by=;|--,max=5,strip=false",
     BYTES("1234--"),
     .packets = "",
     .text = "no delimiter within max_packet = 5 bytes",
     .fault = FRAME_TOO_BIG},
    {.framing = "delimiter,by=;|--,max=5,strip=false",
     BYTES("12345"),
     .packets = "",
     .text = "no delimiter within max_packet = 5 bytes",
     .fault = FRAME_TOO_BIG},
};

Test(frame_delimited, keeps_to_the_limit_to_the_byte)
{
    TABLE_TRY(limits);
}

Test(frame_delimited, sends_the_first_of_its_delimiters)
{
    wraps_to("delimiter,by=\\r\\n|;", span_text("ping"), span_text("ping\r\n"));
    wraps_to("delimiter,by=;|\\r\\n", span_text("ping"), span_text("ping;"));
    wraps_to("delimiter,by=;|\\r\\n", span_text(""), span_text(";"));
    wraps_to("delimiter,by=\\r\\n|;,strip=false", span_text("ping;"), span_text("ping;"));
    wraps_to("delimiter,by=\\r\\n|;,strip=false", span_text("ping\r\n"), span_text("ping\r\n"));
    wraps_to("delimiter,by=\\r\\n|;,strip=false", span_text(";"), span_text(";"));
    cr_assert_eq(table_wrap("delimiter,by=--|;", 5, span_text("12345")), FRAME_NO_FAULT);
    cr_assert_eq(table_wrap("delimiter,by=--|;", 5, span_text("123456")), FRAME_TOO_BIG);
}

Test(frame_delimited, adds_the_first_delimiter_to_a_kept_packet_that_has_none)
{
    struct frame frame = frame_made("delimiter,by=--|;,strip=false", 5);
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count = 0;
    cr_assert_eq(frame_wrap(&frame, span_text("123"), header, parts, &count), FRAME_NO_FAULT);
    cr_assert_eq(count, 2);
    cr_assert(same_bytes(parts[1], span_text("--")));
    cr_assert_eq(frame_wrap(&frame, span_text("1234;"), header, parts, &count), FRAME_NO_FAULT);
    cr_assert_eq(count, 1);
    cr_assert_eq(frame_wrap(&frame, span_text("1234"), header, parts, &count), FRAME_TOO_BIG);
    cr_assert_eq(frame_wrap(&frame, span_text("12345;"), header, parts, &count), FRAME_TOO_BIG);
}

Test(frame_delimited, remembers_what_it_has_searched_but_for_a_delimiter_that_has_begun)
{
    struct frame_cut cut;
    struct frame_cursor cursor;
    struct frame one = frame_made("delimiter,by=---|-*", 100);
    cr_assert_eq(verdict_on(&one, span_text("abcdef--"), &cut, &cursor), FRAME_MORE);
    cr_assert_eq(cursor.scanned, 6);
    cr_assert_eq(verdict_on(&one, span_text("abcdef"), &cut, &cursor), FRAME_MORE);
    cr_assert_eq(cursor.scanned, 6);

    /* What was searched is not looked at again: a delimiter put there later is not seen. */
    struct span input = span_text("a---ef---");
    cr_assert_eq(frame_next(&one, &cursor, input, &cut), FRAME_PACKET);
    cr_assert_eq(cut.packet.size, 6);

    struct frame two = frame_made("delimiter,by=---|*", 100);
    cr_assert_eq(verdict_on(&two, span_text("abcd-f"), &cut, &cursor), FRAME_MORE);
    cr_assert_eq(cursor.scanned, 6);
    input = span_text("a*cd-f*");
    cr_assert_eq(frame_next(&two, &cursor, input, &cut), FRAME_PACKET);
    cr_assert_eq(cut.packet.size, 6);
}

Test(frame_delimited, takes_each_way_to_name_its_delimiters)
{
    struct frame frame = frame_made("delimiter,by=\\r\\n|\\n|\\x7c\\x2c,strip=off", 100);
    cr_assert_eq(frame.kind, FRAME_DELIMITED);
    cr_assert_eq(frame.delimited.count, 3);
    cr_assert_eq(frame.delimited.sizes[0], 2);
    cr_assert(memcmp(frame.delimited.choices[0], "\r\n", 2) == 0);
    cr_assert_eq(frame.delimited.sizes[2], 2);
    cr_assert(memcmp(frame.delimited.choices[2], "|,", 2) == 0);
    cr_assert(frame.delimited.keep);
    struct frame turned = frame_made("delimiter,strip=off,by=\\r\\n|\\n|\\x7c\\x2c", 100);
    cr_assert(frame_is_same(&frame, &turned));

    struct error error;
    struct frame other = frame_default(100);
    cr_assert(frame_set_kind(&other, "delimiter", &error));
    cr_assert(frame_add_delimiter(&other, span_text("\r\n"), &error));
    cr_assert(frame_add_delimiter(&other, span_text("\n"), &error));
    cr_assert(frame_add_delimiter(&other, span_text("|,"), &error));
    cr_assert(frame_given(&other, FRAME_BY));
    cr_assert(frame_finish(&other, &error));
    cr_assert_not(frame_is_same(&frame, &other));
    cr_assert(frame_set(&other, "strip", "off", &error));
    cr_assert(frame_is_same(&frame, &other));
}

/* All delimiters that there can be, each as long as it can be. */
Test(frame_delimited, takes_eight_delimiters_of_eight_bytes)
{
    struct frame frame = frame_made("delimiter,by=00000000|11111111|22222222|33333333|44444444|"
                                    "55555555|66666666|77777777,strip=false",
                                    8);
    cr_assert_eq(frame.delimited.count, 8);
    cr_assert_eq(frame.delimited.size_min, 8);
    for (int last = '0'; last <= '7'; last++) {
        char bytes[9] = "";
        struct frame_cut cut;
        struct frame_cursor cursor;
        memset(bytes, last, 8);
        cr_assert_eq(verdict_on(&frame, span_text(bytes), &cut, &cursor), FRAME_PACKET);
        cr_assert_eq(cut.packet.size, 8);
    }
}

Test(frame_delimited, refuses_what_is_no_list_of_delimiters)
{
    table_refused("delimiter", "needs 1 to 8 delimiters");
    table_refused("delimiter,strip=false", "needs 1 to 8 delimiters");
    table_refused("delimiter,by=", "at least 1 byte");
    table_refused("delimiter,by=a|", "at least 1 byte");
    table_refused("delimiter,by=|a", "at least 1 byte");
    table_refused("delimiter,by=a||b", "at least 1 byte");
    table_refused("delimiter,by=a|123456789", "at most 8 bytes");
    table_refused("delimiter,by=1|2|3|4|5|6|7|8|9", "at most 8 delimiters");
    table_refused("delimiter,by=a|\\q", "escapes");
    table_refused("delimiter,by=a|123456,strip=false,max=5", "larger than a packet may be");
    table_refused("delimiter,delimiter=;", "delimiter is a setting of line framing, this is "
                                           "delimiter framing");
    table_refused("line,by=;", "by is a setting of delimiter framing, this is line framing");
    table_refused("delimeter,by=;", "did you mean \"delimiter\"?");
}

static void refused_choice(struct frame *frame, struct span bytes, const char *reason)
{
    struct error error = {0};
    cr_assert_not(frame_add_delimiter(frame, bytes, &error));
    cr_assert(strstr(error.text, reason) != NULL, "%s", error.text);
}

Test(frame_delimited, refuses_a_delimiter_that_cannot_be_added)
{
    struct error error;
    struct frame frame = frame_default(100);
    refused_choice(&frame, span_text(";"), "by is a setting of delimiter framing");
    cr_assert(frame_set_kind(&frame, "delimiter", &error));
    refused_choice(&frame, span_text(""), "delimiter 1: expected at least 1 byte");
    refused_choice(&frame, span_text("123456789"), "delimiter 1: expected at most 8 bytes");
    for (int i = 0; i < FRAME_CHOICES_MAX; i++)
        cr_assert(frame_add_delimiter(&frame, span_text("12345678"), &error));
    refused_choice(&frame, span_text(";"), "delimiter 9: expected at most 8 delimiters");
    cr_assert(frame_finish(&frame, &error));

    /* Nor may a C program set what there cannot be. */
    frame.delimited.count = FRAME_CHOICES_MAX + 1;
    cr_assert_not(frame_finish(&frame, &error));
    frame.delimited.count = FRAME_CHOICES_MAX;
    frame.delimited.sizes[7] = 0;
    cr_assert_not(frame_finish(&frame, &error));
    frame.delimited.sizes[7] = FRAME_DELIMITER_MAX + 1;
    cr_assert_not(frame_finish(&frame, &error));
}

/* Slow and plain: the first packet of a whole stream. False: there is none, or not yet. */
static bool model(const struct frame_delimited *delimited, struct span stream, size_t *text,
                  size_t *end)
{
    for (size_t at = 0; at < stream.size; at++) {
        size_t longest = 0;
        for (unsigned i = 0; i < delimited->count; i++) {
            size_t size = delimited->sizes[i], left = stream.size - at;
            size_t compared = size < left ? size : left;
            if (memcmp(stream.data + at, delimited->choices[i], compared) != 0) continue;
            if (size > left) return false;
            if (size > longest) longest = size;
        }
        if (longest == 0) continue;
        *text = at;
        *end = at + longest;
        return true;
    }
    return false;
}

Test(frame_delimited, agrees_with_a_plain_model_on_random_streams_in_random_pieces)
{
    static const char *const framings[] = {
        "delimiter,by=\\r\\n|\\n|\\r", "delimiter,by=aab|ab|b", "delimiter,by=a|aa|aab",
        "delimiter,by=\\r\\n\\r|\\n",  "delimiter,by=abba|bb",  "delimiter,by=b,strip=false",
    };
    enum { SIZE = 60 };
    uint64_t seed = 77004, state = seed;
    for (int round = 0; round < 30000; round++) {
        struct frame frame = frame_made(framings[random_next(&state) % 6], SIZE);
        uint8_t bytes[SIZE];
        for (int i = 0; i < SIZE; i++) bytes[i] = (uint8_t) "a\rb\na\rba"[random_next(&state) % 8];
        struct frame_cursor cursor = {0};
        struct frame_cut cut = {0};
        size_t arrived = 0, begin = 0, text = 0, end = 0;
        while (arrived < SIZE) {
            arrived += 1 + random_next(&state) % 9;
            if (arrived > SIZE) arrived = SIZE;
            for (;;) {
                struct span input = span_of(bytes + begin, arrived - begin);
                bool expected = model(&frame.delimited, input, &text, &end);
                uint8_t *copy = exact_copy(input);
                enum frame_verdict verdict =
                    frame_next(&frame, &cursor, span_of(copy, input.size), &cut);
                free(copy);
                cr_assert_eq(verdict, expected ? FRAME_PACKET : FRAME_MORE,
                             "seed %" PRIu64 " round %d", seed, round);
                if (!expected) break;
                cr_assert_eq(cut.packet.size, frame.delimited.keep ? end : text,
                             "seed %" PRIu64 " round %d", seed, round);
                cr_assert_eq(cut.consumed, end);
                begin += end;
            }
        }
    }
}
