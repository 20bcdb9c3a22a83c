/* shared_entry.h - one entry of a dictionary: a key with its value, or with a list of values. Pure: no
 * lock, no clock. Only hold and drop are for any thread. */
#ifndef MOONPORT_SHARED_ENTRY_H
#define MOONPORT_SHARED_ENTRY_H

#include "api/shared.h"

#include <stdatomic.h>

enum { SHARED_LIST = SHARED_STRING + 1 }; /* the type of an entry that has a list for its value */

/* What is in a table, or in a list: an item is an entry without a key, whose place is its number. A
 * number may be changed in its place; a string never is, so that whoever holds the entry reads it without
 * a lock. */
struct shared_entry {
    struct shared_entry *next; /* in its chain, its list (a ring), or the waste */
    uint64_t hash;
    uint64_t expires_ns; /* UINT64_MAX: never */
    size_t place;        /* in the heap; what never expires is not there */
    union {
        bool boolean;
        int64_t integer;
        double number;
        size_t size;               /* bytes of a string */
        struct shared_entry *last; /* of a list, whose next is the first; NULL: it is empty */
    } value;
    _Atomic uint32_t holders; /* the table, and whoever reads it; the last to drop it frees it */
    uint16_t key_size;        /* bytes */
    uint8_t type;             /* enum shared_type, or SHARED_LIST */
    uint8_t data[];           /* the key, then the string */
};

/* NULL: no memory. value NULL: an empty list. */
struct shared_entry *shared_entry_make(struct span key, uint64_t hash,
                                       const struct shared_value *value, uint64_t expires_ns);
void shared_entry_hold(struct shared_entry *entry);

/* A list must be empty by then. */
void shared_entry_drop(struct shared_entry *entry);

/* Bytes that an allocation takes, with what the allocator adds to it. */
size_t shared_allocated(size_t size);

/* Bytes that an entry with this value counts for. */
size_t shared_entry_size(size_t key_size, const struct shared_value *value);

/* Bytes that it counts for; a list, without its items. */
size_t shared_entry_used(const struct shared_entry *entry);

static inline struct span shared_entry_key(const struct shared_entry *entry)
{
    return span_of(entry->data, entry->key_size);
}

/* A string's bytes are the entry's own. It is no list. */
struct shared_value shared_entry_value(const struct shared_entry *entry);

/* From now on a string's bytes are in the room, which is large enough. */
void shared_value_move(struct shared_value *value, struct span room);

/* ---- lists: the oldest item is the first ---- */

static inline struct shared_entry *shared_list_first(const struct shared_entry *list)
{
    return list->value.last == NULL ? NULL : list->value.last->next;
}

size_t shared_list_length(const struct shared_entry *list);
void shared_list_append(struct shared_entry *list, struct shared_entry *item);

/* The first item, which is the caller's from now on. The list is not empty. */
struct shared_entry *shared_list_take(struct shared_entry *list);

/* All items at once, in front of those in the chain. */
void shared_list_empty(struct shared_entry *list, struct shared_entry **chain);

#endif
