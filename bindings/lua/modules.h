/* modules.h - how code comes to an environment: `require` and its searchers, load and its like. */
#ifndef MOONPORT_MODULES_H
#define MOONPORT_MODULES_H

#include "lua/environment_record.h"

/* ---- chunks.c ---- */

/* Gives the globals their own load, loadfile and dofile, where there are Lua's. */
void chunks_open(lua_State *L, struct state *state, int globals);

/* ---- fenv.c ---- */

/* Gives the globals and `package` of the record at `record` their own getfenv, setfenv, module and seeall, where
 * there are Lua's. */
void fenv_open(lua_State *L, struct state *state, int record);

/* ---- require.c ---- */

/* Adds `require` and package.searchers to the globals and the package of the record at `record`; and
 * `require` to the base. */
void modules_open(lua_State *L, struct state *state, int record);
void modules_open_base(lua_State *L, struct state *state);

/* ---- modules.c ---- */

enum { MODULES_SEARCHERS = 5, MODULES_IN_SANDBOX = 3, MODULES_UPVALUE_RECORD = 2 };
extern const lua_CFunction modules_searchers[MODULES_SEARCHERS];

/* For functions with a record: pushes a field of it; without one, of the generation that is shown, for code
 * from outside. The record itself is never on the stack while Lua runs, for debug.getlocal would find it. */
void modules_push_own(lua_State *L, enum record field);

/* The first argument, the name of a module, in which no byte is lost in C. */
const char *modules_check_name(lua_State *L);

/* Names the files from outside, for a log line, that the code in force or what is loaded beside it uses:
 * they are as they were. "": there are none. */
void modules_tell_outside(struct state *state, char *text, size_t size);

#endif
