/* shared_entry.h - one entry of a dictionary: a key with its value, or with a list of values. Pure: no lock, no
 * clock. Only hold and drop may be called from any thread. */
#ifndef MOONPORT_SHARED_ENTRY_H
#define MOONPORT_SHARED_ENTRY_H

#include "api/shared.h"

#include <stdatomic.h>

enum { SHARED_LIST = SHARED_STRING + 1 }; /* the type of an entry whose value is a list */

/* An entry of a table, or an item of a list. An item has no key, and its `place` is its number in the list. A
 * number may be changed in place. A string is never changed, so a holder of the entry can read it without the lock. */
struct shared_entry {
    struct shared_entry *next; /* in its chain, in its list (a ring), or in the waste */
    uint64_t hash;
    uint64_t expires_ns; /* UINT64_MAX: never */
    size_t place;        /* in the heap, unless it never expires */
    union {
        bool boolean;
        int64_t integer;
        double number;
        size_t size;               /* bytes of a string */
        struct shared_entry *last; /* last item of a list; its next is the first; NULL: empty */
    } value;
    _Atomic uint32_t holders; /* the table and each reader; the last one frees it */
    uint16_t key_size;        /* bytes */
    uint8_t type;             /* enum shared_type, or SHARED_LIST */
    uint8_t data[];           /* the key, then the string */
};

/* NULL: no memory. value NULL: an empty list. */
struct shared_entry *shared_entry_make(struct span key, uint64_t hash,
                                       const struct shared_value *value, uint64_t expires_ns);
void shared_entry_hold(struct shared_entry *entry);

/* A list must be empty before its last holder drops it. */
void shared_entry_drop(struct shared_entry *entry);

/* Bytes that an allocation takes, including the allocator's overhead. */
size_t shared_allocated(size_t size);

/* Bytes that an entry with this value counts for. */
size_t shared_entry_size(size_t key_size, const struct shared_value *value);

/* Bytes that this entry counts for; for a list, without its items. */
size_t shared_entry_used(const struct shared_entry *entry);

static inline struct span shared_entry_key(const struct shared_entry *entry)
{
    return span_of(entry->data, entry->key_size);
}

/* A string points to the bytes of the entry. The entry must not be a list. */
struct shared_value shared_entry_value(const struct shared_entry *entry);

/* Moves the bytes of a string into the room, which must be large enough. */
void shared_value_move(struct shared_value *value, struct span room);

/* ---- lists: the oldest item is the first ---- */

static inline struct shared_entry *shared_list_first(const struct shared_entry *list)
{
    return list->value.last == NULL ? NULL : list->value.last->next;
}

size_t shared_list_length(const struct shared_entry *list);
void shared_list_append(struct shared_entry *list, struct shared_entry *item);

/* Removes the first item and gives it to the caller. The list must not be empty. */
struct shared_entry *shared_list_take(struct shared_entry *list);

/* Moves all items at once to the front of the chain. */
void shared_list_empty(struct shared_entry *list, struct shared_entry **chain);

#endif
