/* compile.h - compiles files of a source to Lua functions. */
#ifndef MOONPORT_COMPILE_H
#define MOONPORT_COMPILE_H

#include "lua/compat.h"
#include "scripts/source.h"

/* Compiles a file of the source. Pushes the function, with the globals at `environment`, or an error message.
 * Returns a status of Lua's. */
int environment_compile(lua_State *L, const struct source *source, const struct source_file *file,
                        int environment);

#endif
