/* letter.h - what crosses threads: a letter to a worker, of a kind that the worker knows nothing of. Whoever posts
 * it says by its kind what reading it means, and what becomes of it when nobody will. */
#ifndef MOONPORT_LETTER_H
#define MOONPORT_LETTER_H

#include "base/mailbox.h"
#include "link/group.h"
#include "port/chunk.h"

struct worker;
struct letter;

struct letter_kind {
    /* On the worker's thread; returns how long that has taken, in packets. The letter is the reader's. */
    uint32_t (*read)(struct worker *worker, struct letter *letter);

    /* Nobody will read it: lets go of it. NULL: there is nothing to let go of. */
    void (*drop)(struct worker *worker, struct letter *letter);

    bool is_order;
    bool is_message; /* for the script */
};

/* With a packet that is not framed, or a message, and perhaps a group; it holds both. */
struct letter {
    struct mail mail;
    const struct letter_kind *kind;
    uint64_t id;           /* for its kind */
    struct chunk *packet;  /* NULL: none */
    struct group *group;   /* NULL: none */
    struct budget *budget; /* what its own bytes were taken from; NULL: none */
};

static inline struct letter *letter_of(struct mail *mail)
{
    return container_of(mail, struct letter, mail);
}

static inline struct span letter_bytes(const struct letter *letter)
{
    return span_of(letter->packet->data, letter->packet->size);
}

#endif
