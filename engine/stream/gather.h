/* gather.h - received bytes that could not be used in the turn they arrived: the beginning of a
 * packet, or the input of a paused connection. They are contiguous: in a block of the pool while they
 * fit, then in memory of the budget, which grows with the bytes that have arrived. */
#ifndef MOONPORT_GATHER_H
#define MOONPORT_GATHER_H

#include "port/block.h"

struct gather {
    uint8_t *data;
    size_t begin, end;   /* the bytes are data[begin .. end) */
    size_t capacity;     /* bytes of data */
    struct block *block; /* data is in it; NULL: data was taken from the budget, or is NULL */
};

static inline bool gather_empty(const struct gather *gather)
{
    return gather->begin == gather->end;
}

static inline struct span gather_bytes(const struct gather *gather)
{
    if (gather_empty(gather)) return span_of(gather->data, 0); /* data may be NULL */
    return span_of(gather->data + gather->begin, gather->end - gather->begin);
}

/* Appends bytes; false, and nothing is changed, when neither pool nor budget has room. May move the
 * bytes that are already in it. `wanted`: the size to be reached before bytes are used, 0 if not known;
 * no more room than that is reserved. */
bool gather_append(struct gather *gather, struct block_pool *pool, struct span bytes,
                   size_t wanted);

/* Returns room after the last byte, and its *size (>= 1); gather_filled then adds the bytes written there. NULL, and
 * nothing is changed: as above. */
uint8_t *gather_room(struct gather *gather, struct block_pool *pool, size_t wanted, size_t *size);

static inline void gather_filled(struct gather *gather, size_t size)
{
    gather->end += size;
}

/* Removes bytes from the front; keeps the memory. */
static inline void gather_consume(struct gather *gather, size_t size)
{
    gather->begin += size;
}

/* Gives the memory back. */
void gather_clear(struct gather *gather, struct block_pool *pool);

#endif
