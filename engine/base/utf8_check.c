#include "base/utf8_check.h"

#include "base/check.h"

#include <assert.h>

/* What may come next. A state is the place of six bits in a row, and these are the next state: one load and one shift
 * for a byte, whatever it is. */
enum {
    WHOLE = 0,       /* a character has ended */
    WRONG = 6,       /* and stays so */
    ONE_MORE = 12,   /* continuation byte, 80 to BF */
    TWO_MORE = 18,   /* of them */
    THREE_MORE = 24, /* of them */
    AFTER_E0 = 30,   /* A0 to BF and one more: anything less is longer than it has to be */
    AFTER_ED = 36,   /* 80 to 9F and one more: anything more is a surrogate */
    AFTER_F0 = 42,   /* 90 to BF and two more: anything less is longer than it has to be */
    AFTER_F4 = 48,   /* 80 to 8F and two more: anything more is above U+10FFFF */
    STATES_END = 54
};
static_assert(STATES_END <= 64, "a row has 64 bits");

#define ROW(whole, one_more, two_more, three_more, after_e0, after_ed, after_f0, after_f4) \
    ((uint64_t)(whole) << WHOLE | (uint64_t)WRONG << WRONG | (uint64_t)(one_more) << ONE_MORE | \
     (uint64_t)(two_more) << TWO_MORE | (uint64_t)(three_more) << THREE_MORE | \
     (uint64_t)(after_e0) << AFTER_E0 | (uint64_t)(after_ed) << AFTER_ED | \
     (uint64_t)(after_f0) << AFTER_F0 | (uint64_t)(after_f4) << AFTER_F4)

/* A byte that only begins a character. */
#define FIRST(next) ROW(next, WRONG, WRONG, WRONG, WRONG, WRONG, WRONG, WRONG)

/* A byte that only continues one. */
#define LATER(after_e0, after_ed, after_f0, after_f4) \
    ROW(WRONG, WHOLE, ONE_MORE, TWO_MORE, after_e0, after_ed, after_f0, after_f4)

static const uint64_t rows[256] = {
    [0x00 ... 0x7f] = FIRST(WHOLE),
    [0x80 ... 0x8f] = LATER(WRONG, ONE_MORE, WRONG, TWO_MORE),
    [0x90 ... 0x9f] = LATER(WRONG, ONE_MORE, TWO_MORE, WRONG),
    [0xa0 ... 0xbf] = LATER(ONE_MORE, WRONG, TWO_MORE, WRONG),
    [0xc0 ... 0xc1] = FIRST(WRONG),
    [0xc2 ... 0xdf] = FIRST(ONE_MORE),
    [0xe0] = FIRST(AFTER_E0),
    [0xe1 ... 0xec] = FIRST(TWO_MORE),
    [0xed] = FIRST(AFTER_ED),
    [0xee ... 0xef] = FIRST(TWO_MORE),
    [0xf0] = FIRST(AFTER_F0),
    [0xf1 ... 0xf3] = FIRST(THREE_MORE),
    [0xf4] = FIRST(AFTER_F4),
    [0xf5 ... 0xff] = FIRST(WRONG),
};

static inline uint64_t step(uint64_t state, uint8_t byte)
{
    return rows[byte] >> (state & 63);
}

enum { BLOCK = 16 }; /* bytes that are looked at at once */

static inline bool is_ascii(const uint8_t *block)
{
    uint64_t halves[2];
    memcpy(halves, block, sizeof halves);
    return ((halves[0] | halves[1]) & UINT64_C(0x8080808080808080)) == 0;
}
static_assert(BLOCK == 2 * sizeof(uint64_t), "both halves");

bool utf8_check(uint8_t *state, struct span bytes)
{
    check(*state < STATES_END);
    uint64_t now = *state;
    for (; bytes.size >= BLOCK; bytes = span_skip(bytes, BLOCK)) {
        if ((now & 63) == WHOLE && is_ascii(bytes.data)) continue;
        for (int i = 0; i < BLOCK; i++) now = step(now, bytes.data[i]);
    }
    for (size_t i = 0; i < bytes.size; i++) now = step(now, bytes.data[i]);
    *state = now & 63;
    return *state != WRONG;
}
