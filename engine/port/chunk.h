/* chunk.h - immutable bytes that many connections may share: encoded once, sent from one place.
 *
 * A chunk is made by one worker, on its budget. Any thread may hold and drop it; the last drop frees it. */
#ifndef MOONPORT_CHUNK_H
#define MOONPORT_CHUNK_H

#include "base/budget.h"
#include "base/span.h"

#include <stdint.h>

struct chunk {
    _Atomic uint32_t holders;
    struct budget *budget; /* outlives the chunk */
    size_t size;           /* bytes */
    uint8_t data[];
};

/* A chunk of `size` uninitialized bytes with one holder; NULL when the budget or the system has no
 * more. To be filled before it is shared. */
struct chunk *chunk_make(struct budget *budget, size_t size);

void chunk_hold(struct chunk *chunk);
void chunk_drop(struct chunk *chunk);

static inline struct span chunk_bytes(const struct chunk *chunk)
{
    return span_of(chunk->data, chunk->size);
}

#endif
