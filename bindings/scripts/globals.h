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

/* Calls `found` for every use of a global name, in the order of the text. The code must be Lua 5.4's or LuaJIT's
 * and have been compiled: errors in it are not reported, but any bytes are safe. `_ENV` is not a global, and
 * where a local one is in scope there are no globals: names are its fields. False if it did not understand the
 * code to its end: the code is not Lua, or nests blocks and expressions too deep, or has too many locals at once.
 * Then `found` was not called for all of them. */
bool globals_find(struct span code, void (*found)(void *context, const struct global *global),
                  void *context);

#endif
