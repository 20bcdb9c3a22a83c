/* environment.h - what one generation of scripts sees: globals, libraries and modules of its own.
 *
 * Lua's libraries are copied for each generation from what they were before any script ran; `package`,
 * `require` and `load` are made for it. What a Lua state has only once (the metatables of strings and
 * other values, what C finds in the registry, the collector's mode) is put in place when a call of
 * another generation begins: that generation is the one that is shown.
 *
 * What it consists of is in environment_record.h. */
#ifndef MOONPORT_ENVIRONMENT_H
#define MOONPORT_ENVIRONMENT_H

#include "lua/environment_record.h"

/* The first makes the closet, before there are libraries; the second takes down what they are once all
 * is there. May raise an error. */
void environment_open(struct state *state);
void environment_seal(struct state *state);

/* Makes one for scripts of this source; it is in the state's list. May raise an error. */
struct environment *environment_make(lua_State *L, struct state *state, struct source *source,
                                     uint64_t generation);
void environment_drop(struct state *state, struct environment *environment);

/* ---- environment_show.c ---- */

/* A call of this generation is about to begin: makes it the one that is shown. */
void environment_show(struct state *state, uint64_t generation);

#endif
