#include "server/worker_fanout.h"

/* One packet being sent to many of this worker's connections. */
enum { ENCODINGS = 8 };
struct fanout {
    struct span packet;
    enum packet_kind kind;
    uint64_t except; /* id of the connection that does not get the packet; 0: none */
    size_t count;    /* connections that it was queued on */
    enum send_result worst;
    const void *share[ENCODINGS];   /* of the connections that share one: link->share */
    struct chunk *chunk[ENCODINGS]; /* the packet for them */
    int encodings;
};

static enum send_result encode(const struct fanout *fanout, struct link *link,
                               struct chunk **encoded)
{
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count = 0;
    size_t size = 0;
    enum send_result result = link_wrap(link, fanout->packet, fanout->kind, header, parts, &count);
    if (result != SEND_OK) return result;
    for (int i = 0; i < count; i++) size += parts[i].size;
    *encoded = chunk_make(&link->home->streams.budget, size);
    size_t at = 0;
    for (int i = 0; *encoded != NULL && i < count; at += parts[i++].size)
        memcpy((*encoded)->data + at, parts[i].data, parts[i].size);
    link_wrapped(link, *encoded != NULL);
    return *encoded != NULL ? SEND_OK : SEND_NO_MEMORY;
}

static enum send_result send_encoded(struct fanout *fanout, struct link *link)
{
    int i = 0;
    if (link->share == NULL) /* it has an encoding of its own */
        return link_takes_packets(link) ? link_send_kind(link, fanout->packet, fanout->kind)
                                        : SEND_NO_PACKETS;
    while (i < fanout->encodings && fanout->share[i] != link->share) i++;
    if (i == ENCODINGS) return link_send_kind(link, fanout->packet, fanout->kind);
    if (i == fanout->encodings) {
        enum send_result result = encode(fanout, link, &fanout->chunk[i]);
        if (result != SEND_OK) return result;
        fanout->share[i] = link->share;
        fanout->encodings++;
    }
    return link_send_chunk(link, fanout->chunk[i]);
}

static void offer(struct fanout *fanout, struct link *link)
{
    if (link->entry.id == fanout->except || link->gates & GATE_DECIDING) return;
    enum send_result result = send_encoded(fanout, link);
    if (result == SEND_OK)
        fanout->count++;
    else if (result != SEND_NO_PACKETS) /* such a connection is left out */
        fanout->worst = result;
}

static void offer_to_all(struct fanout *fanout, struct worker *worker)
{
    struct link *next;
    for (struct link *link = worker_next(worker, NULL); link != NULL; link = next) {
        next = worker_next(worker, link); /* sending may end the link, but no other */
        offer(fanout, link);
    }
}

static void offer_to_group(struct fanout *fanout, struct worker *worker, struct group *group)
{
    struct group_walk walk;
    struct group_member *member;
    group_walk_begin(&walk, group, worker->index);
    while ((member = group_walk_next(&walk)) != NULL)
        offer(fanout, container_of(member, struct link, groups));
    group_walk_end(&walk);
}

enum send_result worker_broadcast_here(struct worker *worker, struct group *group,
                                       struct span packet, enum packet_kind kind, uint64_t except,
                                       size_t *count)
{
    struct fanout fanout = {.packet = packet, .kind = kind, .except = except, .worst = SEND_OK};
    if (group == NULL)
        offer_to_all(&fanout, worker);
    else
        offer_to_group(&fanout, worker, group);
    for (int i = 0; i < fanout.encodings; i++) chunk_drop(fanout.chunk[i]);
    *count = fanout.count;
    return fanout.count > 0 ? SEND_OK : fanout.worst;
}
