/* profile.h - where the time and the allocations of one Lua state go, as samples of its stack (samples.h).
 *
 * Time: of each call that runs when overtime.h asks for a sample, which stands for the time since it asked before. While no
 * call runs, nothing is counted. The time in a C function counts for the line of Lua that has called it; what the server
 * itself does for a handler, outside any Lua function, for the handler. With LuaJIT, a C function's time may count for
 * the next line, and code that LuaJIT has compiled is not seen: its time counts for the place where it is left, or for the
 * handler.
 *
 * Allocations: about each time that so many bytes were allocated, the allocation at hand stands for them. On average a
 * place has as many bytes as it allocates; how many allocations that were is worked out from the size of those that were seen.
 * Every function that Lua 5.4 allocates in has left its place where it can be looked up at once, but for a new
 * table: its place, and with LuaJIT all, is that of the next instruction.
 *
 * While there is no profile, no instruction is spent on it. */
#ifndef MOONPORT_PROFILE_H
#define MOONPORT_PROFILE_H

#include "lua/samples.h"
#include "lua/state.h"

enum {
    PROFILE_DEPTH =
        64, /* Lua functions of a stack: of a deeper one the innermost, below "(deeper)" */
    PROFILE_NODES = 8192,
    PROFILE_FUNCTIONS = 1024,
};

struct profile {
    struct samples samples;
    uint64_t begun_ns, ended_ns; /* of clock_now_ns */
    struct state *state;         /* NULL: it has ended */

    /* It has ended: from now on the state knows nothing of it. On the state's thread. */
    void (*ended)(struct profile *profile);

    struct samples_weight owed; /* allocations that the next instruction's place is asked for */
    uint64_t random;
    uint32_t taken; /* samples of allocations */
    uint64_t step;  /* bytes between two of them, on average */
};

/* Begins; it takes samples until then, of clock_now_ns, and ends with profile_end. The caller has zeroed it, but for
 * `ended`. False: there is no memory, or the state has a profile already. All on the state's thread, while it runs no Lua. */
bool profile_begin(struct profile *profile, struct state *state, uint64_t until_ns);

/* Ends the profile of this state, if it has one. Its samples stay, until profile_free. */
void profile_end(struct state *state);
void profile_free(struct profile *profile);

/* As struct overtime has it: of the overtime of a struct state. */
void profile_sample(struct overtime *overtime, lua_State *L, uint64_t stands_for_ns);

#endif
