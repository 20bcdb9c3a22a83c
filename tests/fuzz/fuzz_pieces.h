/* fuzz_pieces.h - for the fuzz targets: in what pieces a stream arrives. */
#ifndef MOONPORT_FUZZ_PIECES_H
#define MOONPORT_FUZZ_PIECES_H

#include "fuzz_input.h"

enum { PIECES_MAX = 15 };

/* Sizes of pieces; behind the last it begins again with the first. Never empty. */
struct pieces {
    struct span sizes;
    size_t next;
};

static inline struct pieces pieces_take(struct span *input)
{
    uint8_t count = fuzz_byte(input) & PIECES_MAX;
    return (struct pieces){.sizes = fuzz_bytes(input, count)};
}

/* At most so many bytes; large ones now and then. */
static inline size_t pieces_next(struct pieces *pieces, size_t most)
{
    if (pieces->sizes.size == 0) return most;
    uint8_t byte = pieces->sizes.data[pieces->next++ % pieces->sizes.size];
    size_t size = byte < 0xf0 ? byte + 1u : (byte - 0xefu) * 256u;
    return size < most ? size : most;
}

#endif
