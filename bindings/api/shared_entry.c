#include "api/shared_entry.h"

#include <stdlib.h>

enum { ALLOCATOR_BYTES = 16 }; /* an allocation's overhead, and the unit it is rounded up to */

size_t shared_allocated(size_t size)
{
    return (size + ALLOCATOR_BYTES + ALLOCATOR_BYTES - 1) & ~(size_t)(ALLOCATOR_BYTES - 1);
}

static size_t string_size(const struct shared_value *value)
{
    return value != NULL && value->type == SHARED_STRING ? value->string.size : 0;
}

size_t shared_entry_size(size_t key_size, const struct shared_value *value)
{
    size_t head = sizeof(struct shared_entry) + key_size, tail = string_size(value);
    return tail > SIZE_MAX / 2 ? SIZE_MAX : shared_allocated(head + tail);
}

size_t shared_entry_used(const struct shared_entry *entry)
{
    size_t tail = entry->type == SHARED_STRING ? entry->value.size : 0;
    return shared_allocated(sizeof *entry + entry->key_size + tail);
}

struct shared_entry *shared_entry_make(struct span key, uint64_t hash,
                                       const struct shared_value *value, uint64_t expires_ns)
{
    struct shared_entry *entry = malloc(sizeof *entry + key.size + string_size(value));
    if (entry == NULL) return NULL;
    *entry = (struct shared_entry){.hash = hash,
                                   .expires_ns = expires_ns,
                                   .key_size = (uint16_t)key.size,
                                   .type = SHARED_LIST};
    atomic_init(&entry->holders, 1);
    if (key.size > 0) memcpy(entry->data, key.data, key.size);
    if (value == NULL) return entry;
    entry->type = (uint8_t)value->type;
    switch (value->type) {
    case SHARED_BOOLEAN: entry->value.boolean = value->boolean; break;
    case SHARED_INTEGER: entry->value.integer = value->integer; break;
    case SHARED_FLOAT: entry->value.number = value->number; break;
    case SHARED_STRING:
        entry->value.size = value->string.size;
        if (value->string.size > 0)
            memcpy(entry->data + key.size, value->string.data, value->string.size);
    }
    return entry;
}

void shared_entry_hold(struct shared_entry *entry)
{
    uint32_t before = atomic_fetch_add_explicit(&entry->holders, 1, memory_order_relaxed);
    check(before > 0);
    check(before < UINT32_MAX);
}

void shared_entry_drop(struct shared_entry *entry)
{
    /* All reads by other holders happen before the last one frees the entry. */
    uint32_t before = atomic_fetch_sub_explicit(&entry->holders, 1, memory_order_acq_rel);
    check(before > 0);
    if (before > 1) return;
    check(entry->type != SHARED_LIST || entry->value.last == NULL);
    free(entry);
}

struct shared_value shared_entry_value(const struct shared_entry *entry)
{
    check(entry->type != SHARED_LIST);
    struct shared_value value = {.type = (enum shared_type)entry->type};
    switch (value.type) {
    case SHARED_BOOLEAN: value.boolean = entry->value.boolean; break;
    case SHARED_INTEGER: value.integer = entry->value.integer; break;
    case SHARED_FLOAT: value.number = entry->value.number; break;
    case SHARED_STRING: value.string = span_of(entry->data + entry->key_size, entry->value.size);
    }
    return value;
}

void shared_value_move(struct shared_value *value, struct span room)
{
    if (value->type != SHARED_STRING) return;
    check(value->string.size <= room.size);
    if (value->string.size > 0) memcpy(room.data, value->string.data, value->string.size);
    value->string.data = room.data;
}

/* ---- lists ---- */

size_t shared_list_length(const struct shared_entry *list)
{
    const struct shared_entry *last = list->value.last;
    return last == NULL ? 0 : last->place - last->next->place + 1;
}

void shared_list_append(struct shared_entry *list, struct shared_entry *item)
{
    struct shared_entry *last = list->value.last;
    check(list->type == SHARED_LIST);
    check(item->type != SHARED_LIST);
    item->place = last == NULL ? 0 : last->place + 1;
    item->next = last == NULL ? item : last->next;
    if (last != NULL) last->next = item;
    list->value.last = item;
}

struct shared_entry *shared_list_take(struct shared_entry *list)
{
    check(list->type == SHARED_LIST);
    struct shared_entry *last = list->value.last;
    check(last != NULL);
    struct shared_entry *item = last->next;
    if (item == last)
        list->value.last = NULL;
    else
        last->next = item->next;
    item->next = NULL;
    return item;
}

void shared_list_empty(struct shared_entry *list, struct shared_entry **chain)
{
    struct shared_entry *last = list->value.last;
    check(list->type == SHARED_LIST);
    if (last == NULL) return;
    struct shared_entry *first = last->next;
    last->next = *chain;
    *chain = first;
    list->value.last = NULL;
}
