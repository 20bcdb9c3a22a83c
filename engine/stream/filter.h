/* filter.h - a stage between the wire and what a stream's owner reads and writes: encryption, a header that comes
 * before everything else. Bytes in, bytes out: no socket, no clock.
 *
 *     wire --take--> plain         plain --give--> wire
 *
 * The stream pulls. It offers bytes and room for the result, learns how many of each were used, and keeps the rest:
 * where there is no room, nothing has been taken, and nothing is lost. A stream without a filter has a NULL. */
#ifndef MOONPORT_FILTER_H
#define MOONPORT_FILTER_H

#include "stream/outbox.h"

enum filter_state {
    FILTER_OPENING, /* shakes hands: plain bytes pass neither way */
    FILTER_OPEN,
    FILTER_ENDED,  /* the peer has said that no more comes; plain bytes may be left inside */
    FILTER_BROKEN, /* the peer has broken the rules, `why`: nothing more is taken from it */
    FILTER_GONE, /* it has removed itself, and has said nothing: what comes from here on is plain */
};

struct filter;

struct filter_step {
    size_t used, made; /* bytes: of those offered; in the room */
};

struct filter_kind {
    /* Wire bytes into plain ones, in order. It uses or makes one at least, if it is offered bytes or has_plain, and
     * room. While it is opening it makes none, gets no room, and uses all that is its own. What it holds inside has
     * a bound. */
    struct filter_step (*take)(struct filter *filter, struct span wire, uint8_t *room, size_t size);

    /* Plain bytes into wire bytes. It uses or makes one at least, if it is offered bytes or has_wire. With has_wire
     * used up, nothing that it was given is left inside. 1 <= size. */
    struct filter_step (*give)(struct filter *filter, struct span plain, uint8_t *room,
                               size_t size);

    /* No more will be given. It may have something to say at the end: has_wire. Once at most. */
    void (*end)(struct filter *filter);

    void (*close)(struct filter *filter, struct budget *budget);
};

/* Begins that of each connection in turn. Threads: any. */
struct filter_source {
    /* NULL: there is no memory. All of it that this takes is the budget's. */
    struct filter *(*open)(const struct filter_source *source, struct budget *budget);
};

struct filter {
    const struct filter_kind *kind;

    /* What the filter says of itself. */
    uint8_t state;   /* enum filter_state */
    bool has_plain;  /* take makes plain bytes of what is inside */
    bool has_wire;   /* give makes wire bytes of what is inside */
    size_t held;     /* bytes inside that wait for others, to be of use */
    const char *why; /* FILTER_BROKEN: what is wrong, for the log */

    /* What the stream keeps of it. */
    bool ended;           /* `end` was called */
    struct list wire;     /* blocks that have come, as the inbox's `parked` without a filter */
    struct outbox sealed; /* wire bytes to be sent */
    size_t sealed_plain;  /* bytes that they were; the queue still counts them */
};

/* Nothing more comes out of it for the owner. */
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
