/* shared_inside.h - what all operations of the dictionary begin and end with: its lock, and the tidying
 * up before the next thread has its turn. For the files shared_*.c; others have shared.h. */
#ifndef MOONPORT_SHARED_INSIDE_H
#define MOONPORT_SHARED_INSIDE_H

#include "api/shared_table.h"
#include "base/trim.h"

#include <pthread.h>

struct shared {
    pthread_mutex_t mutex;
    struct shared_table table;
    struct trim trim; /* of what it has in use */
};

/* Of a key that is one. Needs no lock. */
uint64_t shared_hash(const struct shared *shared, struct span key);

/* When something expires that lives so long from now on. */
uint64_t shared_end(uint64_t now_ns, uint64_t ttl_ns);

void shared_enter(struct shared *shared);

/* Tidies up a little, and frees what was taken out when the next thread has its turn already. */
void shared_leave(struct shared *shared, uint64_t now_ns, struct shared_waste *waste);

bool shared_has_expired(const struct shared_entry *entry, uint64_t now_ns);

/* ---- under the lock ---- */

/* NULL: it is not there, or has expired. */
struct shared_entry *shared_find_live(struct shared *shared, struct span key, uint64_t hash,
                                      uint64_t now_ns);

/* Puts it in, whatever was there. */
enum shared_result shared_put(struct shared *shared, struct shared_entry *entry,
                              struct shared_waste *waste);

/* True: the result was FULL, and some room was made. Leave, and try again. */
bool shared_makes_room(struct shared *shared, enum shared_result result, uint64_t now_ns,
                       struct shared_waste *waste);

#endif
