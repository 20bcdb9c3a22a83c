#include "memory.h"

#include "broadcasts.h"

#include "oracle.h"
#include "world.h"
#include "ws_wire.h"

static bool is_member(const struct link *link, const struct group *group)
{
    const struct list *head = &link->groups.memberships;
    for (const struct list *node = head->next; node != head; node = node->next)
        if (container_of((struct list *)node, struct group_membership, of_member)->group == group)
            return true;
    return false;
}

/* It is for this one, and its framing can express it. */
static bool is_for(const struct link *link, const struct group *group, struct span packet,
                   enum packet_kind kind, uint64_t except)
{
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count = 0;
    if (!link_is_open(link) || link->gates & GATE_DECIDING || link->entry.id == except)
        return false;
    if (group != NULL && !is_member(link, group)) return false;
    if (link->session != NULL)
        return packet.size <= link->frame->packet_max && ws_wire_can_be(packet, kind);
    return frame_wrap(link->frame, packet, header, parts, &count) == FRAME_NO_FAULT;
}

/* Forgets what was said to whom: those that it is for have to be told until promise_offered. */
static void expect(const struct worker *worker, const struct group *group, struct span packet,
                   enum packet_kind kind, uint64_t except)
{
    const struct list *head = &worker->home.table.live;
    for (const struct list *node = head->next; node != head; node = node->next) {
        const struct link *link = container_of((struct list *)node, struct link, entry.node);
        peer_at(link)->offered = !is_for(link, group, packet, kind, except);
    }
}

/* ... unless its framing found no memory, of which others are told. */
static void promise_offered(const struct worker *worker, enum send_result result)
{
    const struct list *head = &worker->home.table.live;
    if (result == SEND_NO_MEMORY || sim_world->memory_failed || world_is_low(sim_world)) return;
    for (const struct list *node = head->next; node != head; node = node->next) {
        const struct link *link = container_of((struct list *)node, struct link, entry.node);
        promise(peer_at(link)->offered, "peer %u is not told what is said to all",
                peer_at(link)->number);
    }
}

/* Who else has to hear of it. */
static void count_sent(const struct worker *worker, const struct group *group)
{
    for (uint32_t i = 0; i < worker->count; i++) {
        if (i == worker->index || (group != NULL && group_count_on(group, i) == 0)) continue;
        sim_world->broadcasts.sent++;
        if (atomic_load(&worker->team[i]->left)) sim_world->broadcasts.unsure = true;
    }
}

enum send_result __real_worker_broadcast(struct worker *worker, struct span packet,
                                         enum packet_kind kind, const struct link *except,
                                         size_t *count);
enum send_result __wrap_worker_broadcast(struct worker *worker, struct span packet,
                                         enum packet_kind kind, const struct link *except,
                                         size_t *count)
{
    expect(worker, NULL, packet, kind, except == NULL ? 0 : except->entry.id);
    count_sent(worker, NULL);
    sim_world->broadcasts.begins = true;
    enum send_result result = __real_worker_broadcast(worker, packet, kind, except, count);
    sim_world->broadcasts.begins = false;
    promise_offered(worker, result);
    if (result == SEND_NO_MEMORY) sim_world->broadcasts.unsure = true;
    return result;
}

enum send_result __real_worker_group_broadcast(struct worker *worker, struct group *group,
                                               struct span packet, enum packet_kind kind,
                                               const struct link *except, size_t *count);
enum send_result __wrap_worker_group_broadcast(struct worker *worker, struct group *group,
                                               struct span packet, enum packet_kind kind,
                                               const struct link *except, size_t *count)
{
    expect(worker, group, packet, kind, except == NULL ? 0 : except->entry.id);
    count_sent(worker, group);
    sim_world->broadcasts.begins = true;
    enum send_result result =
        __real_worker_group_broadcast(worker, group, packet, kind, except, count);
    sim_world->broadcasts.begins = false;
    promise_offered(worker, result);
    if (result == SEND_NO_MEMORY) sim_world->broadcasts.unsure = true;
    return result;
}

/* For the worker where it begins, of which the two above know, and for others. */
enum send_result __real_worker_broadcast_here(struct worker *worker, struct group *group,
                                              struct span packet, enum packet_kind kind,
                                              uint64_t except, size_t *count);
enum send_result __wrap_worker_broadcast_here(struct worker *worker, struct group *group,
                                              struct span packet, enum packet_kind kind,
                                              uint64_t except, size_t *count)
{
    sim_world->broadcasts.packet = packet;
    sim_world->broadcasts.kind = kind;
    if (sim_world->broadcasts.begins) {
        sim_world->broadcasts.begins = false;
        return __real_worker_broadcast_here(worker, group, packet, kind, except, count);
    }
    expect(worker, group, packet, kind, except);
    sim_world->broadcasts.heard++;
    enum send_result result =
        __real_worker_broadcast_here(worker, group, packet, kind, except, count);
    promise_offered(worker, result);
    return result;
}

void broadcasts_all_heard(const struct world *world)
{
    const struct broadcasts *broadcasts = &world->broadcasts;
    promise(broadcasts->unsure || world->memory_failed || broadcasts->sent == broadcasts->heard,
            "of %llu broadcasts for other workers %llu were heard",
            (unsigned long long)broadcasts->sent, (unsigned long long)broadcasts->heard);
}
