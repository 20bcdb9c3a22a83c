/* Sends one packet to connections of all workers: to all of them, or to a group. */
#include "server/worker_fanout.h"
#include "server/worker_mail.h"

static uint32_t read_broadcast(struct worker *worker, struct letter *letter)
{
    size_t count;
    worker_broadcast_here(worker, letter->group, letter_bytes(letter),
                          (enum packet_kind)letter->packet_kind, letter->id, &count);
    worker_drop_letter(worker, letter);
    return 1 + (uint32_t)count; /* count: the connections that it was queued on */
}

static const struct letter_kind broadcasted = {.read = read_broadcast, .drop = worker_drop_letter};

/* Whether that other worker may have connections that should get the packet. */
static bool concerns(const struct worker *worker, const struct group *group, uint32_t other)
{
    if (other == worker->index) return false;
    return group == NULL || group_count_on(group, other) > 0;
}

static enum send_result broadcast_elsewhere(struct worker *worker, struct group *group,
                                            struct chunk *packet, enum packet_kind kind,
                                            uint64_t except)
{
    enum send_result result = SEND_OK;
    for (uint32_t i = 0; i < worker->count; i++) {
        if (!concerns(worker, group, i)) continue;
        struct letter *letter = worker_make_letter(worker, &broadcasted, except, packet, group);
        if (letter == NULL) {
            result = SEND_NO_MEMORY;
            continue;
        }
        letter->packet_kind = (uint8_t)kind;
        worker_post_letter(worker->team[i], letter);
    }
    return result;
}

static enum send_result broadcast(struct worker *worker, struct group *group, struct span packet,
                                  enum packet_kind kind, const struct link *except, size_t *count)
{
    uint64_t except_id = except == NULL ? 0 : except->entry.id;
    struct chunk *chunk = NULL;
    uint32_t other = 0;
    *count = 0;
    while (other < worker->count && !concerns(worker, group, other)) other++;
    if (other < worker->count) {
        chunk = worker_copy_packet(worker, packet);
        if (chunk == NULL) return SEND_NO_MEMORY;
    }
    enum send_result result = worker_broadcast_here(worker, group, packet, kind, except_id, count);
    if (chunk != NULL) {
        enum send_result posted = broadcast_elsewhere(worker, group, chunk, kind, except_id);
        if (posted != SEND_OK) result = posted;
        chunk_drop(chunk);
    }
    return result;
}

enum send_result worker_broadcast(struct worker *worker, struct span packet, enum packet_kind kind,
                                  const struct link *except, size_t *count)
{
    return broadcast(worker, NULL, packet, kind, except, count);
}

/* ---- groups ---- */

enum send_result worker_group_broadcast(struct worker *worker, struct group *group,
                                        struct span packet, enum packet_kind kind,
                                        const struct link *except, size_t *count)
{
    check(group != NULL);
    return broadcast(worker, group, packet, kind, except, count);
}

enum send_result worker_group_add(struct worker *worker, struct group *group, struct link *link)
{
    check(link->home == &worker->home);
    if (!link_is_open(link)) return SEND_CLOSED;
    return group_add(group, &link->groups) ? SEND_OK : SEND_NO_MEMORY;
}

bool worker_group_remove(struct worker *worker, struct group *group, struct link *link)
{
    check(link->home == &worker->home);
    return group_remove(group, &link->groups);
}
