/* tls_lua.h - the setting `tls` as config.lua writes it. */
#ifndef MOONPORT_TLS_LUA_H
#define MOONPORT_TLS_LUA_H

#include "base/error.h"
#include "lua/compat.h"

/* Writes the value at -1, "self-signed" or { certificate = "server.pem", key = "server.key", ... }, as the text that
 * tls_settings_read takes: the same for the same fields, in whatever order they come. False with an error. */
bool tls_lua_text(lua_State *L, char *text, size_t size, struct error *error);

#endif
