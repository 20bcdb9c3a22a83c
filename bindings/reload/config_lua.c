#include "reload/config_lua.h"

#include "api/lua_framing.h"
#include "base/clock.h"
#include "lua/compile.h"
#include "lua/heap.h"
#include "lua/lua_text.h"
#include "reload/tls_lua.h"
#include "scripts/tokens.h"

#include <string.h>

enum { STEP = 10000, STEPS_MAX = 100 /* of so many instructions each */, MEMORY_MAX = 64 << 20 };
#define TIME_MAX_NS UINT64_C(3000000000) /* few instructions may copy many bytes */

static bool wrong_type(lua_State *L, const char *name, const char *expected, struct error *error)
{
    return error_set(error, ERROR_INPUT, "%s is a %s, expected %s", name, luaL_typename(L, -1),
                     expected);
}

/* Text, or only a port. */
static bool is_address(lua_State *L)
{
    return lua_type(L, -1) == LUA_TSTRING || lua_type(L, -1) == LUA_TNUMBER;
}

/* Adds a listener with the address on the top of the stack; NULL: it is no address. */
static struct config_listener *add_listener(lua_State *L, struct options *options,
                                            struct error *error)
{
    char address[512];
    if (!lua_setting_text(L, -1, "listen", address, sizeof address, error)) return NULL;
    return config_add_listener(&options->config, address, error);
}

/* detect = { "websocket", { "length", size = 2 } } */
static bool read_detect(lua_State *L, struct config_listener *listener, struct error *error)
{
    struct frame *const frames[] = {&listener->frame, &listener->other};
    lua_getfield(L, -1, "detect");
    bool has = !lua_isnil(L, -1);
    bool listed = lua_istable(L, -1) && lua_rawlen(L, -1) == 2;
    if (has && !listed)
        return error_set(error, ERROR_INPUT,
                         "detect: expected two framings, { \"websocket\", \"length\" }");
    for (int i = 0; has && i < 2; i++) {
        lua_rawgeti(L, -1, i + 1);
        *frames[i] = frame_default(CONFIG_PACKET_MOST);
        if (lua_framing_read(L, -1, frames[i], error) != FRAMING_FINE) return false;
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
    return !has || config_listener_detect(listener, error);
}

/* The listener's framing comes first: what else its table has depends on it. */
static bool read_framing(lua_State *L, struct config_listener *listener, bool *has,
                         struct error *error)
{
    lua_getfield(L, -1, "framing");
    *has = !lua_isnil(L, -1);
    bool fine = !*has || !listener->detects ||
                error_set(error, ERROR_INPUT, "listen: a listener has framing or detect, not both");
    if (!fine) return false;
    if (lua_istable(L, -1)) {
        config_listener_own(listener, "framing");
        fine = lua_framing_read(L, -1, &listener->frame, error) == FRAMING_FINE;
    } else if (*has) {
        char value[1024];
        fine = lua_setting_text(L, -1, "framing", value, sizeof value, error) &&
               config_listener_set(listener, "framing", value, error);
    }
    lua_pop(L, 1);
    return fine;
}

/* Reads one listener from the table on the top of the stack. */
static bool read_listener(lua_State *L, struct options *options, struct error *error)
{
    char value[256];
    bool framed;
    lua_getfield(L, -1, "address");
    if (lua_isnil(L, -1))
        return error_set(error, ERROR_INPUT,
                         "listen: a listener has no address: { address = \"0.0.0.0:7000\", ... }");
    if (!is_address(L))
        return wrong_type(L, "listen: address", "a string such as \"0.0.0.0:7000\"", error);
    struct config_listener *listener = add_listener(L, options, error);
    lua_pop(L, 1);
    if (listener == NULL || !read_detect(L, listener, error)) return false;
    if (!read_framing(L, listener, &framed, error)) return false;
    framed = framed || listener->detects;
    lua_pushnil(L);
    for (; lua_next(L, -2) != 0; lua_pop(L, 1)) {
        struct lua_text room;
        bool named = lua_type(L, -2) == LUA_TSTRING;
        const char *name = named ? lua_text_plain(L, -2, &room) : "[a number]";
        if (strcmp(name, "address") == 0 || strcmp(name, "framing") == 0 ||
            strcmp(name, "detect") == 0)
            continue;
        if (strcmp(name, "tls") == 0) {
            if (!tls_lua_set(L, listener, error)) return false;
            continue;
        }
        bool ours = settings_find(&config_listener_settings, name) == NULL;
        if (framed && (frame_takes(&listener->frame, name) ||
                       (ours && listener->frame.kind == FRAME_WEBSOCKET))) {
            if (lua_framing_read_field(L, &listener->frame, error) != FRAMING_FINE) return false;
            continue;
        }
        if (!lua_setting_text(L, -1, name, value, sizeof value, error)) return false;
        if (!config_listener_set(listener, name, value, error)) return false;
    }
    return true;
}

static bool has_fields(lua_State *L)
{
    lua_pushnil(L);
    if (lua_next(L, -2) == 0) return false;
    lua_pop(L, 2);
    return true;
}

/* Does the list on the top of the stack have only the elements 1 to `count`? */
static bool is_plain_list(lua_State *L, int count, struct error *error)
{
    struct lua_text room;
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        lua_pop(L, 1);
        lua_Number number = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
        if (number >= 1 && number <= count) continue;
        if (lua_type(L, -1) != LUA_TSTRING)
            return error_set(error, ERROR_INPUT, "listen: a list has elements 1, 2, ... only");
        const char *name = lua_text_plain(L, -1, &room);
        return error_set(
            error, ERROR_INPUT,
            "listen: %.200s stands in a list of addresses, expected each listener in a "
            "table of its own: { { address = \"0.0.0.0:7000\", ... }, ... }",
            name);
    }
    return true;
}

/* An address, or a list of addresses and tables. */
static bool read_listen(lua_State *L, struct options *options, struct error *error)
{
    if (is_address(L)) return add_listener(L, options, error) != NULL;
    if (!lua_istable(L, -1)) return wrong_type(L, "listen", "an address or a list", error);
    int count = (int)lua_rawlen(L, -1);
    if (count == 0 && has_fields(L)) return read_listener(L, options, error);
    if (count == 0)
        return error_set(error, ERROR_INPUT,
                         "listen = {}: no address; leave it out for the default");
    if (!is_plain_list(L, count, error)) return false;
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, i);
        bool fine = lua_istable(L, -1) ? read_listener(L, options, error)
                    : is_address(L)
                        ? add_listener(L, options, error) != NULL
                        : wrong_type(L, "an element of listen", "an address or a table", error);
        if (!fine) return false;
        lua_pop(L, 1);
    }
    return true;
}

static bool read_setting(lua_State *L, struct options *options, struct error *error)
{
    char value[256];
    if (lua_type(L, -2) != LUA_TSTRING)
        return error_set(error, ERROR_INPUT, "a setting has no name: write name = value");
    struct lua_text room;
    const char *name = lua_text_plain(L, -2, &room);
    if (strcmp(name, "listen") == 0) return read_listen(L, options, error);
    if (strcmp(name, "framing") == 0 && lua_istable(L, -1))
        return lua_framing_read(L, -1, &options->config.frame, error) == FRAMING_FINE;
    if (!lua_setting_text(L, -1, name, value, sizeof value, error)) return false;
    return settings_set(&options_settings, options, name, value, error);
}

/* If a setting is wrong, its name is left in `name`. */
static bool read_all(lua_State *L, struct options *options, char *name, size_t name_size,
                     struct error *error)
{
    if (!lua_istable(L, -1))
        return error_set(error, ERROR_INPUT,
                         "it has to return a table of settings: return { workers = 2 }");
    lua_pushnil(L);
    while (lua_next(L, -2) != 0) {
        int top = lua_gettop(L);
        bool fine = read_setting(L, options, error);
        bool named = lua_type(L, top - 1) == LUA_TSTRING;
        if (!fine && named) snprintf(name, name_size, "%s", lua_tostring(L, top - 1));
        if (!fine) return false;
        lua_settop(L, top - 1);
    }
    return true;
}

/* The line in which the file first says `name =`, as ":7"; "" if it sets it in another way. */
static void find_line(const struct source_file *file, const char *name, char *line, size_t size)
{
    struct tokens tokens;
    struct token before = {.kind = TOKEN_END}, token;
    line[0] = '\0';
    tokens_init(&tokens, file->text);
    while ((token = tokens_next(&tokens)).kind != TOKEN_END && token.kind != TOKEN_WRONG) {
        if (before.kind == TOKEN_NAME && before.text.size == strlen(name) &&
            memcmp(before.text.data, name, before.text.size) == 0 && token_is(&token, "=")) {
            snprintf(line, size, ":%u", (unsigned)before.line);
            return;
        }
        before = token;
    }
}

/* How long the file has run; in the registry, behind the address of `key`. */
struct patience {
    int steps;
    uint64_t until_ns;
};
static const char key;

static void run_away(lua_State *L, lua_Debug *at)
{
    lua_pushlightuserdata(L, (void *)(uintptr_t)&key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    struct patience *patience = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (++patience->steps < STEPS_MAX && clock_now_ns() < patience->until_ns) return;
    lua_getinfo(L, "Sl", at);
    lua_pushfstring(L, "%s:%d: this runs for too long: the file should only return a table",
                    at->short_src, at->currentline);
    lua_error(L);
}

/* Lua's messages name the file, except for some that concern no line of it. */
static bool tell_error(lua_State *L, const struct source *source, const struct source_file *file,
                       struct error *error)
{
    struct lua_text room;
    const char *text = lua_text_of_error(L, &room);
    if (strstr(text, file->name) != NULL) return error_set(error, ERROR_INPUT, "%s", text);
    return error_set(error, ERROR_INPUT, "%s/%s: %s", source->directory, file->name, text);
}

/* Runs the file without any globals and with a time limit; leaves its table on the stack. */
static bool run_file(lua_State *L, const struct source *source, const struct source_file *file,
                     struct error *error)
{
    struct patience patience = {.until_ns = clock_now_ns() + TIME_MAX_NS};
    lua_pushlightuserdata(L, (void *)(uintptr_t)&key);
    lua_pushlightuserdata(L, &patience);
    lua_rawset(L, LUA_REGISTRYINDEX);
    lua_sethook(L, run_away, LUA_MASKCOUNT, STEP);
    lua_newtable(L);
    int status = environment_compile(L, source, file, -1);
    if (status == LUA_OK) status = lua_pcall(L, 0, 1, 0);
    lua_sethook(L, NULL, 0, 0);
    return status == LUA_OK || tell_error(L, source, file, error);
}

struct reading {
    struct options *options;
    const struct source *source;
    const struct source_file *file;
    struct error *error;
    bool fine;
};

static int read_file(lua_State *L)
{
    struct reading *reading = lua_touserdata(L, 1);
    struct error inner = {.kind = ERROR_NONE};
    char name[64] = "", line[16];
    reading->fine = run_file(L, reading->source, reading->file, reading->error);
    if (!reading->fine || read_all(L, reading->options, name, sizeof name, &inner)) return 0;
    find_line(reading->file, name, line, sizeof line);
    reading->fine = error_set(reading->error, ERROR_INPUT, "%.200s/%s%s: %.1700s",
                              reading->source->directory, reading->file->name, line, inner.text);
    return 0;
}

bool config_lua_load(struct options *options, const struct source *source, struct error *error)
{
    struct heap heap;
    struct reading reading = {.options = options, .source = source, .error = error};
    reading.file = source_find(source, "config.lua");
    if (reading.file == NULL) return true;
    lua_State *L = heap_open(&heap, MEMORY_MAX);
    if (L == NULL) return error_set(error, ERROR_SYSTEM, "no memory to read config.lua");
    struct lua_text room;
    if (compat_protected(L, read_file, &reading) != LUA_OK)
        reading.fine = error_set(error, ERROR_INPUT, "%s/config.lua: %s", source->directory,
                                 lua_text_of_error(L, &room));
    heap_close(&heap);
    return reading.fine;
}
