/* Inflating whatever comes, and what was compressed:
 *
 *     input:  how the pieces are cut (fuzz_pieces.h) | flags, level, bits, room | the bytes
 */
#include "frame/deflate.h"
#include "fuzz_pieces.h"

enum { LARGEST = 1 << 16, LIMIT = 4 << 20 };

/* What comes out of these bytes, cut into those pieces and rooms; up to LARGEST bytes. False: they are wrong. */
static bool inflate_in(struct inflater *inflater, struct span bytes, struct pieces pieces,
                       size_t most_room, struct span out, size_t *size)
{
    *size = 0;
    while (*size < out.size) {
        struct span piece = fuzz_copy(span_first(bytes, pieces_next(&pieces, bytes.size)));
        size_t offered = piece.size;
        size_t free_size = most_room < out.size - *size ? most_room : out.size - *size;
        struct span part = piece, room = span_of(malloc(free_size), free_size);
        uint8_t *filled = room.data;
        check(filled != NULL);
        bool right = inflater_run(inflater, &part, &room);
        check(part.size <= offered);
        check(room.size <= free_size);
        check(!right || part.size == 0 || room.size == 0);
        size_t fresh = free_size - room.size;
        memcpy(out.data + *size, filled, fresh);
        *size += fresh;
        bytes = span_skip(bytes, offered - part.size);
        free(filled);
        free(piece.data);
        if (!right) return false;
        if (bytes.size == 0 && fresh < free_size) return true;
    }
    return true;
}

static void check_back(struct budget *budget, uint8_t level, uint8_t bits, bool keeps,
                       struct span message)
{
    static uint8_t out[LARGEST + 1];
    struct deflater *deflater = deflater_open(budget, level, bits);
    struct inflater *inflater = inflater_open(budget, bits);
    check(deflater != NULL);
    check(inflater != NULL);
    struct span packed = span_of(malloc(2 * message.size + 64), 2 * message.size + 64);
    check(packed.data != NULL);
    for (int round = 0; round < 2; round++) {
        size_t size, more, used = deflater_run(deflater, message, packed);
        check(used > 0);
        struct pieces whole = {.next = 0};
        check(inflate_in(inflater, span_first(packed, used), whole, LARGEST + 1,
                         span_of(out, sizeof out), &size));
        check(inflate_in(inflater, inflater_tail(), whole, LARGEST + 1,
                         span_of(out + size, sizeof out - size), &more));
        check(fuzz_same(span_of(out, size + more), message));
        inflater_reset(inflater, keeps);
        if (!keeps) deflater_reset(deflater);
    }
    size_t small = deflater_run(deflater, message, span_first(packed, message.size / 2));
    check(small <= message.size / 2);
    free(packed.data);
    inflater_close(inflater);
    deflater_close(deflater);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t first[LARGEST], second[LARGEST];
    struct span input = span_of(data, size);
    struct budget budget = {.limit = LIMIT};
    struct pieces pieces = pieces_take(&input), whole = {.next = 0};
    uint8_t flags = fuzz_byte(&input);
    uint8_t level = (uint8_t)(1 + fuzz_byte(&input) % 9),
            bits = (uint8_t)(9 + fuzz_byte(&input) % 7);
    size_t room = 1u + fuzz_byte(&input), sizes[2];
    if (!deflate_is_there()) return 0;

    struct inflater *inflater = inflater_open(&budget, bits);
    check(inflater != NULL);
    bool right =
        inflate_in(inflater, input, whole, LARGEST, span_of(first, sizeof first), &sizes[0]);
    inflater_reset(inflater, false);
    bool again =
        inflate_in(inflater, input, pieces, room, span_of(second, sizeof second), &sizes[1]);
    size_t least = sizes[0] < sizes[1] ? sizes[0] : sizes[1];
    check(fuzz_same(span_of(first, least), span_of(second, least)));
    bool is_whole = sizes[0] < LARGEST;
    /* zlib minds a distance beyond the window only if the bytes there are not in the room that it fills. */
    check(!is_whole || right || !again);
    check(!is_whole || !right || !again || sizes[0] == sizes[1]);
    inflater_close(inflater);

    if (input.size > 0 && input.size <= LARGEST) check_back(&budget, level, bits, flags & 1, input);
    check(budget_used(&budget) == 0);
    return 0;
}
