#include "lua/value.h"

#include "base/check.h"
#include "base/log.h"

#include <stdio.h>

enum { SIZE_FIRST = 256, PATH_SIZE = 200 };

/* A byte that says what follows. */
enum tag {
    TAG_NIL,
    TAG_FALSE,
    TAG_TRUE,
    TAG_INTEGER, /* int64_t */
    TAG_FLOAT,   /* double */
    TAG_STRING,  /* uint32_t, so many bytes */
    TAG_TABLE,   /* uint32_t items of its list; keys and values in turn, until TAG_END */
    TAG_END,
};

/* ---- to bytes ---- */

struct writer {
    lua_State *L;
    const char *verb;
    int number;    /* which of several values is being written; 0: the only one */
    int place;     /* on the stack: the userdata that holds the bytes */
    uint8_t *data; /* its memory */
    size_t size, capacity;
    const char *code;          /* why it cannot be posted although its type can; or NULL */
    char why[PATH_SIZE + 64];  /* the same in words, and where */
    int depth;                 /* tables that are being written */
    int keys[VALUE_DEPTH_MAX]; /* on the stack: the current key of each of them */
};

static bool is_name(struct span text)
{
    const char *name = (const char *)text.data; /* Lua puts a NUL after it */
    size_t size = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return size > 0 && size == text.size && (name[0] < '0' || name[0] > '9');
}

static void write_key(lua_State *L, int index, char *text, size_t size)
{
    char plain[PATH_SIZE];
    struct span key = {.data = NULL};
    lua_pushvalue(L, index); /* lua_tolstring would turn a number into a string */
    key.data = (uint8_t *)lua_tolstring(L, -1, &key.size);
    if (key.data == NULL)
        snprintf(text, size, "[%s]", lua_toboolean(L, -1) ? "true" : "false");
    else if (lua_type(L, index) != LUA_TSTRING)
        snprintf(text, size, "[%s]", (const char *)key.data);
    else
        snprintf(text, size, is_name(key) ? ".%s" : "[\"%s\"]",
                 log_plain(key, plain, sizeof plain));
    lua_pop(L, 1);
}

/* Writes where the value is, as a script would write it. Cuts what is too long. */
static void write_path(const struct writer *writer, char path[PATH_SIZE])
{
    size_t size = 0;
    path[0] = '\0';
    if (writer->number > 0) size = (size_t)snprintf(path, PATH_SIZE, "#%d", writer->number);
    for (int i = 0; i < writer->depth; i++) {
        write_key(writer->L, writer->keys[i], path + size, PATH_SIZE - size);
        size += strlen(path + size);
    }
}

/* Raises "cannot POST WHAT (at WHERE)". */
static void refuse(const struct writer *writer, const char *what)
{
    char path[PATH_SIZE];
    write_path(writer, path);
    if (path[0] == '\0')
        luaL_error(writer->L, "cannot %s %s", writer->verb, what);
    else
        luaL_error(writer->L, "cannot %s %s (at %s)", writer->verb, what, path);
}

/* The writing functions return false if the value is too large or too deep; `code` says which. */

static bool give_up(struct writer *writer, const char *code, const char *what)
{
    char path[PATH_SIZE];
    write_path(writer, path);
    writer->code = code;
    snprintf(writer->why, sizeof writer->why, path[0] == '\0' ? "%s" : "%s (at %s)", what, path);
    return false;
}

static bool give_up_size(struct writer *writer)
{
    return give_up(writer, "toobig", "more than 16 MiB at once");
}

/* Lua collects the smaller userdata. */
static bool grow(struct writer *writer, size_t more)
{
    if (more > VALUE_SIZE_MAX - writer->size) return give_up_size(writer);
    size_t capacity = 2 * writer->capacity;
    if (capacity < writer->size + more) capacity = writer->size + more;
    if (capacity > VALUE_SIZE_MAX) capacity = VALUE_SIZE_MAX;
    uint8_t *data = lua_newuserdatauv(writer->L, capacity, 0);
    memcpy(data, writer->data, writer->size);
    lua_replace(writer->L, writer->place);
    writer->data = data;
    writer->capacity = capacity;
    return true;
}

static bool write_bytes(struct writer *writer, const void *data, size_t size)
{
    if (writer->capacity - writer->size < size && !grow(writer, size)) return false;
    if (size > 0) memcpy(writer->data + writer->size, data, size);
    writer->size += size;
    return true;
}

static bool write_tag(struct writer *writer, enum tag tag)
{
    uint8_t byte = (uint8_t)tag;
    return write_bytes(writer, &byte, 1);
}

static bool write_number(struct writer *writer, int index)
{
    if (lua_isinteger(writer->L, index)) {
        int64_t integer = lua_tointeger(writer->L, index);
        return write_tag(writer, TAG_INTEGER) && write_bytes(writer, &integer, sizeof integer);
    }
    double number = lua_tonumber(writer->L, index);
    return write_tag(writer, TAG_FLOAT) && write_bytes(writer, &number, sizeof number);
}

static bool write_string(struct writer *writer, int index)
{
    size_t size;
    const char *data = lua_tolstring(writer->L, index, &size);
    if (size > VALUE_SIZE_MAX) return give_up_size(writer);
    uint32_t size_written = (uint32_t)size;
    return write_tag(writer, TAG_STRING) &&
           write_bytes(writer, &size_written, sizeof size_written) &&
           write_bytes(writer, data, size);
}

static bool write_value(struct writer *writer, int index);

/* Writes the key at `key` and the value above it. */
static bool write_pair(struct writer *writer, int key)
{
    lua_State *L = writer->L;
    int type = lua_type(L, key);
    if (type != LUA_TSTRING && type != LUA_TNUMBER && type != LUA_TBOOLEAN) {
        writer->depth--; /* a path cannot name such a key */
        refuse(writer, lua_pushfstring(L, "a %s as a key", luaL_typename(L, key)));
    }
    return write_value(writer, key) && write_value(writer, key + 1);
}

static bool write_table(struct writer *writer, int index)
{
    lua_State *L = writer->L;
    size_t items = lua_rawlen(L, index);
    uint32_t hint = items < VALUE_SIZE_MAX ? (uint32_t)items : VALUE_SIZE_MAX;
    if (writer->depth == VALUE_DEPTH_MAX)
        return give_up(writer, "toodeep", "tables inside each other 32 deep, or in a circle");
    luaL_checkstack(L, LUA_MINSTACK, "too many tables inside each other");
    if (!write_tag(writer, TAG_TABLE) || !write_bytes(writer, &hint, sizeof hint)) return false;
    lua_pushnil(L);
    int key = lua_gettop(L);
    writer->keys[writer->depth++] = key;
    while (lua_next(L, index) != 0) {
        if (!write_pair(writer, key)) return false;
        lua_pop(L, 1);
    }
    writer->depth--;
    return write_tag(writer, TAG_END);
}

/* `index` is absolute. */
static bool write_value(struct writer *writer, int index)
{
    lua_State *L = writer->L;
    switch (lua_type(L, index)) {
    case LUA_TNIL: return write_tag(writer, TAG_NIL);
    case LUA_TBOOLEAN: return write_tag(writer, lua_toboolean(L, index) ? TAG_TRUE : TAG_FALSE);
    case LUA_TNUMBER: return write_number(writer, index);
    case LUA_TSTRING: return write_string(writer, index);
    case LUA_TTABLE: return write_table(writer, index);
    default: refuse(writer, lua_pushfstring(L, "a %s", luaL_typename(L, index))); return false;
    }
}

static bool write_all(struct writer *writer, struct value_list values)
{
    for (int i = values.first; i <= values.last; i++) {
        if (values.last > values.first) writer->number = i - values.first + 1;
        if (!write_value(writer, i)) return false;
    }
    return true;
}

const char *value_encode(lua_State *L, struct value_list values, uint64_t stamp, struct span *bytes)
{
    struct writer writer = {.L = L, .capacity = SIZE_FIRST, .verb = values.verb};
    check(values.first > 0);
    luaL_checkstack(L, LUA_MINSTACK, "no room for a value to post");
    writer.data = lua_newuserdatauv(L, SIZE_FIRST, 0);
    writer.place = lua_gettop(L);
    bool fine = write_bytes(&writer, &stamp, sizeof stamp) && write_all(&writer, values);
    check(fine == (writer.code == NULL));
    lua_settop(L, writer.place);
    if (!fine) lua_pushstring(L, writer.why);
    *bytes = span_of(writer.data, writer.size);
    return writer.code;
}

int value_refuse(lua_State *L, const char *code)
{
    lua_pushnil(L);
    lua_pushstring(L, code);
    lua_pushvalue(L, -3);
    return 3;
}

/* ---- from bytes ---- */

static void read_bytes(struct span *input, void *data, size_t size)
{
    check(input->size >= size);
    memcpy(data, input->data, size);
    *input = span_skip(*input, size);
}

static uint8_t read_tag(struct span *input)
{
    uint8_t tag;
    read_bytes(input, &tag, 1);
    return tag;
}

static void read_string(lua_State *L, struct span *input)
{
    uint32_t size;
    read_bytes(input, &size, sizeof size);
    check(input->size >= size);
    lua_pushlstring(L, (const char *)input->data, size);
    *input = span_skip(*input, size);
}

static void read_value(lua_State *L, struct span *input, uint8_t tag, int depth);

static void read_table(lua_State *L, struct span *input, int depth)
{
    uint32_t hint;
    uint8_t tag;
    check(depth < VALUE_DEPTH_MAX);
    read_bytes(input, &hint, sizeof hint);
    luaL_checkstack(L, LUA_MINSTACK, "too many tables inside each other");
    lua_createtable(L, hint <= input->size / 2 ? (int)hint : 0,
                    0); /* each item takes two bytes or more */
    while ((tag = read_tag(input)) != TAG_END) {
        read_value(L, input, tag, depth + 1);
        read_value(L, input, read_tag(input), depth + 1);
        lua_rawset(L, -3);
    }
}

static void read_value(lua_State *L, struct span *input, uint8_t tag, int depth)
{
    int64_t integer;
    double number;
    switch (tag) {
    case TAG_NIL: lua_pushnil(L); break;
    case TAG_FALSE: lua_pushboolean(L, 0); break;
    case TAG_TRUE: lua_pushboolean(L, 1); break;
    case TAG_INTEGER:
        read_bytes(input, &integer, sizeof integer);
        lua_pushinteger(L, (lua_Integer)integer);
        break;
    case TAG_FLOAT:
        read_bytes(input, &number, sizeof number);
        lua_pushnumber(L, number);
        break;
    case TAG_STRING: read_string(L, input); break;
    default: check(tag == TAG_TABLE); read_table(L, input, depth);
    }
}

uint64_t value_stamp(struct span bytes)
{
    uint64_t stamp;
    read_bytes(&bytes, &stamp, sizeof stamp);
    return stamp;
}

int value_decode(lua_State *L, struct span bytes)
{
    int count = 0;
    bytes = span_skip(bytes, sizeof(uint64_t)); /* the stamp */
    for (; bytes.size > 0; count++) {
        luaL_checkstack(L, LUA_MINSTACK, "no room for a value that was posted");
        read_value(L, &bytes, read_tag(&bytes), 0);
    }
    return count;
}
