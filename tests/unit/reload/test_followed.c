#include "reload/followed.h"

#include <criterion/criterion.h>

static struct followed followed;

Test(followed, at_first_nothing_is)
{
    cr_assert_not(followed_has(&followed, "public"));
    cr_assert_not(followed_has(&followed, ""));
    cr_assert_not(followed_knows(&followed, 0));
    cr_assert_not(followed_knows(&followed, -1));
    followed_forget(&followed);
    followed_close(&followed);
}

Test(followed, a_directory_is_with_all_below_it)
{
    cr_assert(followed_add(&followed, "web/public"));
    cr_assert(followed_add(&followed, "art"));
    static const char *const in[] = {"web/public", "web/public/a",   "web/public/a/b.css", "art",
                                     "art/x",      "web\\public\\a", "Web/PUBLIC/a",       "ART"};
    static const char *const out[] = {
        "",       "web", "web/publi", "web/public2", "web/publicity/a", "public",
        "artist", "a",   "ar",        "x/art",       "web/art",         "/art"};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        cr_assert(followed_has(&followed, in[i]), "%s", in[i]);
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        cr_assert_not(followed_has(&followed, out[i]), "%s", out[i]);
    followed_close(&followed);
    cr_assert_not(followed_has(&followed, "art"));
}

Test(followed, numbers_are_known_until_they_are_forgotten)
{
    enum { MOST = 3000 };
    for (int number = 0; number < MOST; number += 3) cr_assert(followed_note(&followed, number));
    for (int number = 0; number < 2 * MOST; number++)
        cr_assert_eq(followed_knows(&followed, number), number < MOST && number % 3 == 0, "%d",
                     number);
    cr_assert_not(followed_knows(&followed, -1));
    cr_assert(followed_note(&followed, 100000));
    cr_assert(followed_knows(&followed, 100000));
    cr_assert(followed_knows(&followed, 3));
    followed_forget(&followed);
    for (int number = 0; number < MOST; number++) cr_assert_not(followed_knows(&followed, number));
    cr_assert_not(followed_knows(&followed, 100000));
    followed_close(&followed);
}
