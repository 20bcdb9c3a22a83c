/* channels.h - where runs of all workers meet by name: a channel is a queue of values, on which they wait for a value or
 * for room; a signal is for all runs that wait for it at that moment.
 *
 * A name is in the table while it has values or a run waits there, so a script's channel holds nothing. One mutex
 * guards all of it, and what is done under it does not grow with a queue. A value is on its worker's budget
 * from push to pop. Knows no Lua but for what wakes a run (run/request.h).
 *
 * A value goes to the run that has waited longest; if that does not wait any more when the value comes, it is the
 * first again. A value that waits for room comes in when another is popped. */
#ifndef MOONPORT_CHANNELS_H
#define MOONPORT_CHANNELS_H

#include "base/list.h"
#include "run/request.h"

enum { CHANNEL_NAME_MAX = 255 }; /* bytes; any bytes are allowed */

struct channels;
struct channel;

/* A queued value, in the data of a chunk of its own. */
struct channel_item {
    struct list node;
    struct chunk *chunk;
    size_t paid; /* beside the chunk, for the channel; 0: it is in none, and has many holders */
    uint8_t bytes[];
};

/* A copy of the bytes, which pays for a channel of that name too, for it may be the only one there; NULL: it is for a
 * signal. NULL: no memory. */
struct channel_item *channel_item_make(struct worker *worker, struct span bytes,
                                       const struct span *name);
struct span channel_item_bytes(const struct channel_item *item);
void channel_item_drop(struct channel_item *item);

enum channel_way { CHANNEL_POP, CHANNEL_PUSH, CHANNEL_LISTEN };

/* A waiting run. Once it is woken, `item` is the value that it gets; NULL: none. For CHANNEL_PUSH it is the value
 * to be queued, until there is room. */
struct channel_wait {
    struct request request;
    struct channels *channels;
    struct channel *channel; /* where it is in line; NULL: nowhere */
    struct list node;        /* in line */
    struct channel_item *item;
    enum channel_way way;
    size_t name_size;
    uint8_t name[];
};

struct channels *channels_open(void);           /* NULL: no memory */
void channels_close(struct channels *channels); /* no worker may be joined; NULL is fine */
void channels_join(struct channels *channels);  /* before a worker's script begins */
void channels_part(struct channels *channels);  /* when it has ended; the last frees all values */

/* NULL: no memory. */
struct channel_wait *channels_wait_make(struct channels *channels, struct run *run,
                                        enum channel_way way, struct span name);

enum channel_outcome {
    CHANNEL_DONE,
    CHANNEL_WAITS,   /* it may have been answered already: use it for request_wait only */
    CHANNEL_REFUSED, /* `wait` is NULL, or there is no memory */
};

/* Adds the item at the end. If there are `size` values already, `wait` (if not NULL) waits for room, and owns the
 * item from then on. */
enum channel_outcome channels_push(struct channels *channels, struct span name, size_t size,
                                   struct channel_item *item, struct channel_wait *wait);

/* Takes the first value, which then belongs to the caller. If there is none, `wait` (if not NULL) waits for one. */
enum channel_outcome channels_pop(struct channels *channels, struct span name,
                                  struct channel_item **item, struct channel_wait *wait);

/* Puts a popped value that reached no run back to the front. */
void channels_put_back(struct channels *channels, struct span name, struct channel_item *item);

size_t channels_count(struct channels *channels, struct span name);

/* Waits for the next signal with the wait's name. False: no memory. */
bool channels_listen(struct channel_wait *wait);

/* Wakes all runs that wait for the signal, with the value (NULL: none), which stays the caller's. Returns how many. */
size_t channels_signal(struct channels *channels, struct span name, struct channel_item *item);

#endif
