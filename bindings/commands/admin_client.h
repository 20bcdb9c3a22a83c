/* admin_client.h - `moonport reload` and the like: sends a command to a running server, and prints the answer. */
#ifndef MOONPORT_ADMIN_CLIENT_H
#define MOONPORT_ADMIN_CLIENT_H

#include "base/span.h"

#include <stdio.h>

/* words[0] is the command's name, its arguments follow. Returns the exit status: 0 the server has done it, 1 it
 * could not, 2 usage, 3 no server was reached, or it did not answer. */
int admin_client_main(int count, char **words);

/* Prints what a server says so that a terminal shows it, but does not obey it. */
void admin_client_print(struct span text, FILE *out);

#endif
