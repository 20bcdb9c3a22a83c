/* veil_peer.h - the client's end of tests/unit/veil.h. */
#ifndef MOONPORT_SIM_VEIL_PEER_H
#define MOONPORT_SIM_VEIL_PEER_H

#include "cover.h"

#include "../unit/veil.h"

struct cover *veil_peer_open(uint64_t seed, uint8_t flags, struct buffer *wire);

#endif
