#include "lua/environment_record.h"

#include <stdlib.h>

#define BOX_META "moonport.source"

static int release_box(lua_State *L)
{
    struct box *box = luaL_checkudata(L, 1, BOX_META);
    if (box->source != NULL) source_drop(box->source);
    free(box->loaded);
    *box = (struct box){.source = NULL};
    return 0;
}

void environment_push_box(lua_State *L, struct source *source, uint64_t serial)
{
    struct box *box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = (struct box){.source = NULL};
    luaL_newmetatable(L, BOX_META);
    lua_pushcfunction(L, release_box); /* each time: memory may have run out before */
    lua_setfield(L, -2, "__gc");
    lua_pushliteral(L, "source");
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
    box->loaded = calloc(source->count, sizeof *box->loaded);
    if (box->loaded == NULL) luaL_error(L, "not enough memory");
    source_hold(source);
    box->source = source;
    box->serial = serial;
}

struct box *environment_box(lua_State *L)
{
    struct box *box = luaL_checkudata(L, -1, BOX_META);
    lua_pop(L, 1);
    return box;
}

bool environment_has_loaded(lua_State *L, const struct environment *environment,
                            const struct source_file *file)
{
    environment_push(L, environment, RECORD_BOX);
    const struct box *box = environment_box(L);
    return box->source != NULL && box->loaded[file - box->source->files];
}

void environment_push_closet(lua_State *L, const struct state *state, enum closet field)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->closet);
    lua_rawgeti(L, -1, (int)field);
    lua_remove(L, -2);
}

void environment_put_closet(lua_State *L, const struct state *state, enum closet field)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->closet);
    lua_insert(L, -2);
    lua_rawseti(L, -2, (int)field);
    lua_pop(L, 1);
}

void environment_push_raw(lua_State *L, int table, const char *name)
{
    table = lua_absindex(L, table);
    lua_pushstring(L, name);
    lua_rawget(L, table);
}

void environment_push(lua_State *L, const struct environment *environment, enum record field)
{
    lua_rawgeti(L, LUA_REGISTRYINDEX, environment->record);
    lua_rawgeti(L, -1, (int)field);
    lua_remove(L, -2);
}

void environment_share_additions(lua_State *L, const struct state *state)
{
    int record = lua_gettop(L);
    lua_rawgeti(L, record, RECORD_GLOBALS);
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->base);
    environment_push_closet(L, state, CLOSET_GLOBALS);
    int own = record + 1, base = record + 2, first = record + 3;
    lua_pushnil(L);
    while (lua_next(L, first) != 0) { /* by name: a library as it was at first */
        int name = first + 1, was = first + 2;
        lua_pushvalue(L, name);
        lua_rawget(L, own);
        lua_pushvalue(L, name);
        lua_rawget(L, base);
        bool all = lua_istable(L, was) && lua_istable(L, was + 1) && lua_istable(L, was + 2);
        bool library = all && !lua_rawequal(L, was, first) && !lua_rawequal(L, was + 1, was + 2);
        if (library) lua_pushnil(L);
        while (library && lua_next(L, was + 2) != 0) {
            int key = was + 3, value = was + 4;
            lua_pushvalue(L, key);
            lua_rawget(L, was);
            lua_pushvalue(L, key);
            lua_rawget(L, was + 1);
            if (lua_isnil(L, -1) && lua_isnil(L, -2)) {
                lua_pushvalue(L, key);
                lua_pushvalue(L, value);
                lua_rawset(L, was + 1);
            }
            lua_settop(L, key);
        }
        lua_settop(L, name);
    }
    lua_settop(L, record);
}
