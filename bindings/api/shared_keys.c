#include "api/shared_inside.h"

enum { SCAN_CHAINS = 256 }; /* chains to copy before the lock is released */
enum { SCAN_ROOM = 16384 }; /* bytes reserved at first */

struct scan {
    uint64_t now_ns;
    struct span prefix;    /* that the keys must have */
    struct buffer *buffer; /* for each key: two bytes for its size, then its bytes */
    size_t count, most;
    size_t chain; /* the next one */
};

static bool begins_with(const struct shared_entry *entry, struct span prefix)
{
    return prefix.size == 0 ||
           (entry->key_size >= prefix.size && memcmp(entry->data, prefix.data, prefix.size) == 0);
}

/* Copies the keys of a chain: all of them, or none if there is not enough room. */
static bool copy_chain(struct scan *scan, const struct shared_entry *entry)
{
    struct buffer *buffer = scan->buffer;
    size_t count = scan->count, end = buffer->end;
    for (; entry != NULL && count < scan->most; entry = entry->next) {
        if (shared_has_expired(entry, scan->now_ns)) continue;
        if (!begins_with(entry, scan->prefix)) continue;
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

/* Copies up to SCAN_CHAINS chains. *needs_room: the next chain does not fit. False: there are no more chains, or
 * enough keys. */
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
    shared_enter(shared);
    shared->table.scans += (uint32_t)change;
    pthread_mutex_unlock(&shared->mutex);
}

enum shared_result shared_keys(struct shared *shared, struct span prefix, uint64_t now_ns,
                               size_t most, struct buffer *buffer, size_t *count)
{
    struct scan scan = {.now_ns = now_ns, .prefix = prefix, .buffer = buffer, .most = most};
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
        shared_enter(shared);
        more = scan_on(&shared->table, &scan, &needs_room);
        shared_leave(shared, now_ns, &waste);
        if (needs_room && scan.chain == chain) room *= 2; /* not even one chain fits */
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
