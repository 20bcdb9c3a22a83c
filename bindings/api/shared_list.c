#include "api/shared_inside.h"

struct push {
    struct span key;
    uint64_t hash, now_ns;
    struct shared_entry *item, *list; /* owned until the table has them; list NULL: not made */
    size_t length;
};

/* Under the lock. MISSING: a list must be made first. */
static enum shared_result push_item(struct shared *shared, struct push *push,
                                    struct shared_waste *waste)
{
    struct shared_entry *list = shared_find_live(shared, push->key, push->hash, push->now_ns);
    enum shared_result result = SHARED_OK;
    if (list == NULL) {
        if (push->list == NULL) return SHARED_MISSING;
        result = shared_put(shared, push->list, waste);
        if (result != SHARED_OK) return result;
        list = push->list;
        push->list = NULL;
    }
    if (list->type != SHARED_LIST) return SHARED_NOT_LIST;
    result = shared_table_push(&shared->table, list, push->item);
    if (result == SHARED_OK) push->item = NULL;
    push->length = shared_list_length(list);
    if (push->length == 0) shared_table_remove(&shared->table, list, waste);
    return result;
}

static enum shared_result push_on(struct shared *shared, struct push *push)
{
    for (;;) {
        struct shared_waste waste = {.entries = NULL};
        shared_enter(shared);
        enum shared_result result = push_item(shared, push, &waste);
        bool again = shared_makes_room(shared, result, push->now_ns, &waste);
        shared_leave(shared, push->now_ns, &waste);
        if (result == SHARED_MISSING) {
            push->list = shared_entry_make(push->key, push->hash, NULL, UINT64_MAX);
            if (push->list == NULL) return SHARED_NO_MEMORY;
        } else if (!again) {
            return result;
        }
    }
}

enum shared_result shared_push(struct shared *shared, struct span key,
                               const struct shared_value *value, uint64_t now_ns, size_t *length)
{
    struct push push = {.key = key, .hash = shared_hash(shared, key), .now_ns = now_ns};
    if (shared_entry_size(0, value) > shared->table.limit) return SHARED_FULL;
    push.item = shared_entry_make(span_of(NULL, 0), 0, value, UINT64_MAX);
    if (push.item == NULL) return SHARED_NO_MEMORY;
    enum shared_result result = push_on(shared, &push);
    if (push.item != NULL) shared_entry_drop(push.item);
    if (push.list != NULL) shared_entry_drop(push.list);
    *length = push.length;
    return result;
}

/* Under the lock. OK: *item was removed. NO_ROOM: a string does not fit, and stays in the list. */
static enum shared_result pop_item(struct shared *shared, struct shared_entry *list, size_t room,
                                   struct shared_entry **item, struct shared_value *value,
                                   struct shared_waste *waste)
{
    if (list == NULL) return SHARED_MISSING;
    if (list->type != SHARED_LIST) return SHARED_NOT_LIST;
    *value = shared_entry_value(shared_list_first(list));
    if (value->type == SHARED_STRING && value->string.size > room) return SHARED_NO_ROOM;
    *item = shared_table_pop(&shared->table, list, waste);
    return SHARED_OK;
}

enum shared_result shared_pop(struct shared *shared, struct span key, uint64_t now_ns,
                              struct shared_value *value, struct span room)
{
    struct shared_waste waste = {.entries = NULL};
    uint64_t hash = shared_hash(shared, key);
    struct shared_entry *item;
    shared_enter(shared);
    struct shared_entry *list = shared_find_live(shared, key, hash, now_ns);
    enum shared_result result = pop_item(shared, list, room.size, &item, value, &waste);
    shared_leave(shared, now_ns, &waste);
    if (result != SHARED_OK) return result;
    shared_value_move(value, room);
    shared_entry_drop(item);
    return SHARED_OK;
}

enum shared_result shared_length(struct shared *shared, struct span key, uint64_t now_ns,
                                 size_t *length)
{
    struct shared_waste waste = {.entries = NULL};
    uint64_t hash = shared_hash(shared, key);
    shared_enter(shared);
    struct shared_entry *list = shared_find_live(shared, key, hash, now_ns);
    bool is_list = list == NULL || list->type == SHARED_LIST;
    *length = list != NULL && is_list ? shared_list_length(list) : 0;
    shared_leave(shared, now_ns, &waste);
    return is_list ? SHARED_OK : SHARED_NOT_LIST;
}
