#include "api/shared_inside.h"

#include <stdlib.h>
#include <sys/time.h>

/* How many entries one thread removes before it releases the lock: see shared.h. */
enum {
    SWEEP_ALWAYS = 4,   /* expired entries, with each operation */
    SWEEP_IN_NEED = 64, /* when the new value does not fit */
};

/* A seed that peers do not know: the time of opening, and addresses in memory. */
static void make_seed(uintptr_t place, uint64_t seed[2])
{
    struct timeval now;
    gettimeofday(&now, NULL);
    seed[0] = (uint64_t)place ^ (uint64_t)now.tv_sec << 20 ^ (uint64_t)now.tv_usec;
    seed[1] = (uint64_t)(uintptr_t)&make_seed ^ (uint64_t)(uintptr_t)&now << 32;
}

struct shared *shared_open(size_t memory)
{
    uint64_t seed[2];
    check(memory >= SHARED_MEMORY_MIN);
    struct shared *shared = calloc(1, sizeof *shared);
    if (shared == NULL) return NULL;
    make_seed((uintptr_t)shared, seed);
    if (!shared_table_open(&shared->table, memory, seed)) goto no_table;
    if (pthread_mutex_init(&shared->mutex, NULL) != 0) goto no_mutex;
    return shared;

no_mutex:
    shared_table_close(&shared->table);
no_table:
    free(shared);
    return NULL;
}

void shared_close(struct shared *shared)
{
    if (shared == NULL) return;
    pthread_mutex_destroy(&shared->mutex);
    shared_table_close(&shared->table);
    free(shared);
}

/* ---- used by all operations ---- */

uint64_t shared_hash(const struct shared *shared, struct span key)
{
    check(key.size >= 1);
    check(key.size <= SHARED_KEY_MAX);
    return shared_table_hash(&shared->table, key); /* the seed never changes: no lock */
}

uint64_t shared_end(uint64_t now_ns, uint64_t ttl_ns)
{
    return ttl_ns == 0 || ttl_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + ttl_ns;
}

void shared_enter(struct shared *shared)
{
    pthread_mutex_lock(&shared->mutex);
}

void shared_leave(struct shared *shared, uint64_t now_ns, struct shared_waste *waste)
{
    shared_table_sweep(&shared->table, now_ns, SWEEP_ALWAYS, waste);
    shared_table_settle(&shared->table, waste);
    bool trims = trim_is_due(&shared->trim, shared->table.used);
    pthread_mutex_unlock(&shared->mutex);
    shared_waste_free(waste);
    if (!trims) return;
    if (!pages_trim_heap()) atomic_store_explicit(&trim_is_owed, true, memory_order_relaxed);
    pthread_mutex_lock(&shared->mutex);
    shared->trim.peak = shared->table.used;
    pthread_mutex_unlock(&shared->mutex);
}

bool shared_has_expired(const struct shared_entry *entry, uint64_t now_ns)
{
    return entry->expires_ns <= now_ns;
}

struct shared_entry *shared_find_live(struct shared *shared, struct span key, uint64_t hash,
                                      uint64_t now_ns)
{
    struct shared_entry *entry = shared_table_find(&shared->table, key, hash);
    return entry == NULL || shared_has_expired(entry, now_ns) ? NULL : entry;
}

enum shared_result shared_put(struct shared *shared, struct shared_entry *entry,
                              struct shared_waste *waste)
{
    struct shared_entry *old =
        shared_table_find(&shared->table, shared_entry_key(entry), entry->hash);
    return shared_table_put(&shared->table, entry, old, waste);
}

bool shared_makes_room(struct shared *shared, enum shared_result result, uint64_t now_ns,
                       struct shared_waste *waste)
{
    if (result != SHARED_FULL) return false;
    return shared_table_sweep(&shared->table, now_ns, SWEEP_IN_NEED, waste) > 0;
}

struct shared_figures shared_figures(struct shared *shared)
{
    shared_enter(shared);
    struct shared_figures figures = {.count = shared->table.count,
                                     .memory_used = shared->table.used,
                                     .memory_max = shared->table.limit};
    pthread_mutex_unlock(&shared->mutex);
    return figures;
}
