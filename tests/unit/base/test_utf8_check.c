#include "base/utf8_check.h"

#include "base/check.h"
#include "random.h"
#include "utf8_plain.h"

#include <criterion/criterion.h>

/* A copy that ends where the text does, so that the address sanitizer sees a read beyond it. */
static struct span exact(struct span text)
{
    uint8_t *copy = malloc(text.size);
    check(copy != NULL || text.size == 0);
    if (text.size != 0) memcpy(copy, text.data, text.size);
    return span_of(copy, text.size);
}

static enum utf8_plain verdict(bool possible, uint8_t state)
{
    if (!possible) return UTF8_WRONG;
    return state == 0 ? UTF8_WHOLE : UTF8_BEGUN;
}

static enum utf8_plain in_one(struct span text)
{
    uint8_t state = 0;
    struct span copy = exact(text);
    bool possible = utf8_check(&state, copy);
    free(copy.data);
    return verdict(possible, state);
}

static enum utf8_plain in_two(struct span text, size_t split)
{
    uint8_t state = 0;
    struct span first = exact(span_first(text, split)), second = exact(span_skip(text, split));
    bool first_possible = utf8_check(&state, first), possible = utf8_check(&state, second);
    cr_assert(first_possible || !possible, "what is wrong stays so");
    free(first.data);
    free(second.data);
    return verdict(possible, state);
}

/* At once, and split at each point. */
static void compare(struct span text)
{
    enum utf8_plain expected = utf8_plain(text), found = in_one(text);
    cr_assert_eq(found, expected, "%d and not %d", (int)found, (int)expected);
    for (size_t split = 0; split <= text.size; split++) {
        found = in_two(text, split);
        cr_assert_eq(found, expected, "split at %zu: %d", split, (int)found);
    }
}

/* Every byte behind every beginning of a character; where one has ended the state is 0, as before it. So all texts
 * are tried, byte by byte. Returns how many characters there are. */
static uint32_t extend(uint8_t *text, size_t size, uint8_t state)
{
    uint32_t characters = 0;
    for (int byte = 0; byte < 256; byte++) {
        uint8_t next = state;
        text[size] = (uint8_t)byte;
        bool possible = utf8_check(&next, span_of(text + size, 1));
        enum utf8_plain found = verdict(possible, next);
        cr_assert_eq(found, utf8_plain_character(span_of(text, size + 1)), "%d behind %zu bytes",
                     byte, size);
        if (found == UTF8_WHOLE) characters++;
        if (found == UTF8_BEGUN) characters += extend(text, size + 1, next);
    }
    return characters;
}

Test(utf8_check, knows_every_character_and_every_byte_that_is_none)
{
    uint8_t text[4];
    cr_assert_eq(extend(text, 0, 0), 0x110000 - 0x800, "all but surrogates");
}

Test(utf8_check, what_is_wrong_is_so_at_the_first_impossible_byte)
{
    static const struct {
        const char *begin; /* possible */
        uint8_t next;      /* and no longer */
    } texts[] = {{"", 0x80},
                 {"", 0xbf},
                 {"", 0xc0},
                 {"", 0xc1},
                 {"", 0xf5},
                 {"", 0xff},
                 {"\xc3", 'a'},
                 {"\xc3", 0xc3},
                 {"\xe0", 0x9f},
                 {"\xe2\x82", 'a'},
                 {"\xed", 0xa0},
                 {"\xf0", 0x8f},
                 {"\xf4", 0x90},
                 {"\xf0\x9f\x98", 0xf0},
                 {"0123456789abcde", 0x80},
                 {"0123456789abcdef", 0x80},
                 {"0123456789abcde\xc3", 'a'}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        uint8_t state = 0;
        cr_assert(utf8_check(&state, span_text(texts[i].begin)), "%zu", i);
        cr_assert(!utf8_check(&state, span_of(&texts[i].next, 1)), "%zu", i);
        cr_assert(!utf8_check(&state, span_of(NULL, 0)), "%zu: it stays so", i);
        cr_assert(!utf8_check(&state, span_text("0123456789abcdef")), "%zu", i);
    }
}

Test(utf8_check, nothing_changes_nothing)
{
    uint8_t state = 0;
    cr_assert(utf8_check(&state, span_of(NULL, 0)));
    cr_assert_eq(state, 0);
    cr_assert(utf8_check(&state, span_text("\xe2\x82")));
    cr_assert(utf8_check(&state, span_of(NULL, 0)));
    cr_assert_neq(state, 0);
    cr_assert(utf8_check(&state, span_text("\xac")));
    cr_assert_eq(state, 0);
}

/* A character of each size, and what is wrong in each way, anywhere among ASCII. */
Test(utf8_check, a_character_may_lie_anywhere)
{
    static const char *const inserted[] = {"\x7f",         "\xc3\xa4",         "\xe2\x82\xac",
                                           "\xf0\x9f\x98", "\xf0\x9f\x98\x80", "\x80",
                                           "\xc3",         "\xed\xa0\x80",     "\xf4\x90\x80\x80"};
    for (size_t i = 0; i < sizeof inserted / sizeof *inserted; i++)
        for (size_t at = 0; at <= 50; at++) {
            uint8_t text[64];
            size_t size = strlen(inserted[i]);
            memset(text, 'a', sizeof text);
            memcpy(text + at, inserted[i], size);
            compare(span_of(text, at + size));
            compare(span_of(text, 54));
        }
}

static size_t write_character(uint32_t number, uint8_t *text)
{
    if (number < 0x80) {
        text[0] = (uint8_t)number;
        return 1;
    }
    size_t size = number < 0x800 ? 2 : number < 0x10000 ? 3 : 4;
    for (size_t i = size; i-- > 1; number >>= 6) text[i] = (uint8_t)(0x80 | (number & 63));
    text[0] = (uint8_t)((0xf00 >> size & 0xff) | number);
    return size;
}

/* Mostly what characters consist of, surrogates and too large ones among them, and now and then a byte that changes. */
Test(utf8_check, says_of_any_text_what_arithmetic_says)
{
    uint64_t seed = 1;
    int valid = 0;
    for (int round = 0; round < 20000; round++) {
        static const uint32_t limits[] = {0x80, 0x80, 0x800, 0x10000, 0x110200};
        uint8_t text[100];
        size_t size = 0, most = random_next(&seed) % 90;
        while (size < most) {
            uint32_t limit = limits[random_next(&seed) % 5];
            size += write_character((uint32_t)(random_next(&seed) % limit), text + size);
        }
        if (size != 0 && random_next(&seed) % 4 == 0)
            text[random_next(&seed) % size] = (uint8_t)random_next(&seed);
        size -= size != 0 && random_next(&seed) % 4 == 0;
        compare(span_of(text, size));
        valid += in_one(span_of(text, size)) == UTF8_WHOLE;
    }
    cr_assert(valid > 2000 && valid < 18000, "%d: both kinds are tried", valid);
}
