/* place.h - where in a script something happens, as people are told: "main.lua:12". */
#ifndef MOONPORT_PLACE_H
#define MOONPORT_PLACE_H

#include "lua/compat.h"

#include <string.h>

enum { PLACE_MAX = 128 };

/* The name of a chunk of the server's own: nobody is told of places in it. */
#define PLACE_OURS "=moonport"
static inline bool place_is_ours(const lua_Debug *at)
{
    return strcmp(at->source, PLACE_OURS) == 0;
}

/* Of what lua_getinfo has found with "Sl". A file in the directory is named from there; a chunk without a file has the
 * name that Lua gives it. Takes no memory of Lua's. */
void place_write(char room[PLACE_MAX], const lua_Debug *at, const char *directory);

/* The same without the line, in a room of that size. */
void place_write_file(char *room, size_t size, const lua_Debug *at, const char *directory);

/* Of the innermost function on the stack of L that is in Lua; "" if there is none. */
void place_find(char room[PLACE_MAX], lua_State *L, const char *directory);

#endif
