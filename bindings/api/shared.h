/* shared.h - one dictionary for all workers: keys and values are copied into it, its memory is bounded, an entry
 * may expire. It does not depend on Lua.
 *
 * Any thread may call anything but open and close. One mutex guards it all. The time it is held does not grow
 * with the size of the dictionary or of a value: at most a few dozen entries are looked at, or taken out, before
 * the next thread gets its turn. Bytes are copied, and entries made and freed, without the lock.
 *
 * A live entry is never evicted to make room: what does not fit is refused. Expired entries count as gone. Their
 * memory is reclaimed a few entries with each operation, or as soon as it is needed. The items of a deleted list
 * are reclaimed in the same way.
 *
 * now_ns is the time, on one clock for all; ttl_ns is how long an entry lives from then on, 0: until it is
 * deleted. */
#ifndef MOONPORT_SHARED_H
#define MOONPORT_SHARED_H

#include "base/span.h"
#include "system/buffer.h"

#include <stdbool.h>

enum { SHARED_KEY_MAX = 256, SHARED_MEMORY_MIN = 4096 }; /* bytes; a key has at least one */
enum { SHARED_NUMBER_MAX = 64 };                         /* bytes of a number kept as text */

enum shared_result {
    SHARED_OK,
    SHARED_FULL,     /* "full": it would exceed the limit, and nothing expired is left to remove */
    SHARED_EXISTS,   /* "exists": the key exists, and was left as it is */
    SHARED_MISSING,  /* "missing": the key does not exist */
    SHARED_CHANGED,  /* "changed": the value is not the expected one */
    SHARED_IS_LIST,  /* "list": the key holds a list, not a single value */
    SHARED_NOT_LIST, /* "notlist": the key holds no list */
    SHARED_NOT_NUMBER, /* "notnumber": the key holds no number */
    SHARED_OVERFLOW, /* "overflow": the sum does not fit into a 64-bit integer; the entry was left as it is */
    SHARED_NO_MEMORY, /* "memory": the system has no memory left */
    SHARED_NO_ROOM,   /* "room": the string does not fit into the caller's buffer */
    SHARED_RESULTS,
};
const char *shared_result_text(enum shared_result result);

enum shared_type { SHARED_BOOLEAN, SHARED_INTEGER, SHARED_FLOAT, SHARED_STRING };

struct shared_value {
    enum shared_type type;
    union {
        bool boolean;
        int64_t integer;
        double number;      /* FLOAT */
        struct span string; /* bytes owned elsewhere */
    };
};

struct shared;

/* Opens a dictionary with a limit of `memory` bytes: keys, values, what an entry takes besides them, the tables
 * that find them. In addition, each thread uses memory for the one entry that it is about to store or to read.
 * NULL: no memory. memory >= SHARED_MEMORY_MIN. */
struct shared *shared_open(size_t memory);

/* No thread may be using it. NULL is fine. */
void shared_close(struct shared *shared);

/* Copies the value: OK, MISSING, IS_LIST. A string is copied into `room`; if it does not fit, NO_ROOM, and
 * value->string.size says how many bytes it takes. */
enum shared_result shared_get(struct shared *shared, struct span key, uint64_t now_ns,
                              struct shared_value *value, struct span room);

/* Stores a copy of the value, and replaces whatever was there; the ttl starts anew. OK, FULL, NO_MEMORY. */
enum shared_result shared_set(struct shared *shared, struct span key,
                              const struct shared_value *value, uint64_t now_ns, uint64_t ttl_ns);

/* As set, but only if the key does not exist; otherwise EXISTS. Of several threads that try, one succeeds. */
enum shared_result shared_add(struct shared *shared, struct span key,
                              const struct shared_value *value, uint64_t now_ns, uint64_t ttl_ns);

/* As set, but only if the present value equals `old`, by the rules of == in Lua: an integer may equal a float,
 * NaN equals nothing. old NULL: the key must not exist; value NULL: deletes. A list equals nothing. OK, CHANGED,
 * FULL, NO_MEMORY. Of several threads that expect the same value, one succeeds. */
enum shared_result shared_compare_and_set(struct shared *shared, struct span key,
                                          const struct shared_value *old,
                                          const struct shared_value *value, uint64_t now_ns,
                                          uint64_t ttl_ns);

/* Adds `by` to the number that is there, whose ttl does not change. If the key does not exist, stores init + by
 * with that ttl, or returns MISSING if init is NULL. Two integers make an integer, everything else a float. A
 * number may be stored as text of at most SHARED_NUMBER_MAX bytes: decimal, with or without a sign, a point and
 * an exponent, and without blanks; the sum is stored as a number. OK: *sum is the sum; FULL, MISSING, NOT_NUMBER,
 * OVERFLOW, NO_MEMORY. */
enum shared_result shared_incr(struct shared *shared, struct span key,
                               const struct shared_value *by, const struct shared_value *init,
                               uint64_t now_ns, uint64_t ttl_ns, struct shared_value *sum);

/* OK or MISSING. */
enum shared_result shared_delete(struct shared *shared, struct span key, uint64_t now_ns);

/* The entry, of any type, expires this ttl from now. OK, MISSING; with FULL and NO_MEMORY its ttl does not
 * change. */
enum shared_result shared_expire(struct shared *shared, struct span key, uint64_t now_ns,
                                 uint64_t ttl_ns);

/* OK or MISSING. *ttl_ns: how long the entry still lives; 0: until it is deleted. */
enum shared_result shared_ttl(struct shared *shared, struct span key, uint64_t now_ns,
                              uint64_t *ttl_ns);

/* ---- lists: first in, first out ---- */

/* Adds a copy of the value to the end of the list, or starts one, which lives until it is deleted. OK: *length is
 * the new length; NOT_LIST, FULL, NO_MEMORY. */
enum shared_result shared_push(struct shared *shared, struct span key,
                               const struct shared_value *value, uint64_t now_ns, size_t *length);

/* Removes the first value and copies it as shared_get does; an empty list is deleted. OK; NO_ROOM: the value is
 * still there; MISSING, NOT_LIST. */
enum shared_result shared_pop(struct shared *shared, struct span key, uint64_t now_ns,
                              struct shared_value *value, struct span room);

/* *length: how many values are in it; 0 if it does not exist. OK or NOT_LIST. */
enum shared_result shared_length(struct shared *shared, struct span key, uint64_t now_ns,
                                 size_t *length);

/* ---- the whole dictionary ---- */

/* Collects the keys that begin with the prefix, at most `most` of them, in no order, one after the other in the
 * buffer, which must be empty; shared_take_key takes each off it. Keys that exist all the time are in it once; of
 * those that come or go meanwhile, some are. Other threads get their turn in between. OK, NO_MEMORY. */
enum shared_result shared_keys(struct shared *shared, struct span prefix, uint64_t now_ns,
                               size_t most, struct buffer *buffer, size_t *count);
struct span shared_take_key(struct buffer *buffer);

struct shared_figures {
    size_t count;                   /* entries, including expired ones that are not yet removed */
    size_t memory_used, memory_max; /* bytes; used <= max */
};
struct shared_figures shared_figures(struct shared *shared);

#endif
