/* value.h - Lua values as bytes, to hand them to another worker's Lua state: nil, booleans, numbers,
 * strings, and tables of those, whose keys are no tables. A copy, by raw access: metatables are not
 * asked, and not kept. The bytes are for this process only. */
#ifndef MOONPORT_VALUE_H
#define MOONPORT_VALUE_H

#include "base/span.h"
#include "lua/compat.h"

enum { VALUE_DEPTH_MAX = 32, VALUE_SIZE_MAX = 16 << 20 /* bytes */ };

/* The values from `first` to `last` as bytes. They belong to a userdata that is pushed, and are valid as long as
 * it stands on the stack. Returns NULL, or the code of what data can cause: "toobig", "toodeep" (tables in a
 * circle, too), with a text above the userdata that says where. Raises an error that says which value is of a type
 * that cannot be handed on, and where it is: "cannot post a function (at .players[3].callback)"; of several values
 * the number stands first: "(at #2.callback)". `verb` is the word for "post" in it. The stamp, any number, goes
 * with them. */
struct value_list {
    int first, last;
    const char *verb;
};
const char *value_encode(lua_State *L, struct value_list values, uint64_t stamp,
                         struct span *bytes);
uint64_t value_stamp(struct span bytes);

/* Pushes the values: how many. Raises an error only when there is no memory. */
int value_decode(lua_State *L, struct span bytes);

#endif
