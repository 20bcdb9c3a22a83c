/* shared_table.h - the entries of a dictionary, found by their key, and by which expires first; all
 * that they and it take counts to a bound. Pure: no lock, no clock.
 *
 * By key: chains, whose number grows and shrinks one at a time (linear hashing), so that no operation
 * has to move all entries. By time: a binary heap, so that what has expired is found at once, and
 * nothing else is looked at. Both stand in arrays that grow by parts and never move.
 *
 * A list leaves in one step, however long it is: its items are swept up later, and count until then. */
#ifndef MOONPORT_SHARED_TABLE_H
#define MOONPORT_SHARED_TABLE_H

#include "api/shared_entry.h"

/* Part 0 has 64 items, each later one as many as all before it. */
enum { SHARED_PART_FIRST = 64, SHARED_PARTS_MAX = 48 };
struct shared_parts {
    void *parts[SHARED_PARTS_MAX];
    int count;
    size_t item_size; /* bytes */
    size_t capacity;  /* items */
};

struct shared_table {
    size_t used, limit; /* bytes */
    uint64_t seed[2];
    size_t count;               /* entries */
    struct shared_parts chains; /* of struct shared_entry * */
    size_t chain_count, half;   /* half: the greatest power of two that is not above chain_count */
    struct shared_parts slots;  /* the heap, of those that expire */
    size_t slot_count;
    struct shared_entry *leftover; /* items of lists that are gone */
    uint32_t scans; /* who is going through the chains, which stay as they are meanwhile */
};

/* What was taken out, to be freed when nobody waits for it. Zeroed it is empty. */
struct shared_waste {
    struct shared_entry *entries;
    void *parts; /* the first word of each leads to the next */
};
void shared_waste_free(struct shared_waste *waste);

/* The seed is what peers cannot know: they may choose keys. */
bool shared_table_open(struct shared_table *table, size_t limit, const uint64_t seed[2]);
void shared_table_close(struct shared_table *table);

uint64_t shared_table_hash(const struct shared_table *table, struct span key);

/* Of that key, expired or not; or NULL. */
struct shared_entry *shared_table_find(const struct shared_table *table, struct span key,
                                       uint64_t hash);

/* Puts the entry in, in the place of `old`, which has the same key, or is NULL. FULL or NO_MEMORY: all
 * is as before, and the entry still the caller's. */
enum shared_result shared_table_put(struct shared_table *table, struct shared_entry *entry,
                                    struct shared_entry *old, struct shared_waste *waste);

void shared_table_remove(struct shared_table *table, struct shared_entry *entry,
                         struct shared_waste *waste);

/* From now on it expires then; UINT64_MAX: never. OK, FULL, NO_MEMORY. */
enum shared_result shared_table_expire(struct shared_table *table, struct shared_entry *entry,
                                       uint64_t expires_ns, struct shared_waste *waste);

/* Puts the item at the end of a list that is in the table. FULL: it is still the caller's. */
enum shared_result shared_table_push(struct shared_table *table, struct shared_entry *list,
                                     struct shared_entry *item);

/* The first item, which is the caller's. A list whose last one that was leaves the table. */
struct shared_entry *shared_table_pop(struct shared_table *table, struct shared_entry *list,
                                      struct shared_waste *waste);

/* Removes what has expired, then items of lists that are gone, at most so many; returns how many. */
size_t shared_table_sweep(struct shared_table *table, uint64_t now_ns, size_t most,
                          struct shared_waste *waste);

/* Takes a few steps towards as many chains as there are entries; call it after each change. */
void shared_table_settle(struct shared_table *table, struct shared_waste *waste);

/* The first entry of a chain, of chain_count. */
struct shared_entry *shared_table_chain(const struct shared_table *table, size_t index);

#endif
