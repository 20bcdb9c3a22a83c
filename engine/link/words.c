#include "link/words.h"

#include "base/check.h"

#include <stdbool.h>

static bool is_same(const struct word *known, struct span word)
{
    return known->size == word.size && memcmp(known->bytes, word.data, word.size) == 0;
}

void words_note(struct words *words, struct span word)
{
    uint32_t known = atomic_load_explicit(&words->known, memory_order_relaxed), i = 0;
    check(word.size > 0 && word.size <= WORD_BYTES_MAX);
    while (i < known && !is_same(&words->list[i], word)) i++;
    counter_add(i == WORDS_MAX ? &words->others : &words->list[i].count, 1);
    if (i < known || i == WORDS_MAX) return;
    memcpy(words->list[i].bytes, word.data, word.size);
    words->list[i].size = (uint8_t)word.size;
    atomic_store_explicit(&words->known, known + 1, memory_order_release);
}
