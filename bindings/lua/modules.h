/* modules.h - how an environment loads code: `require` and its searchers, load and its like. */
#ifndef MOONPORT_MODULES_H
#define MOONPORT_MODULES_H

#include "lua/environment_record.h"

/* ---- chunks.c ---- */

/* Gives the globals their own load, loadfile and dofile, in place of Lua's. */
void chunks_open(lua_State *L, struct state *state, int globals);

/* ---- fenv.c ---- */

/* Gives the globals and `package` of the record at `record` their own getfenv, setfenv, module and seeall, in
 * place of those that Lua has. */
void fenv_open(lua_State *L, struct state *state, int record);

/* ---- require.c ---- */

/* The first adds `require` and package.searchers to the globals and the package of the record at `record`; the
 * second adds `require` to the base. */
void modules_open(lua_State *L, struct state *state, int record);
void modules_open_base(lua_State *L, struct state *state);

/* ---- modules.c ---- */

enum { MODULES_SEARCHERS = 5, MODULES_IN_SANDBOX = 3, MODULES_UPVALUE_RECORD = 2 };
extern const lua_CFunction modules_searchers[MODULES_SEARCHERS];

/* Pushes a field of the calling function's record; for code from outside, whose functions have none, of the
 * generation that is shown. The record itself is never on the stack while Lua runs, because debug.getlocal would
 * find it. */
void modules_push_own(lua_State *L, enum record field);

/* The first argument, the name of a module. Raises an error if it contains a NUL, which C would end it at. */
const char *modules_check_name(lua_State *L);

/* Names, for a log line, the files from outside that the running code or the code loaded beside it uses: a reload
 * does not load them again. "": there are none. */
void modules_tell_outside(struct state *state, char *text, size_t size);

#endif
