/* broadcasts.h - what is said to many is said to each of them, on every worker. */
#ifndef MOONPORT_SIM_BROADCASTS_H
#define MOONPORT_SIM_BROADCASTS_H

#include "memory.h"

#include "frame/frame.h"

#include <stdbool.h>
#include <stdint.h>

struct world;

struct broadcasts {
    struct span packet; /* that is being said to all of a worker, or to a group */
    enum packet_kind kind;
    uint64_t sent, heard; /* by one worker for another; read there */
    bool begins;          /* a script has called it, and its own worker comes first */
    bool unsure;          /* there was no memory for one of them, or a worker has left */
};

/* When all mail is read: no broadcast was lost on its way. */
void broadcasts_all_heard(const struct world *world);

#endif
