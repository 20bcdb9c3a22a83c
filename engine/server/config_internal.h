/* config_internal.h - shared by config.c and the files named config_*.c. */
#ifndef MOONPORT_CONFIG_INTERNAL_H
#define MOONPORT_CONFIG_INTERNAL_H

#include "config.h"

#include "base/size_text.h"

#include <string.h>

#define K (UINT64_C(1) << 10)
#define M (UINT64_C(1) << 20)
#define G (UINT64_C(1) << 30)

/* With fewer blocks than this, a worker could not even serve one connection at a time. */
enum { CONFIG_BLOCKS_RESERVED = 16 };

/* Settings that a listener has itself, or else inherits from the server. */
extern const struct setting_kind config_framing_kind;
extern const char *const config_on_full_words[];
bool config_listener_owns(const struct config_listener *listener, const char *name);
void config_listener_inherit(struct config_listener *listener, const struct config *config,
                             const struct settings *settings);

/* config_protocols_finish: completes the framings of its protocols. False with the reason. */
bool config_protocols_are_same(const struct config_listener *one,
                               const struct config_listener *other);
bool config_protocols_finish(struct config_listener *listener, uint64_t packet_max,
                             struct error *reason);
bool config_listener_is_same(const struct config_listener *one,
                             const struct config_listener *other);

#endif
