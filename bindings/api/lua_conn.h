/* lua_conn.h - what the two halves of a conn's work share: what scripts do with it, and what it looks like. */
#ifndef MOONPORT_LUA_CONN_H
#define MOONPORT_LUA_CONN_H

#include "api/lua_api.h"

/* The id of a conn, an error when it is none; that error. */
uint64_t lua_conn_check_id(lua_State *L, int index);
void lua_conn_refuse(lua_State *L, int index);

/* The link of a conn, also one that is being ended; NULL: it is gone, or this is no conn. */
struct link *lua_conn_find_any(lua_State *L, int index);

/* Its methods but for send, which is its own; the globals. */
int lua_conn_send(lua_State *L);
extern const luaL_Reg lua_conn_methods[], lua_conn_globals[];

#endif
