#include "reload/tls_lua.h"

#include "api/lua_framing.h"
#include "base/settings.h"
#include "base/text.h"
#include "lua/lua_text.h"
#include "stream/tls_settings.h"

#include <stdlib.h>
#include <string.h>

/* Adds the text at -1; it must have none of the characters that part such texts. */
static bool add_value(lua_State *L, const char *name, const char *before, struct text *written,
                      struct error *error)
{
    char value[TLS_TEXT_MAX + 1];
    if (!lua_setting_text(L, -1, name, value, sizeof value, error)) return false;
    if (strpbrk(value, ",|") != NULL)
        return error_set(error, ERROR_INPUT,
                         "tls: %s: a name with \",\" or \"|\" in it is not taken", name);
    text_add(written, "%s%s", before, value);
    return true;
}

/* Adds the field at -1, a text or a list of texts. */
static bool add_field(lua_State *L, const char *name, struct text *written, struct error *error)
{
    text_add(written, "%s%s=", written->used == 0 ? "" : ",", name);
    if (!lua_istable(L, -1)) return add_value(L, name, "", written, error);
    int count = (int)lua_rawlen(L, -1);
    if (count == 0) return error_set(error, ERROR_INPUT, "tls: %s is an empty list", name);
    for (int i = 1; i <= count; i++) {
        lua_rawgeti(L, -1, i);
        if (!add_value(L, name, i == 1 ? "" : "|", written, error)) return false;
        lua_pop(L, 1);
    }
    return true;
}

static bool is_known(const char *name)
{
    for (const char *const *known = tls_settings_names; *known != NULL; known++)
        if (strcmp(*known, name) == 0) return true;
    return false;
}

static bool check_names(lua_State *L, struct error *error)
{
    lua_pushnil(L);
    for (; lua_next(L, -2) != 0; lua_pop(L, 1)) {
        struct lua_text room;
        const char *name =
            lua_type(L, -2) == LUA_TSTRING ? lua_text_plain(L, -2, &room) : "[a number]";
        if (!is_known(name))
            return error_set(error, ERROR_INPUT,
                             "tls: there is no %.60s; there are " TLS_SETTINGS_NAMES, name);
    }
    return true;
}

/* ---- protocols ---- */

/* Adds the framing at -1, of the protocol whose name is at -2. */
static bool add_protocol(lua_State *L, struct frame_protocols *protocols, struct error *error)
{
    struct frame frame = frame_default(CONFIG_PACKET_MOST);
    struct error reason = {.text = ""};
    struct lua_text room;
    if (lua_type(L, -2) != LUA_TSTRING)
        return error_set(error, ERROR_INPUT,
                         "tls: alpn: expected a framing for each protocol, { [\"game/1\"] = "
                         "\"length\" }");
    const char *name = lua_text_plain(L, -2, &room);
    if (strpbrk(name, ",|") != NULL)
        return error_set(error, ERROR_INPUT,
                         "tls: alpn: a name with \",\" or \"|\" in it is not taken");
    if (lua_framing_read(L, lua_gettop(L), &frame, &reason) != FRAMING_FINE ||
        !frame_protocols_add(protocols, name, &frame, &reason))
        return error_set(error, ERROR_INPUT, "tls: alpn: %.40s: %.1200s", name, reason.text);
    return true;
}

static bool read_protocols(lua_State *L, struct frame_protocols *protocols, struct error *error)
{
    protocols->count = 0;
    if (!lua_istable(L, -1))
        return error_set(error, ERROR_INPUT,
                         "tls: alpn is a %s, expected a table from protocols to framings: { "
                         "[\"game/1\"] = \"length\" }",
                         luaL_typename(L, -1));
    lua_pushnil(L);
    for (; lua_next(L, -2) != 0; lua_pop(L, 1))
        if (!add_protocol(L, protocols, error)) return false;
    return protocols->count > 0 ||
           error_set(error, ERROR_INPUT, "tls: alpn is an empty table: leave it out");
}

/* The field at -1: its framings to the listener, its names to the text. */
static bool set_protocols(lua_State *L, struct config_listener *listener, struct text *written,
                          struct error *error)
{
    struct frame_protocols *protocols = malloc(sizeof *protocols);
    if (protocols == NULL) return error_set(error, ERROR_SYSTEM, "tls: no memory");
    struct error reason = {.text = ""};
    bool fine = read_protocols(L, protocols, error);
    if (fine && !config_listener_protocols(listener, protocols, &reason))
        fine = error_set(error, ERROR_INPUT, "tls: alpn: %.300s", reason.text);
    for (uint32_t i = 0; fine && i < protocols->count; i++)
        text_add(written, "%s%s",
                 i > 0                ? "|"
                 : written->used == 0 ? "alpn="
                                      : ",alpn=",
                 protocols->list[i].name);
    free(protocols);
    return fine;
}

/* ---- all ---- */

static bool write_fields(lua_State *L, struct config_listener *listener, struct text *written,
                         struct error *error)
{
    if (!check_names(L, error)) return false;
    for (const char *const *name = tls_settings_names; *name != NULL; name++) {
        bool fine = true;
        lua_getfield(L, -1, *name);
        if (strcmp(*name, "alpn") == 0)
            fine = lua_isnil(L, -1) || set_protocols(L, listener, written, error);
        else if (!lua_isnil(L, -1))
            fine = add_field(L, *name, written, error);
        lua_pop(L, 1);
        if (!fine) return false;
    }
    return true;
}

bool tls_lua_set(lua_State *L, struct config_listener *listener, struct error *error)
{
    char text[TLS_TEXT_MAX + 1];
    struct text written = text_in(text, sizeof text);
    bool fine = lua_istable(L, -1) ? write_fields(L, listener, &written, error)
                                   : lua_setting_text(L, -1, "tls", text, sizeof text, error);
    if (fine && written.used + 1 >= sizeof text)
        return error_set(error, ERROR_INPUT, "tls: it has more than %d bytes", TLS_TEXT_MAX - 1);
    return fine && config_listener_set(listener, "tls", text, error);
}
