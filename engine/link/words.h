/* words.h - how often connections ended with each of the script's own words. One thread counts, any thread reads.
 *
 * A peer may control the words, so their number is bounded: those that come when WORDS_MAX others are known are counted
 * together. */
#ifndef MOONPORT_WORDS_H
#define MOONPORT_WORDS_H

#include "base/counters.h"
#include "base/span.h"

enum { WORDS_MAX = 32, WORD_BYTES_MAX = 31 };

/* Zero-initialized. */
struct words {
    _Atomic uint32_t
        known; /* of the list; what can be read there does not change, but for the counts */
    counter others;
    struct word {
        counter count;
        uint8_t size;
        char bytes[WORD_BYTES_MAX]; /* of any value */
    } list[WORDS_MAX];
};

/* On the one thread that counts. At most WORD_BYTES_MAX bytes. */
void words_note(struct words *words, struct span word);

/* How many of the list may be read. */
static inline uint32_t words_known(const struct words *words)
{
    return atomic_load_explicit(&words->known, memory_order_acquire);
}

#endif
