/* conn: one connection as scripts see it. Only what is used most is in it from the start. What costs memory is
 * made on first use, because most connections are idle.
 *
 *     conn               { [1] = id, send = }, and data = {} once it was used
 *     its metatable      { __index = conn_index, __newindex =, ... }: one for all conns of a listener
 *     conn_index         methods, and fields about the peer: read from the link, or when that is gone from
 *                        conn[2 ...], where they were left */
#include "api/lua_conn.h"
#include "server.h"

/* In the registry: a list of the listeners' metatables. */
#define CONN_LISTENERS "moonport.conn.listeners"

/* ---- the fields of a conn ---- */

/* Fields that are not methods: the first is in conn[1]; the others are in the places after it once the link is
 * gone. */
enum field {
    FIELD_ID = 1,
    FIELD_IP,
    FIELD_PORT,
    FIELD_CONNECTED_AT,
    FIELD_DATA,
    FIELD_REQUEST,
    FIELD_TLS
};

static void push_field(lua_State *L, const struct link *link, enum field field)
{
    char text[ADDRESS_TEXT_MAX];
    struct address peer;
    link_peer(link, &peer);
    if (field == FIELD_IP)
        lua_pushstring(L, address_format_host(&peer, text));
    else if (field == FIELD_PORT)
        lua_pushinteger(L, peer.port);
    else
        lua_pushnumber(L, link_connected_at(link));
}

/* The link is about to go: leaves in the conn the fields that scripts may still read. */
static void leave_fields(lua_State *L, int conn, const struct link *link)
{
    for (int field = FIELD_IP; field <= FIELD_CONNECTED_AT; field++) {
        push_field(L, link, (enum field)field);
        lua_rawseti(L, conn, field);
    }
    lua_pushboolean(L, link_data(link) != NULL);
    lua_rawseti(L, conn, FIELD_DATA);
}

/* Has it had conn.data? The link remembers this, so that a table which a script has removed is not made again. */
static bool note_data(struct link *link)
{
    static char had_data;
    if (link == NULL) return false;
    bool had = link_data(link) != NULL;
    link_set_data(link, &had_data);
    return had;
}

static int push_data(lua_State *L, struct link *link)
{
    lua_rawgeti(L, 1, FIELD_DATA); /* what the link remembered, once it is gone */
    if (lua_toboolean(L, -1) || note_data(link)) {
        lua_pushnil(L);
        return 1;
    }
    lua_newtable(L);
    lua_pushliteral(L, "data");
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
    return 1;
}

/* conn.name, for a name that the conn itself does not have. Upvalues: the state; a table of the methods, and of
 * the places of fields. */
static int conn_index(lua_State *L)
{
    if (!lua_istable(L, 1)) lua_conn_refuse(L, 1);
    lua_settop(L, 2);
    lua_rawget(L, lua_upvalueindex(2));
    if (lua_type(L, 2) != LUA_TNUMBER) return 1;
    int field = (int)lua_tointeger(L, 2);
    struct link *link = lua_conn_find_any(L, 1);
    if (field == FIELD_DATA) return push_data(L, link);
    if (field == FIELD_REQUEST) return lua_request_push(L, link);
    if (field == FIELD_TLS) return lua_tls_push(L, link);
    if (field == FIELD_ID || link == NULL)
        lua_rawgeti(L, 1, field);
    else
        push_field(L, link, (enum field)field);
    return 1;
}

/* conn.name = value, for a name that the conn itself does not have */
static int conn_newindex(lua_State *L)
{
    struct lua_text room;
    if (lua_text_is(L, 2, "data")) {
        lua_conn_check_id(L, 1); /* debug.getmetatable gives this function to any script */
        note_data(lua_conn_find_any(L, 1));
        lua_settop(L, 3);
        lua_rawset(L, 1);
        return 0;
    }
    if (lua_type(L, 2) != LUA_TSTRING)
        return luaL_error(L, "a conn cannot be indexed so: values of your own belong in conn.data");
    const char *name = lua_text_plain(L, 2, &room);
    return luaL_error(L,
                      "conn.%s cannot be assigned: values of your own belong in conn.data, as in "
                      "conn.data.%s = value",
                      name, name);
}

static int conn_tostring(lua_State *L)
{
    char text[64];
    uint64_t id = lua_conn_check_id(L, 1);
    snprintf(text, sizeof text, "conn %llu", (unsigned long long)id);
    lua_pushstring(L, text);
    return 1;
}

/* ---- the life of a conn ---- */

struct addition {
    struct runtime *runtime;
    struct link *link;
};

/* Pushes the methods and fields of all conns of a listener. */
static void push_methods(struct runtime *runtime, lua_State *L, uint32_t listener)
{
    static const char *const fields[] = {
        [FIELD_ID] = "id",     [FIELD_IP] = "ip",
        [FIELD_PORT] = "port", [FIELD_CONNECTED_AT] = "connected_at",
        [FIELD_DATA] = "data", [FIELD_REQUEST] = "request",
        [FIELD_TLS] = "tls"};
    char text[ADDRESS_TEXT_MAX];
    struct address local;
    lua_createtable(L, 0, 16);
    state_register(&runtime->state, L, lua_conn_methods);
    state_register(&runtime->state, L, lua_request_methods);
    server_address(worker_server(runtime->worker), listener, &local);
    lua_pushstring(L, address_format(&local, text));
    lua_setfield(L, -2, "listener");
    for (int field = FIELD_ID; field <= FIELD_TLS; field++) {
        lua_pushinteger(L, field);
        lua_setfield(L, -2, fields[field]);
    }
}

/* Pushes the metatable for all conns of a listener; makes it for the first of them. */
static void push_metatable(struct runtime *runtime, lua_State *L, uint32_t listener)
{
    int index = (int)listener + 1;
    lua_getfield(L, LUA_REGISTRYINDEX, CONN_LISTENERS);
    lua_rawgeti(L, -1, index);
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_createtable(L, 0, 4);
        lua_pushliteral(L, "conn");
        lua_setfield(L, -2, "__metatable");
        lua_pushcfunction(L, conn_tostring);
        lua_setfield(L, -2, "__tostring");
        lua_pushlightuserdata(L, &runtime->state);
        lua_pushcclosure(L, conn_newindex, 1);
        lua_setfield(L, -2, "__newindex");
        lua_pushlightuserdata(L, &runtime->state);
        push_methods(runtime, L, listener);
        lua_pushcclosure(L, conn_index, 2);
        lua_setfield(L, -2, "__index");
        lua_pushvalue(L, -1);
        lua_rawseti(L, -3, index);
    }
    lua_remove(L, -2);
}

static int add_conn(lua_State *L)
{
    const struct addition *addition = lua_touserdata(L, 1);
    struct runtime *runtime = addition->runtime;
    struct link *link = addition->link;
    lua_rawgeti(L, LUA_REGISTRYINDEX, runtime->conns);
    lua_createtable(L, 1, 1);
    lua_pushinteger(L, (lua_Integer)link_id(link));
    lua_rawseti(L, -2, 1);
    lua_conn_push_send(L, link_frame(link)); /* called most: found without the metatable */
    lua_setfield(L, -2, "send");
    push_metatable(runtime, L, link_listener(link));
    lua_setmetatable(L, -2);
    lua_rawseti(L, -2, (int)link_slot(link) + 1);
    return 0;
}

static int remove_conn(lua_State *L)
{
    const struct addition *addition = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, addition->runtime->conns);
    lua_rawgeti(L, -1, (int)link_slot(addition->link) + 1);
    if (lua_istable(L, -1)) leave_fields(L, lua_gettop(L), addition->link);
    return 0;
}

bool lua_conn_add(struct runtime *runtime, struct link *link)
{
    struct addition addition = {.runtime = runtime, .link = link};
    return state_protect(&runtime->state, add_conn, &addition);
}

/* If there is no memory, a conn that is kept loses the fields about its peer. */
void lua_conn_remove(struct runtime *runtime, struct link *link)
{
    struct addition addition = {.runtime = runtime, .link = link};
    if (compat_protected(runtime->state.L, remove_conn, &addition) != LUA_OK)
        lua_pop(runtime->state.L, 1);
    lua_pushnil(runtime->state.L);
    lua_rawseti(runtime->state.L, SLOT_CONNS, (int)link_slot(link) + 1);
}

void lua_conn_open(struct runtime *runtime)
{
    static const luaL_Reg own[] = {
        {CONN_SEND, lua_conn_send}, {CONN_SEND_KIND, lua_conn_send_kind}, {NULL, NULL}};
    lua_State *L = runtime->state.L;
    runtime->state.guard = conn_newindex;
    lua_pushvalue(L, LUA_REGISTRYINDEX);
    state_register(&runtime->state, L, own);
    lua_newtable(L);
    lua_setfield(L, -2, CONN_LISTENERS);
    lua_pop(L, 1);
    lua_pushglobaltable(L);
    state_register(&runtime->state, L, lua_conn_globals);
    lua_pop(L, 1);
}
