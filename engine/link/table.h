/* table.h - a fixed number of records, each with a unique id while it is live. Pure.
 *
 * All records are allocated at start, and are taken and given back in O(1), the longest unused first. A record that
 * was never taken uses no physical memory. A record that was given back is reused before a new one is taken, but only
 * when at least TABLE_REST records are free.
 * An id is generation + slot + worker in 53 bits, so that any Lua number holds it exactly. A record
 * gets a new generation whenever it is given back, so an old id finds nothing. The first ids are small,
 * and easy to read.
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
    uint32_t used_count; /* records that were ever taken: those with smaller slots */
    uint32_t worker;     /* part of every id */
    struct list free;    /* used records; taken at the head, given back at the tail */
    struct list live;    /* in the order they were taken */
};

/* Allocates `total` zeroed records (the entry in each is filled in when it is taken). False: no memory.
 * total <= TABLE_SLOTS_MAX, worker < TABLE_WORKERS_MAX, record_size a multiple of 32 (records are
 * aligned to it). */
bool table_open(struct table *table, uint32_t total, size_t record_size, uint32_t worker);
void table_close(struct table *table); /* none may be live */

/* Takes a record and gives it a new id; NULL if all are live. The rest of it is as it was left. */
struct table_entry *table_take(struct table *table);
void table_give(struct table *table, struct table_entry *entry);

/* The live record with this id; NULL if the id is stale, another worker's, or invalid. */
struct table_entry *table_find(const struct table *table, uint64_t id);

struct table_entry *table_at(const struct table *table, uint32_t slot);

static inline uint32_t table_worker_of(uint64_t id)
{
    return (uint32_t)id & (TABLE_WORKERS_MAX - 1);
}

#endif
