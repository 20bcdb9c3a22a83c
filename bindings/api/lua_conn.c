/* What scripts do with a connection: send to it, close it, pause it. lua_conn_object.c has what it looks like.
 *
 * Most calls concern the conn that the running handler is about, which methods recognize at once. They find the
 * link of any other conn by its id, conn[1], so a conn that was kept too long, or tampered with, gives nil,
 * "closed". */
#include "api/lua_conn.h"
#include "api/lua_framing.h"
#include "api/lua_framing_kept.h"
#include "frame/ws_frame.h"
#include "run/run.h"
#include "server.h"

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

/* The usual mistake is a dot in place of the colon. */
void lua_conn_refuse(lua_State *L, int index)
{
    bool dotted = index == 1 && !lua_istable(L, 1);
    lua_pushfstring(L, "expected a conn, got %s%s", luaL_typename(L, index),
                    dotted ? "; a method is called with a colon, conn:send(packet)" : "");
    luaL_argerror(L, index, lua_tostring(L, -1));
}

uint64_t lua_conn_check_id(lua_State *L, int index)
{
    if (!push_id(L, index)) lua_conn_refuse(L, index);
    uint64_t id = read_id(L, -1);
    lua_pop(L, 1);
    return id;
}

static uint64_t check_conn_or_id(lua_State *L, int index)
{
    if (lua_type(L, index) == LUA_TNUMBER) return read_id(L, index);
    if (!lua_istable(L, index)) luaL_argerror(L, index, "expected a conn or an id");
    return lua_conn_check_id(L, index);
}

struct link *lua_conn_find_any(lua_State *L, int index)
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
    return worker_find(runtime->worker, lua_conn_check_id(L, index));
}

static struct span check_packet(lua_State *L, int index)
{
    size_t size;
    const char *data = lua_tolstring(L, index, &size);
    if (data == NULL) luaL_checklstring(L, index, &size); /* raises an error that says what it is */
    return span_of(data, size);
}

enum packet_kind lua_conn_check_kind(lua_State *L, int index)
{
    if (lua_isnoneornil(L, index)) return PACKET_PLAIN;
    if (lua_text_is(L, index, "text")) return PACKET_TEXT;
    if (!lua_text_is(L, index, "binary"))
        luaL_argerror(L, index, "expected \"text\" or \"binary\", the kind of the packet");
    return PACKET_BINARY;
}

/* send(conn_or_id, packet [, kind]) */
static int lua_send(lua_State *L)
{
    uint64_t id = check_conn_or_id(L, 1);
    struct span packet = check_packet(L, 2);
    enum packet_kind kind = lua_conn_check_kind(L, 3);
    return lua_conn_answer(L, worker_send(runtime_of(L)->worker, id, packet, kind));
}

/* server.close(conn_or_id [, reason]): a connection of any worker */
int lua_conn_close_any(lua_State *L)
{
    uint64_t id = check_conn_or_id(L, 1);
    size_t size = 0;
    const char *word = luaL_optlstring(L, 2, "", &size);
    return lua_conn_answer(L, worker_close_link(runtime_of(L)->worker, id, span_of(word, size)));
}

__attribute__((noinline)) static int send_to_any(lua_State *L)
{
    struct link *link = lua_conn_check(L, 1);
    struct span packet = check_packet(L, 2);
    enum packet_kind kind = lua_conn_check_kind(L, 3);
    return lua_conn_answer(L, link == NULL ? SEND_CLOSED : link_send_kind(link, packet, kind));
}

/* conn:send(packet [, kind]), where the framing has kinds. */
int lua_conn_send_kind(lua_State *L)
{
    return send_to_any(L);
}

/* conn:send(packet), where it has none. Most calls send to the conn that the handler is about. */
int lua_conn_send(lua_State *L)
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

struct lua_broadcast lua_conn_check_broadcast(lua_State *L, int index)
{
    struct lua_broadcast options = {.kind = PACKET_PLAIN};
    if (lua_isnoneornil(L, index)) return options;
    luaL_checktype(L, index, LUA_TTABLE);
    lua_pushnil(L);
    for (; lua_next(L, index) != 0; lua_pop(L, 1)) {
        bool is_except = lua_text_is(L, -2, "except");
        if (!is_except && !lua_text_is(L, -2, "kind"))
            luaL_argerror(L, index, "the options are { except = conn, kind = \"text\" }");
        if (is_except && !push_id(L, -1))
            luaL_argerror(L, index, "expected a conn in { except = conn }");
        if (is_except) lua_pop(L, 1);
    }
    lua_getfield(L, index, "except");
    if (!lua_isnil(L, -1)) options.except = lua_conn_check(L, lua_gettop(L));
    lua_getfield(L, index, "kind");
    if (!lua_isnil(L, -1) && !lua_text_is(L, -1, "text") && !lua_text_is(L, -1, "binary"))
        luaL_argerror(L, index, "expected \"text\" or \"binary\" in { kind = }");
    options.kind = lua_conn_check_kind(L, lua_gettop(L));
    return options;
}

/* broadcast(packet [, { except = conn, kind = "text" }]) */
static int lua_broadcast(lua_State *L)
{
    struct worker *worker = runtime_of(L)->worker;
    struct span packet = check_packet(L, 1);
    struct lua_broadcast options = lua_conn_check_broadcast(L, 2);
    size_t count;
    enum send_result result =
        worker_broadcast(worker, packet, options.kind, options.except, &count);
    if (result != SEND_OK) return state_refuse(L, send_result_text(result));
    lua_pushinteger(L, (lua_Integer)count);
    return 1;
}

/* ---- closing ---- */

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

/* conn:close([reason [, code]]) */
static int conn_close(lua_State *L)
{
    lua_Integer code = luaL_optinteger(L, 3, 0);
    bool fine = code == 0 || (code >= 1000 && code <= 4999 && ws_code_is_sendable((uint16_t)code));
    struct link *link = lua_conn_check(L, 1);
    luaL_argcheck(L, fine, 3,
                  "expected a code that WebSocket has for a close: 1000 to 1003, 1007 to 1014, or "
                  "one of your own from 3000 to 4999");
    if (link != NULL) link_set_code(link, (uint16_t)code);
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

/* conn:idle(seconds): 0 means never */
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

void lua_conn_push_send(lua_State *L, const struct frame *frame)
{
    lua_getfield(L, LUA_REGISTRYINDEX, frame_has_sessions(frame) ? CONN_SEND_KIND : CONN_SEND);
}

/* The conn at 1 gets the method for its framing, unless a script has put one of its own there. */
static void set_send(lua_State *L, const struct frame *frame)
{
    lua_pushliteral(L, "send");
    lua_pushvalue(L, -1);
    lua_rawget(L, 1);
    lua_CFunction now = lua_tocfunction(L, -1);
    lua_pop(L, 1);
    if (now == lua_conn_send || now == lua_conn_send_kind) {
        lua_conn_push_send(L, frame);
        lua_rawset(L, 1);
    }
}

/* conn:framing(spec): applies from the next packet on, both ways */
static int conn_framing(lua_State *L)
{
    struct link *link = lua_conn_check(L, 1);
    struct error error = {.kind = ERROR_NONE};
    uint64_t packet_max = server_config(worker_server(runtime_of(L)->worker))->max_packet;
    struct frame frame = frame_default(packet_max);
    const char *code = NULL;
    bool scripted;
    enum framing_fault fault = lua_framing_read_scripted(L, 2, &frame, &scripted, &error);
    if (fault == FRAMING_FINE && !scripted) fault = lua_framing_read(L, 2, &frame, &error);
    if (fault == FRAMING_UNKNOWN) return luaL_argerror(L, 2, error.text);
    if (link == NULL) {
        lua_framing_drop(runtime_of(L), &frame);
        return state_refuse(L, "closed");
    }
    if (fault != FRAMING_FINE || !frame_finish(&frame, &error)) {
        lua_framing_drop(runtime_of(L), &frame);
        state_refuse(L, "badframing");
        lua_pushstring(L, error.text);
        return 3;
    }
    const struct frame *kept = lua_framing_keep(runtime_of(L), &frame, &code);
    if (kept == NULL) return state_refuse(L, code);
    if (!link_set_frame(link, kept)) return state_refuse(L, "memory");
    set_send(L, kept);
    struct run *run = runtime_of(L)->current;
    if (run != NULL && run->link == link) run->has_more = frame_has_sessions(kept);
    lua_pushboolean(L, 1);
    return 1;
}

/* conn:unread(n [, wanted]): the last n bytes of the packet come again, when there are `wanted` in all */
static int conn_unread(lua_State *L)
{
    struct link *link = lua_conn_check(L, 1);
    lua_Integer size = luaL_checkinteger(L, 2), wanted = luaL_optinteger(L, 3, size + 1);
    luaL_argcheck(L, size >= 0, 2, "expected a number of bytes");
    luaL_argcheck(L, wanted > size, 3, "expected more bytes than are given back");
    if (link == NULL) return state_refuse(L, "closed");
    if ((uint64_t)wanted > link_frame(link)->packet_max) return state_refuse(L, "toobig");
    if (!link_unread(link, (size_t)size, (size_t)wanted))
        return luaL_error(L, "conn:unread: only of framing \"raw\", in its on_receive, before that "
                             "has waited, once, and at most all of the packet");
    lua_pushboolean(L, 1);
    return 1;
}

const luaL_Reg lua_conn_methods[] = {
    {"close", conn_close},     {"abort", conn_abort},   {"pending", conn_pending},
    {"pause", conn_pause},     {"resume", conn_resume}, {"idle", conn_idle},
    {"framing", conn_framing}, {"unread", conn_unread}, {NULL, NULL},
};

const luaL_Reg lua_conn_globals[] = {
    {"send", lua_send}, {"broadcast", lua_broadcast}, {NULL, NULL}};
