#include "lua/lua_warn.h"

#include <string.h>

#if COMPAT_WARNS

static void put_warning(struct state *state, const char *text)
{
    static const char of_lua[] =
        "error in "; /* the start of Lua's warnings about errors in __gc, of which there may be many */
    if (state->warning.off) return;
    bool error = strncmp(text, of_lua, sizeof of_lua - 1) == 0;
    if (error && state->may_log != NULL && !state->may_log(state, LOG_WARN, "__gc", "", text))
        return;
    log_line(LOG_WARN, "%s", text);
}

/* Obeys a control message; false: it is an ordinary text. The manual of Lua 5.4, section 6.1, `warn`. Unlike in
 * the standalone Lua, warnings are on when a generation begins. */
static bool obey(struct state *state, const char *text)
{
    if (text[0] != '@') return false;
    if (strcmp(text, "@off") == 0) state->warning.off = true;
    if (strcmp(text, "@on") == 0) state->warning.off = false;
    return true;
}

/* Receives Lua's own warnings, and those of C modules. */
static void hear_warning(void *context, const char *piece, int goes_on)
{
    struct state *state = context;
    if (!state->warning.goes_on && !goes_on && obey(state, piece)) return;
    size_t room = sizeof state->warning.text - state->warning.size;
    int size = snprintf(state->warning.text + state->warning.size, room, "%s", piece);
    state->warning.size += (size_t)size < room ? (size_t)size : room - 1;
    state->warning.goes_on = goes_on != 0;
    if (goes_on) return;
    put_warning(state, state->warning.text);
    state->warning.size = 0;
}

/* warn(text, ...): replaces Lua's, which ends each piece at a NUL */
static int warn(lua_State *L)
{
    struct state *state = state_of(L);
    char text[sizeof state->warning.text];
    int count = lua_gettop(L);
    size_t size;
    luaL_checkstring(L, 1);
    for (int i = 2; i <= count; i++) luaL_checkstring(L, i);
    lua_concat(L, count);
    const char *bytes = lua_tolstring(L, 1, &size);
    log_plain(span_of(bytes, size), text, sizeof text);
    if (count > 1 || !obey(state, text)) put_warning(state, text);
    return 0;
}

void lua_warn_open(struct state *state)
{
    static const luaL_Reg functions[] = {{"warn", warn}, {NULL, NULL}};
    lua_pushglobaltable(state->L);
    state_register(state, state->L, functions);
    lua_pop(state->L, 1);
}

void lua_warn_hear(struct state *state)
{
    lua_setwarnf(state->L, hear_warning, state);
}

#else

void lua_warn_open(struct state *state)
{
    (void)state;
}

void lua_warn_hear(struct state *state)
{
    (void)state; /* an error in __gc is raised in the code that is running at that moment */
}

#endif
