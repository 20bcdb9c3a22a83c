/* reload.h - what the tests of hot reload have in common. */
#ifndef MOONPORT_E2E_RELOAD_H
#define MOONPORT_E2E_RELOAD_H

#include "harness.h"

/* With this main.lua, so many workers ("2"), and commands; files are read only when it is told to. */
struct server server_begin_reloadable(const char *script, const char *workers);

/* Two lines of a script, of which the second never ends. What LuaJIT has compiled nothing interrupts,
 * and the thread sanitizer lets signals through only where the system's library is called. */
#define LOOP(condition) \
    "if jit then jit.off() end\n" \
    "while " condition " do local t = {} end\n"

/* Gives a file of its script another text as careful editors do: written beside it, renamed over it. */
void script_replace(const struct server *server, const char *name, const char *text);

/* Has it do "reload" or "rollback" by the program of that name. It must end with that status and
 * have said the text: on stdout if it did it, else on stderr. */
void server_command(const struct server *server, const char *command, int status, const char *said);

/* Gives it another main.lua and has it loaded; the number of the generation that must run then. */
void server_reload(const struct server *server, const char *script, int generation);

/* A connection to the worker of this number, from 1: its script answers "which" with the number. */
int client_connect_to_worker(const struct server *server, int worker);

#endif
