/* What crosses threads: new connections, packets for another worker's connections, the end. */
#include "worker.h"

static struct link *open_link(const struct worker *worker, uint64_t id)
{
    struct table_entry *entry = table_find(&worker->home.table, id);
    if (entry == NULL) return NULL;
    struct link *link = container_of(entry, struct link, entry);
    return link_is_open(link) ? link : NULL;
}

struct link *worker_find(const struct worker *worker, uint64_t id)
{
    return table_worker_of(id) == worker->index ? open_link(worker, id) : NULL;
}

struct link *worker_next(const struct worker *worker, const struct link *link)
{
    const struct list *head = &worker->home.table.live;
    const struct list *node = link == NULL ? head->next : link->entry.node.next;
    for (; node != head; node = node->next) {
        struct link *next = container_of(node, struct link, entry.node);
        if (link_is_open(next)) return next;
    }
    return NULL;
}

/* The packets of one broadcast, framed: once for each framing in use. */
enum { ENCODINGS = 8 };
struct encodings {
    const struct frame *frame[ENCODINGS];
    struct chunk *chunk[ENCODINGS];
    int count;
};

static enum send_result encode(struct link_home *home, const struct frame *frame,
                               struct span packet, struct chunk **encoded)
{
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count = 0;
    size_t size = 0;
    enum frame_fault fault = frame_wrap(frame, packet, header, parts, &count);
    if (fault != FRAME_NO_FAULT) return fault == FRAME_TOO_BIG ? SEND_TOO_BIG : SEND_BAD_SIZE;
    for (int i = 0; i < count; i++) size += parts[i].size;
    *encoded = chunk_make(&home->budget, size);
    if (*encoded == NULL) return SEND_NO_MEMORY;
    uint8_t *target = (*encoded)->data;
    for (int i = 0; i < count; i++) {
        memcpy(target, parts[i].data, parts[i].size);
        target += parts[i].size;
    }
    return SEND_OK;
}

static enum send_result send_encoded(struct encodings *encodings, struct link *link,
                                     struct span packet)
{
    int i = 0;
    while (i < encodings->count && encodings->frame[i] != link->frame) i++;
    if (i == ENCODINGS) return link_send(link, packet); /* more framings than anybody has */
    if (i == encodings->count) {
        enum send_result result = encode(link->home, link->frame, packet, &encodings->chunk[i]);
        if (result != SEND_OK) return result;
        encodings->frame[i] = link->frame;
        encodings->count++;
    }
    return link_send_chunk(link, encodings->chunk[i]);
}

/* To all open connections of this worker but one. The last failure, if nothing was queued. */
static enum send_result broadcast_here(struct worker *worker, struct span packet, uint64_t except,
                                       size_t *count)
{
    struct encodings encodings = {.count = 0};
    enum send_result worst = SEND_OK;
    struct link *next;
    *count = 0;
    for (struct link *link = worker_next(worker, NULL); link != NULL; link = next) {
        next = worker_next(worker, link);
        if (link->entry.id == except || link->gates & GATE_DECIDING) continue;
        enum send_result result = send_encoded(&encodings, link, packet);
        if (result == SEND_OK)
            ++*count;
        else
            worst = result;
    }
    for (int i = 0; i < encodings.count; i++) chunk_drop(encodings.chunk[i]);
    return *count > 0 ? SEND_OK : worst;
}

static struct chunk *copy_packet(struct worker *worker, struct span packet)
{
    struct chunk *chunk = chunk_make(&worker->home.budget, packet.size);
    if (chunk != NULL && packet.size > 0) memcpy(chunk->data, packet.data, packet.size);
    return chunk;
}

/* Posts a letter that holds the chunk. It is paid for by the sender until it has been read. */
static enum send_result post_packet(struct worker *from, struct worker *to, enum letter_kind kind,
                                    uint64_t id, struct chunk *packet)
{
    struct budget *budget = &from->home.budget;
    if (!budget_take(budget, sizeof(struct letter))) return SEND_NO_MEMORY;
    struct letter *letter = calloc(1, sizeof *letter);
    if (letter == NULL) {
        budget_give(budget, sizeof *letter);
        return SEND_NO_MEMORY;
    }
    letter->budget = budget;
    letter->kind = kind;
    letter->id = id;
    letter->packet = packet;
    chunk_hold(packet);
    port_post(to->home.port, &letter->mail);
    return SEND_OK;
}

enum send_result worker_send(struct worker *worker, uint64_t id, struct span packet)
{
    uint32_t owner = table_worker_of(id);
    if (owner == worker->index) {
        struct link *link = open_link(worker, id);
        return link == NULL ? SEND_CLOSED : link_send(link, packet);
    }
    if (owner >= worker->count) return SEND_CLOSED;
    if (packet.size > worker->home.limits.packet_max) return SEND_TOO_BIG;
    struct chunk *chunk = copy_packet(worker, packet);
    if (chunk == NULL) return SEND_NO_MEMORY;
    enum send_result result = post_packet(worker, worker->team[owner], LETTER_SEND, id, chunk);
    chunk_drop(chunk);
    return result;
}

enum send_result worker_broadcast(struct worker *worker, struct span packet,
                                  const struct link *except, size_t *count)
{
    uint64_t except_id = except == NULL ? 0 : except->entry.id;
    struct chunk *chunk = NULL;
    *count = 0;
    if (worker->count > 1) {
        chunk = copy_packet(worker, packet);
        if (chunk == NULL) return SEND_NO_MEMORY;
    }
    enum send_result result = broadcast_here(worker, packet, except_id, count);
    for (uint32_t i = 0; i < worker->count && chunk != NULL; i++) {
        if (i == worker->index) continue;
        enum send_result posted =
            post_packet(worker, worker->team[i], LETTER_BROADCAST, except_id, chunk);
        if (posted != SEND_OK) result = posted;
    }
    if (chunk != NULL) chunk_drop(chunk);
    return result;
}

/* ---- the mail ---- */

static void end_all(struct worker *worker, void (*end)(struct link *, enum link_reason))
{
    struct list *head = &worker->home.table.live;
    worker->draining = true;
    for (struct list *node = head->next, *next; node != head; node = next) {
        next = node->next; /* ending frees nothing before the end of the turn */
        end(container_of(node, struct link, entry.node), LINK_SHUTDOWN);
    }
}

static void drop_letter(struct letter *letter)
{
    struct budget *budget = letter->budget;
    if (letter->packet != NULL) chunk_drop(letter->packet);
    free(letter);
    if (budget != NULL) budget_give(budget, sizeof *letter);
}

/* A packet that another worker sent to a connection of ours. */
static void deliver(struct worker *worker, const struct letter *letter)
{
    struct link *link = open_link(worker, letter->id);
    if (link == NULL) return; /* it has gone since: as for what is on its way to a peer */
    struct span packet = span_of(letter->packet->data, letter->packet->size);
    enum send_result result = link_send(link, packet);
    if (result != SEND_OK)
        link_log(link, LOG_WARN, "a packet of %zu bytes from another worker was not sent: %s",
                 packet.size, send_result_text(result));
}

void worker_read_mail(struct worker *worker, struct mail *mail)
{
    struct letter *letter = container_of(mail, struct letter, mail);
    struct link *link;
    size_t count;
    switch (letter->kind) {
    case LETTER_DRAIN: end_all(worker, link_end); return;
    case LETTER_ABORT: end_all(worker, link_fail); return;
    case LETTER_ADOPT:
        link = link_open(&worker->home, &letter->origin);
        if (link != NULL && worker->draining) link_end(link, LINK_SHUTDOWN);
        break;
    case LETTER_SEND: deliver(worker, letter); break;
    case LETTER_BROADCAST:
        broadcast_here(worker, span_of(letter->packet->data, letter->packet->size), letter->id,
                       &count);
        break;
    }
    drop_letter(letter);
}

void worker_drop_mail(struct worker *worker, struct mail *mail)
{
    struct letter *letter = container_of(mail, struct letter, mail);
    if (letter->kind == LETTER_DRAIN || letter->kind == LETTER_ABORT) return;
    if (letter->kind == LETTER_ADOPT)
        worker->home.port->operations->close_handle(letter->origin.handle);
    drop_letter(letter);
}

bool worker_adopt(struct worker *worker, const struct link_origin *origin)
{
    struct letter *letter = calloc(1, sizeof *letter);
    if (letter == NULL) return false;
    letter->kind = LETTER_ADOPT;
    letter->origin = *origin;
    atomic_fetch_add_explicit(&worker->home.load, 1, memory_order_relaxed);
    port_post(worker->home.port, &letter->mail);
    return true;
}

void worker_drain(struct worker *worker)
{
    worker->drain_letter.kind = LETTER_DRAIN;
    port_post(worker->home.port, &worker->drain_letter.mail);
}

void worker_abort(struct worker *worker)
{
    worker->abort_letter.kind = LETTER_ABORT;
    port_post(worker->home.port, &worker->abort_letter.mail);
}
