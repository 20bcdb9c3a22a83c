/* config_protocols.h - the framings of protocols, which are too large to be part of each copy of a configuration. */
#ifndef MOONPORT_CONFIG_PROTOCOLS_H
#define MOONPORT_CONFIG_PROTOCOLS_H

#include "frame/frame_protocols.h"

enum { CONFIG_PROTOCOLS_MAX = 64 };

/* The same place for the same ones, for the life of the program. NULL: there is no memory, or there are
 * CONFIG_PROTOCOLS_MAX others. Any thread. */
struct frame_protocols *config_protocols_keep(const struct frame_protocols *protocols);

#endif
