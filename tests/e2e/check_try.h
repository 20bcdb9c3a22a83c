/* check_try.h - runs `moonport check` on files that a test gives. */
#ifndef MOONPORT_CHECK_TRY_H
#define MOONPORT_CHECK_TRY_H

#include "harness.h"

/* The exit status; what it said is to be freed. */
int check_run(const char *directory, const char *const *flags, char **out, char **err);

/* It exits with 1, and says this and nothing else. "@main.lua:1: ..." has the directory's path for the
 * @ at the beginning of a line. */
void check_refuse(const char *const *files, const char *expected);

/* A text with such @ in it, for this directory; free it. */
char *check_text_in(const char *text, const char *directory);

void check_accept(const char *const *files);
void check_accept_with(const char *const *files, const char *const *flags);

/* A main.lua that has an on_receive, too, so that there is nothing to warn of. */
void check_accept_script(const char *script);

#endif
