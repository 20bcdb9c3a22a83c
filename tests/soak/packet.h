/* packet.h - what the soak's clients send, and so what they expect back. Pure: a packet is a
 * function of who sends it and of its number, so neither sending nor checking keeps any bytes.
 *
 *     length: 4 bytes, little-endian, counts itself | letter | tag | owner: 4 | number: 8 | words
 *
 * The letter says what the server is to do with it (server/main.lua); the tag is for that to use. A
 * packet may end anywhere behind its letter. */
#ifndef MOONPORT_SOAK_PACKET_H
#define MOONPORT_SOAK_PACKET_H

#include "../bench/pattern.h"

#include <stddef.h>

#include <stdint.h>

enum { HEADER = 4, PACKET_HEAD = HEADER + 1 + 1 + 4 + 8, ROOMS = 4 };

/* What one kind of client sends. */
struct mix {
    const char *letters;         /* one of them, by chance */
    char first;                  /* of its first packet; 0: one of the letters */
    uint32_t size_min, size_max; /* bytes behind the length, at least 1 */
};

struct packet {
    uint64_t owner, number;
    uint32_t size; /* bytes, with its length */
    uint8_t letter, tag;
};

struct packet packet_plan(const struct mix *mix, uint64_t owner, uint64_t number);

/* Its bytes from `offset` on. */
void packet_fill(const struct packet *packet, size_t offset, uint8_t *bytes, size_t size);

#endif
