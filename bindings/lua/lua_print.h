/* lua_print.h - print, and what the library io writes to standard output and error, so that no worker waits
 * for a reader. Output that no reader takes is lost, as lines of the log are. */
#ifndef MOONPORT_LUA_PRINT_H
#define MOONPORT_LUA_PRINT_H

#include "lua/compat.h"

void lua_print_open(lua_State *L);

/* Logs how many lines were lost since it was logged last; at the end. Any thread. */
void lua_print_tell_lost(void);

#endif
