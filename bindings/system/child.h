/* child.h - runs a program beside this one, bounded: with what it prints at hand, and nothing of it left in the end.
 * Owns the process and all that this starts. One thread. */
#ifndef MOONPORT_CHILD_H
#define MOONPORT_CHILD_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

struct child;

/* Starts it with these words, of which the first is its name and NULL follows the last. program NULL: the program that
 * runs now, even if its file has been replaced meanwhile. Its input is empty; what it prints, errors too, is read with
 * child_read. It yields to others in want of a processor or of memory. memory_max: bytes that each of its processes may
 * take; on Windows all of them together, and Wine does not keep to it. NULL with an error. */
struct child *child_start(const char *program, const char *const *words, uint64_t memory_max,
                          struct error *error);

/* Takes some of what it prints: waits for it, up to so many milliseconds. Returns how many bytes; 0: none came.
 * *ended: it has ended, and nothing of it is left to be read. */
size_t child_read(struct child *child, char *bytes, size_t size, int milliseconds, bool *ended);

/* Ends it, and all that it has started and left behind (on POSIX: in its process group). Returns its exit status; of one
 * that did not end by itself, or not well, more than 128. */
int child_end(struct child *child);

#endif
