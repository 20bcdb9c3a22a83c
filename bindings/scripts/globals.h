/* globals.h - finds the global names that Lua source uses, without running it. Pure; allocates
 * nothing. */
#ifndef MOONPORT_GLOBALS_H
#define MOONPORT_GLOBALS_H

#include "base/span.h"

#include <stdbool.h>

enum global_use {
    GLOBAL_READ,
    GLOBAL_WRITE, /* by an assignment, or as the name of a function */
};

struct global {
    struct span name; /* lies in the source */
    uint32_t line;    /* from 1 */
    enum global_use use;
};

/* Calls `found` for every use of a global name, in the order of the text. The code is Lua 5.4's or
 * LuaJIT's, and has been compiled: the errors it has are not told, but any bytes are safe. `_ENV` is
 * no global, and where a local one is in scope nothing is: names are then fields of it.
 * False if it did not understand the code up to its end, because that is no Lua, or has more blocks
 * and expressions within each other, or more locals at once, than it can hold: then `found` has not
 * heard of all of them. */
bool globals_find(struct span code, void (*found)(void *context, const struct global *global),
                  void *context);

#endif
