/* Framings as scripts and config.lua write them. */
#include "runtime.h"

/* A setting's value as config text: numbers without a fraction as whole numbers. */
bool lua_setting_text(lua_State *L, int index, char *text, size_t size)
{
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        snprintf(text, size, "%s", lua_toboolean(L, index) ? "true" : "false");
        return true;
    case LUA_TNUMBER: {
        lua_Number number = lua_tonumber(L, index);
        bool fits = number >= -0x1p63 && number < 0x1p63; /* C leaves the others undefined */
        bool whole = fits && number == (lua_Number)(long long)number;
        snprintf(text, size, whole ? "%.0f" : "%.17g", number);
        return true;
    }
    case LUA_TSTRING: snprintf(text, size, "%s", lua_tostring(L, index)); return true;
    default: return false;
    }
}

static bool read_field(lua_State *L, struct frame *frame, struct error *error)
{
    char value[128];
    if (lua_type(L, -2) != LUA_TSTRING)
        return error_set(error, ERROR_INPUT,
                         "framing: a table of named settings is expected, for example "
                         "{ \"length\", size = 2 }");
    if (!lua_setting_text(L, -1, value, sizeof value))
        return error_set(error, ERROR_INPUT, "framing: %s is a %s, expected a plain value",
                         lua_tostring(L, -2), luaL_typename(L, -1));
    return frame_set(frame, lua_tostring(L, -2), value, error);
}

bool lua_framing_read(lua_State *L, int index, struct frame *frame, struct error *error)
{
    index = lua_absindex(L, index);
    if (lua_type(L, index) == LUA_TSTRING)
        return frame_parse(frame, lua_tostring(L, index), frame->packet_max, error);
    if (!lua_istable(L, index))
        return error_set(error, ERROR_INPUT,
                         "framing is a %s, expected a name or a table, for example \"line\" or "
                         "{ \"length\", size = 2 }",
                         luaL_typename(L, index));
    lua_rawgeti(L, index, 1);
    bool fine = true;
    lua_getfield(L, index, "type");
    if (lua_isnil(L, -2) && !lua_isnil(L, -1))
        return error_set(
            error, ERROR_INPUT,
            "framing: its name stands first, without type =: { \"length\", size = 2 }");
    lua_pop(L, 1);
    if (lua_type(L, -1) == LUA_TSTRING) fine = frame_set_kind(frame, lua_tostring(L, -1), error);
    lua_pop(L, 1);
    lua_pushnil(L);
    while (fine && lua_next(L, index) != 0) {
        bool kind = lua_type(L, -2) == LUA_TNUMBER && lua_tonumber(L, -2) == 1;
        fine = kind || read_field(L, frame, error);
        lua_pop(L, 1);
    }
    return fine;
}
