/* filter.h - a stage between the wire and the bytes that a stream's owner reads and writes, such as encryption, or a
 * header that precedes everything else. Bytes in, bytes out: no socket, no clock.
 *
 *     wire --take--> plain         plain --give--> wire
 *
 * The stream drives the filter: it offers bytes and room for the result, and learns how many of each were used. Bytes
 * that were not used stay with the stream, so nothing is lost when there is no room. Without a filter it has NULL. */
#ifndef MOONPORT_FILTER_H
#define MOONPORT_FILTER_H

#include "stream/outbox.h"

enum filter_state {
    FILTER_OPENING, /* handshake: no plain bytes pass, either way */
    FILTER_OPEN,
    FILTER_ENDED,  /* once open, the peer has announced its end; plain bytes may be left inside */
    FILTER_BROKEN, /* the protocol was violated, or memory is short: nothing more is taken */
    FILTER_GONE, /* the filter is to be removed, and has sent nothing: all later bytes are plain */
};

struct filter;

struct filter_step {
    size_t used, made; /* bytes: used of those offered; written to the room */
};

/* Something known of the peer. Texts are valid during the call. */
struct filter_fact {
    const char *group; /* what it belongs to; NULL: nothing */
    const char *name;
    enum { FACT_TEXT, FACT_ITEM, FACT_NUMBER, FACT_FLAG } kind; /* ITEM: one text of several */
    const char *text;
    int64_t number; /* of a flag: 0 or 1 */
};

typedef void filter_note(void *context, const struct filter_fact *fact);

struct filter_kind {
    /* Turns wire bytes into plain bytes, in order. Given room, and either bytes or has_plain, it must use or make at
     * least one byte. While opening it gets no room, makes no bytes, and uses all bytes that belong to the handshake.
     * The number of bytes held inside is bounded. */
    struct filter_step (*take)(struct filter *filter, struct span wire, uint8_t *room, size_t size);

    /* Turns plain bytes into wire bytes. Given bytes or has_wire, it must use or make at least one byte. When has_wire
     * is false, none of the given bytes are left inside. 1 <= size. */
    struct filter_step (*give)(struct filter *filter, struct span plain, uint8_t *room,
                               size_t size);

    /* No more will be given. The filter may set has_wire to send a last message. Called at most once. */
    void (*end)(struct filter *filter);

    void (*close)(struct filter *filter, struct budget *budget);

    /* Tells what it knows of the peer, once it is open. NULL: nothing. */
    void (*tell)(const struct filter *filter, filter_note *note, void *context);
};

/* Opens a filter for each new connection. Threads: any. */
struct filter_source {
    /* Takes all its memory from the budget. NULL: there is none. */
    struct filter *(*open)(const struct filter_source *source, struct budget *budget);
};

struct filter {
    const struct filter_kind *kind;

    /* Set by the filter. */
    uint8_t state;        /* enum filter_state */
    bool has_plain;       /* take can make plain bytes without more input */
    bool has_wire;        /* give can make wire bytes without more input */
    bool tells_end;       /* a stream that ends before it is FILTER_ENDED may have been cut off */
    bool starved;         /* FILTER_BROKEN: there was no memory; the peer has violated nothing */
    size_t held;          /* bytes inside that cannot be used before more arrive */
    const char *why;      /* FILTER_BROKEN: what is wrong, for the log */
    const char *protocol; /* what the peers have agreed to speak inside; NULL: nothing was said */

    /* Of the stream's owner. */
    const struct frame_protocols *protocols; /* what else it has of them; or NULL */
    bool counts;                             /* as a handshake that goes on */

    /* Set by the stream. */
    bool ended;           /* `end` was called */
    struct list wire;     /* received blocks; without a filter, these are in the inbox's `parked` */
    struct outbox sealed; /* wire bytes to be sent */
    size_t sealed_plain;  /* plain bytes that `sealed` was made of; the queue still counts them */
};

/* Whether the owner will get no more bytes from it. */
static inline bool filter_is_over(const struct filter *filter)
{
    return filter->state == FILTER_BROKEN || (filter->state == FILTER_ENDED && !filter->has_plain);
}

/* For filter_source.open. */
static inline void filter_init(struct filter *filter, const struct filter_kind *kind)
{
    *filter = (struct filter){.kind = kind, .state = FILTER_OPENING};
    list_init(&filter->wire);
    outbox_init(&filter->sealed);
}

#endif
