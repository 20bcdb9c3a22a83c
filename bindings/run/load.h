/* load.h - runs main.lua in an environment of its own and finds the handlers. */
#ifndef MOONPORT_LOAD_H
#define MOONPORT_LOAD_H

#include "run/code.h"

/* One worker warns for all of them; in a test of a script none does. */
static inline bool code_warns(const struct runtime *runtime)
{
    return worker_index(runtime->worker) == 0 && runtime->program->made == NULL;
}

/* Runs main.lua in a new environment and finds its handlers. */
bool code_load(struct runtime *runtime, struct code *code, const struct plan *plan,
               struct error *error);

#endif
