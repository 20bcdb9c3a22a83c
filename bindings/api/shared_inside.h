/* shared_inside.h - the lock of the dictionary, and the cleanup before it is released: how every operation begins
 * and ends. For shared_*.c only; other files use shared.h. */
#ifndef MOONPORT_SHARED_INSIDE_H
#define MOONPORT_SHARED_INSIDE_H

#include "api/shared_table.h"
#include "base/trim.h"

#include <pthread.h>

struct shared {
    pthread_mutex_t mutex;
    struct shared_table table;
    struct trim trim; /* follows the memory in use */
};

/* The hash of a valid key. Needs no lock. */
uint64_t shared_hash(const struct shared *shared, struct span key);

/* When an entry with this ttl expires; UINT64_MAX: never. */
uint64_t shared_end(uint64_t now_ns, uint64_t ttl_ns);

void shared_enter(struct shared *shared);

/* Cleans up a little, unlocks, and then frees what was removed. */
void shared_leave(struct shared *shared, uint64_t now_ns, struct shared_waste *waste);

bool shared_has_expired(const struct shared_entry *entry, uint64_t now_ns);

/* ---- under the lock ---- */

/* NULL: there is no such entry, or it has expired. */
struct shared_entry *shared_find_live(struct shared *shared, struct span key, uint64_t hash,
                                      uint64_t now_ns);

/* Stores the entry, and replaces whatever was there. */
enum shared_result shared_put(struct shared *shared, struct shared_entry *entry,
                              struct shared_waste *waste);

/* True: the result was FULL, and some memory was freed. Call shared_leave, then try again. */
bool shared_makes_room(struct shared *shared, enum shared_result result, uint64_t now_ns,
                       struct shared_waste *waste);

#endif
