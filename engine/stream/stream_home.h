/* stream_home.h - what the streams of one worker share: its port, its memory, and who has something to do at the
 * end of the turn. */
#ifndef MOONPORT_STREAM_HOME_H
#define MOONPORT_STREAM_HOME_H

#include "base/counters.h"
#include "port/port.h"

struct stream_counters {
    counter bytes_received, bytes_sent;
    counter receives_late; /* completions that came out of order */
};

struct stream_home {
    struct port *port;
    uint32_t window;                 /* stream_window */
    struct block_pool blocks, large; /* blocks.large is the other, once it is open */
    struct budget budget;
    struct list touched;    /* streams to flush at the end of the turn */
    uint32_t touches;       /* so many were put there since the last flush */
    uint32_t parked_blocks; /* of those that the port receives into, how many wait in streams */
    struct list unsealed;   /* streams whose filter found no memory for what is to be sent */
    struct list closing;    /* streams that are to end at the end of the turn */
    uint64_t gap_ns;        /* time in which the worker could hear nobody, in all */
    struct stream_counters counters;
};

/* The clock by which connections are judged: the port's, without the time in which the worker could hear
 * nobody (a handler that ran for long, a process that was stopped). It only differs from the port's. */
static inline uint64_t stream_now(const struct stream_home *home)
{
    return port_now(home->port) - home->gap_ns;
}

#endif
