/* conn.tls: what is known of a peer whose connection is encrypted. */
#include "api/lua_conn.h"

static void set(void *context, const char *name, const char *value)
{
    lua_State *L = context;
    if (value == NULL) return;
    lua_pushstring(L, value);
    lua_setfield(L, -2, name);
}

int lua_tls_push(lua_State *L, const struct link *link)
{
    lua_newtable(L);
    if (link == NULL || !link_tell_filter(link, set, L)) lua_pushnil(L);
    return 1;
}
