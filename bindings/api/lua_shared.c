/* server.shared: the dictionary of all workers, as scripts see it. No Lua function is called while the dictionary
 * is locked, or while an error raised by Lua would leak something. Whenever Lua allocates, a finalizer may run
 * and use the dictionary as well, so calls share nothing. */
#include "api/lua_api.h"

#include "api/shared.h"

#include <limits.h>
#include <stdlib.h>

#define SHARED_META "server.shared"
#define BOX_META "server.shared.box"

enum { ROOM_SIZE = 4096 }; /* bytes: strings up to this size need no box */

/* The userdata `server.shared`, one for each worker. */
struct handle {
    struct shared *shared; /* NULL: the state is being closed */
};

static struct handle *check_handle(lua_State *L)
{
    struct handle *handle = luaL_checkudata(L, 1, SHARED_META);
    if (handle->shared == NULL) luaL_error(L, "server.shared is closed");
    return handle;
}

/* Pushes a userdata for bytes on their way from the dictionary to Lua: if Lua raises an error meanwhile, it frees
 * them. */
static struct buffer *push_box(lua_State *L)
{
    struct buffer *box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = (struct buffer){.data = NULL};
    luaL_getmetatable(L, BOX_META);
    lua_setmetatable(L, -2);
    return box;
}

static void free_box(struct buffer *box)
{
    free(box->data);
    *box = (struct buffer){.data = NULL};
}

static int box_gc(lua_State *L)
{
    free_box(luaL_checkudata(L, 1, BOX_META));
    return 0;
}

static uint64_t now_of(lua_State *L)
{
    const struct state *state = state_of(L);
    return state->now_ns(state);
}

/* ---- arguments and answers ---- */

/* The key may be of a size that no key has, because it may come from a peer. */
static struct span check_key(lua_State *L)
{
    size_t size;
    const char *data = luaL_checklstring(L, 2, &size);
    return span_of(data, size);
}

static bool is_key(struct span key)
{
    return key.size >= 1 && key.size <= SHARED_KEY_MAX;
}

static int refuse_key(lua_State *L, struct span key)
{
    state_refuse(L, "badkey");
    lua_pushfstring(L, "expected a key of 1 to %d bytes, got %d", SHARED_KEY_MAX,
                    key.size < INT_MAX ? (int)key.size : INT_MAX);
    return 3;
}

/* *ttl_ns is 0 if no ttl is given. False: it is not a valid one. */
static bool read_ttl(lua_State *L, int index, uint64_t *ttl_ns)
{
    *ttl_ns = 0;
    if (lua_isnoneornil(L, index)) return true;
    return state_read_seconds(L, index, ttl_ns) && *ttl_ns > 0;
}

static int refuse_ttl(lua_State *L, int index)
{
    return state_refuse_number(L, lua_tonumber(L, index),
                               "seconds above 0, at most 1e9, or nil: it never expires");
}

static struct shared_value read_number(lua_State *L, int index)
{
    if (lua_isinteger(L, index))
        return (struct shared_value){.type = SHARED_INTEGER, .integer = lua_tointeger(L, index)};
    return (struct shared_value){.type = SHARED_FLOAT, .number = lua_tonumber(L, index)};
}

static struct shared_value check_number(lua_State *L, int index)
{
    luaL_checktype(L, index, LUA_TNUMBER);
    return read_number(L, index);
}

/* The bytes of a string still belong to Lua. */
static struct shared_value check_value(lua_State *L, int index)
{
    struct shared_value value = {.type = SHARED_STRING};
    switch (lua_type(L, index)) {
    case LUA_TSTRING:
        value.string.data = (uint8_t *)lua_tolstring(L, index, &value.string.size);
        return value;
    case LUA_TNUMBER: return read_number(L, index);
    case LUA_TBOOLEAN:
        return (struct shared_value){.type = SHARED_BOOLEAN,
                                     .boolean = lua_toboolean(L, index) != 0};
    }
    luaL_argcheck(L, !lua_isnoneornil(L, index), index, "expected a string, a number or a boolean");
    luaL_argerror(L, index,
                  lua_pushfstring(L,
                                  "expected a string, a number or a boolean: a %s cannot be "
                                  "shared, it belongs to its worker",
                                  luaL_typename(L, index)));
    return value;
}

static void push_value(lua_State *L, const struct shared_value *value)
{
    switch (value->type) {
    case SHARED_BOOLEAN: lua_pushboolean(L, value->boolean); break;
    case SHARED_INTEGER: lua_pushinteger(L, (lua_Integer)value->integer); break;
    case SHARED_FLOAT: lua_pushnumber(L, value->number); break;
    case SHARED_STRING: lua_pushlstring(L, (const char *)value->string.data, value->string.size);
    }
}

static int answer(lua_State *L, enum shared_result result)
{
    if (result != SHARED_OK) return state_refuse(L, shared_result_text(result));
    lua_pushboolean(L, 1);
    return 1;
}

typedef enum shared_result copy_value(struct shared *shared, struct span key, uint64_t now_ns,
                                      struct shared_value *value, struct span room);

/* OK: the value is on top of the stack. */
static enum shared_result push_copy(lua_State *L, struct shared *shared, struct span key,
                                    copy_value *copy)
{
    uint8_t bytes[ROOM_SIZE];
    struct span room = span_of(bytes, sizeof bytes);
    struct buffer *box = NULL;
    struct shared_value value;
    enum shared_result result;
    while ((result = copy(shared, key, now_of(L), &value, room)) == SHARED_NO_ROOM) {
        if (box == NULL) box = push_box(L);
        if (!buffer_reserve(box, value.string.size)) return SHARED_NO_MEMORY;
        room = span_of(box->data, box->capacity);
    }
    if (result != SHARED_OK) return result;
    push_value(L, &value);
    if (box != NULL) free_box(box);
    return SHARED_OK;
}

/* ---- values ---- */

/* server.shared:get(key): the value, or nil */
static int shared_lua_get(lua_State *L)
{
    struct handle *handle = check_handle(L);
    struct span key = check_key(L);
    if (!is_key(key)) return refuse_key(L, key);
    enum shared_result result = push_copy(L, handle->shared, key, shared_get);
    if (result == SHARED_MISSING)
        lua_pushnil(L);
    else if (result != SHARED_OK)
        return state_refuse(L, shared_result_text(result));
    return 1;
}

static bool drop(lua_State *L, struct handle *handle, struct span key)
{
    return shared_delete(handle->shared, key, now_of(L)) == SHARED_OK;
}

/* server.shared:set(key, value [, ttl]): nil deletes */
static int shared_lua_set(lua_State *L)
{
    struct handle *handle = check_handle(L);
    struct span key = check_key(L);
    uint64_t ttl_ns;
    luaL_checkany(L, 3);
    bool fine = read_ttl(L, 4, &ttl_ns);
    if (!is_key(key)) return refuse_key(L, key);
    if (!fine) return refuse_ttl(L, 4);
    if (lua_isnil(L, 3)) {
        drop(L, handle, key);
        return answer(L, SHARED_OK);
    }
    struct shared_value value = check_value(L, 3);
    return answer(L, shared_set(handle->shared, key, &value, now_of(L), ttl_ns));
}

/* server.shared:add(key, value [, ttl]) */
static int shared_lua_add(lua_State *L)
{
    struct handle *handle = check_handle(L);
    struct span key = check_key(L);
    struct shared_value value = check_value(L, 3);
    uint64_t ttl_ns;
    bool fine = read_ttl(L, 4, &ttl_ns);
    if (!is_key(key)) return refuse_key(L, key);
    if (!fine) return refuse_ttl(L, 4);
    return answer(L, shared_add(handle->shared, key, &value, now_of(L), ttl_ns));
}

/* server.shared:compare_and_set(key, old, new [, ttl]): old nil: the key must not exist; new nil: deletes */
static int shared_lua_compare_and_set(lua_State *L)
{
    struct handle *handle = check_handle(L);
    struct span key = check_key(L);
    struct shared_value old, new;
    uint64_t ttl_ns;
    luaL_checkany(L, 4);
    bool had = !lua_isnil(L, 3), sets = !lua_isnil(L, 4);
    if (had) old = check_value(L, 3);
    if (sets) new = check_value(L, 4);
    bool fine = read_ttl(L, 5, &ttl_ns);
    if (!is_key(key)) return refuse_key(L, key);
    if (!fine) return refuse_ttl(L, 5);
    return answer(L, shared_compare_and_set(handle->shared, key, had ? &old : NULL,
                                            sets ? &new : NULL, now_of(L), ttl_ns));
}

/* server.shared:incr(key [, by [, init [, ttl]]]): the sum. The ttl applies only if the entry is created from
 * init. */
static int shared_lua_incr(lua_State *L)
{
    struct handle *handle = check_handle(L);
    struct span key = check_key(L);
    struct shared_value by, init, sum;
    bool begins = !lua_isnoneornil(L, 4);
    lua_settop(L, 5);
    lua_pushinteger(L, 1); /* read like any Lua number: a float in LuaJIT */
    by = lua_isnil(L, 3) ? read_number(L, 6) : check_number(L, 3);
    if (begins) init = check_number(L, 4);
    uint64_t ttl_ns;
    bool fine = read_ttl(L, 5, &ttl_ns);
    luaL_argcheck(L, lua_isnoneornil(L, 5) || begins, 5, "a ttl is for what begins with init");
    if (!is_key(key)) return refuse_key(L, key);
    if (!fine) return refuse_ttl(L, 5);
    enum shared_result result =
        shared_incr(handle->shared, key, &by, begins ? &init : NULL, now_of(L), ttl_ns, &sum);
    if (result != SHARED_OK) return state_refuse(L, shared_result_text(result));
    push_value(L, &sum);
    return 1;
}

/* server.shared:delete(key): true if it was there */
static int shared_lua_delete(lua_State *L)
{
    struct handle *handle = check_handle(L);
    struct span key = check_key(L);
    if (!is_key(key)) return refuse_key(L, key);
    lua_pushboolean(L, drop(L, handle, key));
    return 1;
}

/* server.shared:expire(key, ttl): nil: never */
static int shared_lua_expire(lua_State *L)
{
    struct handle *handle = check_handle(L);
    struct span key = check_key(L);
    uint64_t ttl_ns;
    luaL_checkany(L, 3);
    bool fine = read_ttl(L, 3, &ttl_ns);
    if (!is_key(key)) return refuse_key(L, key);
    if (!fine) return refuse_ttl(L, 3);
    return answer(L, shared_expire(handle->shared, key, now_of(L), ttl_ns));
}

/* server.shared:ttl(key): seconds, or false: it never expires */
static int shared_lua_ttl(lua_State *L)
{
    struct handle *handle = check_handle(L);
    struct span key = check_key(L);
    uint64_t ttl_ns;
    if (!is_key(key)) return refuse_key(L, key);
    enum shared_result result = shared_ttl(handle->shared, key, now_of(L), &ttl_ns);
    if (result != SHARED_OK) return state_refuse(L, shared_result_text(result));
    if (ttl_ns == 0)
        lua_pushboolean(L, 0);
    else
        lua_pushnumber(L, (lua_Number)ttl_ns / 1e9);
    return 1;
}

/* ---- lists ---- */

/* server.shared:push(key, value): the new length of the list */
static int shared_lua_push(lua_State *L)
{
    struct handle *handle = check_handle(L);
    struct span key = check_key(L);
    struct shared_value value = check_value(L, 3);
    size_t length;
    if (!is_key(key)) return refuse_key(L, key);
    enum shared_result result = shared_push(handle->shared, key, &value, now_of(L), &length);
    if (result != SHARED_OK) return state_refuse(L, shared_result_text(result));
    lua_pushinteger(L, (lua_Integer)length);
    return 1;
}

/* server.shared:pop(key): the value that was pushed first */
static int shared_lua_pop(lua_State *L)
{
    struct handle *handle = check_handle(L);
    struct span key = check_key(L);
    if (!is_key(key)) return refuse_key(L, key);
    enum shared_result result = push_copy(L, handle->shared, key, shared_pop);
    return result == SHARED_OK ? 1 : state_refuse(L, shared_result_text(result));
}

/* server.shared:length(key) */
static int shared_lua_length(lua_State *L)
{
    struct handle *handle = check_handle(L);
    struct span key = check_key(L);
    size_t length;
    if (!is_key(key)) return refuse_key(L, key);
    enum shared_result result = shared_length(handle->shared, key, now_of(L), &length);
    if (result != SHARED_OK) return state_refuse(L, shared_result_text(result));
    lua_pushinteger(L, (lua_Integer)length);
    return 1;
}

/* ---- all of them ---- */

/* The argument `most` may come after a prefix. */
static int place_of_most(lua_State *L, struct span *prefix)
{
    size_t size = 0;
    if (lua_type(L, 2) == LUA_TNUMBER) {
        luaL_argcheck(L, lua_isnoneornil(L, 3), 3, "a prefix goes before the number");
        return 2;
    }
    const char *data = luaL_optlstring(L, 2, "", &size);
    *prefix = span_of(data, size);
    return 3;
}

/* server.shared:keys([prefix] [, most]): a list, in no order */
static int shared_lua_keys(lua_State *L)
{
    struct handle *handle = check_handle(L);
    struct span prefix = span_of("", 0);
    lua_Number most = luaL_optnumber(L, place_of_most(L, &prefix), (lua_Number)INT_MAX);
    if (!(most >= 0)) return state_refuse_number(L, most, "a number from 0 up"); /* NaN, too */
    size_t count, limit = most < (lua_Number)INT_MAX ? (size_t)most : INT_MAX;
    struct buffer *box = push_box(L);
    enum shared_result result = shared_keys(handle->shared, prefix, now_of(L), limit, box, &count);
    if (result != SHARED_OK) return state_refuse(L, shared_result_text(result));
    lua_createtable(L, (int)count, 0);
    for (size_t i = 1; i <= count; i++) {
        struct span key = shared_take_key(box);
        lua_pushlstring(L, (const char *)key.data, key.size);
        lua_rawseti(L, -2, (int)i);
    }
    free_box(box);
    return 1;
}

static int handle_gc(lua_State *L)
{
    struct handle *handle = luaL_checkudata(L, 1, SHARED_META);
    handle->shared = NULL;
    return 0;
}

void lua_shared_open(struct state *state, struct shared *shared)
{
    static const luaL_Reg methods[] = {
        {"get", shared_lua_get},
        {"set", shared_lua_set},
        {"add", shared_lua_add},
        {"compare_and_set", shared_lua_compare_and_set},
        {"incr", shared_lua_incr},
        {"delete", shared_lua_delete},
        {"expire", shared_lua_expire},
        {"ttl", shared_lua_ttl},
        {"push", shared_lua_push},
        {"pop", shared_lua_pop},
        {"length", shared_lua_length},
        {"keys", shared_lua_keys},
        {NULL, NULL},
    };
    lua_State *L = state->L;
    luaL_newmetatable(L, BOX_META);
    lua_pushcfunction(L, box_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    struct handle *handle = lua_newuserdatauv(L, sizeof *handle, 0);
    *handle = (struct handle){.shared = shared};
    luaL_newmetatable(L, SHARED_META);
    lua_newtable(L);
    state_register(state, L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "server.shared");
    lua_setfield(L, -2, "__name");
    lua_pushliteral(L, "server.shared");
    lua_setfield(L, -2, "__metatable");
    lua_pushcfunction(L, handle_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    lua_setfield(L, -2, "shared");
}
