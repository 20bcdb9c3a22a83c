#include "api/shared_inside.h"

#include <stdlib.h>

/* Under the lock. */
static enum shared_result look_at(struct shared_entry *entry, size_t room,
                                  struct shared_value *value)
{
    if (entry == NULL) return SHARED_MISSING;
    if (entry->type == SHARED_LIST) return SHARED_IS_LIST;
    *value = shared_entry_value(entry);
    return value->type == SHARED_STRING && value->string.size > room ? SHARED_NO_ROOM : SHARED_OK;
}

enum shared_result shared_get(struct shared *shared, struct span key, uint64_t now_ns,
                              struct shared_value *value, struct span room)
{
    struct shared_waste waste = {.entries = NULL};
    uint64_t hash = shared_hash(shared, key);
    shared_enter(shared);
    struct shared_entry *entry = shared_find_live(shared, key, hash, now_ns);
    enum shared_result result = look_at(entry, room.size, value);
    bool copies = result == SHARED_OK && value->type == SHARED_STRING;
    if (copies) shared_entry_hold(entry);
    shared_leave(shared, now_ns, &waste);
    if (!copies) return result;
    shared_value_move(value, room);
    shared_entry_drop(entry);
    return SHARED_OK;
}

/* Under the lock. */
static enum shared_result put(struct shared *shared, struct shared_entry *entry, bool replaces,
                              uint64_t now_ns, struct shared_waste *waste)
{
    struct shared_table *table = &shared->table;
    struct shared_entry *old = shared_table_find(table, shared_entry_key(entry), entry->hash);
    if (old != NULL && !replaces && !shared_has_expired(old, now_ns)) return SHARED_EXISTS;
    return shared_table_put(table, entry, old, waste);
}

static enum shared_result store(struct shared *shared, struct span key,
                                const struct shared_value *value, uint64_t now_ns, uint64_t ttl_ns,
                                bool replaces)
{
    enum shared_result result;
    bool again;
    if (shared_entry_size(key.size, value) > shared->table.limit) return SHARED_FULL;
    struct shared_entry *entry =
        shared_entry_make(key, shared_hash(shared, key), value, shared_end(now_ns, ttl_ns));
    if (entry == NULL) return SHARED_NO_MEMORY;
    do {
        struct shared_waste waste = {.entries = NULL};
        shared_enter(shared);
        result = put(shared, entry, replaces, now_ns, &waste);
        again = shared_makes_room(shared, result, now_ns, &waste);
        shared_leave(shared, now_ns, &waste);
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
    uint64_t hash = shared_hash(shared, key);
    shared_enter(shared);
    struct shared_entry *entry = shared_find_live(shared, key, hash, now_ns);
    if (entry != NULL) shared_table_remove(&shared->table, entry, &waste);
    shared_leave(shared, now_ns, &waste);
    return entry != NULL ? SHARED_OK : SHARED_MISSING;
}

/* ---- time to live ---- */

enum shared_result shared_expire(struct shared *shared, struct span key, uint64_t now_ns,
                                 uint64_t ttl_ns)
{
    uint64_t hash = shared_hash(shared, key), end_ns = shared_end(now_ns, ttl_ns);
    enum shared_result result;
    bool again;
    do {
        struct shared_waste waste = {.entries = NULL};
        shared_enter(shared);
        struct shared_entry *entry = shared_find_live(shared, key, hash, now_ns);
        result = entry == NULL ? SHARED_MISSING
                               : shared_table_expire(&shared->table, entry, end_ns, &waste);
        again = shared_makes_room(shared, result, now_ns, &waste);
        shared_leave(shared, now_ns, &waste);
    } while (again);
    return result;
}

enum shared_result shared_ttl(struct shared *shared, struct span key, uint64_t now_ns,
                              uint64_t *ttl_ns)
{
    struct shared_waste waste = {.entries = NULL};
    uint64_t hash = shared_hash(shared, key);
    shared_enter(shared);
    struct shared_entry *entry = shared_find_live(shared, key, hash, now_ns);
    bool expires = entry != NULL && entry->expires_ns != UINT64_MAX;
    *ttl_ns = expires ? entry->expires_ns - now_ns : 0;
    shared_leave(shared, now_ns, &waste);
    return entry != NULL ? SHARED_OK : SHARED_MISSING;
}

/* ---- results ---- */

const char *shared_result_text(enum shared_result result)
{
    static const char *const texts[SHARED_RESULTS] = {
        [SHARED_OK] = "ok",
        [SHARED_FULL] = "full",
        [SHARED_EXISTS] = "exists",
        [SHARED_MISSING] = "missing",
        [SHARED_CHANGED] = "changed",
        [SHARED_IS_LIST] = "list",
        [SHARED_NOT_LIST] = "notlist",
        [SHARED_NOT_NUMBER] = "notnumber",
        [SHARED_OVERFLOW] = "overflow",
        [SHARED_NO_MEMORY] = "memory",
        [SHARED_NO_ROOM] = "room",
    };
    check(result < SHARED_RESULTS);
    return texts[result];
}
