#include "api/shared_table.h"

#include <stdlib.h>

enum { SETTLE_STEPS = 4, PACKED = 4 /* chains or slots per entry, above which some go */ };

struct slot {
    uint64_t expires_ns;
    struct shared_entry *entry;
};

/* ---- arrays by parts ---- */

static size_t part_items(int part)
{
    return (size_t)SHARED_PART_FIRST << (part == 0 ? 0 : part - 1);
}

static void *item_at(const struct shared_parts *parts, size_t index)
{
    unsigned long long times = index / SHARED_PART_FIRST;
    int part = times == 0 ? 0 : 64 - __builtin_clzll(times);
    size_t first = part == 0 ? 0 : part_items(part);
    return (uint8_t *)parts->parts[part] + (index - first) * parts->item_size;
}

/* Bytes that the next part will count for. */
static size_t next_size(const struct shared_parts *parts)
{
    return shared_allocated(part_items(parts->count) * parts->item_size);
}

static bool add_part(struct shared_table *table, struct shared_parts *parts)
{
    check(parts->count < SHARED_PARTS_MAX);
    void *part = malloc(part_items(parts->count) * parts->item_size);
    if (part == NULL) return false;
    table->used += next_size(parts);
    parts->capacity += part_items(parts->count);
    parts->parts[parts->count++] = part;
    return true;
}

static void drop_part(struct shared_table *table, struct shared_parts *parts,
                      struct shared_waste *waste)
{
    check(parts->count > 1);
    void **part = parts->parts[--parts->count];
    parts->capacity -= part_items(parts->count);
    table->used -= next_size(parts);
    *part = waste->parts;
    waste->parts = part;
}

static void free_parts(struct shared_parts *parts)
{
    while (parts->count > 0) free(parts->parts[--parts->count]);
}

void shared_waste_free(struct shared_waste *waste)
{
    while (waste->entries != NULL) {
        struct shared_entry *entry = waste->entries;
        waste->entries = entry->next;
        shared_entry_drop(entry);
    }
    while (waste->parts != NULL) {
        void **part = waste->parts;
        waste->parts = *part;
        free(part);
    }
}

/* ---- by time ---- */

static struct slot *slot_at(const struct shared_table *table, size_t place)
{
    return item_at(&table->slots, place);
}

static void put_slot(struct shared_table *table, size_t place, struct slot slot)
{
    *slot_at(table, place) = slot;
    slot.entry->place = place;
}

static void move_up(struct shared_table *table, size_t place, struct slot slot)
{
    while (place > 0) {
        size_t parent = (place - 1) / 2;
        if (slot_at(table, parent)->expires_ns <= slot.expires_ns) break;
        put_slot(table, place, *slot_at(table, parent));
        place = parent;
    }
    put_slot(table, place, slot);
}

static void move_down(struct shared_table *table, size_t place, struct slot slot)
{
    for (;;) {
        size_t child = 2 * place + 1;
        if (child >= table->slot_count) break;
        if (child + 1 < table->slot_count &&
            slot_at(table, child + 1)->expires_ns < slot_at(table, child)->expires_ns)
            child++;
        if (slot.expires_ns <= slot_at(table, child)->expires_ns) break;
        put_slot(table, place, *slot_at(table, child));
        place = child;
    }
    put_slot(table, place, slot);
}

static bool expires(const struct shared_entry *entry)
{
    return entry->expires_ns != UINT64_MAX;
}

static void heap_add(struct shared_table *table, struct shared_entry *entry)
{
    check(table->slot_count < table->slots.capacity);
    struct slot slot = {.expires_ns = entry->expires_ns, .entry = entry};
    move_up(table, table->slot_count++, slot);
}

static void heap_remove(struct shared_table *table, struct shared_entry *entry,
                        struct shared_waste *waste)
{
    size_t place = entry->place;
    check(place < table->slot_count);
    check(slot_at(table, place)->entry == entry);
    struct slot last = *slot_at(table, --table->slot_count);
    if (last.entry != entry) {
        if (last.expires_ns < entry->expires_ns)
            move_up(table, place, last);
        else
            move_down(table, place, last);
    }
    if (table->slots.count > 1 && table->slot_count <= table->slots.capacity / PACKED)
        drop_part(table, &table->slots, waste);
}

/* ---- by key ---- */

static uint64_t rotate(uint64_t word, int bits)
{
    return word << bits | word >> (64 - bits);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

static void sip_word(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    sip_round(v);
    v[0] ^= word;
}

/* Reads at most 8 bytes, little endian. */
static uint64_t read_word(struct span bytes)
{
    uint64_t word = 0;
    for (size_t i = 0; i < bytes.size; i++) word |= (uint64_t)bytes.data[i] << (8 * i);
    return word;
}

/* SipHash with one round a word and three at the end (Aumasson and Bernstein, "SipHash: a fast short-input PRF",
 * 2012), so that peers cannot choose keys that all fall into one chain. */
uint64_t shared_table_hash(const struct shared_table *table, struct span key)
{
    uint64_t k0 = table->seed[0], k1 = table->seed[1], size = key.size;
    uint64_t v[4] = {k0 ^ UINT64_C(0x736f6d6570736575), k1 ^ UINT64_C(0x646f72616e646f6d),
                     k0 ^ UINT64_C(0x6c7967656e657261), k1 ^ UINT64_C(0x7465646279746573)};
    for (; key.size >= 8; key = span_skip(key, 8)) sip_word(v, read_word(span_first(key, 8)));
    sip_word(v, size << 56 | read_word(key));
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++) sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

static struct shared_entry **chain_at(const struct shared_table *table, size_t index)
{
    return item_at(&table->chains, index);
}

static struct shared_entry **chain_of(const struct shared_table *table, uint64_t hash)
{
    size_t index = (size_t)hash & (2 * table->half - 1);
    return chain_at(table, index < table->chain_count ? index : index - table->half);
}

struct shared_entry *shared_table_chain(const struct shared_table *table, size_t index)
{
    check(index < table->chain_count);
    return *chain_at(table, index);
}

struct shared_entry *shared_table_find(const struct shared_table *table, struct span key,
                                       uint64_t hash)
{
    for (struct shared_entry *entry = *chain_of(table, hash); entry != NULL; entry = entry->next)
        if (entry->hash == hash && entry->key_size == key.size &&
            memcmp(entry->data, key.data, key.size) == 0)
            return entry;
    return NULL;
}

/* Adds a chain, which takes over its share of the one that it was part of. */
static bool split_chain(struct shared_table *table)
{
    if (table->chain_count == table->chains.capacity) {
        if (next_size(&table->chains) > table->limit - table->used) return false;
        if (!add_part(table, &table->chains)) return false;
    }
    size_t index = table->chain_count, half = table->half;
    struct shared_entry **stays = chain_at(table, index - half), **goes = chain_at(table, index);
    struct shared_entry *entry = *stays;
    *stays = *goes = NULL;
    while (entry != NULL) {
        struct shared_entry *next = entry->next;
        struct shared_entry **chain = (entry->hash & half) != 0 ? goes : stays;
        entry->next = *chain;
        *chain = entry;
        entry = next;
    }
    if (++table->chain_count == 2 * half) table->half = 2 * half;
    return true;
}

/* Merges the last chain into the one that it was split from. */
static void merge_chain(struct shared_table *table, struct shared_waste *waste)
{
    if (table->chain_count == table->half) table->half /= 2;
    size_t index = --table->chain_count;
    struct shared_entry **end = chain_at(table, index - table->half);
    while (*end != NULL) end = &(*end)->next;
    *end = *chain_at(table, index);
    if (table->chain_count == table->chains.capacity / 2) drop_part(table, &table->chains, waste);
}

void shared_table_settle(struct shared_table *table, struct shared_waste *waste)
{
    if (table->scans > 0) return;
    for (int i = 0; i < SETTLE_STEPS; i++) {
        if (table->count > table->chain_count) {
            if (!split_chain(table)) return;
        } else if (table->chain_count > SHARED_PART_FIRST &&
                   table->count < table->chain_count / PACKED) {
            merge_chain(table, waste);
        } else {
            return;
        }
    }
}

/* ---- in and out ---- */

void shared_table_remove(struct shared_table *table, struct shared_entry *entry,
                         struct shared_waste *waste)
{
    struct shared_entry **link = chain_of(table, entry->hash);
    while (*link != entry) link = &(*link)->next;
    *link = entry->next;
    if (expires(entry)) heap_remove(table, entry, waste);
    check(table->used >= shared_entry_used(entry));
    table->used -= shared_entry_used(entry);
    table->count--;
    if (entry->type == SHARED_LIST) shared_list_empty(entry, &table->leftover);
    entry->next = waste->entries;
    waste->entries = entry;
}

enum shared_result shared_table_put(struct shared_table *table, struct shared_entry *entry,
                                    struct shared_entry *old, struct shared_waste *waste)
{
    bool same_slot = old != NULL && expires(old);
    bool grows = expires(entry) && !same_slot && table->slot_count == table->slots.capacity;
    size_t kept = table->used - (old != NULL ? shared_entry_used(old) : 0);
    size_t more = shared_entry_used(entry) + (grows ? next_size(&table->slots) : 0);
    if (more > table->limit - kept) return SHARED_FULL;
    if (grows && !add_part(table, &table->slots)) return SHARED_NO_MEMORY;
    if (old != NULL) shared_table_remove(table, old, waste);
    struct shared_entry **chain = chain_of(table, entry->hash);
    entry->next = *chain;
    *chain = entry;
    if (expires(entry)) heap_add(table, entry);
    table->used += shared_entry_used(entry);
    table->count++;
    return SHARED_OK;
}

enum shared_result shared_table_expire(struct shared_table *table, struct shared_entry *entry,
                                       uint64_t expires_ns, struct shared_waste *waste)
{
    bool gets_slot = !expires(entry) && expires_ns != UINT64_MAX;
    if (gets_slot && table->slot_count == table->slots.capacity) {
        if (next_size(&table->slots) > table->limit - table->used) return SHARED_FULL;
        if (!add_part(table, &table->slots)) return SHARED_NO_MEMORY;
    }
    if (expires(entry)) heap_remove(table, entry, waste);
    entry->expires_ns = expires_ns;
    if (expires(entry)) heap_add(table, entry);
    return SHARED_OK;
}

/* ---- lists ---- */

enum shared_result shared_table_push(struct shared_table *table, struct shared_entry *list,
                                     struct shared_entry *item)
{
    size_t size = shared_entry_used(item);
    if (size > table->limit - table->used) return SHARED_FULL;
    shared_list_append(list, item);
    table->used += size;
    return SHARED_OK;
}

struct shared_entry *shared_table_pop(struct shared_table *table, struct shared_entry *list,
                                      struct shared_waste *waste)
{
    struct shared_entry *item = shared_list_take(list);
    check(table->used >= shared_entry_used(item));
    table->used -= shared_entry_used(item);
    if (shared_list_first(list) == NULL) shared_table_remove(table, list, waste);
    return item;
}

/* ---- all of it ---- */

size_t shared_table_sweep(struct shared_table *table, uint64_t now_ns, size_t most,
                          struct shared_waste *waste)
{
    size_t count = 0;
    while (count < most && table->slot_count > 0 && slot_at(table, 0)->expires_ns <= now_ns) {
        shared_table_remove(table, slot_at(table, 0)->entry, waste);
        count++;
    }
    for (; count < most && table->leftover != NULL; count++) {
        struct shared_entry *item = table->leftover;
        table->leftover = item->next;
        table->used -= shared_entry_used(item);
        item->next = waste->entries;
        waste->entries = item;
    }
    return count;
}

bool shared_table_open(struct shared_table *table, size_t limit, const uint64_t seed[2])
{
    *table = (struct shared_table){
        .limit = limit, .seed = {seed[0], seed[1]}, .chain_count = SHARED_PART_FIRST};
    table->half = table->chain_count;
    table->chains.item_size = sizeof(struct shared_entry *);
    table->slots.item_size = sizeof(struct slot);
    if (!add_part(table, &table->chains)) return false;
    for (size_t i = 0; i < table->chain_count; i++) *chain_at(table, i) = NULL;
    return true;
}

void shared_table_close(struct shared_table *table)
{
    struct shared_waste waste = {.entries = NULL};
    for (size_t i = 0; i < table->chain_count; i++)
        while (*chain_at(table, i) != NULL) shared_table_remove(table, *chain_at(table, i), &waste);
    check(table->count == 0);
    check(table->slot_count == 0);
    shared_table_sweep(table, 0, SIZE_MAX, &waste);
    shared_waste_free(&waste);
    free_parts(&table->chains);
    free_parts(&table->slots);
}
