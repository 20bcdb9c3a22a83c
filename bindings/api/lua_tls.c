/* conn.tls: what is known of a peer whose connection is encrypted. */
#include "api/lua_conn.h"
#include "stream/filter.h"

/* The table `name` in the one at -1, which is made if it is not there yet, comes on top. */
static void enter(lua_State *L, const char *name)
{
    lua_getfield(L, -1, name);
    if (!lua_isnil(L, -1)) return;
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, name);
}

static void add_item(lua_State *L, const struct filter_fact *fact)
{
    enter(L, fact->name);
    lua_pushstring(L, fact->text);
    lua_rawseti(L, -2, (int)lua_rawlen(L, -2) + 1);
    lua_pop(L, 1);
}

static void set(lua_State *L, const struct filter_fact *fact)
{
    if (fact->kind == FACT_NUMBER)
        lua_pushinteger(L, (lua_Integer)fact->number);
    else if (fact->kind == FACT_FLAG)
        lua_pushboolean(L, fact->number != 0);
    else
        lua_pushstring(L, fact->text);
    lua_setfield(L, -2, fact->name);
}

static void note(void *context, const struct filter_fact *fact)
{
    lua_State *L = context;
    if (fact->text == NULL && fact->kind <= FACT_ITEM) return;
    if (fact->group != NULL) enter(L, fact->group);
    if (fact->kind == FACT_ITEM)
        add_item(L, fact);
    else
        set(L, fact);
    if (fact->group != NULL) lua_pop(L, 1);
}

int lua_tls_push(lua_State *L, const struct link *link)
{
    lua_newtable(L);
    if (link == NULL || !link_tell_filter(link, note, L)) lua_pushnil(L);
    return 1;
}
