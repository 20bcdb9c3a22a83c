#include "reload/tls_lua.h"

#include "api/lua_framing.h"
#include "base/settings.h"
#include "base/text.h"
#include "lua/lua_text.h"
#include "stream/tls_settings.h"

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
                             "tls: there is no %.60s; there are certificate, key, "
                             "key_password_file, client_ca, client_auth, min_version, ciphers",
                             name);
    }
    return true;
}

bool tls_lua_text(lua_State *L, char *text, size_t size, struct error *error)
{
    struct text written = text_in(text, size);
    if (!lua_istable(L, -1)) return lua_setting_text(L, -1, "tls", text, size, error);
    if (!check_names(L, error)) return false;
    for (const char *const *name = tls_settings_names; *name != NULL; name++) {
        lua_getfield(L, -1, *name);
        if (!lua_isnil(L, -1) && !add_field(L, *name, &written, error)) return false;
        lua_pop(L, 1);
    }
    if (written.used + 1 < size) return true;
    return error_set(error, ERROR_INPUT, "tls: it has more than %d bytes", (int)size - 2);
}
