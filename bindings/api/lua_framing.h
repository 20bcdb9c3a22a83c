/* lua_framing.h - framings and plain values as scripts and config.lua write them. */
#ifndef MOONPORT_LUA_FRAMING_H
#define MOONPORT_LUA_FRAMING_H

#include "base/error.h"
#include "frame/frame.h"
#include "lua/compat.h"

enum framing_fault {
    FRAMING_FINE,
    FRAMING_UNKNOWN, /* a value has the wrong type, or names something that does not exist */
    FRAMING_BAD,     /* a value is out of range */
};

/* The value at `index`: "line", "length,size=2", or { "length", size = 2, order = "big" }. The frame must be
 * frame_default at first. */
enum framing_fault lua_framing_read(lua_State *L, int index, struct frame *frame,
                                    struct error *error);

/* { header = 6, length = function }: a framing whose packets the function measures, which it leaves in the registry (or
 * finds there). *found: whether the value at `index` is such a table. */
enum framing_fault lua_framing_read_scripted(lua_State *L, int index, struct frame *frame,
                                             bool *found, struct error *error);

/* That function is not called any more: the garbage collector may have it. */
void lua_framing_forget(lua_State *L, int measure);

/* Sets one of its settings from the value at -1, with its name at -2: a plain value, or a list of texts where the setting
 * is one. */
enum framing_fault lua_framing_read_field(lua_State *L, struct frame *frame, struct error *error);

/* Writes the plain value at `index` as the text that config_set and frame_set take; false if it is none. `name`
 * is what the error calls it. */
bool lua_setting_text(lua_State *L, int index, const char *name, char *text, size_t size,
                      struct error *error);

#endif
