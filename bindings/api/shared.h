/* shared.h - one dictionary for all workers: keys and values are bytes of its own, its memory is
 * bounded, an entry may expire. Knows no Lua.
 *
 * Any thread may call anything but open and close. One mutex guards it all, and what is done under it
 * does not grow with what the dictionary holds, nor with the size of a value: at most a few dozen
 * entries are looked at, or taken out, before the next thread has its turn. Bytes are copied, entries
 * are made and freed outside of it.
 *
 * Nothing that lives is ever thrown away to make room: what does not fit is refused. Whatever has
 * expired is as good as gone, and its memory comes back a few entries with each operation, or as soon
 * as somebody needs it. So does the memory of a list that is gone, a few items with each operation.
 *
 * now_ns is the time, on one clock for all; ttl_ns is how long an entry lives from then on, 0: until
 * it is deleted. */
#ifndef MOONPORT_SHARED_H
#define MOONPORT_SHARED_H

#include "base/span.h"
#include "system/buffer.h"

#include <stdbool.h>

enum { SHARED_KEY_MAX = 256, SHARED_MEMORY_MIN = 4096 }; /* bytes; a key has at least one */
enum { SHARED_NUMBER_MAX = 64 };                         /* bytes of a number kept as text */

enum shared_result {
    SHARED_OK,
    SHARED_FULL,       /* "full": it would pass the bound, and nothing that has expired is left */
    SHARED_EXISTS,     /* "exists": it is there, and was left as it is */
    SHARED_MISSING,    /* "missing": it is not there */
    SHARED_CHANGED,    /* "changed": another value is there, or none, or one where none should be */
    SHARED_IS_LIST,    /* "list": it is there, and has no value but a list of them */
    SHARED_NOT_LIST,   /* "notlist": it is there, and no list */
    SHARED_NOT_NUMBER, /* "notnumber": it is there, and no number */
    SHARED_OVERFLOW,   /* "overflow": the sum is no 64-bit integer; the entry was left as it is */
    SHARED_NO_MEMORY,  /* "memory": the system has none */
    SHARED_NO_ROOM,    /* "room": for the string that was to be copied */
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
        struct span string; /* somebody else's bytes */
    };
};

struct shared;

/* Room for `memory` bytes: keys, values, what an entry takes besides them, the tables that find them.
 * Beside it there is, for each thread, the one entry that it is about to put in or to read. NULL: no
 * memory. memory >= SHARED_MEMORY_MIN. */
struct shared *shared_open(size_t memory);

/* Nobody may be using it. NULL is fine. */
void shared_close(struct shared *shared);

/* A copy of the value: OK, MISSING, IS_LIST. A string's bytes are in the room that is given, or there is
 * NO_ROOM: value->string.size says how much it takes. */
enum shared_result shared_get(struct shared *shared, struct span key, uint64_t now_ns,
                              struct shared_value *value, struct span room);

/* Puts in a copy of the value, whatever was there; it lives as long as this ttl says. OK, FULL,
 * NO_MEMORY. */
enum shared_result shared_set(struct shared *shared, struct span key,
                              const struct shared_value *value, uint64_t now_ns, uint64_t ttl_ns);

/* As set, but only if nothing is there: or else EXISTS. Of many threads that try, one succeeds. */
enum shared_result shared_add(struct shared *shared, struct span key,
                              const struct shared_value *value, uint64_t now_ns, uint64_t ttl_ns);

/* As set, but only if the value that is there equals `old`, as == in Lua has it: an integer may equal a
 * float, NaN equals nothing. old NULL: nothing may be there; value NULL: deletes. A list equals nothing.
 * OK, CHANGED, FULL, NO_MEMORY. Of many threads that expect the same value, one succeeds. */
enum shared_result shared_compare_and_set(struct shared *shared, struct span key,
                                          const struct shared_value *old,
                                          const struct shared_value *value, uint64_t now_ns,
                                          uint64_t ttl_ns);

/* Adds the number `by` to the one that is there, which lives as long as before. Where there is none,
 * init + by is put in with that ttl, or with init == NULL it is MISSING. Two integers make an integer,
 * everything else a float. A number may be kept as text, of at most SHARED_NUMBER_MAX bytes: a decimal one,
 * with a sign, a point, an exponent or without, and no blanks; the sum is a number. OK: it is in *sum;
 * FULL, MISSING, NOT_NUMBER, OVERFLOW, NO_MEMORY. */
enum shared_result shared_incr(struct shared *shared, struct span key,
                               const struct shared_value *by, const struct shared_value *init,
                               uint64_t now_ns, uint64_t ttl_ns, struct shared_value *sum);

/* OK or MISSING. */
enum shared_result shared_delete(struct shared *shared, struct span key, uint64_t now_ns);

/* Whatever is there lives as long as this ttl says, from now on. OK, MISSING; FULL, NO_MEMORY: it lives as
 * long as before. */
enum shared_result shared_expire(struct shared *shared, struct span key, uint64_t now_ns,
                                 uint64_t ttl_ns);

/* OK or MISSING. *ttl_ns: how long it still lives, or 0: until it is deleted. */
enum shared_result shared_ttl(struct shared *shared, struct span key, uint64_t now_ns,
                              uint64_t *ttl_ns);

/* ---- lists: what is pushed first is popped first ---- */

/* Adds a copy of the value to the end of the list, or begins one, which lives until it is deleted. OK: so
 * many are in it now; NOT_LIST, FULL, NO_MEMORY. */
enum shared_result shared_push(struct shared *shared, struct span key,
                               const struct shared_value *value, uint64_t now_ns, size_t *length);

/* Takes out the first value; a list that has no more is gone. OK and NO_ROOM, as get: then it is still
 * there; MISSING, NOT_LIST. */
enum shared_result shared_pop(struct shared *shared, struct span key, uint64_t now_ns,
                              struct shared_value *value, struct span room);

/* How many are in it; 0 if it is not there. OK or NOT_LIST. */
enum shared_result shared_length(struct shared *shared, struct span key, uint64_t now_ns,
                                 size_t *length);

/* ---- all of them ---- */

/* The keys that begin with the prefix, at most so many of them, in no order, one after the other in the buffer, which must be
 * empty: each is taken off it with shared_take_key. Those that are there all the time are in it once;
 * of those that come or go meanwhile, some. Other threads have their turn in between. OK, NO_MEMORY. */
enum shared_result shared_keys(struct shared *shared, struct span prefix, uint64_t now_ns,
                               size_t most, struct buffer *buffer, size_t *count);
struct span shared_take_key(struct buffer *buffer);

struct shared_figures {
    size_t count;                   /* entries, with those that have expired but are not yet gone */
    size_t memory_used, memory_max; /* bytes; used <= max */
};
struct shared_figures shared_figures(struct shared *shared);

#endif
