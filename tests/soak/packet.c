#include "packet.h"

#include <string.h>

/* Sizes are as likely of each magnitude, so that the small are many and the large not forgotten. */
static uint32_t size_of(const struct mix *mix, uint64_t chance)
{
    uint32_t magnitudes = 0;
    while (mix->size_min << magnitudes < mix->size_max) magnitudes++;
    if (magnitudes == 0) return mix->size_min;
    uint64_t low = (uint64_t)mix->size_min << chance % magnitudes;
    uint64_t high = 2 * low < mix->size_max ? 2 * low : mix->size_max;
    return (uint32_t)(low + (chance >> 32) % (high - low + 1));
}

struct packet packet_plan(const struct mix *mix, uint64_t owner, uint64_t number)
{
    uint64_t chance = pattern_word(~owner, number);
    char letter = mix->letters[chance % strlen(mix->letters)];
    return (struct packet){
        .owner = owner,
        .number = number,
        .size = HEADER + size_of(mix, chance / 64),
        .letter = (uint8_t)(number == 0 && mix->first != 0 ? mix->first : letter),
        .tag = (uint8_t)(owner % ROOMS),
    };
}

static void put_number(uint8_t *bytes, uint64_t number, size_t size)
{
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(number >> 8 * i);
}

void packet_fill(const struct packet *packet, size_t offset, uint8_t *bytes, size_t size)
{
    uint8_t head[PACKET_HEAD];
    put_number(head, packet->size, HEADER);
    head[HEADER] = packet->letter;
    head[HEADER + 1] = packet->tag;
    put_number(head + HEADER + 2, packet->owner, 4);
    put_number(head + HEADER + 6, packet->number, 8);
    for (; size != 0 && offset < PACKET_HEAD; offset++, size--) *bytes++ = head[offset];
    uint64_t seed = packet->owner << 40 ^ packet->number;
    pattern_fill(seed, offset - PACKET_HEAD, bytes, size);
}
