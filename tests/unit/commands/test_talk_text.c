#include "commands/talk_text.h"
#include "random.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>

/* A copy that ends where its memory does, so that a sanitizer sees a step beyond it. */
static struct span exact(const void *data, size_t size)
{
    uint8_t *copy = malloc(size != 0 ? size : 1);
    if (size != 0) memcpy(copy, data, size);
    return span_of(copy, size);
}

static void means(const char *typed, const char *bytes, size_t size)
{
    struct span line = exact(typed, strlen(typed));
    struct span read = talk_unescape(line);
    cr_assert_eq(read.size, size, "\"%s\" became %zu bytes, not %zu", typed, read.size, size);
    cr_assert_eq(memcmp(read.data, bytes, size), 0, "\"%s\"", typed);
    free(line.data);
}

static void stays(const char *typed)
{
    means(typed, typed, strlen(typed));
}

/* In pieces of `room` bytes; the text has room for all of it. */
static size_t show(struct span packet, char *text, size_t room)
{
    size_t size = 0;
    while (packet.size != 0) {
        size_t left = packet.size, written = talk_show(&packet, text + size, room);
        cr_assert(written <= room);
        cr_assert(packet.size < left);
        size += written;
    }
    return size;
}

static void is_shown(const char *bytes, size_t size, const char *expected)
{
    char text[256];
    struct span packet = exact(bytes, size);
    text[show(packet, text, 64)] = '\0';
    cr_assert_str_eq(text, expected);
    free(packet.data);
}

Test(talk_text, escapes_are_the_bytes_they_name)
{
    means("\\n\\r\\t\\\\", "\n\r\t\\", 4);
    means("\\x00\\x7f\\xff", "\0\x7f\xff", 3);
    means("\\xaB\\xCd", "\xab\xcd", 2);
    means("a\\x20b\\nc", "a b\nc", 5);
}

Test(talk_text, an_escape_is_read_once)
{
    means("\\\\n", "\\n", 2);
    means("\\\\\\n", "\\\n", 2);
    means("\\x5cn", "\\n", 2);
    means("\\x411", "A1", 2);
}

Test(talk_text, what_is_no_escape_stands_for_itself)
{
    stays("");
    stays("plain");
    stays("caf\xc3\xa9");
    stays("\\");
    stays("ends in \\");
    stays("\\q \\0 \\N \\X41");
    stays("\\x");
    stays("\\x4");
    stays("\\x4g");
    stays("\\xg4");
    means("\\x\\n", "\\x\n", 3);
}

Test(talk_text, a_zero_byte_is_no_escape)
{
    struct span line = exact("a\\\0b", 4);
    cr_assert_eq(talk_unescape(line).size, 4);
    cr_assert_eq(memcmp(line.data, "a\\\0b", 4), 0);
    free(line.data);
}

Test(talk_text, printable_text_is_shown_as_it_is)
{
    is_shown("", 0, "");
    is_shown("Hello, ~world!", 14, "Hello, ~world!");
    is_shown("\xc2\xa0\xc3\xa9\xdf\xbf", 6, "\xc2\xa0\xc3\xa9\xdf\xbf");
    is_shown("\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80", 9, "\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80");
    is_shown("\xf0\x90\x80\x80\xf0\x9f\x98\x80", 8, "\xf0\x90\x80\x80\xf0\x9f\x98\x80");
}

Test(talk_text, control_characters_are_named)
{
    is_shown("\x1b[31m\a\n\r\t\0\x7f", 11, "\\x1b[31m\\x07\\n\\r\\t\\x00\\x7f");
    is_shown("\xc2\x80\xc2\x9b\xc2\x9f", 6, "\\xc2\\x80\\xc2\\x9b\\xc2\\x9f");
}

Test(talk_text, characters_that_reorder_or_hide_others_are_named)
{
    is_shown("\xe2\x80\xae", 3, "\\xe2\\x80\\xae");          /* U+202E, right to left from here */
    is_shown("\xe2\x81\xa6", 3, "\\xe2\\x81\\xa6");          /* U+2066 */
    is_shown("\xe2\x80\xa8", 3, "\\xe2\\x80\\xa8");          /* U+2028, a line's end */
    is_shown("\xef\xbb\xbf", 3, "\\xef\\xbb\\xbf");          /* U+FEFF, nothing to see */
    is_shown("\xf3\xa0\x81\x81", 4, "\\xf3\\xa0\\x81\\x81"); /* U+E0041, a tag */
    is_shown("\xe2\x80\x8d", 3, "\xe2\x80\x8d");             /* U+200D joins emoji: it stays */
}

Test(talk_text, what_is_not_utf8_is_named_byte_by_byte)
{
    is_shown("\x80\xbf\xff\xfe\xf8", 5, "\\x80\\xbf\\xff\\xfe\\xf8");
    is_shown("\xc3", 1, "\\xc3");
    is_shown("\xe2\x82", 2, "\\xe2\\x82");
    is_shown("\xf0\x9f\x98", 3, "\\xf0\\x9f\\x98");
    is_shown("\xc3(\xe2\x82(", 5, "\\xc3(\\xe2\\x82(");
    is_shown("\xc0\x80\xc1\xbf", 4, "\\xc0\\x80\\xc1\\xbf"); /* longer than need be */
    is_shown("\xe0\x9f\xbf\xf0\x8f\xbf\xbf", 7, "\\xe0\\x9f\\xbf\\xf0\\x8f\\xbf\\xbf");
    is_shown("\xed\xa0\x80\xed\xbf\xbf", 6, "\\xed\\xa0\\x80\\xed\\xbf\\xbf"); /* surrogates */
    is_shown("\xf4\x90\x80\x80", 4, "\\xf4\\x90\\x80\\x80");                   /* beyond U+10FFFF */
    is_shown("\xe2\xc3\xa9", 3, "\\xe2\xc3\xa9"); /* what follows is not lost */
}

Test(talk_text, a_backslash_is_shown_so_that_it_cannot_be_taken_for_an_escape)
{
    is_shown("\\x41", 4, "\\\\x41");
    is_shown("C:\\new", 6, "C:\\\\new");
}

Test(talk_text, a_character_is_never_cut_by_the_room_there_is)
{
    char text[TALK_SHOWN_MAX];
    struct span packet = span_text("a\xc3\xa9\xc3\xa9");
    cr_assert_eq(talk_show(&packet, text, sizeof text), 1);
    cr_assert_eq(packet.size, 4);
    cr_assert_eq(talk_show(&packet, text, sizeof text), 2);
    cr_assert_eq(packet.size, 2);
    cr_assert_eq(memcmp(text, "\xc3\xa9", 2), 0);
}

Test(talk_text, too_little_room_is_a_bug, .signal = SIGABRT)
{
    char text[TALK_SHOWN_MAX];
    struct span packet = span_text("a");
    talk_show(&packet, text, TALK_SHOWN_MAX - 1);
}

/* Bytes that often make characters, and often nearly do. */
static uint8_t likely_byte(uint64_t *state)
{
    static const uint8_t bytes[] = {'a',  'n',  'x',  '4',  '\\', '\\', '\n', 0x1b,
                                    0x80, 0x8f, 0x9f, 0xa0, 0xae, 0xbf, 0xc2, 0xc3,
                                    0xe0, 0xe2, 0xed, 0xef, 0xf0, 0xf3, 0xf4, 0xff};
    uint64_t random = random_next(state);
    return random % 4 == 0 ? (uint8_t)(random >> 8) : bytes[(random >> 8) % sizeof bytes];
}

Test(talk_text, any_bytes_typed_as_they_are_shown_are_the_same_bytes)
{
    enum { SIZE = 48 };
    const uint64_t seed = 77007;
    uint64_t state = seed;
    for (int round = 0; round < 30000; round++) {
        uint8_t bytes[SIZE];
        char text[SIZE * TALK_SHOWN_MAX], pieces[SIZE * TALK_SHOWN_MAX + 64];
        size_t size = random_next(&state) % (SIZE + 1);
        for (size_t i = 0; i < size; i++) bytes[i] = likely_byte(&state);

        struct span packet = exact(bytes, size);
        size_t text_size = show(packet, text, sizeof text);
        for (size_t i = 0; i < text_size; i++)
            cr_assert((uint8_t)text[i] >= 0x20 && text[i] != 0x7f, "seed %" PRIu64 " round %d",
                      seed, round);
        cr_assert_eq(show(packet, pieces, TALK_SHOWN_MAX + random_next(&state) % 60), text_size,
                     "seed %" PRIu64 " round %d", seed, round);
        cr_assert_eq(memcmp(text, pieces, text_size), 0, "seed %" PRIu64 " round %d", seed, round);

        struct span line = exact(text, text_size);
        struct span back = talk_unescape(line);
        cr_assert_eq(back.size, size, "seed %" PRIu64 " round %d", seed, round);
        cr_assert_eq(memcmp(back.data, bytes, size), 0, "seed %" PRIu64 " round %d", seed, round);
        free(line.data);
        free(packet.data);
    }
}
