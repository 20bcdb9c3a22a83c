#include "frame_wire.h"
#include "random.h"

#include <criterion/criterion.h>
#include <inttypes.h>

static void put_text(struct wire *wire, const char *text)
{
    cr_assert_eq(wire_put(wire, span_text(text)), FRAME_NO_FAULT, "%s", text);
}

static void comes_through(const char *framing, const char *const *texts, int count)
{
    static struct wire wire;
    struct frame frame = frame_made(framing, 1000);
    wire.frame = &frame;
    wire.size = 0;
    wire.count = 0;
    for (int i = 0; i < count; i++) put_text(&wire, texts[i]);
    wire_cut_everywhere(&wire, framing);
}

Test(frame_line, lines_come_out_as_they_went_in_wherever_the_stream_is_cut)
{
    static const char *const texts[] = {"hello", "", "\r in the middle", "", "x", "\t", "the last"};
    comes_through("line", texts, 7);
    comes_through("line,delimiter=\\n", texts, 7);
    comes_through("line,delimiter=\\r\\n", texts, 7);
    comes_through("line,delimiter=\\0", texts, 7);
    comes_through("line,delimiter=<--end->", texts, 7);
    comes_through("line,delimiter=\\xff\\x2c", texts, 7);
}

Test(frame_line, kept_delimiters_come_through_as_part_of_the_packet)
{
    static const char *const lines[] = {"hello\n", "\n", "with\r\n", "x\n"};
    comes_through("line,strip=false", lines, 4);
    static const char *const ends[] = {"hello;;", ";;", "a;b;;"};
    comes_through("line,delimiter=;;,strip=no", ends, 3);
}

Test(frame_line, writes_the_text_and_then_the_delimiter)
{
    wraps_to("line", span_text("ping"), span_text("ping\n"));
    wraps_to("line", span_of(NULL, 0), span_text("\n"));
    wraps_to("line,delimiter=\\r\\n", span_text("ping"), span_text("ping\r\n"));
    wraps_to("line,strip=false", span_text("ping\n"), span_text("ping\n"));
}

Test(frame_line, with_strip_off_a_missing_delimiter_is_added)
{
    struct frame frame = frame_made("line,strip=false,delimiter=\\r\\n", 8);
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count;
    cr_assert_eq(frame_wrap(&frame, span_text("ping\n"), header, parts, &count), FRAME_NO_FAULT);
    cr_assert_eq(count, 2);
    cr_assert(same_bytes(parts[1], span_text("\r\n")));
    cr_assert_eq(frame_wrap(&frame, span_text("123456\r\n"), header, parts, &count),
                 FRAME_NO_FAULT);
    cr_assert_eq(count, 1);
    cr_assert_eq(frame_wrap(&frame, span_text("1234567"), header, parts, &count), FRAME_TOO_BIG);
}

/* The bytes arrive at once; every line that is there, joined by '|'. */
static const char *lines_of(const char *framing, const char *bytes)
{
    static char joined[256];
    struct frame frame = frame_made(framing, 1000);
    struct frame_cursor cursor = {0};
    struct frame_cut cut;
    uint8_t *copy = exact_copy(span_text(bytes));
    struct span input = span_of(copy, strlen(bytes));
    joined[0] = '\0';
    while (frame_next(&frame, &cursor, input, &cut) == FRAME_PACKET) {
        strncat(joined, (char *)cut.packet.data, cut.packet.size);
        strcat(joined, "|");
        input = span_skip(input, cut.consumed);
    }
    free(copy);
    return joined;
}

Test(frame_line, takes_one_carriage_return_off_by_default_and_only_at_the_end)
{
    cr_assert_str_eq(lines_of("line", "a\r\nb\n\r\n\nc\rd\n\r\r\nrest"), "a|b|||c\rd|\r|");
    cr_assert_str_eq(lines_of("line,strip=false", "a\r\nb\nrest"), "a\r\n|b\n|");
}

Test(frame_line, a_delimiter_that_was_named_is_taken_exactly)
{
    cr_assert_str_eq(lines_of("line,delimiter=\\n", "a\r\nb\n"), "a\r|b|");
    cr_assert_str_eq(lines_of("line,delimiter=\\r\\n", "a\nb\r\nc\r\r\n\r\n"), "a\nb|c\r||");
    cr_assert_str_eq(lines_of("line,delimiter=aab", "aaabaab"), "a||");
}

static enum frame_verdict line_verdict(const char *framing, const char *bytes)
{
    struct frame frame = frame_made(framing, 5);
    struct frame_cut cut;
    struct frame_cursor cursor;
    enum frame_verdict verdict = verdict_on(&frame, span_text(bytes), &cut, &cursor);
    if (verdict == FRAME_ERROR) cr_assert_eq(cut.fault, FRAME_TOO_BIG);
    return verdict;
}

Test(frame_line, the_limit_holds_to_the_byte)
{
    cr_assert_eq(line_verdict("line", "1234\n"), FRAME_PACKET);
    cr_assert_eq(line_verdict("line", "12345\n"), FRAME_PACKET);
    cr_assert_eq(line_verdict("line", "12345\r\n"), FRAME_PACKET);
    cr_assert_eq(line_verdict("line", "123456\n"), FRAME_ERROR);
    cr_assert_eq(line_verdict("line", "123456\r\n"), FRAME_ERROR);
    cr_assert_eq(line_verdict("line,strip=false", "1234\n"), FRAME_PACKET);
    cr_assert_eq(line_verdict("line,strip=false", "12345\n"), FRAME_ERROR);
    cr_assert_eq(line_verdict("line,delimiter=---", "12345---"), FRAME_PACKET);
    cr_assert_eq(line_verdict("line,delimiter=---", "123456---"), FRAME_ERROR);
}

Test(frame_line, more_than_the_limit_without_a_delimiter_is_too_big_at_once)
{
    cr_assert_eq(line_verdict("line", "12345"), FRAME_MORE);
    cr_assert_eq(line_verdict("line", "12345\r"), FRAME_MORE);
    cr_assert_eq(line_verdict("line", "123456"), FRAME_ERROR);
    cr_assert_eq(line_verdict("line", "12345\r."), FRAME_ERROR);
    cr_assert_eq(line_verdict("line,strip=false", "1234"), FRAME_MORE);
    cr_assert_eq(line_verdict("line,strip=false", "12345"), FRAME_ERROR);
    cr_assert_eq(line_verdict("line,delimiter=---", "12345--"), FRAME_MORE);
    cr_assert_eq(line_verdict("line,delimiter=---", "12345678"), FRAME_ERROR);
}

Test(frame_line, refuses_to_send_more_than_the_limit)
{
    struct frame frame = frame_made("line", 5);
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count;
    cr_assert_eq(frame_wrap(&frame, span_text("12345"), header, parts, &count), FRAME_NO_FAULT);
    cr_assert_eq(frame_wrap(&frame, span_text("123456"), header, parts, &count), FRAME_TOO_BIG);
}

Test(frame_line, remembers_what_it_has_searched_but_for_a_delimiter_that_has_begun)
{
    struct frame frame = frame_made("line,delimiter=---", 100);
    struct frame_cut cut;
    struct frame_cursor cursor;
    cr_assert_eq(verdict_on(&frame, span_text("abcdef--"), &cut, &cursor), FRAME_MORE);
    cr_assert_eq(cursor.scanned, 6);

    /* What was searched is not looked at again: a delimiter put there later is not seen. */
    struct span input = span_text("a---ef---");
    cr_assert_eq(frame_next(&frame, &cursor, input, &cut), FRAME_PACKET);
    cr_assert_eq(cut.packet.size, 6);
}

/* Slow and plain: what line framing does, on the whole stream. Sizes of the packets, in order. */
static int model(const struct frame *frame, struct span bytes, size_t *sizes, bool *too_big)
{
    const struct frame_line *line = &frame->line;
    struct span delimiter = line->delimiter_size == 0
                                ? span_text("\n")
                                : span_of(line->delimiter, line->delimiter_size);
    int count = 0;
    size_t begin = 0;
    *too_big = false;
    for (size_t at = 0; at + delimiter.size <= bytes.size;) {
        if (!same_bytes(span_first(span_skip(bytes, at), delimiter.size), delimiter)) {
            at++;
            continue;
        }
        size_t size = at - begin;
        if (line->keep)
            size += delimiter.size;
        else if (line->delimiter_size == 0 && size != 0 && bytes.data[at - 1] == '\r')
            size--;
        *too_big = size > frame->packet_max;
        if (*too_big) return count;
        sizes[count++] = size;
        begin = at += delimiter.size;
    }
    return count;
}

Test(frame_line, agrees_with_a_plain_model_on_random_streams_in_random_pieces)
{
    static const char *const framings[] = {
        "line",
        "line,strip=false",
        "line,delimiter=\\r\\n",
        "line,delimiter=\\n\\r\\n",
        "line,delimiter=aab,strip=false",
        "line,delimiter=aabaaa",
    };
    enum { SIZE = 60 };
    uint64_t seed = 77003, state = seed;
    for (int round = 0; round < 30000; round++) {
        struct frame frame = frame_made(framings[random_next(&state) % 6], 12);
        uint8_t bytes[SIZE];
        size_t sizes[SIZE];
        bool too_big;
        for (int i = 0; i < SIZE; i++) bytes[i] = (uint8_t) "a\rb\na\r\na"[random_next(&state) % 8];
        int expected = model(&frame, span_of(bytes, SIZE), sizes, &too_big);

        struct frame_cursor cursor = {0};
        struct frame_cut cut = {0};
        enum frame_verdict verdict = FRAME_MORE;
        size_t arrived = 0, begin = 0;
        int count = 0;
        while (verdict != FRAME_ERROR && arrived < SIZE) {
            arrived += 1 + random_next(&state) % 9;
            if (arrived > SIZE) arrived = SIZE;
            for (;;) {
                uint8_t *copy = exact_copy(span_of(bytes + begin, arrived - begin));
                verdict = frame_next(&frame, &cursor, span_of(copy, arrived - begin), &cut);
                free(copy);
                if (verdict != FRAME_PACKET) break;
                cr_assert(count < expected, "seed %" PRIu64 " round %d", seed, round);
                cr_assert_eq(cut.packet.size, sizes[count], "seed %" PRIu64 " round %d", seed,
                             round);
                cr_assert_eq(cut.packet.data, copy);
                count++;
                begin += cut.consumed;
            }
        }
        cr_assert_eq(count, expected, "seed %" PRIu64 " round %d", seed, round);
        /* Behind the last delimiter: refused only if no delimiter could save it, and then soon. */
        size_t left = SIZE - begin,
               least = left + (frame.line.keep ? frame.line.delimiter_size : 0);
        bool may_refuse = too_big || least >= 12;
        bool must_refuse = too_big || left > 12 + FRAME_DELIMITER_MAX;
        cr_assert(verdict != FRAME_ERROR || may_refuse, "seed %" PRIu64 " round %d", seed, round);
        cr_assert(verdict == FRAME_ERROR || !must_refuse, "seed %" PRIu64 " round %d", seed, round);
    }
}
