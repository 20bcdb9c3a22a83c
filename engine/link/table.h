/* table.h - a fixed number of records, each with an identity that is never another's. Pure.
 *
 * All records are allocated at start and taken and given back in O(1), the longest unused first. Those that were
 * never taken take no memory: one rests until TABLE_REST others have been given back, and only then is it taken
 * again, rather than one that is new.
 * An id is generation + slot + worker in 53 bits, so that any Lua number holds it exactly; a record
 * gets a new generation whenever it is given back, and an old id then finds nothing. The first ids
 * are small, for people to read.
 *
 *     bit 52           28 27           8 7           0
 *         [ generation   ][ slot + 1    ][ worker    ] */
#ifndef MOONPORT_TABLE_H
#define MOONPORT_TABLE_H

#include "base/check.h"
#include "base/list.h"

#include <stdint.h>

enum {
    TABLE_GENERATION_BITS = 25,
    TABLE_SLOT_BITS = 20,
    TABLE_WORKER_BITS = 8,
    TABLE_SLOTS_MAX = (1 << TABLE_SLOT_BITS) - 1,
    TABLE_WORKERS_MAX = 1 << TABLE_WORKER_BITS,
    TABLE_REST = 1024,
};

/* The first member of every record. */
struct table_entry {
    struct list node; /* among the free, or among the live */
    uint64_t id;      /* 0 while it is free */
    uint32_t slot;
    uint32_t generation; /* 0 .. 2^25 - 1, then 0 again */
};

struct table {
    uint8_t *memory;
    size_t record_size; /* bytes from one record to the next */
    uint32_t total, live_count;
    uint32_t used_count; /* records that were ever taken: those of slots below */
    uint32_t worker;     /* stands in every id */
    struct list free;    /* of those; taken at the head, given back at the tail */
    struct list live;    /* in the order they were taken */
};

/* Allocates `total` zeroed records (the entry in each is filled in when it is taken). False: no memory.
 * total <= TABLE_SLOTS_MAX, worker < TABLE_WORKERS_MAX, record_size a multiple of 64 (records are
 * aligned to it). */
bool table_open(struct table *table, uint32_t total, size_t record_size, uint32_t worker);
void table_close(struct table *table); /* none may be live */

/* A record with a fresh id, now live; NULL if all are. Its contents are as they were left. */
struct table_entry *table_take(struct table *table);
void table_give(struct table *table, struct table_entry *entry);

/* The live record with this id, or NULL: stale, of another worker, or nonsense. */
struct table_entry *table_find(const struct table *table, uint64_t id);

struct table_entry *table_at(const struct table *table, uint32_t slot);

static inline uint32_t table_worker_of(uint64_t id)
{
    return (uint32_t)id & (TABLE_WORKERS_MAX - 1);
}

#endif
