/* conn: one connection as scripts see it. What is used most is its own; what costs memory is made when it is asked
 * for, because most connections are at rest.
 *
 *     conn               { [1] = id, send = }, and data = {} once it was used
 *     its metatable      { __index = conn_index, __newindex =, ... }: one for all conns of a listener
 *     conn_index         methods, and what is told of the peer: from the link, or when that is gone from
 *                        conn[2 ...], where it is left behind
 *
 * Methods know the conn that the running handler is about, as most calls are; they find the link of any other
 * by conn[1], so that a conn that is kept too long, or tampered with, is answered nil, "closed". */
#include "api/lua_api.h"
#include "api/lua_framing.h"
#include "run/run.h"
#include "server.h"

#include <stdlib.h>

/* In the registry: what conns have, a list of the metatables of the listeners. */
#define CONN_SEND "moonport.conn.send"
#define CONN_LISTENERS "moonport.conn.listeners"
#define ID_END 9007199254740992.0 /* 2^53 */

/* ---- sending ---- */

int lua_conn_answer(lua_State *L, enum send_result result)
{
    if (result != SEND_OK) return state_refuse(L, send_result_text(result));
    lua_pushboolean(L, 1);
    return 1;
}

/* A number that is no id finds nothing. */
static uint64_t read_id(lua_State *L, int index)
{
    lua_Number number = lua_tonumber(L, index);
    uint64_t id = number > 0 && number < ID_END ? (uint64_t)number : 0;
    return (lua_Number)id == number ? id : 0;
}

/* Pushes the id of a conn; false, and nothing is pushed, if there is none. */
static bool push_id(lua_State *L, int index)
{
    if (!lua_istable(L, index)) return false;
    lua_rawgeti(L, index, 1);
    if (lua_type(L, -1) == LUA_TNUMBER) return true;
    lua_pop(L, 1);
    return false;
}

/* Most often a dot stands where a colon should. */
static void no_conn(lua_State *L, int index)
{
    bool dotted = index == 1 && !lua_istable(L, 1);
    lua_pushfstring(L, "expected a conn, got %s%s", luaL_typename(L, index),
                    dotted ? "; a method is called with a colon, conn:send(packet)" : "");
    luaL_argerror(L, index, lua_tostring(L, -1));
}

static uint64_t check_conn_id(lua_State *L, int index)
{
    if (!push_id(L, index)) no_conn(L, index);
    uint64_t id = read_id(L, -1);
    lua_pop(L, 1);
    return id;
}

static uint64_t check_conn_or_id(lua_State *L, int index)
{
    if (lua_type(L, index) == LUA_TNUMBER) return read_id(L, index);
    if (!lua_istable(L, index)) luaL_argerror(L, index, "expected a conn or an id");
    return check_conn_id(L, index);
}

/* The link of a conn, also one that is being ended; NULL: it is gone, or this is no conn. */
static struct link *find_any(lua_State *L, int index)
{
    struct runtime *runtime = runtime_of(L);
    const struct run *run = runtime->current;
    if (run != NULL && run->conn != NULL && run->conn == lua_topointer(L, index)) return run->link;
    if (!push_id(L, index)) return NULL;
    uint64_t id = read_id(L, -1);
    lua_pop(L, 1);
    return worker_find_any(runtime->worker, id);
}

struct link *lua_conn_check(lua_State *L, int index)
{
    struct runtime *runtime = runtime_of(L);
    const struct run *run = runtime->current;
    if (run != NULL && run->conn != NULL && run->conn == lua_topointer(L, index))
        return link_is_open(run->link) ? run->link : NULL;
    return worker_find(runtime->worker, check_conn_id(L, index));
}

static struct span check_packet(lua_State *L, int index)
{
    size_t size;
    const char *data = lua_tolstring(L, index, &size);
    if (data == NULL) luaL_checklstring(L, index, &size); /* which says what it is instead */
    return span_of(data, size);
}

/* send(conn_or_id, packet) */
static int lua_send(lua_State *L)
{
    uint64_t id = check_conn_or_id(L, 1);
    struct span packet = check_packet(L, 2);
    return lua_conn_answer(L, worker_send(runtime_of(L)->worker, id, packet));
}

__attribute__((noinline)) static int send_to_any(lua_State *L)
{
    struct link *link = lua_conn_check(L, 1);
    struct span packet = check_packet(L, 2);
    return lua_conn_answer(L, link == NULL ? SEND_CLOSED : link_send(link, packet));
}

/* conn:send(packet). Most send to the conn that their handler is about. */
static int conn_send(lua_State *L)
{
    const struct run *run = runtime_of(L)->current;
    size_t size;
    if (run == NULL || run->conn == NULL || run->conn != lua_topointer(L, 1)) return send_to_any(L);
    const char *data = lua_tolstring(L, 2, &size);
    if (data == NULL) return send_to_any(L);
    enum send_result result = link_send(run->link, span_of(data, size));
    if (result != SEND_OK) return lua_conn_answer(L, result);
    lua_pushboolean(L, 1);
    return 1;
}

const struct link *lua_conn_check_except(lua_State *L, int index)
{
    if (lua_isnoneornil(L, index)) return NULL;
    luaL_checktype(L, index, LUA_TTABLE);
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        if (!lua_text_is(L, -2, "except"))
            luaL_argerror(L, index, "the only option is { except = conn }");
        if (!push_id(L, -1)) luaL_argerror(L, index, "expected a conn in { except = conn }");
        lua_pop(L, 2);
    }
    lua_getfield(L, index, "except");
    return lua_isnil(L, -1) ? NULL : lua_conn_check(L, lua_gettop(L));
}

/* broadcast(packet [, { except = conn }]) */
static int lua_broadcast(lua_State *L)
{
    struct worker *worker = runtime_of(L)->worker;
    struct span packet = check_packet(L, 1);
    const struct link *except = lua_conn_check_except(L, 2);
    size_t count;
    enum send_result result = worker_broadcast(worker, packet, except, &count);
    if (result != SEND_OK) return state_refuse(L, send_result_text(result));
    lua_pushinteger(L, (lua_Integer)count);
    return 1;
}

/* ---- ending ---- */

static int end(lua_State *L, void (*how)(struct link *, const char *))
{
    struct link *link = lua_conn_check(L, 1);
    size_t size = 0;
    const char *word = luaL_optlstring(L, 2, NULL, &size);
    if (link == NULL) return state_refuse(L, "closed");
    if (word != NULL) link_set_word(link, span_of(word, size));
    how(link, NULL);
    lua_pushboolean(L, 1);
    return 1;
}

/* conn:close([reason]) */
static int conn_close(lua_State *L)
{
    return end(L, link_close);
}

/* conn:abort([reason]) */
static int conn_abort(lua_State *L)
{
    return end(L, link_abort);
}

/* ---- the rest ---- */

/* conn:pending() */
static int conn_pending(lua_State *L)
{
    struct link *link = lua_conn_check(L, 1);
    if (link == NULL) return state_refuse(L, "closed");
    lua_pushinteger(L, (lua_Integer)link_pending(link));
    return 1;
}

static int apply(lua_State *L, void (*what)(struct link *))
{
    struct link *link = lua_conn_check(L, 1);
    if (link == NULL) return state_refuse(L, "closed");
    what(link);
    lua_pushboolean(L, 1);
    return 1;
}

/* conn:pause() */
static int conn_pause(lua_State *L)
{
    return apply(L, link_pause);
}

/* conn:resume() */
static int conn_resume(lua_State *L)
{
    return apply(L, link_resume);
}

/* conn:idle(seconds): 0 is never */
static int conn_idle(lua_State *L)
{
    struct link *link = lua_conn_check(L, 1);
    uint64_t limit_ns;
    bool known = state_read_seconds(L, 2, &limit_ns);
    if (link == NULL) return state_refuse(L, "closed");
    if (!known) return state_refuse_seconds(L, 2);
    link_set_idle(link, limit_ns);
    lua_pushboolean(L, 1);
    return 1;
}

/* The runtime's own copy of a framing: made once, kept for good, for connections point at it. NULL, and a
 * code: it cannot be kept. */
static const struct frame *keep_framing(struct runtime *runtime, const struct frame *frame,
                                        const char **code)
{
    for (int i = 0; i < runtime->framing_count; i++)
        if (frame_is_same(runtime->framings[i], frame)) return runtime->framings[i];
    int most = (int)(sizeof runtime->framings / sizeof *runtime->framings);
    struct frame *kept = runtime->framing_count < most ? malloc(sizeof *kept) : NULL;
    *code = runtime->framing_count < most ? "memory" : "full";
    if (kept == NULL) return NULL;
    *kept = *frame;
    return runtime->framings[runtime->framing_count++] = kept;
}

/* conn:framing(spec): from the next packet on, both ways */
static int conn_framing(lua_State *L)
{
    struct link *link = lua_conn_check(L, 1);
    struct error error = {.kind = ERROR_NONE};
    uint64_t packet_max = server_config(worker_server(runtime_of(L)->worker))->max_packet;
    struct frame frame = frame_default(packet_max);
    const char *code = NULL;
    enum framing_fault fault = lua_framing_read(L, 2, &frame, &error);
    if (fault == FRAMING_UNKNOWN) return luaL_argerror(L, 2, error.text);
    if (link == NULL) return state_refuse(L, "closed");
    if (fault != FRAMING_FINE || !frame_finish(&frame, &error)) {
        state_refuse(L, "badframing");
        lua_pushstring(L, error.text);
        return 3;
    }
    const struct frame *kept = keep_framing(runtime_of(L), &frame, &code);
    if (kept == NULL) return state_refuse(L, code);
    link_set_frame(link, kept);
    lua_pushboolean(L, 1);
    return 1;
}

/* ---- what a conn tells of itself ---- */

/* Fields that are no methods: the first stands in conn[1], and the others in the places behind it when the link is
 * gone. */
enum field { FIELD_ID = 1, FIELD_IP, FIELD_PORT, FIELD_CONNECTED_AT, FIELD_DATA };

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

/* Its link is about to go: what scripts may still ask is left with it. */
static void leave_fields(lua_State *L, int conn, const struct link *link)
{
    for (int field = FIELD_IP; field <= FIELD_CONNECTED_AT; field++) {
        push_field(L, link, (enum field)field);
        lua_rawseti(L, conn, field);
    }
    lua_pushboolean(L, link_data(link) != NULL);
    lua_rawseti(L, conn, FIELD_DATA);
}

/* Has it had data? A link remembers: what a script has removed is not made anew. */
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
    lua_rawgeti(L, 1, FIELD_DATA); /* what the link has remembered */
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

/* conn.name, of a name that it does not have itself. Upvalues: the state; methods, and the places of fields. */
static int conn_index(lua_State *L)
{
    if (!lua_istable(L, 1)) no_conn(L, 1);
    lua_settop(L, 2);
    lua_rawget(L, lua_upvalueindex(2));
    if (lua_type(L, 2) != LUA_TNUMBER) return 1;
    int field = (int)lua_tointeger(L, 2);
    struct link *link = find_any(L, 1);
    if (field == FIELD_DATA) return push_data(L, link);
    if (field == FIELD_ID || link == NULL)
        lua_rawgeti(L, 1, field);
    else
        push_field(L, link, (enum field)field);
    return 1;
}

/* conn.name = value, of a name that conn does not have itself */
static int conn_newindex(lua_State *L)
{
    struct lua_text room;
    if (lua_text_is(L, 2, "data")) {
        check_conn_id(L, 1); /* debug.getmetatable gives this function to any script */
        note_data(find_any(L, 1));
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
    uint64_t id = check_conn_id(L, 1);
    snprintf(text, sizeof text, "conn %llu", (unsigned long long)id);
    lua_pushstring(L, text);
    return 1;
}

/* ---- the life of a conn ---- */

struct addition {
    struct runtime *runtime;
    struct link *link;
};

/* What all conns of a listener can be asked. */
static void push_methods(struct runtime *runtime, lua_State *L, uint32_t listener)
{
    static const luaL_Reg methods[] = {
        {"close", conn_close},     {"abort", conn_abort},
        {"pending", conn_pending}, {"pause", conn_pause},
        {"resume", conn_resume},   {"idle", conn_idle},
        {"framing", conn_framing}, {NULL, NULL},
    };
    static const char *const fields[] = {[FIELD_ID] = "id",
                                         [FIELD_IP] = "ip",
                                         [FIELD_PORT] = "port",
                                         [FIELD_CONNECTED_AT] = "connected_at",
                                         [FIELD_DATA] = "data"};
    char text[ADDRESS_TEXT_MAX];
    struct address local;
    lua_createtable(L, 0, 16);
    state_register(&runtime->state, L, methods);
    server_address(worker_server(runtime->worker), listener, &local);
    lua_pushstring(L, address_format(&local, text));
    lua_setfield(L, -2, "listener");
    for (int field = FIELD_ID; field <= FIELD_DATA; field++) {
        lua_pushinteger(L, field);
        lua_setfield(L, -2, fields[field]);
    }
}

/* Of all conns of a listener: made for the first of them. */
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
    lua_getfield(L, LUA_REGISTRYINDEX, CONN_SEND); /* what is called most is found at once */
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

/* Without memory a conn that is kept forgets where its peer was. */
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
    static const luaL_Reg own[] = {{CONN_SEND, conn_send}, {NULL, NULL}};
    static const luaL_Reg globals[] = {
        {"send", lua_send}, {"broadcast", lua_broadcast}, {NULL, NULL}};
    lua_State *L = runtime->state.L;
    runtime->state.guard = conn_newindex;
    lua_pushvalue(L, LUA_REGISTRYINDEX);
    state_register(&runtime->state, L, own);
    lua_newtable(L);
    lua_setfield(L, -2, CONN_LISTENERS);
    lua_pop(L, 1);
    lua_pushglobaltable(L);
    state_register(&runtime->state, L, globals);
    lua_pop(L, 1);
}
