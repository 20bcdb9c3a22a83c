/* library.h - Lua's own libraries, without what would harm the server; with `sandbox`, without what would
 * reach the system. */
#ifndef MOONPORT_LIBRARY_H
#define MOONPORT_LIBRARY_H

#include "lua/state.h"

/* Opens all of them. May raise an error. */
void library_open(struct state *state);

/* ---- for library.c ---- */

/* `debug`, which gives nothing out that guards the server; and so that functions of the server's own, which
 * stand between those of a script, are not there. */
void library_open_debug(struct state *state);
void library_open_levels(struct state *state);
void library_check_info(lua_State *L); /* arguments of debug.getinfo */

/* xpcall, and coroutine.resume, wrap, close and status, so that overtime.c knows which coroutine runs. */
void coroutines_open(struct state *state);

#if COMPAT_HOOK_PER_COROUTINE
/* Does a function stand at this level of the coroutine that Lua's xpcall would not have put there? */
bool coroutines_hide(lua_State *of, int level);
#endif

#endif
