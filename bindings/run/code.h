/* code.h - generations of the script in one worker.
 *
 *     plan ---code_prepare---> runtime->next ---code_switch---> runtime->code
 *                                    '---------code_discard---> nothing has changed
 *
 * A new generation is loaded beside the running one, with an environment and modules of its own. Everything here
 * runs on the worker's thread, while no Lua runs. */
#ifndef MOONPORT_CODE_H
#define MOONPORT_CODE_H

#include "run/runtime.h"
#include "scripts/source.h"

/* What every worker is to load; the same for all of them. */
struct plan {
    struct source *source;           /* held while the plan is used */
    uint64_t generation;             /* 1, 2, ... */
    bool on_trial;                   /* see trial.h */
    const struct findings *suspects; /* possible mistakes in it; see review.h */
};

struct code {
    struct source *source; /* held */
    uint64_t generation;
    bool on_trial;
    struct environment *environment; /* NULL: it has none yet */
    int handlers;                    /* in the registry: table, enum handler + 1 -> function */
    int calls;                       /* in the registry: table, on_call; or LUA_NOREF */
    bool has[HANDLERS];
    struct list timers; /* made while it was loaded */
};

/* A waiting coroutine that no connection owns may be at most this many generations behind the newest one; after
 * that it is ended. */
enum { GENERATIONS_KEPT = 3 };

/* The generation of the running code; 0 before there is any. */
static inline uint64_t code_generation(const struct runtime *runtime)
{
    return runtime->code == NULL ? 0 : runtime->code->generation;
}

/* Loads the plan's source. On failure it returns false with an error that names file and line, and the running
 * code stays as it is. */
bool code_prepare(struct runtime *runtime, const struct plan *plan, struct error *error);

/* Forgets what was prepared, if anything. */
void code_discard(struct runtime *runtime);

/* Makes the prepared code the running code. With `reload`, it calls on_unload and on_load; if one of them fails,
 * the switch still goes on, *error tells the failure, and the result is false. */
bool code_switch(struct runtime *runtime, bool reload, struct error *error);

/* Called when something sent by code of this generation arrives: switches first if that generation, or an older
 * one, is prepared here. */
void code_catch_up(struct runtime *runtime, uint64_t generation);

/* Closes all code, at the end of the worker. */
void code_close(struct runtime *runtime);

/* Does it define on_start, which a reload does not call, but no on_load? Then variables that on_start set are
 * lost in a reload. The text says so. */
bool code_forgets(const struct code *code);
extern const char code_forgets_text[];

#endif
