/* server.channel: queues between handlers of all workers. server.wait, server.signal: wake all handlers that wait. */
#include "api/channels.h"
#include "api/lua_api.h"
#include "lua/value.h"
#include "run/code.h"

#include <string.h>

#define CHANNEL_META "moonport.channel"
enum { SIZE_USUAL = 1000 };

/* The userdata that a script has: only a name and a size; it does not hold the channel. */
struct named {
    size_t size; /* the most values in the queue when it pushes */
    size_t name_size;
    uint8_t name[];
};

static const struct named *check_channel(lua_State *L)
{
    return luaL_checkudata(L, 1, CHANNEL_META);
}

static struct span name_of(const struct named *named)
{
    return span_of(named->name, named->name_size);
}

static struct channels *channels_of(lua_State *L)
{
    return runtime_of(L)->program->channels;
}

/* False: the seconds at the index are out of range, and state_refuse_seconds says so. Without any, *timeout_ns is
 * UINT64_MAX. */
static bool read_timeout(lua_State *L, int index, uint64_t *timeout_ns)
{
    *timeout_ns = UINT64_MAX;
    return lua_isnoneornil(L, index) || state_read_seconds(L, index, timeout_ns);
}

/* The value at the index as an item for the channel of that name (NULL: for a signal); NULL: what the call answers is on the stack, that many in *count. */
static struct channel_item *make_item(lua_State *L, int index, const struct span *name, int *count)
{
    struct runtime *runtime = runtime_of(L);
    struct span bytes;
    struct value_list values = {.first = index, .last = index, .verb = "pass"};
    const char *code = value_encode(L, values, code_generation(runtime), &bytes);
    if (code != NULL) {
        *count = value_refuse(L, code);
        return NULL;
    }
    struct channel_item *item = channel_item_make(runtime->worker, bytes, name);
    if (item == NULL) *count = state_refuse(L, "memory");
    return item;
}

/* server.channel(name [, size]) */
static int server_channel(lua_State *L)
{
    size_t size;
    const char *name = luaL_checklstring(L, 1, &size);
    lua_Number most = luaL_optnumber(L, 2, SIZE_USUAL);
    if (size > CHANNEL_NAME_MAX) return state_refuse(L, "badname");
    if (!(most >= 1 && most <= 1e9)) /* NaN, too */
        return state_refuse_number(L, most, "a number of values from 1 to 1e9");
    struct named *named = lua_newuserdatauv(L, sizeof *named + size, 0);
    named->size = (size_t)most;
    named->name_size = size;
    if (size > 0) memcpy(named->name, name, size);
    luaL_getmetatable(L, CHANNEL_META);
    lua_setmetatable(L, -2);
    return 1;
}

/* Tries again, and waits for room. */
static int push_later(lua_State *L, const struct named *named, uint64_t timeout_ns)
{
    struct run *run = run_check_wait(L, "channel:push");
    int count;
    const struct span name = name_of(named);
    struct channel_item *item = make_item(L, 2, &name, &count);
    if (item == NULL) return count;
    struct channels *channels = channels_of(L);
    struct channel_wait *wait = channels_wait_make(channels, run, CHANNEL_PUSH, name_of(named));
    enum channel_outcome outcome = CHANNEL_REFUSED;
    if (wait != NULL) outcome = channels_push(channels, name_of(named), named->size, item, wait);
    if (outcome == CHANNEL_WAITS) return request_wait(&wait->request, timeout_ns);
    if (wait != NULL) request_drop(&wait->request);
    if (outcome == CHANNEL_REFUSED) {
        channel_item_drop(item);
        return state_refuse(L, "memory");
    }
    lua_pushboolean(L, 1);
    return 1;
}

/* channel:push(value [, timeout]) */
static int channel_push(lua_State *L)
{
    const struct named *named = check_channel(L);
    uint64_t timeout_ns;
    int count;
    luaL_argcheck(L, !lua_isnoneornil(L, 2), 2, "expected a value other than nil");
    if (!read_timeout(L, 3, &timeout_ns)) return state_refuse_seconds(L, 3);
    const struct span name = name_of(named);
    struct channel_item *item = make_item(L, 2, &name, &count);
    if (item == NULL) return count;
    if (channels_push(channels_of(L), name_of(named), named->size, item, NULL) == CHANNEL_DONE) {
        lua_pushboolean(L, 1);
        return 1;
    }
    channel_item_drop(item);
    return timeout_ns == 0 ? state_refuse(L, "full") : push_later(L, named, timeout_ns);
}

static int decode_item(lua_State *L)
{
    return value_decode(L, channel_item_bytes(lua_touserdata(L, 1)));
}

/* Pushes the item's value. If there is no memory for that, it goes back to the channel. */
static int answer_item(lua_State *L, const struct named *named, struct channel_item *item)
{
    int top = lua_gettop(L);
    lua_pushcfunction(L, decode_item);
    lua_pushlightuserdata(L, item);
    if (lua_pcall(L, 1, LUA_MULTRET, 0) != LUA_OK) {
        channels_put_back(channels_of(L), name_of(named), item);
        return lua_error(L);
    }
    channel_item_drop(item);
    return lua_gettop(L) - top;
}

/* channel:try_pop() */
static int channel_try_pop(lua_State *L)
{
    const struct named *named = check_channel(L);
    struct channel_item *item;
    channels_pop(channels_of(L), name_of(named), &item, NULL);
    return item == NULL ? state_refuse(L, "empty") : answer_item(L, named, item);
}

/* channel:pop([timeout]) */
static int channel_pop(lua_State *L)
{
    const struct named *named = check_channel(L);
    struct channels *channels = channels_of(L);
    uint64_t timeout_ns;
    if (!read_timeout(L, 2, &timeout_ns)) return state_refuse_seconds(L, 2);
    struct channel_item *item;
    channels_pop(channels, name_of(named), &item, NULL);
    if (item != NULL) return answer_item(L, named, item);
    if (timeout_ns == 0) return state_refuse(L, "timeout");
    struct run *run = run_check_wait(L, "channel:pop");
    struct channel_wait *wait = channels_wait_make(channels, run, CHANNEL_POP, name_of(named));
    if (wait == NULL) return state_refuse(L, "memory");
    enum channel_outcome outcome = channels_pop(channels, name_of(named), &item, wait);
    if (outcome == CHANNEL_WAITS) return request_wait(&wait->request, timeout_ns);
    request_drop(&wait->request);
    return outcome == CHANNEL_REFUSED ? state_refuse(L, "memory") : answer_item(L, named, item);
}

/* channel:count(): the number of queued values */
static int channel_count(lua_State *L)
{
    const struct named *named = check_channel(L);
    lua_pushinteger(L, (lua_Integer)channels_count(channels_of(L), name_of(named)));
    return 1;
}

static int tostring(lua_State *L)
{
    const struct named *named = check_channel(L);
    lua_pushliteral(L, "channel ");
    lua_pushlstring(L, (const char *)named->name, named->name_size);
    lua_concat(L, 2);
    return 1;
}

/* ---- signals ---- */

static bool read_name(lua_State *L, struct span *name)
{
    size_t size;
    const char *text = luaL_checklstring(L, 1, &size);
    *name = span_of(text, size);
    return size <= CHANNEL_NAME_MAX;
}

/* server.wait(name [, timeout]): returns the signal's value, or true */
static int server_wait(lua_State *L)
{
    struct span name;
    uint64_t timeout_ns;
    struct run *run = run_check_wait(L, "server.wait");
    if (!read_name(L, &name)) return state_refuse(L, "badname");
    if (!read_timeout(L, 2, &timeout_ns)) return state_refuse_seconds(L, 2);
    struct channel_wait *wait = channels_wait_make(channels_of(L), run, CHANNEL_LISTEN, name);
    if (wait == NULL) return state_refuse(L, "memory");
    if (channels_listen(wait)) return request_wait(&wait->request, timeout_ns);
    request_drop(&wait->request);
    return state_refuse(L, "memory");
}

/* server.signal(name [, value]): returns how many runs it woke */
static int server_signal(lua_State *L)
{
    struct span name;
    int count;
    struct channel_item *item = NULL;
    if (!read_name(L, &name)) return state_refuse(L, "badname");
    if (!lua_isnoneornil(L, 2) && (item = make_item(L, 2, NULL, &count)) == NULL) return count;
    size_t woken = channels_signal(channels_of(L), name, item);
    if (item != NULL) channel_item_drop(item);
    lua_pushinteger(L, (lua_Integer)woken);
    return 1;
}

/* ---- all of it ---- */

void lua_channel_open(struct runtime *runtime)
{
    static const luaL_Reg functions[] = {{"channel", server_channel},
                                         {"wait", server_wait},
                                         {"signal", server_signal},
                                         {NULL, NULL}};
    static const luaL_Reg methods[] = {{"push", channel_push},
                                       {"pop", channel_pop},
                                       {"try_pop", channel_try_pop},
                                       {"count", channel_count},
                                       {NULL, NULL}};
    static const luaL_Reg meta[] = {{"__tostring", tostring}, {NULL, NULL}};
    lua_State *L = runtime->state.L;
    state_register(&runtime->state, L, functions);
    luaL_newmetatable(L, CHANNEL_META);
    state_register(&runtime->state, L, meta);
    lua_newtable(L);
    state_register(&runtime->state, L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "channel");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    channels_join(runtime->program->channels);
    runtime->joined = true;
}

void lua_channel_close(struct runtime *runtime)
{
    if (runtime->joined) channels_part(runtime->program->channels);
}
