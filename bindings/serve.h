/* serve.h - the command `moonport [serve] DIR`. */
#ifndef MOONPORT_SERVE_H
#define MOONPORT_SERVE_H

#include <stdio.h>

/* words[0] is the command; returns the exit status. */
int serve_main(int count, char **words);

void serve_help(FILE *out);

#endif
