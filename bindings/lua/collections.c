/* Nothing refers to the sentinel, so the end of each cycle calls its finalizer, which counts and sees to it that there
 * is one for the next. */
#include "lua/collections.h"

static const char meta_name[] = "moonport.sentinel";

static int make_sentinel(lua_State *L)
{
    lua_newuserdatauv(L, 0, 0);
    luaL_getmetatable(L, meta_name);
    lua_setmetatable(L, -2);
    return 0;
}

/* The same one comes back: that takes no memory, and what has survived is old, which short cycles do not visit. */
static int count_cycle(lua_State *L)
{
    counter_add(state_of(L)->collections, 1);
    if (lua_getmetatable(L, 1) != 0) lua_setmetatable(L, 1);
    return 0;
}

/* The collection makes it old. Not with LuaJIT: there a finalizer runs only once, and one that took memory for the
 * next sentinel would let a collection fail that was to free some. */
void collections_open(struct state *state)
{
    static const luaL_Reg functions[] = {{"__gc", count_cycle}, {NULL, NULL}};
    lua_State *L = state->L;
    if (!COMPAT_FINALIZES_AGAIN) return;
    luaL_newmetatable(L, meta_name);
    state_register(state, L, functions);
    lua_pop(L, 1);
    make_sentinel(L);
    lua_settop(L, 0);
    lua_gc(L, LUA_GCCOLLECT, 0);
    counter_set(state->collections, 0);
}
