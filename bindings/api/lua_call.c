/* server.call and server.close: requests to other workers. server.owner: which worker owns a key. */
#include "api/lua_api.h"
#include "link/table.h"
#include "lua/value.h"
#include "run/calls.h"
#include "run/code.h"

#define TIMEOUT_USUAL UINT64_C(5000000000)

/* The worker, or the connection, that a call is for. Connection ids are above all worker numbers. */
struct target {
    uint32_t worker; /* its index */
    uint64_t link_id;
    uint64_t timeout_ns;
    bool known;
};

static void read_number(lua_State *L, int index, struct target *target)
{
    lua_Number number = lua_tonumber(L, index);
    uint32_t count = worker_count(runtime_of(L)->worker);
    bool whole =
        number >= 1 && number < 9007199254740992.0 && number == (lua_Number)(uint64_t)number;
    uint64_t id = whole ? (uint64_t)number : 0;
    target->known = whole;
    if (id <= count) {
        target->worker = (uint32_t)id - 1;
        return;
    }
    target->link_id = id;
    target->worker = table_worker_of(id);
    target->known = whole && id >= TABLE_WORKERS_MAX && target->worker < count;
}

/* False: the timeout, on the top of the stack, is out of range. */
static bool read_target(lua_State *L, struct target *target)
{
    *target = (struct target){.timeout_ns = TIMEOUT_USUAL};
    bool table = lua_istable(L, 1);
    if (table) {
        lua_getfield(L, 1, "timeout");
        bool fine = lua_isnil(L, -1) || state_read_seconds(L, lua_gettop(L), &target->timeout_ns);
        if (!fine) return false;
        lua_pop(L, 1);
        lua_rawgeti(L, 1, 1);
        lua_replace(L, 1);
    }
    if (lua_type(L, 1) != LUA_TNUMBER)
        luaL_argerror(
            L, 1,
            table ? "expected { target, timeout = seconds }, the target a worker's number or "
                    "a connection's id"
                  : "expected a worker's number or a connection's id");
    read_number(L, 1, target);
    return true;
}

/* server.call(target, name, ...): returns the results of on_call.name(...) there */
static int server_call(lua_State *L)
{
    struct runtime *runtime = runtime_of(L);
    struct run *run = run_check_wait(L, "server.call");
    struct target target;
    struct span bytes;
    luaL_checktype(L, 2, LUA_TSTRING);
    if (!read_target(L, &target)) return state_refuse_seconds(L, lua_gettop(L));
    struct value_list values = {.first = 2, .last = lua_gettop(L), .verb = "pass"};
    const char *code = value_encode(L, values, code_generation(runtime), &bytes);
    if (code != NULL) return value_refuse(L, code);
    if (!target.known) return state_refuse(L, "closed");
    if (runtime->calls >= CALLS_MAX) return state_refuse(L, "busy");
    struct call *call = calls_make(run, bytes, target.link_id);
    if (call == NULL) return state_refuse(L, "memory");
    calls_post(call, target.worker);
    return request_wait(&call->request, target.timeout_ns);
}

/* ---- the owner of a key ---- */

/* FNV-1a, then the last steps of MurmurHash3, which mix its bits. */
static uint64_t hash_of(struct span key)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < key.size; i++) hash = (hash ^ key.data[i]) * UINT64_C(0x100000001b3);
    hash = (hash ^ hash >> 33) * UINT64_C(0xff51afd7ed558ccd);
    hash = (hash ^ hash >> 33) * UINT64_C(0xc4ceb9fe1a85ec53);
    return hash ^ hash >> 33;
}

/* Jump consistent hashing (Lamping and Veach, 2014): when a worker is added to n others, one key in n + 1 moves to
 * it, and no other key moves. */
static uint32_t choose(uint64_t hash, uint32_t count)
{
    int64_t chosen = 0, next = 0;
    while (next < count) {
        chosen = next;
        hash = hash * UINT64_C(2862933555777941757) + 1;
        next = (int64_t)((double)(chosen + 1) * (2147483648.0 / (double)((hash >> 33) + 1)));
    }
    return (uint32_t)chosen;
}

/* server.owner(key): returns the number of the worker that owns it; 5 and "5" are the same key */
static int server_owner(lua_State *L)
{
    size_t size;
    char text[32];
    if (lua_type(L, 1) == LUA_TNUMBER) {
        lua_Number number = lua_tonumber(L, 1);
        luaL_argcheck(L, number >= -9e15 && number <= 9e15 && number == (lua_Number)(int64_t)number,
                      1, "expected a string or a whole number");
        size = (size_t)snprintf(text, sizeof text, "%lld", (long long)number);
        lua_pushlstring(L, text, size);
        lua_replace(L, 1);
    }
    const char *key = luaL_checklstring(L, 1, &size);
    uint32_t index = choose(hash_of(span_of(key, size)), worker_count(runtime_of(L)->worker));
    lua_pushinteger(L, (lua_Integer)index + 1);
    return 1;
}

void lua_call_open(struct runtime *runtime)
{
    static const luaL_Reg functions[] = {{"call", server_call},
                                         {"owner", server_owner},
                                         {"close", lua_conn_close_any},
                                         {NULL, NULL}};
    state_register(&runtime->state, runtime->state.L, functions);
}
