#include "api/shared_inside.h"

struct swap {
    struct span key;
    uint64_t hash, now_ns;
    const struct shared_value *old; /* NULL: the key must not exist */
    struct shared_entry *entry;     /* the new value; NULL: delete the key */
    struct shared_entry *same;      /* held; known to have the old bytes; or NULL */
    struct shared_entry *other;     /* held; must be compared without the lock; or NULL */
};

/* Compares exactly: a float that only comes close to an integer is not equal to it. */
static bool same_number(int64_t integer, double number)
{
    static const double most = 9223372036854775808.0;      /* 2^63 */
    if (!(number >= -most && number < most)) return false; /* NaN, too */
    return (int64_t)number == integer && (double)(int64_t)number == number;
}

/* Compares by the rules of == in Lua, but only the sizes of strings. */
static bool same_value(const struct shared_value *a, const struct shared_value *b)
{
    if (a->type == SHARED_INTEGER && b->type == SHARED_FLOAT)
        return same_number(a->integer, b->number);
    if (a->type == SHARED_FLOAT && b->type == SHARED_INTEGER)
        return same_number(b->integer, a->number);
    if (a->type != b->type) return false;
    switch (a->type) {
    case SHARED_BOOLEAN: return a->boolean == b->boolean;
    case SHARED_INTEGER: return a->integer == b->integer;
    case SHARED_FLOAT: return a->number == b->number;
    case SHARED_STRING: break;
    }
    return a->string.size == b->string.size;
}

/* Is the old value there, as far as can be told in constant time? */
static bool is_as_before(struct swap *swap, struct shared_entry *entry)
{
    if (entry == NULL || swap->old == NULL) return entry == NULL && swap->old == NULL;
    if (entry == swap->same) return true;
    if (entry->type == SHARED_LIST) return false;
    struct shared_value value = shared_entry_value(entry);
    if (!same_value(&value, swap->old)) return false;
    if (value.type == SHARED_STRING && value.string.size > 0) swap->other = entry;
    return true;
}

/* Under the lock. */
static enum shared_result change(struct shared *shared, struct swap *swap,
                                 struct shared_waste *waste)
{
    struct shared_entry *entry = shared_find_live(shared, swap->key, swap->hash, swap->now_ns);
    if (!is_as_before(swap, entry)) return SHARED_CHANGED;
    if (swap->other != NULL)
        shared_entry_hold(swap->other);
    else if (swap->entry != NULL)
        return shared_put(shared, swap->entry, waste);
    else if (entry != NULL)
        shared_table_remove(&shared->table, entry, waste);
    return SHARED_OK;
}

/* Compares the strings without the lock. The entry is held, so its address is not reused and its string does not
 * change: if the table still has it later, the value has not changed. */
static bool compare_bytes(struct swap *swap)
{
    struct span there = shared_entry_value(swap->other).string, old = swap->old->string;
    if (swap->same != NULL) shared_entry_drop(swap->same);
    swap->same = swap->other;
    swap->other = NULL;
    check(there.size == old.size);
    return memcmp(there.data, old.data, old.size) == 0;
}

static enum shared_result change_if_same(struct shared *shared, struct swap *swap)
{
    for (;;) {
        struct shared_waste waste = {.entries = NULL};
        shared_enter(shared);
        enum shared_result result = change(shared, swap, &waste);
        bool again = shared_makes_room(shared, result, swap->now_ns, &waste);
        shared_leave(shared, swap->now_ns, &waste);
        if (swap->other != NULL) {
            if (!compare_bytes(swap)) return SHARED_CHANGED;
        } else if (!again) {
            return result;
        }
    }
}

enum shared_result shared_compare_and_set(struct shared *shared, struct span key,
                                          const struct shared_value *old,
                                          const struct shared_value *value, uint64_t now_ns,
                                          uint64_t ttl_ns)
{
    struct swap swap = {.key = key, .hash = shared_hash(shared, key), .now_ns = now_ns, .old = old};
    if (value != NULL) {
        if (shared_entry_size(key.size, value) > shared->table.limit) return SHARED_FULL;
        swap.entry = shared_entry_make(key, swap.hash, value, shared_end(now_ns, ttl_ns));
        if (swap.entry == NULL) return SHARED_NO_MEMORY;
    }
    enum shared_result result = change_if_same(shared, &swap);
    if (swap.same != NULL) shared_entry_drop(swap.same);
    if (result != SHARED_OK && swap.entry != NULL) shared_entry_drop(swap.entry);
    return result;
}
