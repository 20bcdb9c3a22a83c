/* worker_mail.h - posting letters to workers, and reading them. An order is read at once, before anything that was
 * posted. All other mail waits in a queue, of which each turn reads as much as it has time for. */
#ifndef MOONPORT_WORKER_MAIL_H
#define MOONPORT_WORKER_MAIL_H

#include "server/worker.h"

/* Makes a letter that holds the packet and the group (NULL: none). It counts towards the sender's memory until it has
 * been read. NULL: no memory. */
struct letter *worker_make_letter(struct worker *from, const struct letter_kind *kind, uint64_t id,
                                  struct chunk *packet, struct group *group);
void worker_drop_letter(struct worker *worker,
                        struct letter *letter); /* the worker argument may be NULL */

/* Copies the packet into a chunk, which the caller holds; NULL: no memory. */
struct chunk *worker_copy_packet(struct worker *worker, struct span packet);

/* From any thread that holds the letter. A letter to a worker that has left is dropped. */
void worker_post_letter(struct worker *to, struct letter *letter);

/* The same for an order; false if the worker has left. Once posted, the order will be read or dropped. */
bool worker_order_unless_left(struct worker *worker, struct letter *letter);

/* Counts and posts a letter. All letters to workers are posted here; orders overtake other mail. */
static inline void worker_send_mail(struct worker *to, struct letter *letter)
{
    atomic_fetch_add_explicit(&to->mail_posted, 1, memory_order_relaxed);
    if (letter->kind->is_order)
        port_order(to->home.streams.port, &letter->mail);
    else
        port_post(to->home.streams.port, &letter->mail);
}

/* The number of letters that the worker has not read. Any thread. */
uint64_t worker_mail_unread(const struct worker *worker);

/* Whether the worker has stopped reading mail; any thread. If so, the caller sees all that the worker did before. */
static inline bool worker_has_left(const struct worker *worker)
{
    return atomic_load_explicit(&worker->left, memory_order_acquire);
}

/* ---- for worker.c ---- */

void worker_take_mail(struct worker *worker, struct mail *mail); /* mail from a harvest */
void worker_read_mail(struct worker *worker);

/* A worker's last step: from then on it reads no mail. */
void worker_leave(struct worker *worker);

/* Drops all unread mail. Returns how many messages for the script were among it. */
uint32_t worker_drop_unread(struct worker *worker);

#endif
