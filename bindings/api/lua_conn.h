/* lua_conn.h - shared by lua_conn.c, what scripts do with a conn, and lua_conn_object.c, what a conn looks like. */
#ifndef MOONPORT_LUA_CONN_H
#define MOONPORT_LUA_CONN_H

#include "api/lua_api.h"

/* The first returns the id of a conn, and raises an error if it is none; the second raises that error. */
uint64_t lua_conn_check_id(lua_State *L, int index);
void lua_conn_refuse(lua_State *L, int index);

/* The link of a conn, even while it is being closed; NULL: it is gone, or this is no conn. */
struct link *lua_conn_find_any(lua_State *L, int index);

/* The methods of a conn, except send, which each conn has as a field; and the globals. */
int lua_conn_send(lua_State *L);
int lua_conn_send_kind(lua_State *L); /* for connections whose framing has kinds */
extern const luaL_Reg lua_conn_methods[], lua_conn_globals[];

/* In the registry: the method send, for framings without kinds and with them. */
#define CONN_SEND "moonport.conn.send"
#define CONN_SEND_KIND "moonport.conn.send_kind"

/* Pushes the one of a conn with that framing. */
void lua_conn_push_send(lua_State *L, const struct frame *frame);

/* ---- lua_request.c: the HTTP request that a connection began with ---- */

extern const luaL_Reg lua_request_methods[];

/* conn.request: a table, or nil. */
int lua_request_push(lua_State *L, const struct link *link);

/* conn.tls: a table, or nil of a connection that is not encrypted. */
int lua_tls_push(lua_State *L, const struct link *link);

#endif
