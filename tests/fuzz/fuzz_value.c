/* Values on their way to another worker's Lua state. The input says which value, a byte for its kind
 * and then what that kind takes; see push.
 */
#include "lua/value.h"

#include "fuzz_input.h"

enum { TABLES_MAX = VALUE_DEPTH_MAX + 2 };

/* Pushes the value that the input describes. Past the depth that can be posted there are no tables
 * of tables, so that C's stack has an end. */
static void push(lua_State *L, struct span *input, int depth)
{
    luaL_checkstack(L, LUA_MINSTACK, "a deep value");
    uint8_t byte = fuzz_byte(input), kind = byte & 7, size = byte >> 3;
    int64_t bits;
    double number;
    struct span text;
    switch (kind) {
    case 0: lua_pushnil(L); break;
    case 1: lua_pushboolean(L, size & 1); break;
    case 2: lua_pushinteger(L, size); break;
    case 3: lua_pushinteger(L, (lua_Integer)fuzz_number(input, 8)); break;
    case 4:
        bits = (int64_t)fuzz_number(input, 8);
        memcpy(&number, &bits, sizeof number);
        lua_pushnumber(L, number);
        break;
    case 5:
        text = fuzz_bytes(input, size);
        lua_pushlstring(L, (const char *)text.data, text.size);
        break;
    case 6:
        lua_newtable(L);
        for (int i = 0; i < size && depth < TABLES_MAX && input->size != 0; i++) {
            push(L, input, depth + 1);
            push(L, input, depth + 1);
            bool no_key = lua_isnil(L, -2) || lua_tonumber(L, -2) != lua_tonumber(L, -2);
            if (no_key)
                lua_pop(L, 2);
            else
                lua_rawset(L, -3);
        }
        break;
    default: lua_pushlightuserdata(L, L); /* cannot be posted */
    }
}

/* Numbers by their bits: there are numbers that do not equal themselves. */
static void check_same(lua_State *L, int one, int other)
{
    check(lua_type(L, one) == lua_type(L, other));
    if (lua_type(L, one) == LUA_TNUMBER) {
        check(lua_isinteger(L, one) == lua_isinteger(L, other));
        lua_Number a = lua_tonumber(L, one), b = lua_tonumber(L, other);
        check(memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b));
        if (a != a || !lua_isinteger(L, one)) return;
    }
    if (lua_type(L, one) != LUA_TTABLE) {
        check(lua_rawequal(L, one, other));
        return;
    }
    luaL_checkstack(L, LUA_MINSTACK, "a deep value");
    int top = lua_gettop(L);
    for (int turn = 0; turn < 2; turn++) { /* whatever is in one is in the other */
        int from = turn == 0 ? one : other, to = turn == 0 ? other : one;
        lua_pushnil(L);
        while (lua_next(L, from) != 0) {
            lua_pushvalue(L, -2);
            lua_rawget(L, to);
            if (turn == 0)
                check_same(L, top + 2, top + 3);
            else
                check(!lua_isnil(L, -1));
            lua_settop(L, top + 1);
        }
    }
}

static int try(lua_State *L)
{
    struct span *input = lua_touserdata(L, 1);
    uint64_t stamp = fuzz_number(input, 8);
    int first = lua_gettop(L) + 1, count = (int)fuzz_number(input, 1) % 4;
    for (int i = 0; i < count; i++) push(L, input, 0);
    struct value_list values = {.first = first, .last = first + count - 1, .verb = "post"};
    struct span bytes;
    if (value_encode(L, values, stamp, &bytes) != NULL) return 0; /* too much */
    bytes = fuzz_copy(bytes);
    check(value_stamp(bytes) == stamp);
    int top = lua_gettop(L);
    check(value_decode(L, bytes) == count);
    free(bytes.data);
    for (int i = 0; i < count; i++) check_same(L, first + i, top + 1 + i);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    lua_State *L = luaL_newstate(); /* not kept: that would look like a leak, and be slow */
    check(L != NULL);
    if (compat_protected(L, try, &input) != LUA_OK) {
        static const char begin[] = "cannot post ";
        const char *message = lua_tostring(L, -1);
        check(message != NULL);
        check(strncmp(message, begin, strlen(begin)) == 0);
    }
    lua_close(L);
    return 0;
}
