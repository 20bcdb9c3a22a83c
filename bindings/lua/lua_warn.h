/* lua_warn.h - sends Lua's warnings, and those of scripts that call `warn`, to the log. */
#ifndef MOONPORT_LUA_WARN_H
#define MOONPORT_LUA_WARN_H

#include "lua/state.h"

void lua_warn_hear(struct state *state); /* Lua's own */
void lua_warn_open(struct state *state); /* the global `warn` */

#endif
