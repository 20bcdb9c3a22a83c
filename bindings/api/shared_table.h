/* shared_table.h - the entries of a dictionary, found by key and by time of expiry. The memory of entries and
 * tables together is limited. Pure: no lock, no clock.
 *
 * By key: chains whose number grows and shrinks by one at a time (linear hashing), so that no operation has to
 * move all entries. By time: a binary heap, so that expired entries are found at once, and no others are looked
 * at. Both are in arrays that grow by parts and never move.
 *
 * A list is removed in one step, however long it is: its items are swept later, and count until then. */
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
    struct shared_parts slots;  /* the heap, of entries that expire */
    size_t slot_count;
    struct shared_entry *leftover; /* items of lists that are gone */
    uint32_t scans; /* scans under way, during which the number of chains stays the same */
};

/* What was taken out, to be freed after unlocking. Zeroed, it is empty. */
struct shared_waste {
    struct shared_entry *entries;
    void *parts; /* the first word of each points to the next */
};
void shared_waste_free(struct shared_waste *waste);

/* The seed must be unknown to peers, because they may choose keys. */
bool shared_table_open(struct shared_table *table, size_t limit, const uint64_t seed[2]);
void shared_table_close(struct shared_table *table);

uint64_t shared_table_hash(const struct shared_table *table, struct span key);

/* The entry with that key, expired or not; or NULL. */
struct shared_entry *shared_table_find(const struct shared_table *table, struct span key,
                                       uint64_t hash);

/* Stores the entry in place of `old`, which has the same key, or is NULL. FULL or NO_MEMORY: nothing has changed,
 * and the entry still belongs to the caller. */
enum shared_result shared_table_put(struct shared_table *table, struct shared_entry *entry,
                                    struct shared_entry *old, struct shared_waste *waste);

void shared_table_remove(struct shared_table *table, struct shared_entry *entry,
                         struct shared_waste *waste);

/* Sets when it expires; UINT64_MAX: never. OK, FULL, NO_MEMORY. */
enum shared_result shared_table_expire(struct shared_table *table, struct shared_entry *entry,
                                       uint64_t expires_ns, struct shared_waste *waste);

/* Appends the item to a list in the table. FULL: the item still belongs to the caller. */
enum shared_result shared_table_push(struct shared_table *table, struct shared_entry *list,
                                     struct shared_entry *item);

/* Removes the first item and gives it to the caller. A list that becomes empty leaves the table. */
struct shared_entry *shared_table_pop(struct shared_table *table, struct shared_entry *list,
                                      struct shared_waste *waste);

/* Removes expired entries, then items of removed lists, at most `most`; returns how many. */
size_t shared_table_sweep(struct shared_table *table, uint64_t now_ns, size_t most,
                          struct shared_waste *waste);

/* Brings the number of chains a few steps closer to that of the entries; call it after each change. */
void shared_table_settle(struct shared_table *table, struct shared_waste *waste);

/* The first entry of a chain, 0 <= index < chain_count. */
struct shared_entry *shared_table_chain(const struct shared_table *table, size_t index);

#endif
