#include "base/sha1.h"

enum { BLOCK = 64, LENGTH_AT = 56, ROUNDS = 80, WORDS = 5 };

static uint32_t turn(uint32_t word, int bits)
{
    return word << bits | word >> (32 - bits);
}

static uint32_t load(const uint8_t *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static void store(uint32_t word, uint8_t *bytes)
{
    for (int i = 0; i < 4; i++) bytes[i] = (uint8_t)(word >> (24 - 8 * i));
}

/* f and K of a round (section 4.1.1, 4.2.1). */
static uint32_t mix(int round, uint32_t b, uint32_t c, uint32_t d)
{
    if (round < 20) return ((b & c) | (~b & d)) + 0x5a827999;
    if (round < 40) return (b ^ c ^ d) + 0x6ed9eba1;
    if (round < 60) return ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
    return (b ^ c ^ d) + 0xca62c1d6;
}

/* Section 6.1.2. */
static void digest_block(uint32_t hash[WORDS], const uint8_t *block)
{
    uint32_t schedule[ROUNDS];
    for (int i = 0; i < 16; i++) schedule[i] = load(block + (size_t)i * 4);
    for (int i = 16; i < ROUNDS; i++)
        schedule[i] =
            turn(schedule[i - 3] ^ schedule[i - 8] ^ schedule[i - 14] ^ schedule[i - 16], 1);

    uint32_t a = hash[0], b = hash[1], c = hash[2], d = hash[3], e = hash[4];
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t next = turn(a, 5) + mix(i, b, c, d) + e + schedule[i];
        e = d;
        d = c;
        c = turn(b, 30);
        b = a;
        a = next;
    }
    hash[0] += a;
    hash[1] += b;
    hash[2] += c;
    hash[3] += d;
    hash[4] += e;
}

void sha1(struct span bytes, uint8_t digest[SHA1_SIZE])
{
    uint32_t hash[WORDS] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    uint64_t bits = (uint64_t)bytes.size * 8;
    for (; bytes.size >= BLOCK; bytes = span_skip(bytes, BLOCK)) digest_block(hash, bytes.data);

    /* The rest, a bit that is set, zeros, and how many bits there were (section 5.1.1). */
    uint8_t last[2 * BLOCK] = {0};
    size_t length_at = bytes.size < LENGTH_AT ? LENGTH_AT : BLOCK + LENGTH_AT;
    if (bytes.size != 0) memcpy(last, bytes.data, bytes.size);
    last[bytes.size] = 0x80;
    store((uint32_t)(bits >> 32), last + length_at);
    store((uint32_t)bits, last + length_at + 4);
    digest_block(hash, last);
    if (length_at > BLOCK) digest_block(hash, last + BLOCK);

    for (int i = 0; i < WORDS; i++) store(hash[i], digest + (size_t)i * 4);
}
