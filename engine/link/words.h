/* words.h - counts how many connections were closed with each of the script's own words. One thread counts, any thread
 * may read.
 *
 * Words may come from a peer, so the list has a fixed size: words that come when it is full are counted together. */
#ifndef MOONPORT_WORDS_H
#define MOONPORT_WORDS_H

#include "base/counters.h"
#include "base/span.h"

enum { WORDS_MAX = 32, WORD_BYTES_MAX = 31 };

/* Zero-initialized. */
struct words {
    _Atomic uint32_t known; /* words in the list; they do not change, except for their counts */
    counter others;         /* for all other words */
    struct word {
        counter count;
        uint8_t size;
        char bytes[WORD_BYTES_MAX]; /* any bytes, no NUL behind them */
    } list[WORDS_MAX];
};

/* Counts a word of 1 to WORD_BYTES_MAX bytes. On the one thread that counts. */
void words_note(struct words *words, struct span word);

/* The number of words in the list that may be read. */
static inline uint32_t words_known(const struct words *words)
{
    return atomic_load_explicit(&words->known, memory_order_acquire);
}

#endif
