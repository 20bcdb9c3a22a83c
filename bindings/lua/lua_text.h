/* lua_text.h - Lua strings, which may contain NULs, as C strings. */
#ifndef MOONPORT_LUA_TEXT_H
#define MOONPORT_LUA_TEXT_H

#include "base/log.h"
#include "lua/compat.h"

#include <string.h>

/* Room for a copy of a text that contains a NUL. */
struct lua_text {
    char bytes[2048];
};

/* The string at `index`; if it has a NUL in it, a copy in `room` as log_plain makes it. */
static inline const char *lua_text_plain(lua_State *L, int index, struct lua_text *room)
{
    size_t size;
    const char *text = lua_tolstring(L, index, &size);
    if (strlen(text) == size) return text;
    return log_plain(span_of(text, size), room->bytes, sizeof room->bytes);
}

/* The same for the error on the top of the stack, which may be any value. */
static inline const char *lua_text_of_error(lua_State *L, struct lua_text *room)
{
    bool is_text = lua_type(L, -1) == LUA_TSTRING; /* converting a number would take memory */
    return is_text ? lua_text_plain(L, -1, room) : "(an error that is no text)";
}

/* Is the value at `index` exactly this string? */
static inline bool lua_text_is(lua_State *L, int index, const char *text)
{
    size_t size;
    if (lua_type(L, index) != LUA_TSTRING) return false;
    const char *bytes = lua_tolstring(L, index, &size);
    return size == strlen(text) && memcmp(bytes, text, size) == 0;
}

#endif
