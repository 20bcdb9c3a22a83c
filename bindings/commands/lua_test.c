#include "commands/lua_test.h"

#include "api/lua_api.h"
#include "base/settings.h"
#include "commands/test_equal.h"
#include "server.h"

#include <string.h>

static struct testing *testing_of(lua_State *L)
{
    return lua_touserdata(L, lua_upvalueindex(1));
}

/* ---- asking ---- */

static int ask(lua_State *L, enum test_act act)
{
    struct testing *testing = testing_of(L);
    if (!testing->in_test)
        return luaL_error(L, "call this inside of a test: test(\"name\", function() ... end)");
    if (L != testing->L)
        return luaL_error(L, "call this from the test itself, not from a handler, a timer or a "
                             "coroutine of its own");
    if (!lua_isyieldable(L))
        return luaL_error(L, "call this from the test itself: a C function (table.sort, "
                             "string.gsub, ...) or a metamethod is in between");
    testing->act = act;
    return lua_yield(L, lua_gettop(L));
}

static struct test_client *check_client(lua_State *L)
{
    struct testing *testing = testing_of(L);
    int number = 0;
    if (lua_istable(L, 1)) {
        lua_rawgeti(L, 1, 1);
        number = lua_isnumber(L, -1) ? (int)lua_tointeger(L, -1) : 0;
        lua_pop(L, 1);
    }
    luaL_argcheck(L, number >= 1 && number <= testing->client_count, 1,
                  "expected a connection that test.connect has made; call it like conn:close()");
    return &testing->clients[number - 1];
}

/* The client can send only if it has not closed the connection itself. */
static const struct test_client *check_sends(lua_State *L)
{
    const struct test_client *client = check_client(L);
    luaL_checkstring(L, 2);
    if (client->finished) luaL_error(L, "this client has closed its connection before");
    return client;
}

static void check_options(lua_State *L)
{
    static const char *const names[] = {"ip",      "port",      "listener", "path",
                                        "headers", "protocols", "origin"};
    enum { NAMES = sizeof names / sizeof *names };
    lua_pushnil(L);
    for (; lua_next(L, 1) != 0; lua_pop(L, 1)) {
        struct lua_text room;
        bool named = lua_type(L, -2) == LUA_TSTRING;
        const char *name = named ? lua_text_plain(L, -2, &room) : "[a number]";
        bool known = false;
        for (int i = 0; i < NAMES; i++) known = known || strcmp(name, names[i]) == 0;
        if (known) continue;
        const char *meant = settings_nearest(name, names, NAMES);
        luaL_error(L, "test.connect knows no %s: %s%s%s", name,
                   meant == NULL ? "there are ip, port, listener, path, headers, protocols and "
                                   "origin"
                                 : "did you mean ",
                   meant == NULL ? "" : meant, meant == NULL ? "" : "?");
    }
}

/* Pushes one of the options, which is a string or nil. */
static void push_option(lua_State *L, const char *name)
{
    lua_getfield(L, 1, name);
    if (!lua_isnil(L, -1) && !lua_isstring(L, -1))
        luaL_error(L, "test.connect: %s: expected a string", name);
}

/* { "a", "b" } as "a, b"; a string as it is. */
static void push_protocols(lua_State *L)
{
    lua_getfield(L, 1, "protocols");
    if (!lua_istable(L, -1)) {
        lua_pop(L, 1);
        push_option(L, "protocols");
        return;
    }
    lua_pushliteral(L, "");
    int count = (int)lua_rawlen(L, -2);
    for (int i = 1; i <= count; i++) {
        if (i > 1) lua_pushliteral(L, ", ");
        lua_rawgeti(L, i > 1 ? -3 : -2, i);
        if (!lua_isstring(L, -1)) luaL_error(L, "test.connect: protocols: expected strings");
        lua_concat(L, i > 1 ? 3 : 2);
    }
    lua_remove(L, -2);
}

/* { Cookie = "a=1" } as lines. */
static void push_headers(lua_State *L)
{
    lua_getfield(L, 1, "headers");
    if (lua_isnil(L, -1)) return;
    if (!lua_istable(L, -1)) luaL_error(L, "test.connect: headers: expected a table");
    lua_pushliteral(L, "");
    lua_pushnil(L);
    while (lua_next(L, -3) != 0) { /* table, lines, name, value */
        if (lua_type(L, -2) != LUA_TSTRING || !lua_isstring(L, -1))
            luaL_error(L, "test.connect: headers: expected names and strings");
        lua_pushfstring(L, "%s%s: %s\r\n", lua_tostring(L, -3), lua_tostring(L, -2),
                        lua_tostring(L, -1));
        lua_replace(L, -4);
        lua_pop(L, 1);
    }
    lua_remove(L, -2);
}

/* test.connect([{ ip =, port =, listener =, path =, origin =, protocols =, headers = }]) -> conn */
static int test_connect(lua_State *L)
{
    struct testing *testing = testing_of(L);
    lua_settop(L, 1);
    if (lua_isnil(L, 1)) {
        lua_newtable(L);
        lua_replace(L, 1);
    }
    luaL_checktype(L, 1, LUA_TTABLE);
    check_options(L);
    lua_getfield(L, 1, "ip");
    lua_getfield(L, 1, "port");
    lua_getfield(L, 1, "listener");
    luaL_argcheck(L, lua_isnil(L, 2) || lua_isstring(L, 2), 1, "ip: expected a string");
    luaL_argcheck(L, lua_isnil(L, 3) || lua_isnumber(L, 3), 1, "port: expected a number");
    luaL_argcheck(L, lua_isnil(L, 4) || lua_isnumber(L, 4), 1,
                  "listener: expected its number in `listen`");
    push_option(L, "path");
    push_option(L, "origin");
    push_protocols(L);
    push_headers(L);
    if (testing->client_count == TEST_CLIENTS_MAX)
        return luaL_error(L, "more than %d connections in one test", TEST_CLIENTS_MAX);
    return ask(L, ACT_CONNECT);
}

/* conn:receive(packet [, kind]): the client sends the packet, and the server does all that follows */
static int client_receive(lua_State *L)
{
    bool is_open = check_sends(L)->end.is_open;
    lua_settop(L, 3);
    if (!is_open) return luaL_error(L, "the server has not let this client in");
    enum packet_kind kind = lua_conn_check_kind(L, 3);
    lua_pushinteger(L, kind);
    lua_replace(L, 3);
    return ask(L, ACT_RECEIVE);
}

/* conn:receive_bytes(bytes): the same with bytes as they are on the wire */
static int client_receive_bytes(lua_State *L)
{
    check_sends(L);
    lua_settop(L, 2);
    return ask(L, ACT_BYTES);
}

/* conn:close([code [, reason]]): the client will send no more */
static int client_close(lua_State *L)
{
    const struct test_client *client = check_client(L);
    lua_settop(L, 3);
    lua_Integer code = luaL_optinteger(L, 2, WS_NO_CODE);
    luaL_optstring(L, 3, "");
    bool has_code = !lua_isnil(L, 2);
    luaL_argcheck(
        L, !has_code || (code >= 1000 && code <= 4999 && ws_code_is_sendable((uint16_t)code)), 2,
        "expected a code that a close frame may have, such as 1000");
    luaL_argcheck(L, !has_code || client_end_is_websocket(&client->end), 2,
                  "only a WebSocket closes with a code");
    lua_pushinteger(L, code);
    lua_replace(L, 2);
    return ask(L, ACT_FINISH);
}

/* conn:reset(): the client resets the connection */
static int client_reset(lua_State *L)
{
    check_client(L);
    return ask(L, ACT_RESET);
}

/* conn:deaf(true): the client stops reading; false: it reads again */
static int client_deaf(lua_State *L)
{
    check_client(L);
    luaL_checktype(L, 2, LUA_TBOOLEAN);
    return ask(L, ACT_DEAF);
}

/* test.advance(seconds): time passes, and what is due in it happens */
static int test_advance(lua_State *L)
{
    uint64_t duration_ns;
    if (!state_read_seconds(L, 1, &duration_ns)) {
        state_refuse_seconds(L, 1);
        return luaL_argerror(L, 1, lua_tostring(L, -1));
    }
    return ask(L, ACT_ADVANCE);
}

/* conn:take() -> the packets in conn.sent and their kinds, and empties both */
static int client_take(lua_State *L)
{
    if (client_end_is_websocket(&check_client(L)->end)) {
        lua_newtable(L);
        lua_setfield(L, 1, "kinds");
    }
    lua_getfield(L, 1, "sent");
    lua_newtable(L);
    lua_setfield(L, 1, "sent");
    return 1;
}

/* test.workers(count): each test of this file has a server with that many workers */
static int test_workers(lua_State *L)
{
    struct testing *testing = testing_of(L);
    lua_Number count = luaL_checknumber(L, 1);
    luaL_argcheck(L, count >= 1 && count <= TEST_WORKERS_MAX && count == (lua_Number)(int)count, 1,
                  "expected a number of workers from 1 to 16");
    if (testing->in_test) return luaL_error(L, "call test.workers outside of tests, in the file");
    testing->workers = (uint32_t)count;
    return 0;
}

/* test.job("module.function", fn): server.job calls fn instead; in this test or, if called outside of tests, in
 * all */
static int test_job(lua_State *L)
{
    struct testing *testing = testing_of(L);
    const char *name = luaL_checkstring(L, 1);
    luaL_argcheck(L, strchr(name, '.') != NULL, 1, "expected \"module.function\"");
    luaL_argcheck(L, lua_isnil(L, 2) || lua_isfunction(L, 2), 2,
                  "expected a function, or nil for the job itself");
    lua_rawgeti(L, LUA_REGISTRYINDEX, testing->runtime->fakes);
    lua_pushvalue(L, 1);
    lua_pushvalue(L, 2);
    lua_rawset(L, -3);
    return 0;
}

/* test.error() -> the error of the first handler that failed, or nil; after this it does not fail the test */
static int test_error(lua_State *L)
{
    struct testing *testing = testing_of(L);
    if (testing->witness.kind == ERROR_NONE) return 0;
    lua_pushstring(L, testing->witness.text);
    testing->witness.kind = ERROR_NONE;
    return 1;
}

/* test(name, function) */
static int test_add(lua_State *L)
{
    struct testing *testing = testing_of(L);
    lua_remove(L, 1); /* the table */
    struct lua_text room;
    luaL_checkstring(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    if (testing->in_test) return luaL_error(L, "a test inside of a test");
    if (testing->count++ != testing->wanted) return 0;
    snprintf(testing->name, sizeof testing->name, "%s", lua_text_plain(L, 1, &room));
    lua_pushvalue(L, 2);
    testing->function = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

/* ---- tables ---- */

static void add_functions(struct testing *testing, lua_State *L, const luaL_Reg *functions)
{
    for (; functions->name != NULL; functions++) {
        lua_pushlightuserdata(L, testing);
        lua_pushcclosure(L, functions->func, 1);
        lua_setfield(L, -2, functions->name);
    }
}

void lua_test_push(struct testing *testing, lua_State *L)
{
    static const luaL_Reg methods[] = {
        {"receive", client_receive},
        {"receive_bytes", client_receive_bytes},
        {"close", client_close},
        {"reset", client_reset},
        {"deaf", client_deaf},
        {"take", client_take},
        {NULL, NULL},
    };
    static const luaL_Reg functions[] = {
        {"connect", test_connect},
        {"advance", test_advance},
        {"equal", test_equal},
        {"error", test_error},
        {"workers", test_workers},
        {"job", test_job},
        {NULL, NULL},
    };
    luaL_newmetatable(L, TEST_CLIENT_META);
    lua_newtable(L);
    add_functions(testing, L, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    lua_newtable(L);
    add_functions(testing, L, functions);
    lua_newtable(L);
    add_functions(testing, L, (luaL_Reg[]){{"__call", test_add}, {NULL, NULL}});
    lua_setmetatable(L, -2);
}

bool lua_test_update(struct testing *testing, struct error *error)
{
    for (int i = 0; i < testing->client_count; i++)
        if (!test_client_update(&testing->clients[i], error)) return false;
    return true;
}

/* ---- doing ---- */

static bool read_address(lua_State *L, struct address *address, struct error *error)
{
    char text[ADDRESS_TEXT_MAX];
    struct lua_text room;
    const char *ip = lua_isnil(L, 2) ? "127.0.0.1" : lua_text_plain(L, 2, &room);
    int port = lua_isnil(L, 3) ? 50000 : (int)lua_tointeger(L, 3);
    snprintf(text, sizeof text, strchr(ip, ':') == NULL ? "%s:%d" : "[%s]:%d", ip, port);
    return address_parse(text, address, error);
}

static bool connect_client(struct testing *testing, struct error *error)
{
    lua_State *L = testing->L;
    struct address address;
    bool given = !lua_isnil(L, 2) || !lua_isnil(L, 3);
    uint32_t listener = lua_isnil(L, 4) ? 0 : (uint32_t)lua_tointeger(L, 4) - 1;
    struct websocket_asking asking = {
        .target = lua_tostring(L, 5),
        .origin = lua_tostring(L, 6),
        .protocols = lua_tostring(L, 7),
        .headers = lua_tostring(L, 8),
    };
    if (given && !read_address(L, &address, error)) return false;
    struct test_client *client = &testing->clients[testing->client_count];
    *client = (struct test_client){.runtime = testing->runtime};
    testing->client_count++;
    bool fine = test_client_open(client, testing->client_count, testing->offline, listener,
                                 given ? &address : NULL, &asking, error);
    if (fine) return true;
    test_client_close(client);
    testing->client_count--;
    return false;
}

static struct span string_at(lua_State *L, int index)
{
    size_t size = 0;
    const char *data = lua_tolstring(L, index, &size);
    return span_of(data, size);
}

static struct test_client *client_at(struct testing *testing)
{
    lua_rawgeti(testing->L, 1, 1);
    int number = (int)lua_tointeger(testing->L, -1);
    lua_pop(testing->L, 1);
    return &testing->clients[number - 1];
}

static bool act(struct testing *testing, struct error *error)
{
    lua_State *L = testing->L;
    if (testing->act == ACT_CONNECT) return connect_client(testing, error);
    if (testing->act == ACT_ADVANCE)
        return offline_advance(testing->offline, (uint64_t)(lua_tonumber(L, 1) * 1e9));
    struct test_client *client = client_at(testing);
    switch (testing->act) {
    case ACT_RECEIVE:
        return test_client_send(client, string_at(L, 2), (enum packet_kind)lua_tointeger(L, 3),
                                error);
    case ACT_BYTES:
        return offline_send(client->peer, string_at(L, 2)) ||
               error_set(error, ERROR_SYSTEM, "conn:receive_bytes: no memory");
    case ACT_FINISH:
        return test_client_finish(client, (uint16_t)lua_tointeger(L, 2), string_at(L, 3), error);
    case ACT_RESET:
        client->finished = true;
        offline_reset(client->peer);
        return true;
    case ACT_DEAF: offline_set_deaf(client->peer, lua_toboolean(L, 2)); return true;
    default: check(false);
    }
}

void lua_test_place(struct testing *testing, struct error *error)
{
    const struct error inner = *error;
    lua_Debug at;
    if (lua_getstack(testing->L, 1, &at) != 0 && lua_getinfo(testing->L, "Sl", &at) != 0 &&
        at.currentline > 0)
        error_set(error, inner.kind, "%s:%d: %.1900s", at.short_src, at.currentline, inner.text);
}

int lua_test_act(struct testing *testing, struct error *error)
{
    lua_State *L = testing->L;
    bool connects = testing->act == ACT_CONNECT;
    *error = (struct error){.kind = ERROR_NONE};
    bool fine = act(testing, error) && offline_run(testing->offline);
    testing->act = ACT_NONE;
    if (!fine && error->kind == ERROR_NONE)
        error_set(error, ERROR_INPUT,
                  "the server never comes to rest: something always leads to something else");
    if (!fine || !lua_test_update(testing, error)) {
        lua_test_place(testing, error);
        return -1;
    }
    lua_settop(L, 0);
    if (!connects) return 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, testing->clients[testing->client_count - 1].table);
    return 1;
}
