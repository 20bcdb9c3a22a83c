/* code.h - generations of the script in one worker.
 *
 *     plan ---code_prepare---> runtime->next ---code_switch---> runtime->code
 *                                    '---------code_discard---> nothing has changed
 *
 * A new generation is loaded beside the one that runs: in an environment of its own, with its own
 * modules. All of it is on the worker's thread, while no Lua runs. */
#ifndef MOONPORT_CODE_H
#define MOONPORT_CODE_H

#include "run/runtime.h"
#include "scripts/source.h"

/* What is to be loaded by every worker, the same everywhere. */
struct plan {
    struct source *source;           /* held while the plan is used */
    uint64_t generation;             /* 1, 2, ... */
    const struct findings *suspects; /* what may be wrong with it; see review.h */
};

struct code {
    struct source *source; /* held */
    uint64_t generation;
    struct environment *environment; /* NULL: it has none yet */
    int handlers;                    /* in the registry: table, enum handler + 1 -> function */
    int calls;                       /* in the registry: table, on_call; or LUA_NOREF */
    bool has[HANDLERS];
    struct list timers; /* made while it was loaded */
};

/* The last of all generations that waiting coroutines may be of is this many below the newest. */
enum { GENERATIONS_KEPT = 3 };

/* Of the code that runs; 0 before there is any. */
static inline uint64_t code_generation(const struct runtime *runtime)
{
    return runtime->code == NULL ? 0 : runtime->code->generation;
}

/* Loads it; false with the error, which names file and line, and nothing has changed. */
bool code_prepare(struct runtime *runtime, const struct plan *plan, struct error *error);

/* Forgets what was prepared, if anything. */
void code_discard(struct runtime *runtime);

/* Makes what was prepared the code that runs. `reload`: on_unload and on_load are called; their
 * failure is told in *error, and does not stop it. False if one failed. */
bool code_switch(struct runtime *runtime, bool reload, struct error *error);

/* What comes from a generation that is prepared here: it is time to switch to it. */
void code_catch_up(struct runtime *runtime, uint64_t generation);

/* At the end. */
void code_close(struct runtime *runtime);

/* It has an on_start, which a reload does not call, and no on_load: what the one keeps in variables is lost.
 * The text says so. */
bool code_forgets(const struct code *code);
extern const char code_forgets_text[];

#endif
