/* fault.h - a server that is hurt again and again: what it holds meanwhile, and that it lets go of
 * it. */
#ifndef MOONPORT_FAULT_H
#define MOONPORT_FAULT_H

#include "harness.h"

/* An echo of two workers that answers the questions below. "flood" has it send 16000 bytes to all
 * others; "brief" gives its connection 0.2 s to be idle. */
struct server fault_begin(const char *config);
struct server fault_begin_with_files(unsigned files); /* that it may open */

/* A connection that the questions are asked on. */
int fault_watch(const struct server *server);

struct figures {
    size_t connections, blocks, memory; /* that one; blocks and bytes that are in use */
};
struct figures fault_figures(int watching);

/* How many connections have ended for this reason. */
int fault_ended(int watching, const char *reason);

/* Waits until so many have; until nobody else is connected, and no block and no byte is in use. */
void fault_await_ended(int watching, const char *reason, int count);
void fault_await_rest(int watching);

/* Waits until that many others are connected who hold so many bytes at least. */
void fault_await_held(int watching, int connections, size_t memory);

/* Closing resets the connection. */
void fault_reset(int client);

/* ---- what its process takes, on Linux ---- */

int fault_descriptors(const struct server *server);
long fault_ticks(const struct server *server); /* of CPU time used, 100 in a second */

/* Waits until there are no more than so many. */
void fault_await_descriptors(const struct server *server, int count);

size_t fault_resident(const struct server *server); /* bytes */

/* Memory that is resident, after each round of the same fault. The first makes pools and heaps as
 * large as they get; the others must add next to nothing, apart from what the heap has not given back
 * of that which a round held. What a sanitizer keeps, and what Wine needs, is not looked at. */
enum { ROUNDS = 3 };
struct growth {
    size_t bytes[1 + ROUNDS];
    int count;
};
void fault_note_memory(const struct server *server, struct growth *growth);
void fault_check_growth(const struct growth *growth, size_t held);

#endif
