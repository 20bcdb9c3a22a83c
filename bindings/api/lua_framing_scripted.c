/* Framings in Lua: { header = 6, length = function(header) ... end }. */
#include "api/lua_framing.h"

#include "lua/lua_text.h"

/* In the registry: function -> its place there. The functions stay until they are forgotten. */
#define LENGTHS "moonport.framing.lengths"

/* The place of the function on the top of the stack. */
static int place_of(lua_State *L)
{
    lua_getfield(L, LUA_REGISTRYINDEX, LENGTHS);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_newtable(L);
        lua_pushvalue(L, -1);
        lua_setfield(L, LUA_REGISTRYINDEX, LENGTHS);
    }
    lua_pushvalue(L, -2);
    lua_rawget(L, -2);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_pushvalue(L, -2);
        lua_pushvalue(L, -1);
        lua_pushinteger(L, luaL_ref(L, LUA_REGISTRYINDEX));
        lua_pushvalue(L, -1);
        lua_insert(L, -3);
        lua_rawset(L, -4);
    }
    int place = (int)lua_tointeger(L, -1);
    lua_pop(L, 2);
    return place;
}

void lua_framing_forget(lua_State *L, int measure)
{
    lua_getfield(L, LUA_REGISTRYINDEX, LENGTHS);
    lua_rawgeti(L, LUA_REGISTRYINDEX, measure);
    lua_pushnil(L);
    lua_rawset(L, -3);
    lua_pop(L, 1);
    luaL_unref(L, LUA_REGISTRYINDEX, measure);
}

static enum framing_fault refuse(struct error *error, const char *what)
{
    error_set(error, ERROR_INPUT, "framing: %s", what);
    return FRAMING_UNKNOWN;
}

/* Beside header and length, only max. */
static enum framing_fault read_fields(lua_State *L, int index, lua_Number *header, lua_Number *max,
                                      struct error *error)
{
    lua_pushnil(L);
    for (; lua_next(L, index) != 0; lua_pop(L, 1)) {
        lua_Number *number = lua_text_is(L, -2, "header") ? header
                             : lua_text_is(L, -2, "max")  ? max
                                                          : NULL;
        if (lua_text_is(L, -2, "length")) continue;
        if (number == NULL)
            return refuse(error, "with a function `length` there are header, length and max");
        if (lua_type(L, -1) != LUA_TNUMBER)
            return refuse(error, "header and max are numbers of bytes");
        *number = lua_tonumber(L, -1);
    }
    return FRAMING_FINE;
}

enum framing_fault lua_framing_read_scripted(lua_State *L, int index, struct frame *frame,
                                             bool *found, struct error *error)
{
    lua_Number header = 0, max = 0;
    *found = false;
    if (!lua_istable(L, index)) return FRAMING_FINE;
    lua_getfield(L, index, "length");
    *found = lua_isfunction(L, -1);
    if (!*found) {
        lua_pop(L, 1);
        return FRAMING_FINE;
    }
    enum framing_fault fault = read_fields(L, index, &header, &max, error);
    if (fault != FRAMING_FINE) return fault;
    if (header < 1 || header > FRAME_SCRIPTED_HEADER_MAX || header != (lua_Number)(int)header)
        return refuse(error, "header is the number of bytes that `length` needs, 1 to 256");
    if (max < 0 || max != (lua_Number)(int64_t)max)
        return refuse(error, "max is a number of bytes");
    frame_set_scripted(frame, (uint32_t)header, place_of(L));
    if (max > 0) {
        frame->max = (uint64_t)max;
        frame->given = 1u << FRAME_MAX;
    }
    lua_pop(L, 1);
    return FRAMING_FINE;
}
