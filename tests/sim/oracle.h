/* oracle.h - stands between the engine and the script, and between the engine and the C library.
 *
 * The engine calls the script through it, in whatever way it does, and it knows in which ways it may:
 * what is handed on is what the client has sent, exactly once, in order; nothing after on_disconnect;
 * no on_idle before its time. What scripts queue it writes down for the client to compare. */
#ifndef MOONPORT_SIM_ORACLE_H
#define MOONPORT_SIM_ORACLE_H

#include "memory.h"

#include "peer.h"
#include "server/worker.h"

struct program;
struct world;

static inline struct worker *worker_of(const struct link *link)
{
    return container_of(link->home, struct worker, home);
}

static inline struct sim_peer *peer_at(const struct link *link)
{
    return peer_of(pipe_of(&link->stream.socket));
}

/* The script that the server is given: Lua's, seen through the oracle. */
struct script oracle_script(struct program *program);

/* ---- look.c: what the engine's own structures say ---- */

/* After each turn of a worker. */
void oracle_look(struct world *world, uint32_t worker);

/* Everything of the engine's is where it was before anybody came. */
void oracle_all_home(struct world *world);

/* ---- wrap.c: allocations of engine and bindings, which the linker leads there ---- */

struct allocations {
    uint64_t count;    /* so far */
    uint64_t fail_at;  /* this one fails; 0: none */
    uint16_t permille; /* so many fail, by chance; of Lua's fewer */
    int64_t live;      /* made and not freed */
    struct draw *draw;
    int refused; /* so many more of Lua's fail */
};
extern struct allocations allocations;

/* Has the state's allocator fail, too. */
struct heap;
void allocations_of_lua(struct heap *heap);

#endif
