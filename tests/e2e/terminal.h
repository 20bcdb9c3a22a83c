/* terminal.h - a terminal that somebody has left open, and reads only when told to. */
#ifndef MOONPORT_TERMINAL_H
#define MOONPORT_TERMINAL_H

#include <stddef.h>

/* Returns the side to read from, which does not wait; the path of the other goes there. */
int terminal_open(char *path, size_t size);

/* Reads all that it has by now; a text that is valid until the next call. */
const char *terminal_read(int terminal);

#endif
