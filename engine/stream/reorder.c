#include "stream/reorder.h"

/* Early numbers are next + 1 .. next + window - 1, so no two of them share a slot, and the slot of
 * `next` holds nothing else. Numbers and their differences are modulo 2^32. */
static struct block **place_of(struct reorder *reorder, uint32_t sequence)
{
    return &reorder->early[sequence & (reorder->window - 1u)];
}

void reorder_init(struct reorder *reorder, uint32_t window, struct block **early)
{
    check(window >= 1);
    check(window <= REORDER_WINDOW_MAX);
    check((window & (window - 1)) == 0);
    check(early != NULL || window == 1);
    *reorder = (struct reorder){.window = (uint16_t)window, .early = early};
    for (uint32_t i = 0; i < window && early != NULL; i++) early[i] = NULL;
}

void reorder_hold(struct reorder *reorder, uint32_t sequence, struct block *block)
{
    struct block **place = place_of(reorder, sequence);
    check(sequence - reorder->next < reorder->window);
    check(*place == NULL);
    *place = block;
    reorder->held++;
    check(reorder->held < reorder->window);
}

struct block *reorder_release(struct reorder *reorder)
{
    struct block **place = place_of(reorder, reorder->next);
    struct block *block = *place;
    if (block == NULL) return NULL;
    *place = NULL;
    reorder->held--;
    reorder->next++;
    return block;
}

struct block *reorder_drop(struct reorder *reorder)
{
    if (reorder->held == 0) return NULL;
    struct block **place = reorder->early;
    while (*place == NULL) place++;
    struct block *block = *place;
    *place = NULL;
    reorder->held--;
    return block;
}
