#include "link/table.h"

#include <stdlib.h>

enum { RECORD_ALIGN = 32, GENERATION_MAX = (1 << TABLE_GENERATION_BITS) - 1 };

static uint64_t id_of(const struct table *table, const struct table_entry *entry)
{
    return (uint64_t)entry->generation << (TABLE_SLOT_BITS + TABLE_WORKER_BITS) |
           (uint64_t)(entry->slot + 1) << TABLE_WORKER_BITS | table->worker;
}

bool table_open(struct table *table, uint32_t total, size_t record_size, uint32_t worker)
{
    check(total <= TABLE_SLOTS_MAX);
    check(worker < TABLE_WORKERS_MAX);
    check(record_size >= sizeof(struct table_entry));
    check(record_size % RECORD_ALIGN == 0);
    *table = (struct table){.record_size = record_size, .total = total, .worker = worker};
    list_init(&table->free);
    list_init(&table->live);
    /* One extra record: room to align the first. */
    table->memory = calloc((size_t)total + 1, record_size);
    if (table->memory == NULL) return false;
    return true;
}

void table_close(struct table *table)
{
    check(table->live_count == 0);
    check(list_empty(&table->live));
    free(table->memory);
    *table = (struct table){0};
}

/* A new record, or the one given back longest ago; NULL: all are live. */
static struct table_entry *choose(struct table *table)
{
    bool are_new = table->used_count < table->total;
    if (are_new && table->used_count - table->live_count < TABLE_REST) {
        struct table_entry *entry = table_at(table, table->used_count);
        entry->slot = table->used_count++;
        list_init(&entry->node);
        return entry;
    }
    struct list *node = list_take_first(&table->free);
    return node == NULL ? NULL : container_of(node, struct table_entry, node);
}

struct table_entry *table_take(struct table *table)
{
    struct table_entry *entry = choose(table);
    if (entry == NULL) return NULL;
    check(entry->id == 0);
    entry->id = id_of(table, entry);
    list_append(&table->live, &entry->node);
    table->live_count++;
    return entry;
}

void table_give(struct table *table, struct table_entry *entry)
{
    check(entry->id != 0);
    check(entry == table_at(table, entry->slot));
    check(table->live_count > 0);
    entry->id = 0;
    entry->generation = entry->generation == GENERATION_MAX ? 0 : entry->generation + 1;
    list_remove(&entry->node);
    list_append(&table->free, &entry->node);
    table->live_count--;
}

struct table_entry *table_find(const struct table *table, uint64_t id)
{
    uint32_t place = (uint32_t)(id >> TABLE_WORKER_BITS) & TABLE_SLOTS_MAX; /* slot + 1 */
    if (place == 0 || place > table->total) return NULL;
    struct table_entry *entry = table_at(table, place - 1);
    return entry->id == id ? entry : NULL;
}

struct table_entry *table_at(const struct table *table, uint32_t slot)
{
    check(slot < table->total);
    uintptr_t address = (uintptr_t)table->memory;
    uint8_t *first = table->memory + (-address & (RECORD_ALIGN - 1));
    return (struct table_entry *)(first + slot * table->record_size);
}
