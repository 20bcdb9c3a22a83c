/* What crosses threads: new connections, packets for another worker's connections, messages of
 * scripts, tasks, the end. */
#include "server/worker.h"

#include "server/worker_task.h"

/* For how long mail is read before draining begins, which has the rest of drain_ns: what others have sent to
 * connections here goes out, and a flood of messages does not keep what is queued from being sent. */
#define LAST_MAIL_NS UINT64_C(1000000000)
enum { LAST_MAIL_SHARE = 4 };

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

/* ---- letters from a worker ---- */

struct chunk *worker_copy_packet(struct worker *worker, struct span packet)
{
    struct chunk *chunk = chunk_make(&worker->home.budget, packet.size);
    if (chunk != NULL && packet.size > 0) memcpy(chunk->data, packet.data, packet.size);
    return chunk;
}

struct letter *worker_make_letter(struct worker *from, enum letter_kind kind, uint64_t id,
                                  struct chunk *packet, struct group *group)
{
    struct budget *budget = &from->home.budget;
    if (!budget_take(budget, sizeof(struct letter))) return NULL;
    struct letter *letter = calloc(1, sizeof *letter);
    if (letter == NULL) {
        budget_give(budget, sizeof *letter);
        return NULL;
    }
    letter->budget = budget;
    letter->kind = kind;
    letter->id = id;
    letter->packet = packet;
    letter->group = group;
    chunk_hold(packet);
    if (group != NULL) group_hold(group);
    return letter;
}

static void drop_letter(struct letter *letter)
{
    struct budget *budget = letter->budget;
    if (letter->packet != NULL) chunk_drop(letter->packet);
    if (letter->group != NULL) group_drop(letter->group);
    free(letter);
    if (budget != NULL) budget_give(budget, sizeof *letter);
}

static bool has_left(const struct worker *worker)
{
    return atomic_load_explicit(&worker->left, memory_order_relaxed);
}

/* One that leaves meanwhile drops it at the end of all workers. */
void worker_post_letter(struct worker *to, struct letter *letter)
{
    if (has_left(to))
        drop_letter(letter);
    else
        port_post(to->home.port, &letter->mail);
}

enum send_result worker_send(struct worker *worker, uint64_t id, struct span packet)
{
    uint32_t owner = table_worker_of(id);
    if (owner == worker->index) {
        struct link *link = open_link(worker, id);
        return link == NULL ? SEND_CLOSED : link_send(link, packet);
    }
    if (owner >= worker->count || has_left(worker->team[owner])) return SEND_CLOSED;
    if (packet.size > worker->home.limits.packet_max) return SEND_TOO_BIG;
    struct chunk *chunk = worker_copy_packet(worker, packet);
    if (chunk == NULL) return SEND_NO_MEMORY;
    struct letter *letter = worker_make_letter(worker, LETTER_SEND, id, chunk, NULL);
    if (letter != NULL) worker_post_letter(worker->team[owner], letter);
    chunk_drop(chunk);
    return letter == NULL ? SEND_NO_MEMORY : SEND_OK;
}

/* So many letters with the same message, one after the other; NULL: there is no memory for all. */
static struct mail *make_messages(struct worker *from, struct chunk *message, uint32_t count)
{
    struct mail *first = NULL;
    for (uint32_t i = 0; i < count; i++) {
        struct letter *letter =
            worker_make_letter(from, LETTER_MESSAGE, from->index, message, NULL);
        if (letter == NULL) goto failed;
        letter->mail.next = first;
        first = &letter->mail;
    }
    return first;

failed:
    while (first != NULL) {
        struct letter *letter = container_of(first, struct letter, mail);
        first = first->next;
        drop_letter(letter);
    }
    return NULL;
}

enum send_result worker_post(struct worker *worker, uint32_t target, struct span bytes)
{
    bool all = target == WORKER_ALL;
    if (!all && (target >= worker->count || has_left(worker->team[target]))) return SEND_CLOSED;
    uint32_t first = all ? 0 : target, end = all ? worker->count : target + 1;
    struct chunk *message = worker_copy_packet(worker, bytes);
    if (message == NULL) return SEND_NO_MEMORY;
    struct mail *letters = make_messages(worker, message, end - first);
    chunk_drop(message);
    if (letters == NULL) return SEND_NO_MEMORY;
    for (uint32_t i = first; letters != NULL; i++) {
        struct letter *letter = container_of(letters, struct letter, mail);
        letters = letters->next;
        worker_post_letter(worker->team[i], letter);
    }
    return SEND_OK;
}

/* ---- the mail ---- */

static void end_all(struct worker *worker, void (*end)(struct link *, enum link_reason))
{
    struct list *head = &worker->home.table.live;
    worker->draining = true;
    worker->drain_mail_ns = 0;
    for (struct list *node = head->next, *next; node != head; node = next) {
        next = node->next; /* ending frees nothing before the end of the turn */
        end(container_of(node, struct link, entry.node), LINK_SHUTDOWN);
    }
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static void read_last_mail(struct worker *worker)
{
    uint64_t patience_ns = smaller(worker->home.limits.drain_ns / LAST_MAIL_SHARE, LAST_MAIL_NS);
    if (!worker->draining) worker->drain_mail_ns = worker->drain_asked_ns + patience_ns;
}

static void end_in_time(struct link *link, enum link_reason reason)
{
    link_hasten(link); /* it may have been closed before */
    link_end(link, reason);
}

/* The time is counted from when the end was asked for, be the worker as late as it may. */
static void begin_draining(struct worker *worker)
{
    struct link_limits *limits = &worker->home.limits;
    uint64_t now_ns = port_now(worker->home.port);
    if (worker->draining) return;
    if (now_ns > worker->drain_asked_ns)
        limits->drain_ns -= smaller(now_ns - worker->drain_asked_ns, limits->drain_ns);
    end_all(worker, end_in_time);
}

static struct span span_of_packet(const struct letter *letter)
{
    return span_of(letter->packet->data, letter->packet->size);
}

/* A packet that another worker sent to a connection of ours. */
static void deliver(struct worker *worker, const struct letter *letter)
{
    struct link *link = open_link(worker, letter->id);
    if (link == NULL) return; /* it has gone since: as for what is on its way to a peer */
    struct span packet = span_of_packet(letter);
    enum send_result result = link_send(link, packet);
    if (result != SEND_OK)
        link_log(link, LOG_WARN, "a packet of %zu bytes from another worker was not sent: %s",
                 packet.size, send_result_text(result));
}

static void hand_over(struct worker *worker, const struct letter *letter)
{
    const struct link_home *home = &worker->home;
    if (home->script->message == NULL) return;
    home->script->message(home->script_state, (uint32_t)letter->id, span_of_packet(letter));
}

/* Returns how long that has taken, in packets. */
static uint32_t read_letter(struct worker *worker, struct letter *letter)
{
    struct link *link;
    size_t count = 0;
    switch (letter->kind) {
    case LETTER_DRAIN: read_last_mail(worker); return 0;
    case LETTER_LAST: begin_draining(worker); return 0;
    case LETTER_ABORT:
        worker->home.limits.drain_ns = 0; /* connections may be in the mail */
        end_all(worker, link_fail);
        return 0;
    case LETTER_TASK: worker_task_run(letter->task, worker); return 0;
    case LETTER_ADOPT:
        link = link_open(&worker->home, &letter->origin);
        if (link != NULL && worker->draining) link_end(link, LINK_SHUTDOWN);
        break;
    case LETTER_SEND: deliver(worker, letter); break;
    case LETTER_BROADCAST:
        worker_broadcast_here(worker, letter->group, span_of_packet(letter), letter->id, &count);
        break;
    case LETTER_MESSAGE:
        hand_over(worker, letter);
        count = LINK_LOOK_AFTER; /* a script may take its time */
        break;
    }
    drop_letter(letter);
    return 1 + (uint32_t)count; /* broadcasts: the connections it was queued on */
}

static struct letter *letter_of(struct mail *mail)
{
    return container_of(mail, struct letter, mail);
}

static bool is_order(const struct letter *letter)
{
    return letter->kind == LETTER_TASK || letter->kind == LETTER_DRAIN ||
           letter->kind == LETTER_ABORT;
}

void worker_take_mail(struct worker *worker, struct mail *mail)
{
    if (is_order(letter_of(mail))) {
        read_letter(worker, letter_of(mail));
        return;
    }
    mail->next = NULL;
    if (worker->unread == NULL)
        worker->unread = mail;
    else
        worker->unread_last->next = mail;
    worker->unread_last = mail;
}

static struct mail *take_unread(struct worker *worker)
{
    struct mail *mail = worker->unread;
    if (mail != NULL) worker->unread = mail->next;
    return mail;
}

/* At least one, so that all is read in the end. */
void worker_read_mail(struct worker *worker)
{
    struct mail *mail;
    bool late = false;
    if (worker->drain_mail_ns != 0 && port_now(worker->home.port) >= worker->drain_mail_ns)
        begin_draining(worker);
    while (!late && (mail = take_unread(worker)) != NULL)
        late = link_home_late(&worker->home, read_letter(worker, letter_of(mail)));
}

static bool drop_mail(struct worker *worker, struct letter *letter)
{
    bool message = letter->kind == LETTER_MESSAGE;
    switch (letter->kind) {
    case LETTER_DRAIN:
    case LETTER_LAST:
    case LETTER_ABORT: return false;
    case LETTER_TASK: worker_task_skip(letter->task); return false;
    case LETTER_ADOPT: worker->home.port->operations->close_handle(letter->origin.handle); break;
    default: break;
    }
    drop_letter(letter);
    return message;
}

uint32_t worker_drop_unread(struct worker *worker)
{
    struct port *port = worker->home.port;
    struct mail *mail;
    uint32_t messages = 0;
    if (port == NULL) return 0;
    while ((mail = take_unread(worker)) != NULL || (mail = mailbox_take(&port->orders)) != NULL ||
           (mail = mailbox_take(&port->mailbox)) != NULL)
        messages += drop_mail(worker, letter_of(mail));
    return messages;
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
    worker->last_letter.kind = LETTER_LAST;
    worker->drain_asked_ns = port_now(worker->control);
    port_order(worker->home.port, &worker->drain_letter.mail);
    port_post(worker->home.port, &worker->last_letter.mail);
}

void worker_abort(struct worker *worker)
{
    worker->abort_letter.kind = LETTER_ABORT;
    port_order(worker->home.port, &worker->abort_letter.mail);
}

void worker_leave(struct worker *worker)
{
    pthread_mutex_lock(&worker->gate->mutex);
    atomic_store_explicit(&worker->left, true, memory_order_relaxed);
    pthread_mutex_unlock(&worker->gate->mutex);
    uint32_t messages = worker_drop_unread(worker);
    if (messages > 0)
        log_line(LOG_INFO, "worker %u: %u messages of server.post had not been read when it ended",
                 worker->index + 1, messages);
}

bool worker_order_unless_left(struct worker *worker, struct letter *letter)
{
    pthread_mutex_lock(&worker->gate->mutex);
    bool left = has_left(worker);
    if (!left) port_order(worker->home.port, &letter->mail);
    pthread_mutex_unlock(&worker->gate->mutex);
    return !left;
}
