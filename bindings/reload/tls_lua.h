/* tls_lua.h - the setting `tls` as config.lua writes it. */
#ifndef MOONPORT_TLS_LUA_H
#define MOONPORT_TLS_LUA_H

#include "config.h"
#include "lua/compat.h"

/* Sets the listener's settings "tls" and "alpn" from the value at -1, "self-signed" or { certificate = "server.pem",
 * key = "server.key", alpn = { ["game/1"] = "length" }, ... }: to the same text for the same fields, in whatever order they
 * come. False with an error. */
bool tls_lua_set(lua_State *L, struct config_listener *listener, struct error *error);

#endif
