#include "commands/test_equal.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

enum { DEPTH_MAX = 32, DEPTH_SHOWN = 4, TEXT_SIZE = 700 /* two fit into an error */ };

/* ---- comparing ---- */

static bool same(lua_State *L, int one, int other, int depth);

/* Does the table at `other` contain everything in the one at `one`? *count: how many fields `one` has. */
static bool contains(lua_State *L, int one, int other, int depth, size_t *count)
{
    *count = 0;
    lua_pushnil(L);
    while (lua_next(L, one) != 0) {
        lua_pushvalue(L, -2);
        lua_rawget(L, other);
        bool found = same(L, lua_gettop(L) - 1, lua_gettop(L), depth + 1);
        lua_pop(L, 2);
        if (!found) return false;
        ++*count;
    }
    return true;
}

static size_t count_of(lua_State *L, int table)
{
    size_t count = 0;
    lua_pushnil(L);
    for (; lua_next(L, table) != 0; lua_pop(L, 1)) count++;
    return count;
}

static bool same(lua_State *L, int one, int other, int depth)
{
    size_t count;
    if (lua_rawequal(L, one, other)) return true;
    if (!lua_istable(L, one) || !lua_istable(L, other)) return false;
    if (depth == DEPTH_MAX)
        luaL_error(L, "test.equal: tables within each other, more than %d deep", DEPTH_MAX);
    luaL_checkstack(L, LUA_MINSTACK, "to compare tables");
    int top = lua_gettop(L);
    bool equal = contains(L, one, other, depth, &count) && count == count_of(L, other);
    lua_settop(L, top);
    return equal;
}

/* ---- showing ---- */

struct text {
    char bytes[TEXT_SIZE];
    size_t used;
    bool cut;
};

static void put(struct text *text, const char *bytes, size_t size)
{
    static const char mark[] = "...";
    if (text->cut) return;
    if (text->used + size + sizeof mark > sizeof text->bytes) {
        text->cut = true;
        bytes = mark;
        size = sizeof mark - 1;
    }
    memcpy(text->bytes + text->used, bytes, size);
    text->used += size;
}

static void put_text(struct text *text, const char *bytes)
{
    put(text, bytes, strlen(bytes));
}

/* As in Lua source, so that invisible characters are visible. */
static void put_string(struct text *text, const char *bytes, size_t size)
{
    char escaped[8];
    put_text(text, "\"");
    for (size_t i = 0; i < size && !text->cut; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        if (byte == '"' || byte == '\\')
            snprintf(escaped, sizeof escaped, "\\%c", byte);
        else if (byte == '\n' || byte == '\r' || byte == '\t')
            snprintf(escaped, sizeof escaped, "\\%c",
                     byte == '\n'   ? 'n'
                     : byte == '\r' ? 'r'
                                    : 't');
        else if (byte < ' ' || byte == 127)
            snprintf(escaped, sizeof escaped, "\\%03u", byte);
        else
            snprintf(escaped, sizeof escaped, "%c", byte);
        put_text(text, escaped);
    }
    put_text(text, "\"");
}

static bool is_word(const char *bytes, size_t size)
{
    if (size == 0 || isdigit((unsigned char)bytes[0])) return false;
    for (size_t i = 0; i < size; i++)
        if (!isalnum((unsigned char)bytes[i]) && bytes[i] != '_') return false;
    return true;
}

static void put_value(lua_State *L, int index, struct text *text, int depth);

static void put_key(lua_State *L, int index, struct text *text)
{
    size_t size;
    const char *bytes = lua_type(L, index) == LUA_TSTRING ? lua_tolstring(L, index, &size) : NULL;
    if (bytes != NULL && is_word(bytes, size)) {
        put(text, bytes, size);
    } else {
        put_text(text, "[");
        put_value(L, index, text, DEPTH_SHOWN);
        put_text(text, "]");
    }
    put_text(text, " = ");
}

/* The list part first, then the rest. */
static void put_table(lua_State *L, int index, struct text *text, int depth)
{
    int count = (int)lua_rawlen(L, index);
    const char *between = "";
    put_text(text, "{");
    for (int i = 1; i <= count && !text->cut; i++, between = ", ") {
        put_text(text, between);
        lua_rawgeti(L, index, i);
        put_value(L, lua_gettop(L), text, depth + 1);
        lua_pop(L, 1);
    }
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        lua_Number number = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;
        bool listed = number >= 1 && number <= count && number == (lua_Number)(int)number;
        if (!listed && !text->cut) {
            put_text(text, between);
            put_key(L, lua_gettop(L) - 1, text);
            put_value(L, lua_gettop(L), text, depth + 1);
            between = ", ";
        }
        lua_pop(L, 1);
    }
    put_text(text, "}");
}

static bool shows_itself(lua_State *L, int index)
{
    int top = lua_gettop(L);
    luaL_getmetafield(L, index, "__tostring");
    bool found = lua_gettop(L) > top;
    lua_settop(L, top);
    return found;
}

static void put_value(lua_State *L, int index, struct text *text, int depth)
{
    size_t size;
    luaL_checkstack(L, LUA_MINSTACK, "to show a table");
    if (lua_type(L, index) == LUA_TSTRING) {
        const char *bytes = lua_tolstring(L, index, &size);
        put_string(text, bytes, size);
    } else if (lua_istable(L, index) && depth < DEPTH_SHOWN && !shows_itself(L, index)) {
        put_table(L, index, text, depth);
    } else {
        int top = lua_gettop(L);
        const char *bytes = luaL_tolstring(L, index, &size);
        put(text, bytes, size);
        lua_settop(L, top);
    }
}

int test_equal(lua_State *L)
{
    struct text actual = {.used = 0}, expected = {.used = 0};
    luaL_checkany(L, 1);
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    if (same(L, 1, 2, 0)) return 0;
    put_value(L, 1, &actual, 0);
    put_value(L, 2, &expected, 0);
    expected.bytes[expected.used] = actual.bytes[actual.used] = '\0';
    return luaL_error(L, "expected %s, not %s", expected.bytes, actual.bytes);
}
