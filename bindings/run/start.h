/* start.h - how a worker's Lua begins and ends. */
#ifndef MOONPORT_START_H
#define MOONPORT_START_H

#include "run/runtime.h"

/* The functions that the engine calls; the context is a struct program. */
extern const struct script lua_script;

#endif
