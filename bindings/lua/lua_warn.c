/* Lua's warnings, and what scripts say with `warn`, go to the log. */
#include "run/runtime.h"

#include <string.h>

#if COMPAT_WARNS

static void put_warning(struct runtime *runtime, const char *text)
{
    static const char of_lua[] =
        "error in "; /* as Lua begins: errors out of __gc, which may be many */
    if (runtime->warning.off) return;
    bool error = strncmp(text, of_lua, sizeof of_lua - 1) == 0;
    if (error && !worker_may_log(runtime->worker, LOG_WARN, log_place(of_lua), span_text(text)))
        return;
    log_line(LOG_WARN, "%s", text);
}

/* Is it a control message, rather than a text? The manual of Lua 5.4, section 6.1, `warn`. Unlike the standalone
 * Lua, each generation begins with warnings on. */
static bool obey(struct runtime *runtime, const char *text)
{
    if (text[0] != '@') return false;
    if (strcmp(text, "@off") == 0) runtime->warning.off = true;
    if (strcmp(text, "@on") == 0) runtime->warning.off = false;
    return true;
}

/* Lua's own, and those of modules in C. */
static void hear_warning(void *state, const char *piece, int goes_on)
{
    struct runtime *runtime = state;
    if (!runtime->warning.goes_on && !goes_on && obey(runtime, piece)) return;
    size_t room = sizeof runtime->warning.text - runtime->warning.size;
    int size = snprintf(runtime->warning.text + runtime->warning.size, room, "%s", piece);
    runtime->warning.size += (size_t)size < room ? (size_t)size : room - 1;
    runtime->warning.goes_on = goes_on != 0;
    if (goes_on) return;
    put_warning(runtime, runtime->warning.text);
    runtime->warning.size = 0;
}

/* warn(text, ...): not Lua's, which ends each piece at a NUL */
static int warn(lua_State *L)
{
    struct runtime *runtime = runtime_of(L);
    char text[sizeof runtime->warning.text];
    int count = lua_gettop(L);
    size_t size;
    luaL_checkstring(L, 1);
    for (int i = 2; i <= count; i++) luaL_checkstring(L, i);
    lua_concat(L, count);
    const char *bytes = lua_tolstring(L, 1, &size);
    log_plain(span_of(bytes, size), text, sizeof text);
    if (count > 1 || !obey(runtime, text)) put_warning(runtime, text);
    return 0;
}

void lua_warn_open(struct runtime *runtime)
{
    static const luaL_Reg functions[] = {{"warn", warn}, {NULL, NULL}};
    lua_pushglobaltable(runtime->L);
    runtime_register(runtime, runtime->L, functions);
    lua_pop(runtime->L, 1);
}

void lua_warn_hear(struct runtime *runtime)
{
    lua_setwarnf(runtime->L, hear_warning, runtime);
}

#else

void lua_warn_open(struct runtime *runtime)
{
    (void)runtime;
}

void lua_warn_hear(struct runtime *runtime)
{
    (void)runtime; /* an error out of __gc is raised in whatever ran just then */
}

#endif
