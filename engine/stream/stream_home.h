/* stream_home.h - shared by the streams of one worker: its port, its memory, and the lists of streams that have
 * something to do at the end of the turn. */
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
    struct block_pool blocks, large; /* blocks.large points to `large` once that is open */
    struct budget budget;
    size_t queued;          /* bytes pending in the outboxes of all streams */
    struct list touched;    /* streams to flush at the end of the turn */
    uint32_t touches;       /* streams added to `touched` since the last flush */
    uint32_t parked_blocks; /* landing blocks of the port that wait in streams */
    struct list unsealed;   /* streams whose filter had no memory to seal output */
    struct list closing;    /* streams to be settled at the end of the turn */
    uint64_t gap_ns;        /* total time in which the worker could not receive */
    struct stream_counters counters;
};

/* The clock for connection timeouts: the port's clock without the time in which the worker could not receive (a handler
 * that ran for long, a process that was stopped). Only differences between its times have a meaning. */
static inline uint64_t stream_now(const struct stream_home *home)
{
    return port_now(home->port) - home->gap_ns;
}

#endif
