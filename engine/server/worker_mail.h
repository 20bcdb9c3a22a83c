/* worker_mail.h - posting letters to workers, and reading them. An order is read at once, before anything that was
 * posted; all else waits in a line, of which a turn reads as much as it has time for. */
#ifndef MOONPORT_WORKER_MAIL_H
#define MOONPORT_WORKER_MAIL_H

#include "server/worker.h"

/* A letter that holds the packet and the group (NULL: none), or NULL: no memory. It is paid for by the sender
 * until it has been read. */
struct letter *worker_make_letter(struct worker *from, const struct letter_kind *kind, uint64_t id,
                                  struct chunk *packet, struct group *group);
void worker_drop_letter(struct worker *worker,
                        struct letter *letter); /* NULL does for the worker */

/* The packet's own copy, held; NULL: no memory. */
struct chunk *worker_copy_packet(struct worker *worker, struct span packet);

/* From any thread that holds the letter. A worker that has left gets none of what is posted: it is dropped. */
void worker_post_letter(struct worker *to, struct letter *letter);

/* The same for an order; false if it has left. Once posted, it will be read, or dropped. */
bool worker_order_unless_left(struct worker *worker, struct letter *letter);

/* It reads no mail any more; any thread. What it did before, the caller sees then. */
static inline bool worker_has_left(const struct worker *worker)
{
    return atomic_load_explicit(&worker->left, memory_order_acquire);
}

/* ---- for worker.c ---- */

void worker_take_mail(struct worker *worker, struct mail *mail); /* what was harvested */
void worker_read_mail(struct worker *worker);

/* The last thing that a worker does: it reads no mail any more. */
void worker_leave(struct worker *worker);

/* What was not read. Returns how many messages for the script were in it. */
uint32_t worker_drop_unread(struct worker *worker);

#endif
