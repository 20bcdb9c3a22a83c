#include "link/table.h"
#include "random.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>

enum { GENERATION_MAX = (1 << TABLE_GENERATION_BITS) - 1 };

struct record {
    struct table_entry entry;
    uint64_t value;
    uint8_t rest[128 - sizeof(struct table_entry) - sizeof(uint64_t)];
};

static struct record *record_of(struct table_entry *entry)
{
    return (struct record *)entry;
}

static uint64_t id_of(uint64_t worker, uint64_t slot, uint64_t generation)
{
    return generation << 28 | (slot + 1) << 8 | worker;
}

Test(table, records_are_zeroed_and_apart)
{
    enum { TOTAL = 5 };
    struct table table;
    struct table_entry *entries[TOTAL];
    cr_assert(table_open(&table, TOTAL, sizeof(struct record), 0));
    for (uint32_t i = 0; i < TOTAL; i++) {
        entries[i] = table_take(&table);
        cr_assert_eq(table_at(&table, entries[i]->slot), entries[i]);
        cr_assert_eq(record_of(entries[i])->value, 0);
        for (size_t k = 0; k < sizeof record_of(entries[i])->rest; k++)
            if (record_of(entries[i])->rest[k] != 0) cr_assert(false, "byte %zu is not 0", k);
        memset(&record_of(entries[i])->value, 0xff, 128 - offsetof(struct record, value));
    }
    for (uint32_t i = 0; i < TOTAL; i++) {
        cr_assert_eq(table_find(&table, entries[i]->id), entries[i]);
        table_give(&table, entries[i]);
    }
    table_close(&table);
}

Test(table, records_are_aligned_wherever_the_memory_lies)
{
    enum { TABLES = 8 };
    struct table tables[TABLES];
    for (uint32_t i = 0; i < TABLES; i++) {
        cr_assert(table_open(&tables[i], i + 1, sizeof(struct record), 0));
        for (uint32_t slot = 0; slot <= i; slot++)
            cr_assert_eq((uintptr_t)table_at(&tables[i], slot) % 32, 0);
    }
    for (int i = 0; i < TABLES; i++) table_close(&tables[i]);
}

Test(table, takes_until_all_are_live)
{
    struct table table;
    cr_assert(table_open(&table, 2, sizeof(struct record), 0));
    struct table_entry *first = table_take(&table), *second = table_take(&table);
    cr_assert(first != NULL && second != NULL && first != second);
    cr_assert_eq(table.live_count, 2);
    cr_assert_null(table_take(&table));
    table_give(&table, first);
    cr_assert_eq(table.live_count, 1);
    cr_assert_eq(table_take(&table), first);
    table_give(&table, first);
    table_give(&table, second);
    cr_assert_eq(table.live_count, 0);
    table_close(&table);
}

Test(table, an_id_is_worker_and_slot_and_generation)
{
    struct table table;
    cr_assert(table_open(&table, 3, sizeof(struct record), 200));
    for (uint64_t slot = 0; slot < 3; slot++)
        cr_assert_eq(table_take(&table)->id, id_of(200, slot, 0));
    table_give(&table, table_at(&table, 1));
    uint64_t id = table_take(&table)->id;
    cr_assert_eq(id, id_of(200, 1, 1));
    cr_assert_eq(table_worker_of(id), 200);
    for (uint32_t slot = 0; slot < 3; slot++) table_give(&table, table_at(&table, slot));
    table_close(&table);
}

Test(table, the_greatest_id_fits_into_53_bits)
{
    struct table table;
    struct table_entry *entry = NULL;
    cr_assert(table_open(&table, TABLE_SLOTS_MAX, 64, TABLE_WORKERS_MAX - 1));
    for (uint32_t slot = 0; slot < TABLE_SLOTS_MAX; slot++) entry = table_take(&table);
    table_give(&table, entry);
    entry->generation = GENERATION_MAX;
    cr_assert_eq(table_take(&table), entry);
    cr_assert_eq(entry->id, (UINT64_C(1) << 53) - 1);
    cr_assert_eq((uint64_t)(double)entry->id, entry->id);
    cr_assert_eq(table_find(&table, entry->id), entry);
    for (uint32_t slot = 0; slot < TABLE_SLOTS_MAX; slot++)
        table_give(&table, table_at(&table, slot));
    table_close(&table);
}

Test(table, the_longest_unused_is_taken_first)
{
    enum { TOTAL = 4 };
    static const uint32_t given[TOTAL] = {2, 0, 3, 1};
    struct table table;
    cr_assert(table_open(&table, TOTAL, sizeof(struct record), 0));
    for (uint32_t i = 0; i < TOTAL; i++) cr_assert_eq(table_take(&table)->slot, i);
    for (uint32_t i = 0; i < TOTAL; i++) table_give(&table, table_at(&table, given[i]));
    for (uint32_t i = 0; i < TOTAL; i++) cr_assert_eq(table_take(&table)->slot, given[i]);
    for (uint32_t i = 0; i < TOTAL; i++) table_give(&table, table_at(&table, i));
    table_close(&table);
}

Test(table, the_live_stand_in_the_order_they_were_taken)
{
    static const uint32_t order[] = {0, 2, 3, 1};
    struct table table;
    cr_assert(table_open(&table, 4, sizeof(struct record), 0));
    for (int i = 0; i < 4; i++) table_take(&table);
    table_give(&table, table_at(&table, 1));
    table_take(&table);
    int place = 0;
    for (struct list *node = table.live.next; node != &table.live; node = node->next)
        cr_assert_eq(container_of(node, struct table_entry, node)->slot, order[place++]);
    cr_assert_eq(place, 4);
    for (uint32_t slot = 0; slot < 4; slot++) table_give(&table, table_at(&table, slot));
    table_close(&table);
}

Test(table, a_record_keeps_its_contents_but_not_its_id)
{
    struct table table;
    cr_assert(table_open(&table, 1, sizeof(struct record), 3));
    struct table_entry *entry = table_take(&table);
    uint64_t old_id = entry->id;
    record_of(entry)->value = 42;
    table_give(&table, entry);
    cr_assert_eq(entry->id, 0);
    cr_assert_null(table_find(&table, old_id));
    cr_assert_eq(table_take(&table), entry);
    cr_assert_eq(record_of(entry)->value, 42);
    cr_assert_null(table_find(&table, old_id));
    cr_assert_eq(table_find(&table, entry->id), entry);
    table_give(&table, entry);
    table_close(&table);
}

Test(table, generations_begin_anew_at_0)
{
    struct table table;
    cr_assert(table_open(&table, 1, sizeof(struct record), 0));
    struct table_entry *entry = table_at(&table, 0);
    entry->generation = GENERATION_MAX - 1;
    static const uint32_t generations[] = {GENERATION_MAX - 1, GENERATION_MAX, 0, 1};
    for (size_t i = 0; i < sizeof generations / sizeof *generations; i++) {
        cr_assert_eq(table_take(&table)->id, id_of(0, 0, generations[i]));
        table_give(&table, entry);
    }
    table_close(&table);
}

Test(table, finds_nothing_for_nonsense)
{
    struct table table;
    cr_assert(table_open(&table, 2, sizeof(struct record), 1));
    struct table_entry *entry = table_take(&table); /* slot 0; slot 1 is free */
    const uint64_t nonsense[] = {
        0,
        1,
        UINT64_MAX,
        (UINT64_C(1) << 53) - 1,
        entry->id | UINT64_C(1) << 53, /* bits that no id has */
        entry->id | UINT64_C(1) << 63,
        id_of(0, 0, 0), /* of other workers */
        id_of(2, 0, 0),
        id_of(1, 0, 1), /* not yet a generation */
        id_of(1, 1, 0), /* free */
        id_of(1, 1, 1),
        id_of(1, 2, 0), /* there is no such slot */
        id_of(1, TABLE_SLOTS_MAX - 1, 0),
    };
    for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++)
        cr_assert_null(table_find(&table, nonsense[i]), "nonsense %zu", i);
    cr_assert_eq(table_find(&table, entry->id), entry);
    table_give(&table, entry);
    table_close(&table);
}

Test(table, worker_0_slot_0_is_not_found_by_id_0)
{
    struct table table;
    cr_assert(table_open(&table, 1, sizeof(struct record), 0));
    cr_assert_null(table_find(&table, 0));
    table_close(&table);
}

/* Every id ever given out is kept: the live ones find their record, the others nothing. */
Test(table, never_takes_one_for_another)
{
    enum { TOTAL = 20, STEPS = 6000, PROBES = 50 };
    static uint64_t ids[STEPS];
    static struct table_entry *owners[STEPS]; /* NULL: given back */
    const uint64_t seed = 0x7461626c65;
    uint64_t state = seed;
    uint32_t taken = 0, live = 0;
    struct table table;
    cr_assert(table_open(&table, TOTAL, sizeof(struct record), 7));
    for (int step = 0; step < STEPS; step++) {
        uint32_t chosen = taken == 0 ? 0 : (uint32_t)(random_next(&state) % taken);
        if (random_next(&state) % 2 == 0) {
            struct table_entry *entry = table_take(&table);
            bool right = (entry == NULL) == (live == TOTAL);
            if (!right) cr_assert(right, "seed %llu, step %d", (unsigned long long)seed, step);
            if (entry == NULL) continue;
            ids[taken] = entry->id;
            owners[taken++] = entry;
            live++;
        } else if (taken != 0 && owners[chosen] != NULL) {
            table_give(&table, owners[chosen]);
            owners[chosen] = NULL;
            live--;
        }
        for (int probe = 0; taken != 0 && probe < PROBES; probe++) {
            uint32_t place = (uint32_t)(random_next(&state) % taken);
            bool right = table_find(&table, ids[place]) == owners[place];
            if (!right)
                cr_assert(right, "seed %llu, step %d, id %u", (unsigned long long)seed, step,
                          place);
        }
    }
    cr_assert_eq(table.live_count, live);
    for (uint32_t i = 0; i < taken; i++)
        if (owners[i] != NULL) table_give(&table, owners[i]);
    table_close(&table);
}

Test(table, given_twice_is_a_bug, .signal = SIGABRT)
{
    struct table table;
    table_open(&table, 2, sizeof(struct record), 0);
    struct table_entry *entry = table_take(&table);
    table_give(&table, entry);
    table_give(&table, entry);
}

Test(table, given_to_another_table_is_a_bug, .signal = SIGABRT)
{
    struct table ours, theirs;
    table_open(&ours, 2, sizeof(struct record), 0);
    table_open(&theirs, 2, sizeof(struct record), 0);
    table_take(&theirs);
    table_give(&theirs, table_take(&ours));
}

Test(table, closed_while_one_is_live_is_a_bug, .signal = SIGABRT)
{
    struct table table;
    table_open(&table, 2, sizeof(struct record), 0);
    table_take(&table);
    table_close(&table);
}

Test(table, slot_that_there_is_not_is_a_bug, .signal = SIGABRT)
{
    struct table table;
    table_open(&table, 2, sizeof(struct record), 0);
    table_at(&table, 2);
}

Test(table, those_that_are_not_needed_are_never_touched)
{
    struct table table;
    cr_assert(table_open(&table, 4 * TABLE_REST, sizeof(struct record), 0));
    for (int i = 0; i < 10 * TABLE_REST; i++) table_give(&table, table_take(&table));
    cr_assert_eq(table.used_count, TABLE_REST);
    cr_assert_eq(table_at(&table, TABLE_REST)->node.next, NULL);
    struct table_entry *taken[4 * TABLE_REST];
    for (int i = 0; i < 4 * TABLE_REST; i++) cr_assert_not_null(taken[i] = table_take(&table));
    cr_assert_null(table_take(&table));
    for (int i = 0; i < 4 * TABLE_REST; i++) table_give(&table, taken[i]);
    table_close(&table);
}
