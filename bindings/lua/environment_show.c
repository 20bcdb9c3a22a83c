/* Exchanges what a Lua state has only once when another generation is shown. */
#include "lua/environment.h"

#include <assert.h>

/* The order is that of RECORD_FIELDS. */
static const char *const registry_fields[] = {"_LOADED", "_PRELOAD", "_IO_input", "_IO_output"};
enum { FIELDS = sizeof registry_fields / sizeof *registry_fields, METATABLES = 7 };
static_assert(RECORD_FIELDS == RECORD_METATABLES + METATABLES, "one for each type of plain values");
static_assert(RECORD_END == RECORD_FIELDS + FIELDS, "one for each field");

static int nothing(lua_State *L)
{
    (void)L;
    return 0;
}

/* Pushes a value of the type that has this metatable. */
static void push_example(lua_State *L, int metatable)
{
    switch (metatable) {
    case 0: lua_pushnil(L); break;
    case 1: lua_pushboolean(L, 0); break;
    case 2: lua_pushnumber(L, 0); break;
    case 3: lua_pushliteral(L, ""); break;
    case 4: lua_pushcfunction(L, nothing); break;
    case 5: lua_pushlightuserdata(L, NULL); break;
    default: lua_pushthread(L);
    }
}

/* It is being loaded, or is loaded and not in force yet: perhaps it will never be. */
static bool is_ahead(const struct state *state, const struct environment *environment)
{
    return state->live != NULL && environment->serial > state->live->serial;
}

/* A value assigned to server.state is for all generations, but if the code that assigned it may still be refused,
 * for its own generation only. */
static void take_out_state(lua_State *L, const struct state *state, int record, bool ahead)
{
    lua_rawgeti(L, record, RECORD_SERVER);
    environment_push_raw(L, -1, "state");
    lua_pushnil(L);
    environment_push_closet(L, state, CLOSET_STATE);
    if (ahead && lua_rawequal(L, -1, -3) == 0) {
        lua_createtable(L, 1, 0);
        lua_pushvalue(L, -4);
        lua_rawseti(L, -2, 1);
        lua_replace(L, -3);
    }
    lua_pop(L, 1);
    lua_rawseti(L, record, RECORD_STATE);
    if (ahead)
        lua_pop(L, 1);
    else
        environment_put_closet(L, state, CLOSET_STATE);
    lua_pop(L, 1);
}

/* Once the code of this generation is in force, take_out_state gives what its main.lua has assigned to all
 * others. */
static void push_state(lua_State *L, const struct state *state, int record)
{
    environment_push_closet(L, state, CLOSET_STATE);
    lua_rawgeti(L, record, RECORD_STATE);
    if (lua_istable(L, -1)) {
        lua_rawgeti(L, -1, 1);
        lua_replace(L, -3);
    }
    lua_pop(L, 1);
}

static void take_out(lua_State *L, const struct state *state, int record, bool ahead)
{
    lua_pushboolean(L, lua_gc(L, LUA_GCISRUNNING, 0));
    lua_rawseti(L, record, RECORD_COLLECTS);
    lua_pushboolean(L, state->warning.off);
    lua_rawseti(L, record, RECORD_IS_QUIET);
    for (int i = 0; i < METATABLES; i++) {
        push_example(L, i);
        if (lua_getmetatable(L, -1) == 0) lua_pushnil(L);
        lua_rawseti(L, record, RECORD_METATABLES + i);
        lua_pop(L, 1);
    }
    for (int i = 0; i < FIELDS; i++) {
        environment_push_raw(L, LUA_REGISTRYINDEX, registry_fields[i]);
        lua_rawseti(L, record, RECORD_FIELDS + i);
    }
    take_out_state(L, state, record, ahead);
}

static void put_in(lua_State *L, struct state *state, int record)
{
    for (int i = 0; i < METATABLES; i++) {
        push_example(L, i);
        lua_rawgeti(L, record, RECORD_METATABLES + i);
        if (lua_getmetatable(L, -2) == 0) lua_pushnil(L);
        bool same =
            lua_rawequal(L, -1, -2) != 0; /* LuaJIT drops all compiled code at each change */
        lua_pop(L, 1);
        if (same)
            lua_pop(L, 1);
        else
            lua_setmetatable(L, -2);
        lua_pop(L, 1);
    }
    for (int i = 0; i < FIELDS; i++) {
        lua_pushstring(L, registry_fields[i]);
        lua_rawgeti(L, record, RECORD_FIELDS + i);
        lua_rawset(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, state->base);
    lua_pushliteral(L, "package");
    lua_rawgeti(L, record, RECORD_PACKAGE);
    lua_rawset(L, -3);
    lua_rawgeti(L, record, RECORD_SERVER);
    lua_pushliteral(L, "state");
    push_state(L, state, record);
    lua_rawset(L, -3);
    lua_pushliteral(L, "generation");
    lua_pushinteger(L, (lua_Integer)state->told_generation);
    lua_rawset(L, -3);
    lua_rawgeti(L, record, RECORD_IS_QUIET);
    state->warning.off = lua_toboolean(L, -1) != 0;
    lua_rawgeti(L, record, RECORD_COLLECTS);
    if (lua_toboolean(L, -1) != lua_gc(L, LUA_GCISRUNNING, 0))
        lua_gc(L, lua_toboolean(L, -1) ? LUA_GCRESTART : LUA_GCSTOP, 0);
}

struct showing {
    struct state *state;
    struct environment *environment;
};

static int show(lua_State *L)
{
    const struct showing *showing = lua_touserdata(L, 1);
    struct state *state = showing->state;
    luaL_checkstack(L, 16, NULL);
    if (state->shown != NULL) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, state->shown->record);
        take_out(L, state, lua_gettop(L), is_ahead(state, state->shown));
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, showing->environment->record);
    put_in(L, state, lua_gettop(L));
    return 0;
}

void environment_show(struct state *state, uint64_t generation)
{
    struct showing showing = {.state = state};
    for (struct list *node = state->environments.next; node != &state->environments;
         node = node->next) {
        struct environment *environment = container_of(node, struct environment, node);
        if (environment->generation == generation) showing.environment = environment;
    }
    state->shown_generation = generation;
    if (showing.environment == NULL) return;
    if (compat_protected(state->L, show, &showing) != LUA_OK) {
        struct lua_text room;
        log_line(LOG_ERROR, "what generation %llu sees is not all its own: %s",
                 (unsigned long long)generation, lua_text_of_error(state->L, &room));
        lua_pop(state->L, 1);
    }
    state->shown = showing.environment;
}
