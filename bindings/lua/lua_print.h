/* lua_print.h - print, and the io library's output to standard output and error, so that no worker waits for a
 * reader. Output is lost if the reader is too slow, as log lines are. */
#ifndef MOONPORT_LUA_PRINT_H
#define MOONPORT_LUA_PRINT_H

#include "lua/compat.h"

void lua_print_open(lua_State *L);

/* Logs how many lines were lost since this was last logged. To be called at the end, from any thread. */
void lua_print_tell_lost(void);

#endif
