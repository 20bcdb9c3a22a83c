/* Sends packets to connections of other workers, closes such connections, and posts messages to scripts. */
#include "server/worker_mail.h"

static void send_to(struct link *link, struct span packet, enum packet_kind kind)
{
    enum send_result result = link_send_kind(link, packet, kind);
    if (result != SEND_OK)
        link_log(link, LOG_WARN, "a packet of %zu bytes from another worker was not sent: %s",
                 packet.size, send_result_text(result));
}

/* A packet that another worker sent to one of our connections. If the connection has closed meanwhile, the packet is
 * lost, like any packet in transit. */
static uint32_t deliver(struct worker *worker, struct letter *letter)
{
    struct link *link = worker_find(worker, letter->id);
    if (link != NULL) send_to(link, letter_bytes(letter), (enum packet_kind)letter->packet_kind);
    worker_drop_letter(worker, letter);
    return 1;
}

static const struct letter_kind sent = {.read = deliver, .drop = worker_drop_letter};

static uint32_t hand_over(struct worker *worker, struct letter *letter)
{
    const struct link_home *home = &worker->home;
    if (home->script->message != NULL)
        home->script->message(home->script_state, (uint32_t)letter->id, letter_bytes(letter));
    worker_drop_letter(worker, letter);
    return 1 + LINK_LOOK_EVERY; /* a script may take its time */
}

static const struct letter_kind message = {
    .read = hand_over, .drop = worker_drop_letter, .is_message = true};

/* For a connection of another worker. That worker exists. */
static enum send_result post_packet(struct worker *worker, uint32_t owner,
                                    const struct letter_kind *kind, uint64_t id, struct span packet,
                                    enum packet_kind packet_kind)
{
    if (worker_has_left(worker->team[owner])) return SEND_CLOSED;
    struct chunk *chunk = worker_copy_packet(worker, packet);
    if (chunk == NULL) return SEND_NO_MEMORY;
    struct letter *letter = worker_make_letter(worker, kind, id, chunk, NULL);
    if (letter != NULL) {
        letter->packet_kind = (uint8_t)packet_kind;
        worker_post_letter(worker->team[owner], letter);
    }
    chunk_drop(chunk);
    return letter == NULL ? SEND_NO_MEMORY : SEND_OK;
}

enum send_result worker_send(struct worker *worker, uint64_t id, struct span packet,
                             enum packet_kind kind)
{
    uint32_t owner = table_worker_of(id);
    if (owner == worker->index) {
        struct link *link = worker_find(worker, id);
        return link == NULL ? SEND_CLOSED : link_send_kind(link, packet, kind);
    }
    if (owner >= worker->count) return SEND_CLOSED;
    if (packet.size > worker->home.limits.packet_max) return SEND_TOO_BIG;
    return post_packet(worker, owner, &sent, id, packet, kind);
}

static void close_link(struct link *link, struct span word)
{
    if (word.size > 0) link_set_word(link, word);
    link_close(link, NULL);
}

static uint32_t close_here(struct worker *worker, struct letter *letter)
{
    struct link *link = worker_find(worker, letter->id);
    if (link != NULL) close_link(link, letter_bytes(letter));
    worker_drop_letter(worker, letter);
    return 1;
}

static const struct letter_kind closed = {.read = close_here, .drop = worker_drop_letter};

enum send_result worker_close_link(struct worker *worker, uint64_t id, struct span word)
{
    uint32_t owner = table_worker_of(id);
    if (owner == worker->index) {
        struct link *link = worker_find(worker, id);
        if (link != NULL) close_link(link, word);
        return link == NULL ? SEND_CLOSED : SEND_OK;
    }
    if (owner >= worker->count) return SEND_CLOSED;
    return post_packet(worker, owner, &closed, id, span_first(word, LINK_WORD_MAX), PACKET_PLAIN);
}

/* Makes a list of `count` letters with the same message; NULL: no memory for all of them. */
static struct mail *make_messages(struct worker *from, struct chunk *bytes, uint32_t count)
{
    struct mail *first = NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct letter *letter = worker_make_letter(from, &message, from->index, bytes, NULL);
        if (letter == NULL) goto failed;
        letter->mail.next = first;
        first = &letter->mail;
    }
    return first;

failed:
    while (first != NULL) {
        struct letter *letter = container_of(first, struct letter, mail);
        first = first->next;
        worker_drop_letter(from, letter);
    }
    return NULL;
}

enum send_result worker_post(struct worker *worker, uint32_t target, struct span bytes)
{
    bool all = target == WORKER_ALL;
    if (!all && (target >= worker->count || worker_has_left(worker->team[target])))
        return SEND_CLOSED;
    uint32_t first = all ? 0 : target, end = all ? worker->count : target + 1;
    struct chunk *chunk = worker_copy_packet(worker, bytes);
    if (chunk == NULL) return SEND_NO_MEMORY;
    struct mail *letters = make_messages(worker, chunk, end - first);
    chunk_drop(chunk);
    if (letters == NULL) return SEND_NO_MEMORY;
    for (uint32_t i = first; letters != NULL; i++) {
        struct letter *letter = container_of(letters, struct letter, mail);
        letters = letters->next;
        worker_post_letter(worker->team[i], letter);
    }
    return SEND_OK;
}
