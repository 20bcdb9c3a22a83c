/* shared_inside.h - how all operations of the dictionary begin and end: its lock, and the cleanup before the next
 * thread gets its turn. For the files shared_*.c only; others use shared.h. */
#ifndef MOONPORT_SHARED_INSIDE_H
#define MOONPORT_SHARED_INSIDE_H

#include "api/shared_table.h"
#include "base/trim.h"

#include <pthread.h>

struct shared {
    pthread_mutex_t mutex;
    struct shared_table table;
    struct trim trim; /* of the memory in use */
};

/* The hash of a valid key. Needs no lock. */
uint64_t shared_hash(const struct shared *shared, struct span key);

/* When an entry with this ttl expires. */
uint64_t shared_end(uint64_t now_ns, uint64_t ttl_ns);

void shared_enter(struct shared *shared);

/* Cleans up a little, unlocks, and then frees what was taken out. */
void shared_leave(struct shared *shared, uint64_t now_ns, struct shared_waste *waste);

bool shared_has_expired(const struct shared_entry *entry, uint64_t now_ns);

/* ---- under the lock ---- */

/* NULL: there is no such entry, or it has expired. */
struct shared_entry *shared_find_live(struct shared *shared, struct span key, uint64_t hash,
                                      uint64_t now_ns);

/* Stores the entry, and replaces whatever was there. */
enum shared_result shared_put(struct shared *shared, struct shared_entry *entry,
                              struct shared_waste *waste);

/* True: the result was FULL, and some room was made. Call shared_leave, and try again. */
bool shared_makes_room(struct shared *shared, enum shared_result result, uint64_t now_ns,
                       struct shared_waste *waste);

#endif
