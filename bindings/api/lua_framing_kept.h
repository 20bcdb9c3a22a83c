/* lua_framing_kept.h - a worker's own copies of the framings that scripts set with conn:framing. Connections point at
 * them. The place of one that no connection has any more is given to the next. */
#ifndef MOONPORT_LUA_FRAMING_KEPT_H
#define MOONPORT_LUA_FRAMING_KEPT_H

#include "run/runtime.h"

/* The copy of this framing. NULL with a code: it cannot be kept. The function of a framing in Lua that is not kept any
 * more, or not kept after all, is forgotten. */
const struct frame *lua_framing_keep(struct runtime *runtime, const struct frame *frame,
                                     const char **code);

/* For a framing that was read, and will not be kept. */
void lua_framing_drop(struct runtime *runtime, const struct frame *frame);

#endif
