#include "stream/gather.h"

#include "base/piece.h"

/* Sizes from here on are taken as whole pages. They double as they grow, and would leave holes in the heap that nothing
 * else fits into. */
enum { PAGED_FROM = 2048 };

static void move_to_front(struct gather *gather)
{
    if (gather->begin == 0) return;
    size_t held = gather->end - gather->begin;
    memmove(gather->data, gather->data + gather->begin, held);
    gather->begin = 0;
    gather->end = held;
}

/* Moves from the block, or from nothing, to memory of the budget. */
static bool leave_block(struct gather *gather, struct budget *budget, size_t capacity,
                        size_t wanted)
{
    uint8_t *data = piece_take(budget, capacity, wanted, PAGED_FROM);
    if (data == NULL) return false;
    size_t held = gather->end - gather->begin;
    if (held != 0) memcpy(data, gather->data + gather->begin, held);
    if (gather->block != NULL) block_give(gather->block);
    *gather = (struct gather){.data = data, .end = held, .capacity = capacity};
    return true;
}

static bool enlarge(struct gather *gather, struct budget *budget, size_t capacity, size_t wanted)
{
    uint8_t *data =
        piece_grow(budget, gather->data, gather->capacity, capacity, wanted, PAGED_FROM);
    if (data == NULL) return false;
    gather->data = data;
    gather->capacity = capacity;
    move_to_front(gather);
    return true;
}

static bool grow_to(struct gather *gather, struct budget *budget, size_t capacity, size_t wanted)
{
    bool has_piece = gather->data != NULL && gather->block == NULL;
    capacity = piece_round(capacity, PAGED_FROM);
    return has_piece ? enlarge(gather, budget, capacity, wanted)
                     : leave_block(gather, budget, capacity, wanted);
}

/* Doubles the capacity, to copy seldom; takes only what is needed when the budget is nearly used up. */
static bool grow(struct gather *gather, struct budget *budget, size_t needed, size_t wanted)
{
    if (budget == NULL) return false;
    size_t ahead = 2 * gather->capacity; /* capacity < needed */
    if (wanted >= needed && wanted < ahead) ahead = wanted;
    if (ahead > needed && grow_to(gather, budget, ahead, wanted)) return true;
    return grow_to(gather, budget, needed, wanted);
}

static bool begin_in_block(struct gather *gather, struct block_pool *pool, size_t needed)
{
    if (gather->data != NULL || needed > pool->block_size) return false;
    struct block *block = block_take(pool);
    if (block == NULL) return false;
    *gather = (struct gather){.data = block->data, .capacity = block->capacity, .block = block};
    return true;
}

/* Makes room for `size` more bytes. */
static bool make_room(struct gather *gather, struct block_pool *pool, size_t size, size_t wanted)
{
    if (gather_empty(gather)) gather->begin = gather->end = 0;
    if (size <= gather->capacity - gather->end) return true;
    size_t needed = gather->end - gather->begin + size;
    if (needed > gather->capacity)
        return begin_in_block(gather, pool, needed) || grow(gather, pool->budget, needed, wanted);
    move_to_front(gather);
    return true;
}

uint8_t *gather_room(struct gather *gather, struct block_pool *pool, size_t wanted, size_t *size)
{
    if (!make_room(gather, pool, 1, wanted)) return NULL;
    *size = gather->capacity - gather->end;
    return gather->data + gather->end;
}

bool gather_append(struct gather *gather, struct block_pool *pool, struct span bytes, size_t wanted)
{
    if (bytes.size == 0) return true;
    if (!make_room(gather, pool, bytes.size, wanted)) return false;
    memcpy(gather->data + gather->end, bytes.data, bytes.size);
    gather->end += bytes.size;
    return true;
}

void gather_clear(struct gather *gather, struct block_pool *pool)
{
    if (gather->block != NULL) {
        block_give(gather->block);
    } else if (gather->data != NULL) {
        piece_give(pool->budget, gather->data, gather->capacity, PAGED_FROM);
    }
    *gather = (struct gather){0};
}
