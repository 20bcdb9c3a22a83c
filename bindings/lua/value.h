/* value.h - Lua values as bytes, to hand them to another worker's Lua state: nil, booleans, numbers, strings, and
 * tables of those, with keys that are not tables. They are copied by raw access: metatables are neither used nor
 * copied. The bytes are for this process only. */
#ifndef MOONPORT_VALUE_H
#define MOONPORT_VALUE_H

#include "base/span.h"
#include "lua/compat.h"

enum { VALUE_DEPTH_MAX = 32, VALUE_SIZE_MAX = 16 << 20 /* bytes */ };

/* Encodes the values from `first` to `last`. The bytes belong to a userdata that is pushed, and are valid as long
 * as it is on the stack. Returns NULL, or a code if the data is too much: "toobig", "toodeep" (also for tables in
 * a circle), with a text above the userdata that says where. A type that cannot be encoded raises an error that
 * says where the value is: "cannot post a function (at .players[3].callback)"; with several values, the number of
 * the value comes first: "(at #2.callback)". `verb` is the word used for "post". The stamp, any number, is stored
 * with the values. */
struct value_list {
    int first, last;
    const char *verb;
};
const char *value_encode(lua_State *L, struct value_list values, uint64_t stamp,
                         struct span *bytes);
uint64_t value_stamp(struct span bytes);

/* Right after value_encode has returned a code: pushes nil, the code and the text; returns 3. */
int value_refuse(lua_State *L, const char *code);

/* Pushes the values; returns how many. Raises an error only when there is no memory. */
int value_decode(lua_State *L, struct span bytes);

#endif
