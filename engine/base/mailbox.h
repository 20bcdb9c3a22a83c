/* mailbox.h - the queue for messages between threads: any thread posts, the owner takes. No lock.
 *
 * Posting pushes onto a stack; the owner takes the whole stack and reverses it, so that messages from
 * one thread arrive in order. */
#ifndef MOONPORT_MAILBOX_H
#define MOONPORT_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

/* Embedded in a message; posting hands over the message. */
struct mail {
    struct mail *next;
};

struct mailbox {
    _Atomic(struct mail *) newest; /* pushed by any thread */
    struct mail *oldest;           /* taken from the stack by the owner, in order */
};

/* True if the owner may be asleep and has to be woken. */
static inline bool mailbox_post(struct mailbox *box, struct mail *mail)
{
    struct mail *seen = atomic_load_explicit(&box->newest, memory_order_relaxed);
    do {
        mail->next = seen;
    } while (!atomic_compare_exchange_weak_explicit(&box->newest, &seen, mail, memory_order_release,
                                                    memory_order_relaxed));
    return seen == NULL;
}

/* The oldest message, or NULL. The owner's thread only. */
static inline struct mail *mailbox_take(struct mailbox *box)
{
    if (box->oldest == NULL) {
        struct mail *mail = atomic_exchange_explicit(&box->newest, NULL, memory_order_acquire);
        while (mail != NULL) {
            struct mail *next = mail->next;
            mail->next = box->oldest;
            box->oldest = mail;
            mail = next;
        }
    }
    struct mail *mail = box->oldest;
    if (mail != NULL) box->oldest = mail->next;
    return mail;
}

/* True if mail waits; the owner's thread only. */
static inline bool mailbox_waiting(const struct mailbox *box)
{
    return box->oldest != NULL || atomic_load_explicit(&box->newest, memory_order_relaxed) != NULL;
}

#endif
