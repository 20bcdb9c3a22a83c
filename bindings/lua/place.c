#include "lua/place.h"

#include <stdio.h>

/* The file's name from the directory on; or what Lua calls the chunk. */
static const char *name_of(const lua_Debug *at, const char *directory)
{
    size_t size = strlen(directory);
    bool inside = at->source[0] == '@' && strncmp(at->source + 1, directory, size) == 0 &&
                  at->source[1 + size] == '/';
    return inside ? at->source + 1 + size + 1 : at->short_src;
}

void place_write(char room[PLACE_MAX], const lua_Debug *at, const char *directory)
{
    snprintf(room, PLACE_MAX, "%.*s:%d", PLACE_MAX - 16, name_of(at, directory), at->currentline);
}

void place_write_file(char *room, size_t size, const lua_Debug *at, const char *directory)
{
    snprintf(room, size, "%s", name_of(at, directory));
}

void place_find(char room[PLACE_MAX], lua_State *L, const char *directory)
{
    lua_Debug at = {.currentline = -1};
    room[0] = '\0';
    for (int level = 0; at.currentline < 0 && lua_getstack(L, level, &at) != 0; level++)
        lua_getinfo(L, "Sl", &at);
    if (at.currentline >= 0 && !place_is_ours(&at)) place_write(room, &at, directory);
}
