#include "server/worker_mail.h"

#include "base/least.h"

struct chunk *worker_copy_packet(struct worker *worker, struct span packet)
{
    struct chunk *chunk = chunk_make(&worker->home.streams.budget, packet.size);
    if (chunk != NULL && packet.size > 0) memcpy(chunk->data, packet.data, packet.size);
    return chunk;
}

struct letter *worker_make_letter(struct worker *from, const struct letter_kind *kind, uint64_t id,
                                  struct chunk *packet, struct group *group)
{
    struct budget *budget = &from->home.streams.budget;
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

void worker_drop_letter(struct worker *worker, struct letter *letter)
{
    (void)worker;
    struct budget *budget = letter->budget;
    if (letter->packet != NULL) chunk_drop(letter->packet);
    if (letter->group != NULL) group_drop(letter->group);
    free(letter);
    if (budget != NULL) budget_give(budget, sizeof *letter);
}

/* If the worker leaves at the same time, the letter is dropped when all workers have ended. */
void worker_post_letter(struct worker *to, struct letter *letter)
{
    if (worker_has_left(to))
        letter->kind->drop(to, letter);
    else
        worker_send_mail(to, letter);
}

uint64_t worker_mail_unread(const struct worker *worker)
{
    uint64_t read = counter_get(&worker->mail_read);
    uint64_t posted = atomic_load_explicit(&worker->mail_posted, memory_order_relaxed);
    return rest_of(posted, read); /* they may be read in either order */
}

static uint32_t read_letter(struct worker *worker, struct letter *letter)
{
    counter_add(&worker->mail_read, 1);
    return letter->kind->read(worker, letter);
}

void worker_take_mail(struct worker *worker, struct mail *mail)
{
    if (letter_of(mail)->kind->is_order) {
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

/* Reads at least one letter a turn, so that all mail is read eventually. */
void worker_read_mail(struct worker *worker)
{
    struct mail *mail;
    bool late = false;
    while (!late && (mail = take_unread(worker)) != NULL)
        late = link_home_turn_is_long(&worker->home, read_letter(worker, letter_of(mail)));
}

uint32_t worker_drop_unread(struct worker *worker)
{
    struct port *port = worker->home.streams.port;
    struct mail *mail;
    uint32_t messages = 0;
    if (port == NULL) return 0;
    while ((mail = take_unread(worker)) != NULL || (mail = mailbox_take(&port->orders)) != NULL ||
           (mail = mailbox_take(&port->mailbox)) != NULL) {
        const struct letter_kind *kind = letter_of(mail)->kind;
        messages += kind->is_message;
        counter_add(&worker->mail_read, 1);
        if (kind->drop != NULL) kind->drop(worker, letter_of(mail));
    }
    return messages;
}

void worker_leave(struct worker *worker)
{
    pthread_mutex_lock(&worker->gate->mutex);
    atomic_store_explicit(&worker->left, true, memory_order_release);
    pthread_mutex_unlock(&worker->gate->mutex);
    uint32_t messages = worker_drop_unread(worker);
    if (messages > 0)
        log_line(LOG_INFO, "worker %u: %u messages of server.post had not been read when it ended",
                 worker->index + 1, messages);
}

bool worker_order_unless_left(struct worker *worker, struct letter *letter)
{
    pthread_mutex_lock(&worker->gate->mutex);
    bool left = worker_has_left(worker);
    if (!left) worker_send_mail(worker, letter);
    pthread_mutex_unlock(&worker->gate->mutex);
    return !left;
}
