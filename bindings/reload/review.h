/* review.h - looks through a source before it runs: at the start, at a reload, in `moonport check`.
 *
 * It checks the syntax of all files, misspelt handlers, and names that are read and never assigned. main.lua may
 * define such a name in another way, and may not load every file; only running it shows that. Until then,
 * everything but a syntax error is a suspect. Test files are checked for syntax only. */
#ifndef MOONPORT_REVIEW_H
#define MOONPORT_REVIEW_H

#include "scripts/findings.h"

struct review {
    struct findings suspects;
};

/* False with the syntax errors, a line each. The source must live as long as the review. `tests`: test files are
 * reviewed, too. */
bool review_open(struct review *review, const struct source *source, bool tests,
                 struct error *error);
void review_close(struct review *review);

/* Is it a test file, such as "chat_test.lua"? */
bool review_is_test(const char *file);

#endif
