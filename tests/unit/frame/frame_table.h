/* frame_table.h - for the tests of codecs by name: tables of bytes, each also cut in two at every place and byte by
 * byte, which must not change what comes of it. */
#ifndef MOONPORT_TEST_FRAME_TABLE_H
#define MOONPORT_TEST_FRAME_TABLE_H

#include "frame_wire.h"

#define BYTES(text) (text), sizeof(text) - 1

/* What a framing makes of a stream. */
struct frame_case {
    const char *framing;
    const char *bytes;
    size_t size;
    const char *packets;    /* joined, each with a '|' behind it */
    const char *text;       /* of the error, as the log shows it; NULL: more is awaited */
    enum frame_fault fault; /* if there is an error */
};

enum { TABLE_PACKET_MAX = 1000, TABLE_JOINED_MAX = 512 };

struct table_run {
    const struct frame *frame;
    const struct frame_case *row;
    struct frame_cursor cursor;
    struct frame_cut cut;
    enum frame_verdict verdict;
    size_t arrived, consumed; /* bytes of the stream */
    char joined[TABLE_JOINED_MAX];
    size_t joined_size;
};

static inline void table_note(struct table_run *run, struct span packet)
{
    check(run->joined_size + packet.size + 1 <= sizeof run->joined);
    if (packet.size != 0) memcpy(run->joined + run->joined_size, packet.data, packet.size);
    run->joined_size += packet.size;
    run->joined[run->joined_size++] = '|';
}

static inline void table_arrive(struct table_run *run, size_t size)
{
    run->arrived += size;
    struct span waiting = span_of(run->row->bytes + run->consumed, run->arrived - run->consumed);
    if (run->verdict == FRAME_ERROR || waiting.size < run->cursor.wanted) return;
    uint8_t *copy = exact_copy(waiting);
    struct span input = span_of(copy, waiting.size);
    for (;;) {
        enum frame_verdict peeked = frame_peek(run->frame, run->cursor, input);
        run->verdict = frame_next(run->frame, &run->cursor, input, &run->cut);
        cr_assert_eq(peeked, run->verdict, "%s: a peek sees another verdict", run->row->framing);
        if (run->verdict != FRAME_PACKET) break;
        cr_assert(run->cursor.scanned == 0 && run->cursor.wanted == 0);
        table_note(run, run->cut.packet);
        run->consumed += run->cut.consumed;
        input = span_skip(input, run->cut.consumed);
    }
    free(copy);
}

static inline void table_expect(const struct table_run *run, const char *how)
{
    const struct frame_case *row = run->row;
    char text[FRAME_FAULT_TEXT_MAX];
    cr_assert(same_bytes(span_of(run->joined, run->joined_size), span_text(row->packets)),
              "%s, %s: \"%.*s\" and not \"%s\"", row->framing, how, (int)run->joined_size,
              run->joined, row->packets);
    cr_assert_eq(run->verdict == FRAME_ERROR, row->text != NULL, "%s, %s: verdict %d", row->framing,
                 how, (int)run->verdict);
    if (row->text == NULL) return;
    cr_assert_eq(run->cut.fault, row->fault, "%s, %s: fault %d", row->framing, how,
                 (int)run->cut.fault);
    cr_assert_str_eq(frame_error_text(run->frame, &run->cut, text), row->text, "%s: %s", how, text);
}

static inline void table_try(const struct frame_case *row)
{
    struct frame frame = frame_made(row->framing, TABLE_PACKET_MAX);
    for (size_t first = 0; first <= row->size; first++) {
        struct table_run run = {.frame = &frame, .row = row};
        table_arrive(&run, first);
        table_arrive(&run, row->size - first);
        table_expect(&run, "in two");
    }
    struct table_run run = {.frame = &frame, .row = row};
    while (run.arrived < row->size) table_arrive(&run, 1);
    table_expect(&run, "byte by byte");
}

#define TABLE_TRY(rows) \
    for (size_t row_ = 0; row_ < sizeof(rows) / sizeof *(rows); row_++) table_try(&(rows)[row_])

/* The verdict on a packet to send. */
static inline enum frame_fault table_wrap(const char *framing, uint64_t packet_max,
                                          struct span packet)
{
    struct frame frame = frame_made(framing, packet_max);
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count;
    return frame_wrap(&frame, packet, header, parts, &count);
}

static inline void table_refused(const char *framing, const char *reason)
{
    struct frame frame;
    struct error error = {0};
    cr_assert_not(frame_parse(&frame, framing, TABLE_PACKET_MAX, &error), "%s was accepted",
                  framing);
    cr_assert_eq(error.kind, ERROR_INPUT);
    cr_assert(strstr(error.text, reason) != NULL, "%s: %s", framing, error.text);
}

#endif
