/* world.h - the server of one run, its clock, and who has the next turn.
 *
 * Everything is in one thread. A step lets one of those who have something to do do it: a worker, the
 * control thread, a client; when nobody has, the clock goes on to when somebody will. So every
 * interleaving of their turns can come up, and a seed brings the same one again. */
#ifndef MOONPORT_SIM_WORLD_H
#define MOONPORT_SIM_WORLD_H

#include "memory.h"

#include "broadcasts.h"
#include "counts.h"
#include "listeners.h"
#include "peer.h"
#include "pipe.h"
#include "server/server_control.h"
#include "sim.h"
#include "swarm.h"
#include "tls_run.h"
#include "trials.h"
#include "versions.h"

enum { WORKERS_MAX = 3, PEERS_MAX = 64 };

enum { JOB_QUEUE = 8 };

struct world {
    uint64_t now_ns;
    struct draw draw;
    struct swarm swarm;
    struct tls_run tls; /* of listeners that speak TLS */
    bool calm;          /* no faults any more */
    bool serves;        /* from when it listens until it was told to end */
    bool told_end, told_abort;
    uint64_t told_end_ns;
    bool memory_failed; /* an allocation did: some things may not have been done */
    bool ran_low;       /* blocks or memory did, in some worker, at some time */
    uint64_t turn_ns;   /* when the present turn of a worker began */
    uint64_t
        taken_ns[WORKERS_MAX]; /* what turns of each worker took that may count against nobody */
    uint64_t stalled_ns;       /* time in which some worker did not come to its turn, in all */
    uint64_t drain_ns;         /* the shortest drain timeout there was */
    uint64_t drain_ns_max;
    size_t soft_mark_max; /* the largest there was */

    struct versions versions;
    struct trials_model trials;
    struct program program;
    struct script script;
    struct server *server;
    struct sim_port *ports[WORKERS_MAX];
    struct list large[WORKERS_MAX]; /* blocks that nobody gets in this run */
    struct runtime *runtimes[WORKERS_MAX];
    bool ended[WORKERS_MAX];
    size_t budget_seen[WORKERS_MAX]; /* bytes used after its last turn */
    size_t lua_seen[WORKERS_MAX];    /* and of Lua's */
    uint64_t lua_generation[WORKERS_MAX];
    uint64_t hits; /* requests to count, handed on */
    struct broadcasts broadcasts;
    struct counts_of_all counts;
    struct listeners listeners;

    struct sim_peer peers[PEERS_MAX];
    uint32_t peer_count;
    uint32_t steps;
};

static inline uint64_t world_now(const struct world *world)
{
    return world->now_ns;
}

/* Those of the run, none while it is calm. */
const struct faults *world_faults(void);

/* taken_ns of the worker whose port that is. */
uint64_t world_taken_ns(const struct world *world, const struct sim_port *port);
/* May blocks or memory have run out by now? They do where the seed wants them to, and where a few peers that
 * do not read keep many. */
bool world_is_low(const struct world *world);

/* One run, from the first allocation to the last. */
void world_run(struct world *world, uint64_t seed, const struct source *scripts);

/* For wrap.c, while a reload waits for the workers: a step; false if nobody will ever have anything to
 * do. */
bool world_step(struct world *world);

/* For oracle.c: a handler of that worker takes seconds, perhaps; clients go on meanwhile. */
void world_take_time(struct world *world, uint32_t worker);

/* For port_sim.c: the server tells a client that no more will come; closes a connection. */
void world_shut(struct sim_pipe *pipe);
void world_closed(struct sim_pipe *pipe);

/* For pipe.c: a client's bytes do not come whole. */
void world_torn(struct sim_pipe *pipe);

/* No run takes more. */
enum { STEPS_MAX = 400000 };

#endif
