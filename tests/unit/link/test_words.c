#include "link/words.h"

#include <criterion/criterion.h>
#include <stdio.h>

static struct words words;

static void note(const char *text)
{
    words_note(&words, span_text(text));
}

static void expect_word(uint32_t index, struct span text, uint64_t count)
{
    const struct word *word = &words.list[index];
    cr_assert_eq(word->size, text.size);
    cr_assert_eq(memcmp(word->bytes, text.data, text.size), 0);
    cr_assert_eq(counter_get(&word->count), count);
}

Test(words, are_counted_each_in_the_order_in_which_they_came_first)
{
    note("kicked");
    note("late");
    note("kicked");
    note("kick");
    note("kicked");
    cr_assert_eq(words_known(&words), 3);
    expect_word(0, span_text("kicked"), 3);
    expect_word(1, span_text("late"), 1);
    expect_word(2, span_text("kick"), 1);
    cr_assert_eq(counter_get(&words.others), 0);
}

Test(words, may_be_of_any_bytes)
{
    const struct span one = span_of("a\0b", 3), other = span_of("a\0c", 3);
    char longest[WORD_BYTES_MAX];
    memset(longest, 0xff, sizeof longest);
    words_note(&words, one);
    words_note(&words, other);
    words_note(&words, span_of(longest, sizeof longest));
    words_note(&words, one);
    cr_assert_eq(words_known(&words), 3);
    expect_word(0, one, 2);
    expect_word(1, other, 1);
    expect_word(2, span_of(longest, sizeof longest), 1);
}

Test(words, that_are_too_many_are_counted_as_one)
{
    char text[16];
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < WORDS_MAX + 8; i++) {
            snprintf(text, sizeof text, "word %d", i);
            note(text);
        }
    cr_assert_eq(words_known(&words), WORDS_MAX);
    for (uint32_t i = 0; i < WORDS_MAX; i++) {
        snprintf(text, sizeof text, "word %u", i);
        expect_word(i, span_text(text), 2);
    }
    cr_assert_eq(counter_get(&words.others), 16);
}
