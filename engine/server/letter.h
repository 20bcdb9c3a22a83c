/* letter.h - messages between threads: letters to a worker. A letter's kind, chosen by the sender, tells the worker how
 * to read it, and how to release it unread. The worker itself knows no kinds. */
#ifndef MOONPORT_LETTER_H
#define MOONPORT_LETTER_H

#include "base/mailbox.h"
#include "link/group.h"
#include "port/chunk.h"

struct worker;
struct letter;

struct letter_kind {
    /* Runs on the worker's thread, and takes ownership of the letter. Returns how much work it was, in packets. */
    uint32_t (*read)(struct worker *worker, struct letter *letter);

    /* Releases a letter that will not be read. NULL: there is nothing to release. */
    void (*drop)(struct worker *worker, struct letter *letter);

    bool is_order;   /* read at once, before other mail (worker_mail.h) */
    bool is_message; /* for the script */
};

/* May carry a packet without framing, or a message, and a group; it holds a reference to each. */
struct letter {
    struct mail mail;
    const struct letter_kind *kind;
    uint64_t id;           /* its meaning depends on the kind */
    struct chunk *packet;  /* NULL: none */
    struct group *group;   /* NULL: none */
    uint8_t packet_kind;   /* enum packet_kind: of a packet for connections */
    struct budget *budget; /* that the letter itself was taken from; NULL: none */
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
