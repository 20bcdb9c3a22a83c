#include "api/shared.h"

#include "api/shared_table.h"
#include "base/trim.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/time.h>

/* What one thread does before the next one has its turn: see shared.h. */
enum {
    SWEEP_ALWAYS = 4,   /* entries that have expired, with each operation */
    SWEEP_IN_NEED = 64, /* and when there is no room */
    SCAN_CHAINS = 256,  /* whose keys are copied */
};
enum { SCAN_ROOM = 16384 }; /* bytes at first */

struct shared {
    pthread_mutex_t mutex;
    struct shared_table table;
    struct trim trim; /* of what it has in use */
};

const char *shared_result_text(enum shared_result result)
{
    static const char *const texts[SHARED_RESULTS] = {
        [SHARED_OK] = "ok",
        [SHARED_FULL] = "full",
        [SHARED_EXISTS] = "exists",
        [SHARED_MISSING] = "missing",
        [SHARED_NOT_NUMBER] = "notnumber",
        [SHARED_OVERFLOW] = "overflow",
        [SHARED_NO_MEMORY] = "memory",
    };
    check(result < SHARED_RESULTS);
    return texts[result];
}

/* What a peer does not know: when it was opened, and where the system has put things. */
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

/* ---- what the operations have in common ---- */

static uint64_t hash_of(const struct shared *shared, struct span key)
{
    check(key.size >= 1);
    check(key.size <= SHARED_KEY_MAX);
    return shared_table_hash(&shared->table, key); /* the seed never changes: no lock */
}

static uint64_t end_of(uint64_t now_ns, uint64_t ttl_ns)
{
    return ttl_ns == 0 || ttl_ns > UINT64_MAX - now_ns ? UINT64_MAX : now_ns + ttl_ns;
}

static void enter(struct shared *shared)
{
    pthread_mutex_lock(&shared->mutex);
}

/* Tidies up a little, and frees what was taken out when the next thread has its turn already. */
static void leave(struct shared *shared, uint64_t now_ns, struct shared_waste *waste)
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

static bool has_expired(const struct shared_entry *entry, uint64_t now_ns)
{
    return entry->expires_ns <= now_ns;
}

static struct shared_entry *find_live(struct shared *shared, struct span key, uint64_t hash,
                                      uint64_t now_ns)
{
    struct shared_entry *entry = shared_table_find(&shared->table, key, hash);
    return entry == NULL || has_expired(entry, now_ns) ? NULL : entry;
}

/* ---- one entry ---- */

enum shared_result shared_get(struct shared *shared, struct span key, uint64_t now_ns,
                              struct shared_value *value, struct buffer *buffer)
{
    struct shared_waste waste = {.entries = NULL};
    uint64_t hash = hash_of(shared, key);
    check(buffer_size(buffer) == 0);
    enter(shared);
    struct shared_entry *entry = find_live(shared, key, hash, now_ns);
    bool missing = entry == NULL;
    if (!missing) *value = shared_entry_value(entry);
    bool copies = !missing && value->type == SHARED_STRING;
    if (copies) shared_entry_hold(entry);
    leave(shared, now_ns, &waste);
    if (missing) return SHARED_MISSING;
    if (!copies) return SHARED_OK;
    bool fits = buffer_reserve(buffer, value->string.size);
    if (fits) {
        if (value->string.size > 0)
            memcpy(buffer->data + buffer->end, value->string.data, value->string.size);
        buffer->end += value->string.size;
        value->string = buffer_bytes(buffer);
    }
    shared_entry_drop(entry);
    return fits ? SHARED_OK : SHARED_NO_MEMORY;
}

/* Under the lock. FULL, and *again: some room was made, and it may be tried again. */
static enum shared_result put(struct shared *shared, struct shared_entry *entry, bool replaces,
                              uint64_t now_ns, struct shared_waste *waste, bool *again)
{
    struct shared_table *table = &shared->table;
    struct shared_entry *old = shared_table_find(table, shared_entry_key(entry), entry->hash);
    if (old != NULL && !replaces && !has_expired(old, now_ns)) return SHARED_EXISTS;
    enum shared_result result = shared_table_put(table, entry, old, waste);
    if (result == SHARED_FULL) *again = shared_table_sweep(table, now_ns, SWEEP_IN_NEED, waste) > 0;
    return result;
}

static enum shared_result store(struct shared *shared, struct span key,
                                const struct shared_value *value, uint64_t now_ns, uint64_t ttl_ns,
                                bool replaces)
{
    enum shared_result result;
    bool again;
    if (shared_entry_size(key.size, value) > shared->table.limit) return SHARED_FULL;
    struct shared_entry *entry =
        shared_entry_make(key, hash_of(shared, key), value, end_of(now_ns, ttl_ns));
    if (entry == NULL) return SHARED_NO_MEMORY;
    do {
        struct shared_waste waste = {.entries = NULL};
        again = false;
        enter(shared);
        result = put(shared, entry, replaces, now_ns, &waste, &again);
        leave(shared, now_ns, &waste);
    } while (again);
    if (result != SHARED_OK) shared_entry_drop(entry);
    return result;
}

enum shared_result shared_set(struct shared *shared, struct span key,
                              const struct shared_value *value, uint64_t now_ns, uint64_t ttl_ns)
{
    return store(shared, key, value, now_ns, ttl_ns, true);
}

enum shared_result shared_add(struct shared *shared, struct span key,
                              const struct shared_value *value, uint64_t now_ns, uint64_t ttl_ns)
{
    return store(shared, key, value, now_ns, ttl_ns, false);
}

enum shared_result shared_delete(struct shared *shared, struct span key, uint64_t now_ns)
{
    struct shared_waste waste = {.entries = NULL};
    uint64_t hash = hash_of(shared, key);
    enter(shared);
    struct shared_entry *entry = find_live(shared, key, hash, now_ns);
    if (entry != NULL) shared_table_remove(&shared->table, entry, &waste);
    leave(shared, now_ns, &waste);
    return entry != NULL ? SHARED_OK : SHARED_MISSING;
}

/* ---- numbers ---- */

static bool is_number(const struct shared_value *value)
{
    return value->type == SHARED_INTEGER || value->type == SHARED_FLOAT;
}

static double as_float(const struct shared_value *value)
{
    return value->type == SHARED_INTEGER ? (double)value->integer : value->number;
}

static enum shared_result sum_of(const struct shared_value *a, const struct shared_value *b,
                                 struct shared_value *sum)
{
    if (!is_number(a)) return SHARED_NOT_NUMBER;
    if (a->type == SHARED_INTEGER && b->type == SHARED_INTEGER) {
        sum->type = SHARED_INTEGER;
        bool overflow = __builtin_add_overflow(a->integer, b->integer, &sum->integer);
        return overflow ? SHARED_OVERFLOW : SHARED_OK;
    }
    *sum = (struct shared_value){.type = SHARED_FLOAT, .number = as_float(a) + as_float(b)};
    return SHARED_OK;
}

/* In its place: a number is never held outside the lock, and takes the same memory as another. */
static enum shared_result add_to(struct shared_entry *entry, const struct shared_value *by,
                                 struct shared_value *sum)
{
    struct shared_value value = shared_entry_value(entry);
    enum shared_result result = sum_of(&value, by, sum);
    if (result != SHARED_OK) return result;
    entry->type = (uint8_t)sum->type;
    if (sum->type == SHARED_INTEGER)
        entry->value.integer = sum->integer;
    else
        entry->value.number = sum->number;
    return SHARED_OK;
}

static enum shared_result incr_found(struct shared *shared, struct span key,
                                     const struct shared_value *by, uint64_t now_ns,
                                     struct shared_value *sum)
{
    struct shared_waste waste = {.entries = NULL};
    enum shared_result result = SHARED_MISSING;
    uint64_t hash = hash_of(shared, key);
    enter(shared);
    struct shared_entry *entry = find_live(shared, key, hash, now_ns);
    if (entry != NULL) result = add_to(entry, by, sum);
    leave(shared, now_ns, &waste);
    return result;
}

enum shared_result shared_incr(struct shared *shared, struct span key,
                               const struct shared_value *by, const struct shared_value *init,
                               uint64_t now_ns, uint64_t ttl_ns, struct shared_value *sum)
{
    check(is_number(by));
    check(init == NULL || is_number(init));
    for (;;) {
        enum shared_result result = incr_found(shared, key, by, now_ns, sum);
        if (result != SHARED_MISSING || init == NULL) return result;
        result = sum_of(init, by, sum);
        if (result == SHARED_OK) result = shared_add(shared, key, sum, now_ns, ttl_ns);
        if (result != SHARED_EXISTS) return result; /* or else another thread was faster */
    }
}

/* ---- all of them ---- */

struct scan {
    uint64_t now_ns;
    struct buffer *buffer; /* a key: two bytes for its size, then the key */
    size_t count, most;
    size_t chain; /* the next one */
};

/* Copies the keys of a chain: all of them, or none because there is not enough room. */
static bool copy_chain(struct scan *scan, const struct shared_entry *entry)
{
    struct buffer *buffer = scan->buffer;
    size_t count = scan->count, end = buffer->end;
    for (; entry != NULL && count < scan->most; entry = entry->next) {
        if (has_expired(entry, scan->now_ns)) continue;
        uint16_t size = entry->key_size;
        if (buffer->capacity - end < sizeof size + size) return false;
        memcpy(buffer->data + end, &size, sizeof size);
        memcpy(buffer->data + end + sizeof size, entry->data, size);
        end += sizeof size + size;
        count++;
    }
    buffer->end = end;
    scan->count = count;
    return true;
}

/* Goes on until it has done its share, or there is no room; false: it was the last chain. */
static bool scan_on(const struct shared_table *table, struct scan *scan, bool *needs_room)
{
    for (int i = 0; i < SCAN_CHAINS; i++) {
        if (scan->chain == table->chain_count || scan->count == scan->most) return false;
        *needs_room = !copy_chain(scan, shared_table_chain(table, scan->chain));
        if (*needs_room) return true;
        scan->chain++;
    }
    return true;
}

static void count_scan(struct shared *shared, int change)
{
    enter(shared);
    shared->table.scans += (uint32_t)change;
    pthread_mutex_unlock(&shared->mutex);
}

enum shared_result shared_keys(struct shared *shared, uint64_t now_ns, size_t most,
                               struct buffer *buffer, size_t *count)
{
    struct scan scan = {.now_ns = now_ns, .buffer = buffer, .most = most};
    size_t room = SCAN_ROOM;
    bool more = true, fits;
    check(buffer_size(buffer) == 0);
    count_scan(shared, 1);
    do {
        struct shared_waste waste = {.entries = NULL};
        bool needs_room = false;
        size_t chain = scan.chain;
        fits = buffer_reserve(buffer, room);
        if (!fits) break;
        enter(shared);
        more = scan_on(&shared->table, &scan, &needs_room);
        leave(shared, now_ns, &waste);
        if (needs_room && scan.chain == chain) room *= 2; /* not even one chain */
    } while (more);
    count_scan(shared, -1);
    *count = scan.count;
    return fits ? SHARED_OK : SHARED_NO_MEMORY;
}

struct span shared_take_key(struct buffer *buffer)
{
    uint16_t size;
    check(buffer_size(buffer) >= sizeof size);
    memcpy(&size, buffer->data + buffer->begin, sizeof size);
    check(buffer_size(buffer) >= sizeof size + size);
    struct span key = span_of(buffer->data + buffer->begin + sizeof size, size);
    buffer_consume(buffer, sizeof size + size);
    return key;
}

struct shared_figures shared_figures(struct shared *shared)
{
    enter(shared);
    struct shared_figures figures = {.count = shared->table.count,
                                     .memory_used = shared->table.used,
                                     .memory_max = shared->table.limit};
    pthread_mutex_unlock(&shared->mutex);
    return figures;
}
