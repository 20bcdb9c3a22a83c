/* Compiles a file of the source. */
#include "lua/compile.h"

int environment_compile(lua_State *L, const struct source *source, const struct source_file *file,
                        int environment)
{
    struct span code = source_code(file);
    environment = lua_absindex(L, environment);
    lua_pushfstring(L, "@%s/%s", source->directory, file->name);
    int status = luaL_loadbufferx(L, (const char *)code.data, code.size, lua_tostring(L, -1), "t");
    lua_remove(L, -2);
    if (status == LUA_OK) compat_set_environment(L, environment);
    return status;
}
