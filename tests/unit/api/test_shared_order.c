/* The entries of a dictionary by themselves: which expires first, what they count for, and what stays as it
 * is while somebody goes through them. */
#include "api/shared_table.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

static struct shared_table table;
static struct shared_waste waste;

static void open_table(size_t limit)
{
    static const uint64_t seed[2] = {1, 2};
    cr_assert(shared_table_open(&table, limit, seed));
}

static void close_table(void)
{
    shared_waste_free(&waste);
    shared_table_close(&table);
}

static struct shared_entry *make(int number, uint64_t expires_ns)
{
    char name[16];
    snprintf(name, sizeof name, "%d", number);
    const struct shared_value value = {.type = SHARED_INTEGER, .integer = number};
    struct span key = span_text(name);
    struct shared_entry *entry =
        shared_entry_make(key, shared_table_hash(&table, key), &value, expires_ns);
    cr_assert_not_null(entry);
    return entry;
}

static struct shared_entry *put(int number, uint64_t expires_ns)
{
    struct shared_entry *entry = make(number, expires_ns);
    cr_assert_eq(shared_table_put(&table, entry, NULL, &waste), SHARED_OK);
    return entry;
}

/* What takes the place of one that was removed may have to come before those above it. */
Test(shared_order, what_expires_first_is_found_whatever_was_removed_before)
{
    static const uint64_t times[] = {1, 10, 2, 11, 12, 3, 4, 20, 21, 30, 31, 50, 51, 52, 5};
    enum { ENTRIES = sizeof times / sizeof *times, REMOVED = 3 };
    struct shared_entry *entries[ENTRIES];
    open_table(1 << 20);
    for (int i = 0; i < ENTRIES; i++) entries[i] = put(i, times[i]);
    shared_table_remove(&table, entries[REMOVED], &waste);
    cr_assert_eq(shared_table_sweep(&table, 5, ENTRIES, &waste), 5);
    cr_assert_eq(shared_table_sweep(&table, 9, ENTRIES, &waste), 0);
    cr_assert_eq(shared_table_sweep(&table, 12, 1, &waste), 1);
    cr_assert_eq(shared_table_sweep(&table, 12, ENTRIES, &waste), 1);
    cr_assert_eq(shared_table_sweep(&table, 52, ENTRIES, &waste), ENTRIES - 8);
    cr_assert_eq(table.count, 0);
    close_table();
}

Test(shared_order, all_of_the_limit_can_be_used_and_not_a_byte_more)
{
    const struct shared_value value = {.type = SHARED_INTEGER, .integer = 1};
    size_t size = shared_entry_size(1, &value);
    for (size_t missing = 0; missing <= 1; missing++) {
        open_table(1 << 20);
        table.limit = table.used + 2 * size - missing;
        put(1, UINT64_MAX);
        struct shared_entry *second = make(2, UINT64_MAX);
        enum shared_result result = shared_table_put(&table, second, NULL, &waste);
        cr_assert_eq(result, missing == 0 ? SHARED_OK : SHARED_FULL);
        if (result != SHARED_OK) shared_entry_drop(second);
        close_table();
    }
}

/* With what the allocator takes beside it, and not far more. */
Test(shared_order, an_entry_counts_for_all_that_it_takes)
{
    for (size_t key = 1; key < 40; key++) {
        for (size_t size = 0; size < 40; size++) {
            const struct shared_value value = {.type = SHARED_STRING, .string = {NULL, size}};
            size_t bytes = sizeof(struct shared_entry) + key + size;
            cr_assert(shared_entry_size(key, &value) >= bytes + 8);
            cr_assert(shared_entry_size(key, &value) <= bytes + 32);
        }
    }
}

/* The heap grows by parts: one more may be needed, and not fit. */
Test(shared_order, who_is_to_expire_needs_a_place_in_the_heap)
{
    enum { FIRST = SHARED_PART_FIRST };
    struct shared_entry *entries[FIRST + 1];
    open_table(1 << 20);
    for (int i = 0; i <= FIRST; i++) entries[i] = put(i, UINT64_MAX);
    for (int i = 0; i < FIRST; i++)
        cr_assert_eq(shared_table_expire(&table, entries[i], 100, &waste), SHARED_OK);
    size_t limit = table.limit;
    table.limit = table.used;
    cr_assert_eq(shared_table_expire(&table, entries[FIRST], 50, &waste), SHARED_FULL);
    cr_assert_eq(entries[FIRST]->expires_ns, UINT64_MAX);
    cr_assert_eq(shared_table_expire(&table, entries[0], 60, &waste), SHARED_OK, "it has one");
    cr_assert_eq(shared_table_expire(&table, entries[1], UINT64_MAX, &waste), SHARED_OK);
    cr_assert_eq(shared_table_expire(&table, entries[FIRST], 50, &waste), SHARED_OK, "it is free");
    cr_assert_eq(shared_table_expire(&table, entries[1], 70, &waste), SHARED_FULL);
    table.limit = limit;
    cr_assert_eq(shared_table_expire(&table, entries[1], 70, &waste), SHARED_OK);
    cr_assert_eq(shared_table_sweep(&table, 50, 100, &waste), 1);
    cr_assert_eq(shared_table_sweep(&table, 70, 100, &waste), 2);
    cr_assert_eq(table.count, FIRST - 2);
    close_table();
}

/* A list leaves in one step; the items follow a few at a time, and count until then. */
Test(shared_order, items_of_a_list_that_is_gone_are_swept_up)
{
    enum { ITEMS = 1000 };
    static const struct span no_key;
    const struct shared_value value = {.type = SHARED_STRING, .string = span_text("item")};
    const struct span key = span_text("list");
    open_table(1 << 20);
    size_t before = table.used, each = shared_entry_size(0, &value);
    struct shared_entry *list =
        shared_entry_make(key, shared_table_hash(&table, key), NULL, UINT64_MAX);
    cr_assert_eq(shared_table_put(&table, list, NULL, &waste), SHARED_OK);
    size_t empty = table.used;
    for (size_t i = 1; i <= ITEMS; i++) {
        struct shared_entry *item = shared_entry_make(no_key, 0, &value, UINT64_MAX);
        cr_assert_eq(shared_table_push(&table, list, item), SHARED_OK);
        cr_assert_eq(shared_list_length(list), i);
        cr_assert_eq(table.used, empty + i * each);
    }
    shared_table_remove(&table, list, &waste);
    cr_assert_eq(table.used, before + ITEMS * each);
    cr_assert_eq(shared_table_sweep(&table, 0, 10, &waste), 10);
    cr_assert_eq(table.used, before + (ITEMS - 10) * each);
    cr_assert_eq(shared_table_sweep(&table, 0, ITEMS, &waste), ITEMS - 10);
    cr_assert_eq(shared_table_sweep(&table, 0, ITEMS, &waste), 0);
    cr_assert_eq(table.used, before);
    close_table();
}

Test(shared_order, nothing_moves_while_somebody_goes_through_all)
{
    open_table(1 << 20);
    size_t before = table.chain_count;
    table.scans = 1;
    for (int i = 0; i < 1000; i++) {
        put(i, UINT64_MAX);
        shared_table_settle(&table, &waste);
    }
    cr_assert_eq(table.chain_count, before);
    table.scans = 0;
    for (int i = 0; i < 1000; i++) shared_table_settle(&table, &waste);
    cr_assert_eq(table.chain_count, 1000);
    close_table();
}
