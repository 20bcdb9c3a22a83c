/* swarm.h - what one run is like: the server's settings, and which faults there are, how often. Each
 * run has only some of the faults, so that none hides what another would show. (Groce and others,
 * "Swarm testing", 2012.) */
#ifndef MOONPORT_SIM_SWARM_H
#define MOONPORT_SIM_SWARM_H

#include "../unit/veil.h"
#include "config.h"
#include "draw.h"

/* How often each happens, in a thousand chances; 0: never in this run. */
struct faults {
    uint16_t short_receive; /* fewer bytes than there are, down to 1 */
    uint16_t short_send;    /* fewer bytes go out than there is room for, down to 0 */
    uint16_t disorder;      /* receives are yielded in another order than that of their bytes */
    uint16_t late;          /* a completion takes milliseconds */
    uint16_t stall;         /* a send takes seconds */
    uint16_t despite;       /* what was cancelled goes on for a while, and succeeds */
    uint16_t empty;         /* a stream's end brings receives that got nothing */
    uint16_t send_error;    /* the network gives a connection up */
    uint16_t attach;        /* the system has no room for a socket */
    uint16_t accept;        /* accepting fails, or ends by itself */
    uint16_t no_memory;     /* an allocation fails */
    uint16_t jump;          /* the clock goes on by minutes */
    uint16_t busy;          /* a worker does not come to its turn for up to a second */
    uint16_t reset, half_close, vanish, deaf, trickle, garbage; /* what clients do */
    uint16_t reload, broken_reload;
    uint16_t long_turn;    /* a handler keeps its worker for seconds, while clients go on */
    uint16_t drain, abort; /* the server is told to end while it serves */
    uint16_t listener;     /* one is closed, or opened again */
};

struct swarm {
    struct config config; /* finished */
    struct faults faults;
    uint64_t lua_memory;
    uint32_t landing_blocks, landing_size;
    uint32_t peers, requests; /* how many there are; how much each has to say, at most */
    uint64_t arrival_ns;      /* they come within this time */
    uint64_t fail_at;         /* this allocation fails, from the very first on; 0: none does */
    bool waits_at_start;      /* on_start takes its time */
    bool keeps;               /* a connection stays open whose handler fails */
    bool scarce;              /* blocks, memory or connections may run out */
    struct veil_source veil;  /* of listeners that have a filter */
    bool no_large;            /* there are no large blocks */
    bool lua_scarce;          /* ... and Lua's memory, which is as if allocations failed */
};

void swarm_draw(struct swarm *swarm, struct draw *draw);

/* A framing, as text. `raw`: that may be it, too. */
const char *swarm_framing(struct draw *draw, bool raw);

#endif
