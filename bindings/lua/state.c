#include "lua/state.h"

bool state_open(struct state *state, size_t memory_max, struct error *error)
{
    list_init(&state->environments);
    state->L = heap_open(&state->heap, memory_max);
    if (state->L == NULL) return error_set(error, ERROR_SYSTEM, "no memory for a Lua state");
    compat_set_owner(state->L, state);
    compat_collector(state->L);
    if (overtime_bind(&state->overtime, state->L)) return true;
    heap_close(&state->heap);
    state->L = NULL;
    return error_set(error, ERROR_SYSTEM, "no memory for a Lua state");
}

void state_register(struct state *state, lua_State *L, const luaL_Reg *functions)
{
    for (; functions->name != NULL; functions++) {
        lua_pushlightuserdata(L, state);
        lua_pushcclosure(L, functions->func, 1);
        lua_setfield(L, -2, functions->name);
    }
}

bool state_try(struct state *state, lua_CFunction function, void *argument, struct error *error)
{
    overtime_begin(&state->overtime, state->L, "a metamethod", state->timeout_ns);
    int status = compat_protected(state->L, function, argument);
    overtime_end(&state->overtime, state->L);
    if (status == LUA_OK) return true;
    struct lua_text room;
    error_set(error, ERROR_INPUT, "%s", lua_text_of_error(state->L, &room));
    lua_pop(state->L, 1);
    return false;
}

bool state_protect(struct state *state, lua_CFunction function, void *argument)
{
    struct error error;
    if (state_try(state, function, argument, &error)) return true;
    state_log(state, LOG_ERROR, "a call", error.text);
    return false;
}

void state_log(struct state *state, enum log_level level, const char *what, const char *text)
{
    char line[256];
    snprintf(line, sizeof line, "%s: %s", what, text);
    if (state->may_log == NULL || state->may_log(state, level, what, "", line))
        log_line(level, "%s: %s", what, text);
}

void state_copy_fields(lua_State *L, int from, int to)
{
    from = lua_absindex(L, from), to = lua_absindex(L, to);
    lua_pushnil(L);
    while (lua_next(L, from) != 0) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, to);
    }
}

int state_refuse(lua_State *L, const char *code)
{
    lua_pushnil(L);
    lua_pushstring(L, code);
    return 2;
}

bool state_read_seconds(lua_State *L, int index, uint64_t *nanoseconds)
{
    lua_Number seconds = luaL_checknumber(L, index);
    if (!(seconds >= 0 && seconds <= 1e9)) return false; /* also refuses NaN */
    *nanoseconds = (uint64_t)(seconds * 1e9);
    return true;
}

int state_refuse_number(lua_State *L, lua_Number number, const char *expected)
{
    state_refuse(L, "badnumber");
    if (number != number) /* C may write "-nan" */
        lua_pushfstring(L, "expected %s, got nan", expected);
    else
        lua_pushfstring(L, "expected %s, got %f", expected, number);
    return 3;
}

int state_refuse_seconds(lua_State *L, int index)
{
    return state_refuse_number(L, lua_tonumber(L, index), "seconds from 0 to 1e9");
}
