/* output.h - standard output and error, written to by any thread without waiting for whoever reads
 * them. What nobody takes (nobody reads the pipe, the disk is full) is lost, whole lines of it. */
#ifndef MOONPORT_OUTPUT_H
#define MOONPORT_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

enum output { OUTPUT_OUT = 1, OUTPUT_ERROR = 2 }; /* as the system numbers them */

/* Writes all of it in one piece, if what it goes to takes it; a pipe or a file never tears up to 4096 bytes.
 * With a reader that is behind it waits for 50 ms in all until that has caught up: has half of the pipe empty,
 * or room for all for a second. Returns how many lines of it were lost; 0: all of it was written. */
uint64_t output_write(enum output output, const char *bytes, size_t size);

#endif
