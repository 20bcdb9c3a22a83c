/* compile.h - files of a source as functions of Lua's. */
#ifndef MOONPORT_COMPILE_H
#define MOONPORT_COMPILE_H

#include "lua/compat.h"
#include "scripts/source.h"

/* Compiles a file of the source; the function, with the globals at `environment`, or an error message is
 * pushed. Returns a status of Lua's. */
int environment_compile(lua_State *L, const struct source *source, const struct source_file *file,
                        int environment);

#endif
