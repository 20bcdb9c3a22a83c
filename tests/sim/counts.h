/* counts.h - what happens, counted a second time: the server's figures must say the same. */
#ifndef MOONPORT_SIM_COUNTS_H
#define MOONPORT_SIM_COUNTS_H

#include "memory.h"

#include "link/link.h"
#include "server.h"

struct world;

enum { COUNTS_WORKERS = 3, COUNTS_WORDS = 8 };

/* Of one worker. */
struct counts {
    uint64_t opened[LINK_LISTENERS_MAX];
    uint64_t refused[LINK_LISTENERS_MAX]; /* there was no memory for what it was given */
    uint64_t closed[LINK_REASONS];
    struct {
        char text[LINK_WORD_MAX];
        uint64_t count;
    } words[COUNTS_WORDS];
    uint32_t word_count;
    uint64_t turns, turns_ns, longest_ns; /* those that have ended before the present one began */
    uint64_t turn_ns;                     /* how long the last one took */
    bool has_turned;
    uint32_t blocks_used; /* the most at once */
};

/* Of the server. */
struct counts_of_all {
    struct counts workers[COUNTS_WORKERS];
    uint64_t admitted[LINK_LISTENERS_MAX];
    uint64_t refused[LINK_LISTENERS_MAX], refused_by[SERVER_REFUSALS];
};

/* The script is told of the end of a connection. */
void counts_note_end(const struct link *link, const char *reason);

/* A turn of a worker begins; has ended. */
void counts_turn_begins(struct counts *counts);
void counts_turn_ended(struct counts *counts, uint64_t duration_ns);

/* After a turn of a worker: what it says of itself. */
void counts_look(const struct world *world, uint32_t worker);

/* What the server says of all. */
void counts_look_at_all(const struct world *world);

#endif
