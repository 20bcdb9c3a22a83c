/* environment.h - what one generation of scripts sees: globals, libraries and modules of its own.
 *
 * Each generation gets copies of Lua's libraries as they were before any script ran, and its own `package`,
 * `require` and `load`. A Lua state has some things only once: the metatables of strings and other values, what C
 * finds in the registry, the collector's mode. These are exchanged when a call of another generation begins; the
 * generation whose things are in place is the one that is shown.
 *
 * environment_record.h lists what it consists of. */
#ifndef MOONPORT_ENVIRONMENT_H
#define MOONPORT_ENVIRONMENT_H

#include "lua/environment_record.h"

/* The first makes the closet, before there are libraries. The second records the libraries once all of them are
 * there. Both may raise an error. */
void environment_open(struct state *state);
void environment_seal(struct state *state);

/* Makes an environment for scripts of this source and puts it in the state's list. May raise an error. */
struct environment *environment_make(lua_State *L, struct state *state, struct source *source,
                                     uint64_t generation);
void environment_drop(struct state *state, struct environment *environment);

/* ---- environment_show.c ---- */

/* A call of this generation is about to begin: makes it the one that is shown. */
void environment_show(struct state *state, uint64_t generation);

#endif
