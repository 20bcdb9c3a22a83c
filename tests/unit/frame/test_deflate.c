/* Compressing and inflating: RFC 7692 section 7.2, whose examples are here. */
#include "frame/deflate.h"

#include "random.h"

#include <criterion/criterion.h>
#include <stdlib.h>

enum { LIMIT = 64 << 20, LARGEST = 1 << 20 };
static struct budget budget = {.limit = LIMIT};

#define BYTES(text) span_of(text, sizeof(text) - 1)

/* ---- one way ---- */

/* The message, as all of it is inflated in pieces of the input and of the room. Each ends where its allocation does.
 * False: it is no DEFLATE. */
static bool inflate_all(struct inflater *inflater, struct span input, size_t step, size_t room_step,
                        struct span *message)
{
    uint8_t *bytes = malloc(LARGEST + 1);
    size_t size = 0;
    bool right = true;
    for (int tail = 0; right && tail < 2; tail++) {
        struct span left = tail == 1 ? inflater_tail() : input;
        bool full = true;
        while (right && (left.size > 0 || full)) {
            struct span piece = span_first(left, step);
            size_t offered = piece.size, free_size = room_step;
            if (free_size > LARGEST + 1 - size) free_size = LARGEST + 1 - size;
            cr_assert_gt(free_size, 0);
            uint8_t *copy = malloc(offered), *out = malloc(free_size);
            if (offered > 0) memcpy(copy, piece.data, offered);
            struct span part = span_of(copy, offered), room = span_of(out, free_size);
            right = inflater_run(inflater, &part, &room);
            cr_assert_eq(room.data + room.size, out + free_size);
            cr_assert_eq(part.data + part.size, copy + offered);
            memcpy(bytes + size, out, free_size - room.size);
            size += free_size - room.size;
            left = span_skip(left, offered - part.size);
            full = room.size == 0;
            cr_assert(!right || full || part.size == 0, "it stops for no reason");
            free(copy);
            free(out);
        }
    }
    *message = span_of(realloc(bytes, size + 1), size);
    return right;
}

static void expect(struct inflater *inflater, struct span input, struct span message, size_t step,
                   size_t room)
{
    struct span got;
    cr_assert(inflate_all(inflater, input, step, room, &got));
    cr_assert_eq(got.size, message.size);
    cr_assert(message.size == 0 || memcmp(got.data, message.data, message.size) == 0);
    free(got.data);
}

static struct inflater *open_inflater(uint8_t bits)
{
    struct inflater *inflater = inflater_open(&budget, bits);
    cr_assert_not_null(inflater);
    return inflater;
}

static struct deflater *open_deflater(uint8_t level, uint8_t bits)
{
    struct deflater *deflater = deflater_open(&budget, level, bits);
    cr_assert_not_null(deflater);
    return deflater;
}

/* In any pieces, by one that begins anew each time. */
static void inflates_to(struct span input, struct span message)
{
    struct inflater *inflater = open_inflater(15);
    for (size_t step = 1; step <= input.size + 1; step++)
        for (size_t room = 1; room <= message.size + 2; room++) {
            expect(inflater, input, message, step, room);
            inflater_reset(inflater, false);
        }
    inflater_close(inflater);
    cr_assert_eq(budget_used(&budget), 0);
}

Test(deflate, the_examples_of_7_2_3)
{
    struct span hello = span_text("Hello");
    inflates_to(BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00"), hello);                         /* 7.2.3.1 */
    inflates_to(BYTES("\x00\x05\x00\xfa\xff\x48\x65\x6c\x6c\x6f\x00"), hello);         /* 7.2.3.3 */
    inflates_to(BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00\x00"), hello);                     /* 7.2.3.4 */
    inflates_to(BYTES("\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00"), hello); /* 7.2.3.5 */
    inflates_to(BYTES("\x00"), BYTES(""));                                             /* 7.2.3.6 */
}

Test(deflate, shares_the_window_7_2_3_2)
{
    struct inflater *inflater = open_inflater(15);
    expect(inflater, BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00"), span_text("Hello"), 99, 99);
    inflater_reset(inflater, true);
    expect(inflater, BYTES("\xf2\x00\x11\x00\x00"), span_text("Hello"), 1, 1);
    inflater_reset(inflater, true);
    expect(inflater, BYTES("\xf2\x00\x11\x00\x00"), span_text("Hello"), 2, 3);
    inflater_close(inflater);
}

Test(deflate, a_message_may_end_in_other_ways)
{
    inflates_to(BYTES(""), BYTES(""));
    inflates_to(BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff"), span_text("Hello"));
    inflates_to(BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff\x00"), span_text("Hello"));
    inflates_to(BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00"), span_text("Hello"));
    inflates_to(BYTES("\x03\x00\x03\x00\x03\x00\x00"), BYTES(""));
}

/* A block with BFINAL does not forget what was before, and neither does a message that ends oddly. */
Test(deflate, goes_on_behind_the_final_block)
{
    static const struct span first[] = {
        {(uint8_t *)"\xf3\x48\xcd\xc9\xc9\x07\x00\x00", 8},
        {(uint8_t *)"\xf3\x48\xcd\xc9\xc9\x07\x00", 7},
        {(uint8_t *)"\xf2\x48\xcd\xc9\xc9\x07\x00\x00\x00\xff\xff", 11},
    };
    inflates_to(BYTES("\xf3\x48\xcd\xc9\xc9\x07\x00\xf3\x48\xcd\xc9\xc9\x07\x00\x00"),
                span_text("HelloHello"));
    for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
        struct inflater *inflater = open_inflater(15);
        expect(inflater, first[i], span_text("Hello"), 1, 1);
        inflater_reset(inflater, true);
        expect(inflater, BYTES("\xf2\x00\x11\x00\x00"), span_text("Hello"), 1, 1);
        inflater_close(inflater);
    }
}

Test(deflate, what_is_wrong_is_seen)
{
    static const struct span wrong[] = {
        {(uint8_t *)"\x02\x02\x00\x00", 4},         /* refers to the byte in front of the first */
        {(uint8_t *)"\xf2\x00\x11\x00\x00", 5},     /* refers to what is not there */
        {(uint8_t *)"\x07", 1},                     /* a block of no type */
        {(uint8_t *)"\x00\x05\x00\xfa\xfe\x48", 6}, /* lengths that contradict */
        {(uint8_t *)"\xff\xff\xff\xff\xff\xff\xff", 7}, /* of no type, either */
    };
    struct inflater *inflater = open_inflater(15);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        for (size_t step = 1; step < 8; step++) {
            struct span got;
            cr_assert_not(inflate_all(inflater, wrong[i], step, 7, &got), "%zu", i);
            free(got.data);
            inflater_reset(inflater, false);
            expect(inflater, BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00"), span_text("Hello"), 3, 3);
            inflater_reset(inflater, false);
        }
    }
    inflater_close(inflater);
}

Test(deflate, what_was_before_a_reset_is_gone)
{
    struct span got;
    struct inflater *inflater = open_inflater(15);
    expect(inflater, BYTES("\xf2\x48\xcd\xc9\xc9\x07\x00"), span_text("Hello"), 99, 99);
    inflater_reset(inflater, false);
    cr_assert_not(inflate_all(inflater, BYTES("\xf2\x00\x11\x00\x00"), 99, 99, &got));
    free(got.data);
    inflater_close(inflater);
}

/* ---- there and back ---- */

static uint64_t seed = 7;

/* Nothing, something like JSON, or noise. */
static void fill(uint8_t *bytes, size_t size, size_t kind)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = kind == 0   ? 0
                   : kind == 1 ? (uint8_t) "{\"id\":12}, "[random_next(&seed) % 11]
                               : (uint8_t)random_next(&seed);
}

/* Compresses into as much room as it may need. */
static struct span compress(struct deflater *deflater, struct span message)
{
    size_t most = message.size + message.size / 8 + 64;
    uint8_t *room = malloc(most);
    size_t size = deflater_run(deflater, message, span_of(room, most));
    cr_assert_gt(size, 0);
    return span_of(room, size);
}

Test(deflate, messages_of_all_sizes_come_back)
{
    static const size_t sizes[] = {1,    2,    3,     100,   511,   512,    513,    4095,
                                   4096, 4097, 32768, 65535, 65536, 300000, LARGEST};
    static const uint8_t windows[] = {9, 10, 12, 15};
    uint8_t *bytes = malloc(LARGEST);
    for (size_t w = 0; w < sizeof windows; w++)
        for (int keeps = 0; keeps < 2; keeps++) {
            struct deflater *deflater = open_deflater(w % 2 == 0 ? 1 : 6, windows[w]);
            struct inflater *inflater = open_inflater(windows[w]);
            for (size_t i = 0; i < 3 * (sizeof sizes / sizeof *sizes); i++) {
                struct span message = span_of(bytes, sizes[i / 3]);
                fill(bytes, message.size, i % 3);
                struct span packed = compress(deflater, message);
                expect(inflater, packed, message, packed.size, LARGEST + 1);
                inflater_reset(inflater, keeps);
                if (!keeps) deflater_reset(deflater);
                free(packed.data);
            }
            inflater_close(inflater);
            deflater_close(deflater);
        }
    free(bytes);
    cr_assert_eq(budget_used(&budget), 0);
}

Test(deflate, a_message_refers_to_earlier_ones_until_a_reset)
{
    struct span message =
        span_text("{\"name\":\"a name that is long\",\"text\":\"said once and again\"}");
    struct deflater *deflater = open_deflater(1, 12);
    struct inflater *inflater = open_inflater(12);
    struct span first = compress(deflater, message), second = compress(deflater, message);
    cr_assert_lt(second.size, first.size / 4);
    deflater_reset(deflater);
    struct span third = compress(deflater, message);
    cr_assert_eq(third.size, first.size);
    expect(inflater, first, message, 5, 5);
    inflater_reset(inflater, true);
    /* The second was never sent: nobody misses it. */
    expect(inflater, third, message, 5, 5);
    struct span *all[] = {&first, &second, &third};
    for (int i = 0; i < 3; i++) free(all[i]->data);
    inflater_close(inflater);
    deflater_close(deflater);
}

/* What does not fit leaves no trace, and nothing is written beyond the room. */
Test(deflate, fits_or_does_not)
{
    char text[300];
    for (size_t i = 0; i < sizeof text; i++) text[i] = "moonport"[i * i % 7 % 8];
    struct span message = span_of(text, sizeof text);
    struct deflater *deflater = open_deflater(1, 12);
    struct inflater *inflater = open_inflater(12);
    struct span whole = compress(deflater, message);
    for (size_t size = 0; size < whole.size + 10; size++) {
        uint8_t *room = malloc(size);
        deflater_reset(deflater);
        size_t used = deflater_run(deflater, message, span_of(room, size));
        cr_assert_eq(used, size > whole.size + 4 ? whole.size : 0, "%zu: %zu", size, used);
        if (used > 0) expect(inflater, span_of(room, used), message, 9, 9);
        inflater_reset(inflater, false);
        free(room);
    }
    deflater_reset(deflater);
    struct span again = compress(deflater, message);
    cr_assert_eq(deflater_run(deflater, message, span_of(NULL, 0)), 0);
    struct span third = compress(deflater, message);
    cr_assert_eq(again.size, whole.size);
    cr_assert_eq(third.size, whole.size, "it begins anew");
    free(whole.data);
    free(again.data);
    free(third.data);
    inflater_close(inflater);
    deflater_close(deflater);
}

/* ---- memory ---- */

Test(deflate, costs_what_it_says)
{
    static const size_t most[] = {17000, 20000, 24000, 40000, 78000, 152000, 270000};
    for (int i = DEFLATE_BITS_MIN; i <= DEFLATE_BITS_MAX; i++) {
        uint8_t bits = (uint8_t)i;
        struct deflater *deflater = open_deflater(9, bits);
        cr_assert_leq(budget_used(&budget), most[bits - DEFLATE_BITS_MIN], "%u bits: %zu", bits,
                      budget_used(&budget));
        deflater_close(deflater);
        struct inflater *inflater = open_inflater(bits);
        cr_assert_eq(inflater_size(inflater), budget_used(&budget));
        cr_assert_leq(inflater_size(inflater), 7500 + ((size_t)1 << bits));
        cr_assert_geq(inflater_size(inflater), (size_t)1 << bits, "the window is there");
        inflater_close(inflater);
        cr_assert_eq(budget_used(&budget), 0);
    }
}

Test(deflate, takes_nothing_once_it_is_open)
{
    uint8_t *bytes = malloc(LARGEST);
    fill(bytes, LARGEST, 1);
    struct deflater *deflater = open_deflater(6, 12);
    struct inflater *inflater = open_inflater(12);
    budget.limit = budget_used(&budget);
    struct span message = span_of(bytes, LARGEST), packed = compress(deflater, message);
    expect(inflater, packed, message, 1000, LARGEST + 1);
    free(packed.data);
    free(bytes);
    inflater_close(inflater);
    deflater_close(deflater);
    cr_assert_eq(budget_used(&budget), 0);
}

/* Whichever of its pieces there is no memory for, none is left. */
Test(deflate, opens_with_all_memory_or_not_at_all)
{
    struct deflater *deflater = open_deflater(1, 12);
    size_t enough = budget_used(&budget);
    deflater_close(deflater);
    for (budget.limit = 0; budget.limit < enough; budget.limit += 500) {
        cr_assert_null(deflater_open(&budget, 1, 12));
        cr_assert_eq(budget_used(&budget), 0);
    }
    budget.limit = enough;
    deflater_close(open_deflater(1, 12));
    budget.limit = LIMIT;
    struct inflater *inflater = open_inflater(12);
    enough = budget_used(&budget);
    inflater_close(inflater);
    for (budget.limit = 0; budget.limit < enough; budget.limit += 100) {
        cr_assert_null(inflater_open(&budget, 12));
        cr_assert_eq(budget_used(&budget), 0);
    }
    budget.limit = enough;
    inflater_close(open_inflater(12));
}
