#include "api/lua_framing.h"

#include "base/text.h"
#include "lua/lua_text.h"

#include <float.h>
#include <string.h>

/* Writes a number as settings are written, in any locale of the process: "20.5". A fraction below a billionth
 * becomes a billionth. */
static void number_text(lua_Number number, char *text, size_t size)
{
    const char *sign = number < 0 ? "-" : "";
    lua_Number most = 0x1p63,
               amount = number < 0 ? -number : number; /* above this, C has no result */
    if (number != number) {
        snprintf(text, size, "nan");
    } else if (amount >= most) {
        snprintf(text, size, amount > DBL_MAX ? "%sinf" : "%s%.0f", sign, amount);
    } else {
        unsigned long long whole = (unsigned long long)amount, billionths;
        lua_Number fraction = amount - (lua_Number)whole;
        int digits = 9;
        billionths = (unsigned long long)(fraction * 1e9 + 0.5);
        if (fraction > 0 && billionths == 0) billionths = 1;
        if (billionths == 1000000000) whole++, billionths = 0;
        for (; digits > 1 && billionths % 10 == 0; digits--) billionths /= 10;
        if (billionths == 0)
            snprintf(text, size, "%s%llu", sign, whole);
        else
            snprintf(text, size, "%s%llu.%0*llu", sign, whole, digits, billionths);
    }
}

bool lua_setting_text(lua_State *L, int index, const char *name, char *text, size_t size,
                      struct error *error)
{
    size_t length;
    const char *bytes;
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        snprintf(text, size, "%s", lua_toboolean(L, index) ? "true" : "false");
        return true;
    case LUA_TNUMBER: number_text(lua_tonumber(L, index), text, size); return true;
    case LUA_TSTRING: break;
    default:
        return error_set(error, ERROR_INPUT, "%s is a %s, expected a plain value", name,
                         luaL_typename(L, index));
    }
    bytes = lua_tolstring(L, index, &length);
    if (strlen(bytes) < length)
        return error_set(error, ERROR_INPUT, "%s is a text with a NUL in it, which no setting has",
                         name);
    if (length >= size)
        return error_set(error, ERROR_INPUT, "%s is a text of %zu bytes, expected at most %zu",
                         name, length, size - 1);
    memcpy(text, bytes, length + 1);
    return true;
}

/* ---- framings ---- */

/* Writes the list at -1 as settings that are lists are written: with "|" between its elements. */
static bool list_text(lua_State *L, const char *name, char *text, size_t size, struct error *error)
{
    struct text written = text_in(text, size);
    int count = (int)lua_rawlen(L, -1);
    for (int i = 1; i <= count; i++) {
        struct lua_text room;
        lua_rawgeti(L, -1, i);
        bool fine = lua_type(L, -1) == LUA_TSTRING;
        const char *element = fine ? lua_text_plain(L, -1, &room) : "";
        if (fine && strchr(element, '|') == NULL)
            text_add(&written, "%s%s", i == 1 ? "" : "|", element);
        else
            error_set(error, ERROR_INPUT, "%s: element %d is %s, expected text without \"|\"", name,
                      i, fine ? element : luaL_typename(L, -1));
        fine = fine && strchr(element, '|') == NULL;
        lua_pop(L, 1);
        if (!fine) return false;
    }
    if (written.used + 1 < size) return true;
    return error_set(error, ERROR_INPUT, "%s: the list is too long, at most %zu bytes in all", name,
                     size - 1);
}

/* Texts of delimiters may have a NUL in them, which becomes an escape. */
enum framing_fault lua_framing_read_field(lua_State *L, struct frame *frame, struct error *error)
{
    char value[1024];
    struct lua_text room;
    if (lua_type(L, -2) != LUA_TSTRING) {
        error_set(error, ERROR_INPUT,
                  "framing: a table of named settings is expected, for example "
                  "{ \"length\", size = 2 }");
        return FRAMING_UNKNOWN;
    }
    const char *name = lua_text_plain(L, -2, &room);
    bool known = frame_takes(frame, name), plain = !lua_istable(L, -1);
    size_t size;
    bool delimiter = lua_text_is(L, -2, "delimiter") || lua_text_is(L, -2, "by");
    if (delimiter && lua_type(L, -1) == LUA_TSTRING) {
        const char *bytes = lua_tolstring(L, -1, &size);
        log_plain(span_of(bytes, size), value, sizeof value);
    } else if (!plain && frame_takes_list(frame, name)) {
        struct error inner;
        if (!list_text(L, name, value, sizeof value, &inner)) {
            error_set(error, ERROR_INPUT, "framing: %.1900s", inner.text);
            return FRAMING_UNKNOWN;
        }
    } else if (!lua_setting_text(L, -1, name, value, sizeof value, error)) {
        struct error inner = *error;
        error_set(error, ERROR_INPUT, "framing: %.1900s", inner.text);
        return known && plain && lua_type(L, -1) == LUA_TSTRING ? FRAMING_BAD : FRAMING_UNKNOWN;
    }
    if (frame_set(frame, name, value, error)) return FRAMING_FINE;
    return known ? FRAMING_BAD : FRAMING_UNKNOWN;
}

/* The elements of the list behind the name: { "delimiter", "\r\n", ";" }. *count: how many there are. */
static enum framing_fault read_delimiters(lua_State *L, int index, struct frame *frame, int *count,
                                          struct error *error)
{
    enum framing_fault fault = FRAMING_FINE;
    *count = 0;
    while (frame->kind == FRAME_DELIMITED && fault == FRAMING_FINE) {
        size_t size;
        lua_rawgeti(L, index, *count + 2);
        if (lua_isnil(L, -1)) {
            lua_pop(L, 1);
            break;
        }
        if (lua_type(L, -1) != LUA_TSTRING) {
            error_set(error, ERROR_INPUT, "framing: delimiter %d is a %s, expected text",
                      *count + 1, luaL_typename(L, -1));
            fault = FRAMING_UNKNOWN;
        } else {
            const char *bytes = lua_tolstring(L, -1, &size);
            if (!frame_add_delimiter(frame, span_of(bytes, size), error)) fault = FRAMING_BAD;
        }
        ++*count;
        lua_pop(L, 1);
    }
    return fault;
}

static enum framing_fault read_text(lua_State *L, int index, struct frame *frame,
                                    struct error *error)
{
    struct lua_text room;
    const char *text = lua_text_plain(L, index, &room);
    if (frame_parse(frame, text, frame->packet_max, error)) return FRAMING_FINE;
    return frame_text_is_known(text) ? FRAMING_BAD : FRAMING_UNKNOWN;
}

static bool is_empty(lua_State *L, int index)
{
    lua_pushnil(L);
    if (lua_next(L, index) == 0) return true;
    lua_pop(L, 2);
    return false;
}

enum framing_fault lua_framing_read(lua_State *L, int index, struct frame *frame,
                                    struct error *error)
{
    struct lua_text room;
    index = lua_absindex(L, index);
    if (lua_type(L, index) == LUA_TSTRING) return read_text(L, index, frame, error);
    if (!lua_istable(L, index)) {
        error_set(error, ERROR_INPUT,
                  "framing is a %s, expected a name or a table, for example \"line\" or "
                  "{ \"length\", size = 2 }",
                  luaL_typename(L, index));
        return FRAMING_UNKNOWN;
    }
    lua_rawgeti(L, index, 1);
    lua_getfield(L, index, "type");
    if (lua_isnil(L, -2) && !lua_isnil(L, -1)) {
        error_set(error, ERROR_INPUT,
                  "framing: its name stands first, without type =: { \"length\", size = 2 }");
        return FRAMING_UNKNOWN;
    }
    lua_pop(L, 1);
    bool named = lua_type(L, -1) == LUA_TSTRING, empty = lua_isnil(L, -1) && is_empty(L, index);
    if (empty || !(named || lua_isnil(L, -1))) {
        error_set(error, ERROR_INPUT,
                  "framing: its name is %s, expected for example { \"length\", size = 2 }",
                  empty ? "missing" : luaL_typename(L, -1));
        return FRAMING_UNKNOWN;
    }
    if (named && !frame_set_kind(frame, lua_text_plain(L, -1, &room), error))
        return FRAMING_UNKNOWN;
    lua_pop(L, 1);
    int delimiters;
    enum framing_fault fault = read_delimiters(L, index, frame, &delimiters, error);
    lua_pushnil(L);
    while (fault == FRAMING_FINE && lua_next(L, index) != 0) {
        lua_Number place = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;
        bool listed = place == 1 || (place >= 2 && place <= 1 + delimiters);
        if (delimiters > 0 && lua_text_is(L, -2, "by")) {
            error_set(error, ERROR_INPUT,
                      "framing: the delimiters are a list or by =, and not both");
            fault = FRAMING_UNKNOWN;
        } else if (!listed) {
            fault = lua_framing_read_field(L, frame, error);
        }
        lua_pop(L, 1);
    }
    return fault;
}
