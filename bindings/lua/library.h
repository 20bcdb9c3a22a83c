/* library.h - Lua's own libraries, without what would harm the server; with `sandbox`, without what would
 * reach the system. */
#ifndef MOONPORT_LIBRARY_H
#define MOONPORT_LIBRARY_H

#include "lua/state.h"

/* Opens all of them. May raise an error. */
void library_open(struct state *state);

/* ---- for library.c ---- */

/* Change `debug`: the first makes it hide what protects the server, the second makes it skip the server's own
 * functions that stand between those of a script. */
void library_open_debug(struct state *state);
void library_open_levels(struct state *state);
void library_check_info(lua_State *L); /* arguments of debug.getinfo */

/* Replaces xpcall and coroutine.resume, wrap, close and status, so that overtime.c knows which coroutine runs. */
void coroutines_open(struct state *state);

#if COMPAT_HOOK_PER_COROUTINE
/* Is the function at this level of the coroutine one that would not be there with Lua's own xpcall? */
bool coroutines_hide(lua_State *of, int level);
#endif

#endif
