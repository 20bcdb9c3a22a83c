/* review.h - looks through a source before it runs: at the start, at a reload, in `moonport check`.
 *
 * Syntax of all files, misspelt handlers, and names that are read and that nothing assigns. Whether
 * main.lua makes such a name known in another way only running it tells, and which files are loaded:
 * until then what is not about syntax is a suspect. Tests are looked through for syntax only. */
#ifndef MOONPORT_REVIEW_H
#define MOONPORT_REVIEW_H

#include "scripts/findings.h"

struct review {
    struct findings suspects;
};

/* False with what was found, a line each. The source must live as long as the review. `tests`: those
 * are looked through, too. */
bool review_open(struct review *review, const struct source *source, bool tests,
                 struct error *error);
void review_close(struct review *review);

/* "chat_test.lua" */
bool review_is_test(const char *file);

#endif
