/* server.post: sends values from one worker's Lua to another's.
 *
 * Each message begins with the generation that posted it. If the receiving worker has that generation prepared,
 * it switches to it before it reads the message, so that no code gets messages of a later generation. */
#include "api/lua_api.h"
#include "run/code.h"

#include "lua/value.h"

/* Reads a worker's number, or "all". False: there is no worker of that number. */
static bool read_worker(lua_State *L, int index, uint32_t *worker)
{
    uint32_t count = worker_count(runtime_of(L)->worker);
    *worker = WORKER_ALL;
    if (lua_text_is(L, index, "all")) return true;
    if (lua_type(L, index) != LUA_TNUMBER)
        luaL_argerror(L, index,
                      lua_pushfstring(L, "expected a worker, 1 to %d, or \"all\"", (int)count));
    lua_Number number = lua_tonumber(L, index);
    if (!(number >= 1 && number <= count && number == (lua_Number)(uint32_t)number)) return false;
    *worker = (uint32_t)number - 1;
    return true;
}

/* server.post(worker, value): on_message(value, from) runs in that worker */
static int server_post(lua_State *L)
{
    struct runtime *runtime = runtime_of(L);
    struct span bytes;
    uint32_t target;
    bool known = read_worker(L, 1, &target);
    luaL_checkany(L, 2);
    const char *code = value_encode(L, (struct value_list){.first = 2, .last = 2, .verb = "post"},
                                    code_generation(runtime), &bytes);
    if (code != NULL) return value_refuse(L, code);
    if (!known) return state_refuse(L, "closed");
    enum send_result result = worker_post(runtime->worker, target, bytes);
    if (result != SEND_OK) return state_refuse(L, send_result_text(result));
    lua_pushboolean(L, 1);
    return 1;
}

struct delivery {
    lua_State *to;
    struct span bytes;
};

static int deliver(lua_State *L)
{
    const struct delivery *delivery = lua_touserdata(L, 1);
    value_decode(L, delivery->bytes);
    lua_xmove(L, delivery->to, 1);
    return 0;
}

uint64_t lua_message_generation(struct span bytes)
{
    return value_stamp(bytes);
}

bool lua_message_push(struct runtime *runtime, lua_State *to, struct span bytes)
{
    struct delivery delivery = {.to = to, .bytes = bytes};
    return compat_protected(runtime->state.L, deliver, &delivery) == LUA_OK;
}

void lua_message_open(struct runtime *runtime)
{
    static const luaL_Reg functions[] = {{"post", server_post}, {NULL, NULL}};
    state_register(&runtime->state, runtime->state.L, functions);
}
